#pragma once

/* Sets the SELinux context of an open file and reads it back. 0 or -errno, -EIO when another one is there. */
int label_file(int fd, const char *context);
