/*
 * read_again.h - a file that can be read anywhere, by whoever has it open, for
 * rooms that know no files.
 */
#ifndef BASE_READ_AGAIN_H
#define BASE_READ_AGAIN_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct read_again {
	/*
	 * The n bytes from offset off on, all of them or an error. Called from
	 * many threads at once. NULL: the file cannot be read again.
	 */
	enum hvqz_ret (*read_at)(void *ctx, uint64_t off, void *buf, size_t n,
				 struct hvqz_err *err);
	void *ctx;
};

#endif
