# Before scripts that leave something in a zone, or look at what others have left: it is in a directory that only root can
# enter, so that nobody else can put a file or a link of a known name there.
own=/var/reshard

# Whether the directory is a directory, root's, and closed to everybody else.
is_own() {
    [[ -d $own && ! -L $own && -O $own && $(ls -ld "$own") == drwx------* ]]
}

# Makes the directory if it is not there; says what is wrong if another one is.
own_directory() {
    mkdir -m 0700 "$own" 2>/dev/null
    is_own && return
    echo "$own in the zone $(zonename) is not a directory that only root can enter: see what is in it, then \`zlogin $(zonename) rm -rf $own\`" >&2
    return 1
}
