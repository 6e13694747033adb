# Puts rings beside the live ones of all SMF instances.
#   $imgapi   where the images are
#   $images   IMAGE:SHA1 of each
sha1_of() {
    if [[ -x /usr/bin/digest ]]; then
        /usr/bin/digest -a sha1 "$1"
    else
        sha1sum "$1" | cut -d ' ' -f 1
    fi
}

fetch() {
    local image=$1 sha1=$2 file=$3 said try found
    # What was damaged on its way is right when it comes again.
    for try in 1 2 3; do
        if [[ -f $file ]]; then
            found=$(sha1_of "$file")
            [[ $found != "$sha1" ]] || return 0
        fi
        ((try < 3)) || break
        said=$(curl -sS -f --connect-timeout 10 -o "$file" "$imgapi/images/$image/file" 2>&1) || {
            echo "cannot fetch the image $image from $imgapi: $said" >&2
            return 1
        }
    done
    rm -f "$file"
    refuse "the image $image came with the SHA-1 $found, not $sha1: its file in IMGAPI is damaged" \
        "put the right file there ($image.tgz in the directory PLAN.work beside the plan file is one) and {resume}, or {abort} and make a new plan"
}

stage() {
    local image=$1 file=$2 ring=$3 place=$3.reshard-$1 said
    if [[ $(image_of "$place") == "$image" || $(image_of "$ring") == "$image" ]]; then
        return
    fi
    rm -rf "$place" "$place.part"
    mkdir "$place.part" || return
    said=$(gtar -x -z --no-same-owner --strip-components=1 -C "$place.part" -f "$file" hash_ring 2>&1) || {
        rm -rf "$place.part"
        echo "cannot unpack the image $image beside $ring: ${said%%$'\n'*}" >&2
        return 1
    }
    if [[ $(image_of "$place.part") != "$image" ]]; then
        echo "the ring in the image $image does not have its own stamp but that of $(image_of "$place.part")" >&2
        return 1
    fi
    mv "$place.part" "$place"
}

begin && read_instances || return
for pair in $images; do
    image=${pair%:*} file=$own/${pair%:*}.tgz
    fetch "$image" "${pair#*:}" "$file" || return
    for name in "${instances[@]}"; do
        stage "$image" "$file" "${rings[$name]}" || return
    done
    rm -f "$file"
done
sync
describe
