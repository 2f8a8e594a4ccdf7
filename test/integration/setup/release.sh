# What becomes of a user's ids when the user is removed, with and without the data.
for name in alice bob; do
  useradd -F -m "$name" 2>/dev/null || useradd -m "$name"
done
: >/etc/subuid
: >/etc/subgid
iso-setup user alice >/dev/null
iso-setup remove alice >/dev/null
echo "=== kept"
cat /etc/subuid
iso-setup remove alice | grep subids
echo "=== others"
iso-setup user bob >/dev/null
cat /etc/subuid
echo "=== again"
iso-setup user alice >/dev/null
cat /etc/subuid
iso-setup remove alice --purge >/dev/null
iso-setup remove bob --purge >/dev/null
iso-setup user bob >/dev/null
echo "=== purged"
cat /etc/subuid
