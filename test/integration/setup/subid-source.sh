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
