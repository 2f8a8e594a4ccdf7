/* iso-tag: puts a container tree into its user's quota project, or looks whether it is in it. See tag.c for the protocol. */
#pragma once
#include <stdint.h>
#include <sys/types.h>

#define TAG_MAX_RANGES 1024

struct range {
  uint64_t start, count;
};

/* What is asked: files of the user and of the user's subordinate ids, and the project they shall be in. */
struct tag_request {
  int change;
  uid_t uid;
  uint32_t project;
  const char *home, *tree;
  size_t range_count;
  struct range ranges[TAG_MAX_RANGES];
};

/* What was found, by names (an inode with two names counts twice). Only `counted` needs nothing done. */
struct findings {
  uint64_t counted;
  /* Put into the project now. */
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
void tag_walk(int tree_fd, const struct tag_request *request, struct findings *ret);
