/*
 * temp_file.h - a file that gets its name when it is complete.
 *
 * Where the file system can, it has no name at all until then (O_TMPFILE):
 * whatever kills the process, nothing is left. Elsewhere it has a private one
 * beside its target, which the second of two stopping signals removes too.
 */
#ifndef CLI_TEMP_FILE_H
#define CLI_TEMP_FILE_H

#include <stdbool.h>

enum { TEMP_NAME_LEN = 16, TEMP_TRIES = 100 };

struct temp_file {
	int fd;			/* for writing; −1: not open */
	int folder;		/* the target's; a descriptor */
	const char *leaf;	/* the target's name in it; in the caller's */
	char name[TEMP_NAME_LEN];	/* or "": it has none */
};

/*
 * A name that hardly anybody has: another one for every n and salt, an address.
 * Who finds it taken takes the next n, below TEMP_TRIES.
 */
void temp_new_name(char name[TEMP_NAME_LEN], const void *salt, unsigned n);

/*
 * Beside target, mode 0600; target must outlive *t. False, with errno:
 * impossible there.
 */
bool temp_open(struct temp_file *t, const char *target);

/*
 * All is written: the file gets its target's name, which must be free unless
 * replace. False, with errno: it does not. temp_free() either way.
 */
bool temp_give_name(struct temp_file *t, bool replace);

/* Make the name safe on disk. False, with errno. */
bool temp_sync_folder(const struct temp_file *t);

/* Make the names in an open folder safe on disk. False, with errno. */
bool temp_sync(int folder);

/* Close what is open, remove what has not got its target's name. */
void temp_free(struct temp_file *t);

#endif
