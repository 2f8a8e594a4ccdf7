# A host whose nsswitch.conf names another source of subordinate ids.
here=$1
for name in alice bob carol dave; do useradd -F -m "$name" 2>/dev/null || useradd -m "$name"; done
: >/etc/subuid
: >/etc/subgid
mkdir /etc/isotest
cc -shared -fPIC -Wall -Wextra -Werror -o /etc/isotest/libsubid_isotest.so "$here/subid-source.c"
echo "subid: isotest" >>/etc/nsswitch.conf
echo "=== absent"
iso-setup user alice 2>&1 || echo "status $?"
echo /etc/isotest >/etc/ld.so.conf.d/isotest.conf
ldconfig
echo "=== alice"
iso-setup user alice 2>&1 || echo "status $?"
echo "=== check"
iso-setup user alice --check >/dev/null && echo "nothing to do"
echo "=== bob"
iso-setup user bob 2>&1 | grep subids || true
echo "=== carol"
iso-setup user carol 2>&1 || echo "status $?"
echo "=== dave"
iso-setup user dave alice 2>&1 | grep -v ' ok ' || true
echo "=== repair"
iso-setup user --repair 2>&1 || echo "status $?"
run=$(dirname "$program")/iso-run.js
for name in alice dave; do
  echo "=== iso-run of $name"
  setpriv --reuid "$name" --regid "$name" --init-groups -- "$node" "$run" image ls 2>&1 || echo "status $?"
done
echo "=== status"
iso-setup status --json
iso-setup status alice --json
echo "=== audited"
"$node" "$(dirname "$program")/iso-audit.js" report --json | grep -oE "user (alice|bob|carol|dave)|\"(alice|bob|carol|dave)\"" | sort -u || true
echo "=== files"
cat /etc/subuid /etc/subgid
# The plugin gives alice 1000079360 and the next 65536.
tree=/home/alice/.local/share/containers
mkdir "$tree/storage/closed"
touch "$tree/storage/closed/file"
chown -R 1000079361:1000079361 "$tree/storage/closed"
chmod 0 "$tree/storage/closed"
echo "=== in use"
setpriv --reuid 1000079361 --clear-groups sleep 100 &
until [ "$(ps -o uid= -p $! | tr -d ' ')" = 1000079361 ]; do sleep 0.1; done
iso-setup remove alice 2>&1 | grep -E '^ *(why|code)' || true
kill $!
wait $! || true
# Of a time when the files counted: one line is ours, and one of somebody else's making.
printf 'alice:524288:65536\nalice:900000000:5\n' >/etc/subuid
sed -i 's/"uid": \[[^]]*\]/"uid": ["alice:524288:65536"]/' /var/lib/iso/ranges.json 2>/dev/null ||
  printf '{"schema":1,"uid":["alice:524288:65536"],"gid":[],"owners":{}}' >/var/lib/iso/ranges.json
chmod 600 /var/lib/iso/ranges.json
setpriv --reuid 900000001 --clear-groups sleep 100 &
until [ "$(ps -o uid= -p $! | tr -d ' ')" = 900000001 ]; do sleep 0.1; done
echo "=== removed"
iso-setup remove alice 2>&1 || echo "status $?"
ls /var/lib/iso/users
echo "=== purged"
iso-setup remove alice --purge 2>&1 | grep -E 'mapped data|why' || true
kill $!
wait $! || true
ls -A "$tree" 2>&1 || true
cat /etc/subuid
echo "=== deleted"
sed -i /^bob:/d /etc/passwd
iso-setup remove bob 2>&1 || echo "status $?"
