# Users in every state, and what is left of some who are gone.
for name in alice bob carol dave erin; do useradd -F -m "$name" 2>/dev/null || useradd -m "$name"; done
: >/etc/subuid
: >/etc/subgid
iso-setup user alice bob dave >/dev/null
uid=$(id -u dave)
# logind's mark of a user who lingers.
mkdir -p /var/lib/systemd
mount -t tmpfs marks /var/lib/systemd
mkdir /var/lib/systemd/linger
touch /var/lib/systemd/linger/bob
echo "=== sound"
iso-setup status --check
# carol by uid alone, and short; a line that nobody believes; dave is gone, erin was set up under another name.
printf '%s:100000:1000\nnobody-believes\n!bob:9000000:5\n!gone:8000000:6\n+nis\n' "$(id -u carol)" >>/etc/subuid
userdel dave
iso-setup user erin >/dev/null 2>&1 || true
sed -i '/nobody-believes/d' /etc/subuid
iso-setup user erin >/dev/null
usermod -l erica erin
echo 'nobody-believes' >>/etc/subuid
sed -n '/^alice/p' /etc/subuid >>/etc/subuid
echo "=== json"
iso-setup status --json
echo "=== table"
iso-setup status --check || echo "status $?"
echo "=== alice"
iso-setup status alice --json
echo "=== dave"
iso-setup status dave --json
echo "=== ghost"
iso-setup status ghost 2>&1 || echo "status $?"
echo "=== next of that uid"
sed -i '/nobody-believes/d' /etc/subuid
useradd -F -m -u "$uid" fay 2>/dev/null || useradd -m -u "$uid" fay
sed -i '/^fay:/d' /etc/subuid /etc/subgid
iso-setup user fay >/dev/null
grep -E '^(dave|fay):' /etc/subuid
echo "=== released"
iso-setup remove dave | grep subids
iso-setup status dave 2>&1 || echo "status $?"
[ ! -e "/var/lib/iso/users/$uid.json" ] || grep name "/var/lib/iso/users/$uid.json"
useradd -F -m gus 2>/dev/null || useradd -m gus
sed -i '/^gus:/d' /etc/subuid /etc/subgid
iso-setup user gus >/dev/null
grep '^gus:' /etc/subuid
echo "=== as a user"
setpriv --reuid bob --regid bob --init-groups -- "$node" "$program" status bob --json
echo "=== closed home"
# As fusermount3(1) would for bob, who answers nothing: root is told EACCES.
exec 9<>/dev/fuse
mount -i -t fuse -o "fd=9,rootmode=40000,user_id=$(id -u bob),group_id=$(id -g bob)" bobs /home/bob
iso-setup status | grep -E '^(alice|bob) '
echo "=== quota of a closed home"
iso-setup quota
umount /home/bob
exec 9>&-
