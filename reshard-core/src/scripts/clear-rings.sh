# Removes the rings of some images from beside the live ones.
#   $keep     the image whose ring must be in place
#   $images   the others
begin || return
for fmri in $(instances); do
    ring=$(property "$fmri" ring-location) || return
    live=$(image_of "$ring")
    if [[ $live != "$keep" || -e $ring.reshard-flip ]]; then
        refuse "the ring in $ring of the zone $(zonename) is of the image ${live:-none}, and not of $keep" \
            "find out who installed it; put the ring of $keep in its place and restart ${fmri##*:}"
    fi
done
for fmri in $(instances); do
    ring=$(property "$fmri" ring-location) || return
    for image in $images; do
        rm -rf "$ring.reshard-$image" "$ring.reshard-$image.part" "/var/tmp/reshard-$image.tgz" || return
    done
done
rm -f /var/tmp/reshard-rings.seen
