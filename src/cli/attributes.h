/*
 * attributes.h - whose an output is and who may read it.
 */
#ifndef CLI_ATTRIBUTES_H
#define CLI_ATTRIBUTES_H

#include <sys/stat.h>

/* Permissions of what is made of nothing in particular: the umask's. */
mode_t attributes_usual_mode(void);

/*
 * Give the open file or folder these permissions and, where we may, the owner
 * that `from` has. Nothing that does not work lets more people read it.
 */
void attributes_give(int fd, const struct stat *from, mode_t mode);

#endif
