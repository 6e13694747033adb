# Removes the rings of some images from beside the live ones.
#   $keep     the image whose ring must be in place
#   $images   the others
begin && read_instances || return
for name in "${instances[@]}"; do
    ring=${rings[$name]}
    live=$(image_of "$ring")
    if [[ $live != "$keep" || -e $ring.reshard-flip ]]; then
        refuse "the ring in $ring of the zone $(zonename) is of the image ${live:-none}, and not of $keep" \
            "find out who installed it; put the ring of $keep in its place and restart $name"
    fi
done
for ring in "${rings[@]}"; do
    for image in $images; do
        rm -rf "$ring.reshard-$image" "$ring.reshard-$image.part" "$own/$image.tgz" || return
    done
done
rm -f "$seen"
