#!/usr/bin/env bash
# Makes a folder with another Debian, its Krita and its GIMP in it, for the tests, or mounts what a made one needs:
#
#   debian_root.sh make RELEASE FOLDER     such as: debian_root.sh make trixie /var/tmp/pullface-roots/trixie
#   debian_root.sh release FOLDER          takes the mounts away again; only then may the folder be deleted
#
# Needs root and debootstrap. The packages come from where this machine's own apt takes them.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin # debootstrap and chroot; not everybody's root has them on the path

mirror() {
    local uri
    # The new format of sources first, then the old one; never the security archive, which holds no whole system.
    uri=$(sed -n 's/^URIs: *//p' /etc/apt/sources.list.d/*.sources 2>/dev/null | grep -v security | head -n 1) || true
    if [ -z "$uri" ]; then
        uri=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
            sed -n 's/^deb *\(\[[^]]*\] *\)\?\([^ ]*\) .*/\2/p' | grep -v security | head -n 1) || true
    fi
    echo "${uri%% *}"
}

mounted() { grep -q " $1 " /proc/mounts; }

bind() {
    mkdir -p "$2"
    # A slave: what is unmounted here stays mounted there.
    mounted "$2" || { mount --rbind "$1" "$2" && mount --make-rslave "$2"; }
}

release() {
    local place
    for place in tmp dev proc; do
        if mounted "$1/$place"; then umount --recursive "$1/$place" 2>/dev/null || umount --recursive --lazy "$1/$place"; fi
    done
}

make() {
    local name=$1 folder=$2 source
    mkdir -p "$folder"
    folder=$(realpath "$folder")
    if [ ! -e "$folder/.complete" ]; then
        source=$(mirror)
        [ -n "$source" ] || { echo "no address of a package archive in /etc/apt" >&2; return 1; }
        # The script for sid does for every later release, which this debootstrap need not know by name.
        debootstrap --variant=minbase "$name" "$folder" "$source" /usr/share/debootstrap/scripts/sid
        cp -f /etc/resolv.conf "$folder/etc/" 2>/dev/null || true
        cp -f /etc/apt/apt.conf.d/*proxy* "$folder/etc/apt/apt.conf.d/" 2>/dev/null || true
    fi
    bind /proc "$folder/proc"
    bind /dev "$folder/dev"
    bind /tmp "$folder/tmp"
    if [ ! -e "$folder/.complete" ]; then
        chroot "$folder" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get install -qq -y \
            --no-install-recommends krita python3-pyqt5 libgl1-mesa-dri gimp python3-gi gir1.2-gimp-3.0
        touch "$folder/.complete"
    fi
}

case "${1-}" in
    make) make "$2" "$3" ;;
    release) release "$(realpath "$2")" ;;
    *) sed -n '2,7s/^# \?//p' "$0"; exit 2 ;;
esac
