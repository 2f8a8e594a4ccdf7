/*
 * A source of subordinate ids as libsubid loads one by `subid: isotest` (libsubid_isotest.so): alice has a range, bob a
 * small one, carol uids alone. The ids are far from those of the files, so that a test sees where they come from.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <shadow/subid.h>

static unsigned long count_of(const char *owner, enum subid_type type)
{
	if (strcmp(owner, "alice") == 0 || strcmp(owner, "CORP\\eve.x$") == 0)
		return 65536;
	if (strcmp(owner, "bob") == 0)
		return 1000;
	if (strcmp(owner, "carol") == 0 && type == ID_TYPE_UID)
		return 65536;
	return 0;
}

enum subid_status shadow_subid_has_range(const char *owner, unsigned long start, unsigned long count,
					 enum subid_type type, bool *result)
{
	unsigned long have = count_of(owner, type);

	*result = start >= 1000079360 && start + count <= 1000079360 + have;
	return SUBID_STATUS_SUCCESS;
}

enum subid_status shadow_subid_list_owner_ranges(const char *owner, enum subid_type type,
						 struct subid_range **ranges, int *count)
{
	unsigned long have = count_of(owner, type);

	*ranges = NULL;
	*count = 0;
	if (have == 0)
		return SUBID_STATUS_SUCCESS;
	*ranges = calloc(1, sizeof(**ranges));
	if (*ranges == NULL)
		return SUBID_STATUS_ERROR;
	(*ranges)->start = 1000079360;
	(*ranges)->count = have;
	*count = 1;
	return SUBID_STATUS_SUCCESS;
}

enum subid_status shadow_subid_find_subid_owners(unsigned long id, enum subid_type type, uid_t **uids, int *count)
{
	(void)id;
	(void)type;
	*uids = NULL;
	*count = 0;
	return SUBID_STATUS_SUCCESS;
}

void shadow_subid_free(void *memory)
{
	free(memory);
}
