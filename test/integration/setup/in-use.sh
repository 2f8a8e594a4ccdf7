# A container of bob uses a range that a repair would take out: it is refused until the container has ended.
for name in alice bob; do useradd -F -m "$name" 2>/dev/null || useradd -m "$name"; done
printf 'alice:1048576:65536\nbob:1048576:65536\n' | tee /etc/subuid >/etc/subgid
setpriv --reuid bob --regid bob --init-groups -- unshare --user --map-auto --map-root-user sleep 300 &
holder=$!
# newuidmap(1) has written the map when it has more than the line of root.
for _ in $(seq 100); do
  [ "$(wc -l <"/proc/$holder/uid_map")" -gt 1 ] && break
  sleep 0.05
done
echo "=== refused"
iso-setup user --repair 2>&1 || echo "status $?"
echo "=== holder"
echo "$holder"
echo "=== kept"
cat /etc/subuid
kill "$holder"
wait "$holder" 2>/dev/null || true
echo "=== done"
iso-setup user --repair >/dev/null && cat /etc/subuid
echo "=== events"
cat /var/log/iso/events.jsonl
