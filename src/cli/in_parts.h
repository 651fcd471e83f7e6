/*
 * in_parts.h - the parts of a split GGUF model, when one of them is named.
 */
#ifndef CLI_IN_PARTS_H
#define CLI_IN_PARTS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Is path a file that is called like a part of a split GGUF model, and is one
 * by its keys? No messages: what cannot be read is none.
 */
bool in_parts_is(const char *path);

/*
 * Does files[n] have a path before `path`, which is one of them, that names a
 * part of the same model?
 */
bool in_parts_named_before(const char *const *files, size_t n,
			   const char *path);

#endif
