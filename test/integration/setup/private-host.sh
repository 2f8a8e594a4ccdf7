#!/bin/bash
# Runs SCRIPT in a mount namespace of its own, where /etc, /home and the toolkit's directories are private copies: real
# tools change real files there, and this machine keeps its own. `iso-setup` is a function; all that is left goes with
# the namespace.
#   unshare --mount --propagation private bash private-host.sh WORK NODE PROGRAM SCRIPT [ARGUMENT]...
set -eu
work=$1 node=$2 program=$3 script=$4
shift 4
mount -t tmpfs -o mode=755 private "$work"
mkdir "$work/etc" "$work/home" "$work/lib" "$work/log"
cp -a /etc/. "$work/etc/"
rm -f "$work"/etc/sub[ug]id*
: >"$work/etc/subuid"
: >"$work/etc/subgid"
chmod 644 "$work"/etc/sub[ug]id
mkdir -p /var/lib/iso /var/log/iso
mount --bind "$work/etc" /etc
mount --bind "$work/home" /home
mount --bind "$work/lib" /var/lib/iso
mount --bind "$work/log" /var/log/iso
# Hooks of this machine are not part of the test.
rm -rf /etc/shadow-maint /etc/iso
# The same numbers for shadow's tools and for us, so that only the files decide who gets what.
sed -i '/^SUB_[UG]ID_/d' /etc/login.defs
printf 'SUB_%s_MIN 524288\nSUB_%s_MAX 600100000\nSUB_%s_COUNT 65536\n' UID UID UID GID GID GID >>/etc/login.defs
iso-setup() { (cd / && exec "$node" "$program" "$@"); }
# shellcheck source=/dev/null
. "$script"
