#!/bin/bash
# In a mount namespace of its own: USERS accounts are set up by iso-setup while useradd(8) makes as many others, all at
# once, on a private copy of /etc. Prints the two files; the test judges them.
set -eu
users=$1 node=$2 program=$3 work=$4
mount -t tmpfs -o mode=755 race "$work"
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
# Hooks of this machine are not part of the race.
rm -rf /etc/shadow-maint
# The same numbers for both, so that only the files decide who gets what.
sed -i '/^SUB_[UG]ID_/d' /etc/login.defs
printf 'SUB_%s_MIN 524288\nSUB_%s_MAX 600100000\nSUB_%s_COUNT 65536\n' UID UID UID GID GID GID >>/etc/login.defs
for i in $(seq "$users"); do
  useradd -m -F "ours$i" 2>/dev/null || useradd -m "ours$i"
done
: >/etc/subuid
: >/etc/subgid
pids=()
for i in $(seq "$users"); do
  (cd / && exec "$node" "$program" user "ours$i" >"/var/log/iso/ours$i" 2>&1) &
  pids+=($!)
  (exec useradd -m "theirs$i" >"/var/log/iso/theirs$i" 2>&1) &
  pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
echo "failed $failed"
grep -lE 'why:|useradd:' /var/log/iso/ours* /var/log/iso/theirs* 2>/dev/null | xargs -r tail -n 4 || true
echo "uid"; cat /etc/subuid
echo "gid"; cat /etc/subgid
echo "left"
ls /etc | grep -E '^sub[ug]id' | grep -vE '^sub[ug]id-?$' || true
