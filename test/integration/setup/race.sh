# USERS accounts are set up by iso-setup while useradd(8) makes as many others, all at once.
users=$1
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
echo "=== failed"
echo "$failed"
grep -lE 'why:|useradd:' /var/log/iso/ours* /var/log/iso/theirs* 2>/dev/null | xargs -r tail -n 4 || true
echo "=== uid"
cat /etc/subuid
echo "=== gid"
cat /etc/subgid
echo "=== left"
find /etc -maxdepth 1 -name 'sub[ug]id*' ! -name 'sub[ug]id' ! -name 'sub[ug]id-'
