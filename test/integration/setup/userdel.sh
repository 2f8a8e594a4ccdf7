# What userdel(8) leaves when it runs our hooks: the scripts that iso-setup and the package put there, but for their place.
hook=$1
mount -t tmpfs run /run
mkdir "$work/bin" "$work/image" "$work/image/etc"
printf '#!/bin/sh\nexec %s %s "$@"\n' "$node" "$program" >"$work/bin/iso-setup"
printf '#!/bin/sh\nshift 4\necho "$@" >>%s/warnings\n' "$work" >"$work/bin/logger"
sed "s|^PATH=|PATH=$work/bin:|" "$hook" >"$work/user-hook"
chmod 755 "$work/bin/iso-setup" "$work/bin/logger" "$work/user-hook"

mkdir /etc/iso
hooks() {
  printf '[users]\nhooks = [%s]\n' "$1" >/etc/iso/policy.toml
  cp -r /etc/iso "$work/image/etc/"
  iso-setup system --root "$work/image" >/dev/null
  rm -rf /etc/shadow-maint
  cp -r "$work/image/etc/shadow-maint" /etc/
  sed -i "s|/usr/lib/iso-toolkit/user-hook|$work/user-hook|" /etc/shadow-maint/*/*
}
make() { useradd -F -m "$@" 2>/dev/null || useradd -m "$@"; }
# Lines of shadow's own would be there whoever set the users up.
sed -i 's/^SUB_\([UG]\)ID_COUNT.*/SUB_\1ID_COUNT 0/' /etc/login.defs
count() { grep -c "\"$1:" /var/lib/iso/ranges.json || true; }
told() { cat "$work/warnings" 2>/dev/null || true; rm -f "$work/warnings"; }

hooks '"useradd"'
make alice
echo "=== without"
userdel -r alice 2>/dev/null
echo "$(count alice) notes"
iso-setup remove alice >/dev/null

hooks '"useradd", "userdel"'
make -u 3001 bob
make -u 3002 carol
echo "=== made"
cat /etc/subuid
echo "=== with its home"
userdel -r bob 2>&1
echo "status $?, $(count bob) notes, $(ls /var/lib/iso/users)"
echo "=== without its home"
userdel carol 2>&1
echo "status $?, $(count carol) notes, $(ls /var/lib/iso/users)"
iso-setup status | grep carol
echo "=== next of that uid"
make -u 3002 dave
cat /etc/subuid
echo "=== refused"
setpriv --reuid dave --clear-groups sleep 100 &
until [ "$(ps -o uid= -p $! | tr -d ' ')" = 3002 ]; do sleep 0.1; done
userdel dave 2>/dev/null || echo "status $?"
kill $!
wait $! || true
grep dave /etc/subuid
echo "=== of another root"
mkdir -p "$work/other/etc"
cp -a /etc/passwd /etc/shadow /etc/group /etc/gshadow /etc/subuid /etc/subgid /etc/login.defs "$work/other/etc/"
userdel --prefix "$work/other" dave
echo "status $?"
grep dave /etc/subuid
grep dave "$work/other/etc/subuid" || echo "none there"
echo "=== unmounted home"
make -u 3003 erin
mv /home/erin "$work/erin"
userdel erin
echo "status $?, $(count erin) notes"
echo "=== older shadow"
# Its userdel knows nothing of ranges: what it left is ours to take.
make -u 3004 fay
cp /etc/subuid "$work/kept"
sed -i "2i cp $work/kept /etc/subuid" /etc/shadow-maint/userdel-post.d/50-iso-toolkit
userdel -r fay 2>/dev/null
grep fay /etc/subuid || echo "no line, $(count fay) notes"
sed -i 2d /etc/shadow-maint/userdel-post.d/50-iso-toolkit
echo "=== failures"
told
mv "$work/bin/iso-setup" "$work/bin/off"
userdel -r dave 2>/dev/null
echo "status $?"
told
mv "$work/bin/off" "$work/bin/iso-setup"
useradd -r daemon9
userdel daemon9
echo "status $?"
chmod 644 "$work/user-hook"
make -u 3005 gus
userdel -r gus 2>/dev/null
echo "status $?"
told
echo "=== left"
ls /run/iso-toolkit/leaving
