/*
 * A source of accounts as glibc loads one by `passwd: files isotest` (libnss_isotest.so.2). Like most directories it
 * answers for a name or an id and lists nothing. It takes any case of a name, as sssd does for Active Directory.
 */
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct passwd entries[] = {
	{ "CORP\\eve.x$", "*", 70101, 70101, "", "/home/eve", "/bin/sh" },
	{ "fred@dom.example", "*", 70102, 70102, "", "/home/fred", "/bin/sh" },
	/* Its uid is inside what would be the first free range, and not at an end of it. */
	{ "gina", "*", 524299, 524299, "", "/home/gina", "/bin/sh" },
	/* The first id of the second. */
	{ "other", "*", 589824, 589824, "", "/home/other", "/bin/sh" },
	{ "twin", "*", 70101, 70101, "", "/home/eve", "/bin/sh" },
	{ "hank", "*", 70105, 70105, "", "/home/hank", "/bin/sh" },
	/* The first id of what hank gets when somebody takes the range before it. */
	{ "late", "*", 983040, 983040, "", "/home/late", "/bin/sh" },
	/* Without its upper bits the first letter is a newline, and the third a colon. */
	{ "\xc4\x8aro\xc4\xba" "0", "*", 70104, 70104, "", "/home/line", "/bin/sh" },
};

static enum nss_status give(const struct passwd *found, struct passwd *result, int *ret_errno)
{
	if (found == NULL) {
		*ret_errno = ENOENT;
		return NSS_STATUS_NOTFOUND;
	}
	*result = *found;
	return NSS_STATUS_SUCCESS;
}

enum nss_status _nss_isotest_getpwnam_r(const char *name, struct passwd *result, char *buffer, size_t size, int *ret_errno)
{
	const struct passwd *found = NULL;

	(void)buffer;
	(void)size;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]) && found == NULL; i++)
		if (strcasecmp(entries[i].pw_name, name) == 0)
			found = &entries[i];
	return give(found, result, ret_errno);
}

enum nss_status _nss_isotest_getpwuid_r(uid_t uid, struct passwd *result, char *buffer, size_t size, int *ret_errno)
{
	const struct passwd *found = NULL;

	(void)buffer;
	(void)size;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]) && found == NULL; i++)
		if (entries[i].pw_uid == uid)
			found = &entries[i];
	return give(found, result, ret_errno);
}
