/* Names that a user's containers hold one at a time: links beside the containers, each to the one that holds it. */
#pragma once
#include <stdbool.h>

/* 0, -EEXIST when a container that is there holds it, or -errno. The directory is made when it is absent. */
int claim_name(const char *directory, const char *name, const char *id);

/* Whether it is this container that holds it. */
bool holds_name(const char *directory, const char *name, const char *id);
