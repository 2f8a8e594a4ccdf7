# A home on a mount that never answers, as that of a network server that is gone. iso-home waits four seconds here.
cp -r "$(dirname "$program")" "$work/dist"
mv "$work/dist/iso-home" "$work/dist/iso-home.real"
printf '#!/bin/sh\nexec %s/dist/iso-home.real 4\n' "$work" >"$work/dist/iso-home"
chmod 755 "$work/dist/iso-home"
program=$work/dist/iso-setup.js
for name in alice bob carol dead; do useradd -F -m "$name" 2>/dev/null || useradd -m "$name"; done
: >/etc/subuid
: >/etc/subgid
iso-setup user carol dead >/dev/null
exec 9<>/dev/fuse
mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0,allow_other gone /home/dead
bounded() { # ARGUMENT...
  SECONDS=0
  (cd / && timeout -s KILL 60 "$node" "${asked:-$program}" "$@" 9>&-) 2>&1 || echo "status $?"
  [ "$SECONDS" -lt 30 ] && echo "in time"
}
echo "=== set up"
bounded user alice dead bob carol
echo "=== removed"
bounded remove dead --purge
echo "=== quota"
bounded quota alice dead bob
echo "=== all quotas"
bounded quota
echo "=== sample"
printf 'iso-%s:%s\n' bob 100001 dead 100002 | tee /etc/projid >/var/lib/iso/projid
bounded quota --sample
rm /etc/projid /var/lib/iso/projid
echo "=== status"
bounded status
echo "=== report"
asked=$work/dist/iso-audit.js bounded report
echo "=== events"
asked=$work/dist/iso-audit.js bounded events
echo "=== lines"
cut -d: -f1 /etc/subuid
echo "=== removed without an account"
sed -i '/^dead:/d' /etc/passwd
for folder in /etc /var/lib/iso; do
  echo iso-dead:100002 >$folder/projid
  echo 100002:/home/dead/.local/share/containers >$folder/projects
done
bounded remove dead
echo "=== lines then"
cut -d: -f1 /etc/subuid
exec 9>&-
umount /home/dead
echo "=== removed in the end"
bounded remove dead
cut -d: -f1 /etc/subuid
