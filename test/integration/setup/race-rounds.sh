# ROUNDS times at once: two iso-setup for a new user each, useradd, usermod --add-subuids, usermod --del-subuids, userdel.
rounds=$1
# Accounts for us, made without useradd, which would give them ranges.
for i in $(seq "$rounds"); do
  for name in "a$i" "b$i"; do
    case $name in a*) uid=$((20000 + i)) ;; *) uid=$((30000 + i)) ;; esac
    echo "$name:x:$uid:$uid::/home/$name:/bin/sh" >>/etc/passwd
    echo "$name:!:19000::::::" >>/etc/shadow
    echo "$name:x:$uid:" >>/etc/group
    install -d -o "$uid" -g "$uid" -m 700 "/home/$name"
  done
done
for i in $(seq "$rounds"); do useradd -F -M "gone$i" 2>/dev/null || useradd -M "gone$i"; done
useradd -F -M keeper 2>/dev/null || useradd -M keeper
printf '# kept\n' >>/etc/subuid
# Ranges far from those that are given out, a new one to add and an old one to take each time.
range() { echo "$((1700000000 + $1 * 65536))-$((1700000000 + $1 * 65536 + 65535))"; }
usermod --add-subuids "$(range 0)" --add-subgids "$(range 0)" keeper
for i in $(seq "$rounds"); do
  pids=()
  for name in "a$i" "b$i"; do
    (cd / && exec "$node" "$program" user "$name" >"/var/log/iso/$name" 2>&1) &
    pids+=($!)
  done
  (exec useradd -M "new$i" >/var/log/iso/new 2>&1) &
  pids+=($!)
  (exec usermod --add-subuids "$(range "$i")" --add-subgids "$(range "$i")" keeper >/var/log/iso/add 2>&1) &
  pids+=($!)
  (exec usermod --del-subuids "$(range $((i - 1)))" --del-subgids "$(range $((i - 1)))" keeper >/var/log/iso/del 2>&1) &
  pids+=($!)
  (exec userdel "gone$i" >/var/log/iso/gone 2>&1) &
  pids+=($!)
  failed=0
  for pid in "${pids[@]}"; do wait "$pid" || failed=$((failed + 1)); done
  echo "=== failed $i"
  echo "$failed"
  [ "$failed" = 0 ] || tail -n 5 "/var/log/iso/a$i" "/var/log/iso/b$i" /var/log/iso/{new,add,del,gone}
  echo "=== uid $i"
  cat /etc/subuid
  echo "=== gid $i"
  cat /etc/subgid
done
echo "=== left"
find /etc -maxdepth 1 -name 'sub[ug]id*' ! -name 'sub[ug]id' ! -name 'sub[ug]id-'
