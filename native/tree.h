/* iso-tree: what root does in a user's container tree, where files of subordinate ids lie. See tree.c for the protocol. */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#define TREE_MAX_RANGES 1024

struct range {
  uint64_t start, count;
};

/*
 * What is asked about files of the user and of the user's subordinate ids: whether they are in the project, to put them
 * into it, or to remove all of them below the tree.
 */
enum tree_mode { TREE_CHECK, TREE_TAG, TREE_CLEAR };

struct tree_request {
  enum tree_mode mode;
  uid_t uid;
  uint32_t project;
  const char *home, *tree;
  size_t range_count;
  struct range ranges[TREE_MAX_RANGES];
};

/* What was found, by names (an inode with two names counts twice). Only `counted` needs nothing done. */
struct findings {
  uint64_t counted;
  /* Put into the project now, or removed. */
  uint64_t changed;
  /* In another project or in none, and the space that they take unseen. */
  uint64_t uncounted, uncounted_bytes;
  /* Links, FIFOs, sockets and devices, which this kernel lets nobody look at. */
  uint64_t special;
  /* Of somebody else; other file systems; directories too deep to enter: left alone with all below them. */
  uint64_t foreign, mounts, deep;
  /* What failed, and the errno of the first. */
  uint64_t failed;
  int error;
  /* Below the tree: the first that is uncounted, or that failed. */
  char example[4096];
};

/* Walks the tree below an opened directory, itself included. */
void tree_walk(int tree_fd, const struct tree_request *request, struct findings *ret);
