# A host with a directory of accounts: names as Active Directory has them, ids that nobody can list.
here=$1
mkdir /etc/isotest
cc -shared -fPIC -Wall -Wextra -Werror -o /etc/isotest/libnss_isotest.so.2 "$here/nss-source.c"
echo /etc/isotest >/etc/ld.so.conf.d/isotest.conf
ldconfig
sed -i 's/^passwd:.*/passwd: files isotest/' /etc/nsswitch.conf
# Nobody else has accounts here: the first free range is the first of the policy.
printf 'root:x:0:0::/root:/bin/bash\n' >/etc/passwd
printf 'root:x:0:\n' >/etc/group
rm -f /etc/subuid /etc/subgid
for user in eve:70101 fred:70102 gina:524299 line:70104 hank:70105; do
  install -d -o "${user#*:}" -g "${user#*:}" -m 700 "/home/${user%:*}"
done
echo "=== names"
printf '%s\n' 'CORP\eve.x$' fred@dom.example FRED@dom.example gina | iso-setup user --from - --json
echo "=== subuid"
cat /etc/subuid
echo "=== again"
iso-setup user 'CORP\eve.x$' fred@dom.example gina --check >/dev/null && echo "nothing to do"
echo "=== shadow"
getsubids 'CORP\eve.x$'
getsubids fred@dom.example
echo "=== map"
setpriv --reuid 70101 --regid 70101 --clear-groups -- unshare --user --map-auto --map-root-user cat /proc/self/uid_map
echo "=== twin"
iso-setup user twin 2>&1 || echo "status $?"
echo "=== upper bits"
iso-setup user $'\xc4\x8aro\xc4\xba0' --json >/dev/null
tail -n 1 /etc/subuid
wc -l </etc/subuid
echo "=== taken meanwhile"
# hank's range is planned; before the locks can be taken, another program takes it.
perl -e 'use Fcntl; open(F, "+>>", "/etc/.pwd.lock"); $l = pack("s s x4 q q i x4", F_WRLCK, 0, 0, 0, 0);
  fcntl(F, F_SETLK, $l) or die; $| = 1; print "held\n"; sleep 60' >/etc/isotest/held &
locker=$!
until [ -s /etc/isotest/held ]; do sleep 0.05; done
iso-setup user hank >/dev/null &
setup=$!
# It waits when it has made its own lock, and has planned by then.
until [ -e /var/lib/iso/lock ]; do sleep 0.05; done
sleep 4
printf 'x:917504:65536\n' | tee -a /etc/subuid >>/etc/subgid
kill "$locker"
wait "$locker" 2>/dev/null || true
wait "$setup"
tail -n 1 /etc/subuid
echo "=== all"
printf '[users]\nuid_max = 600000\n' | install -D /dev/stdin /etc/iso/policy.toml
iso-setup user --all --json
