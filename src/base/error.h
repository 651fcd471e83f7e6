/*
 * error.h - filling and forwarding struct hvqz_err.
 *
 * Every function that can fail returns enum hvqz_ret and takes the record as
 * its last argument. The one that finds the fault fills it; everybody above
 * forwards with TRY().
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "hvqz.h"

/* Fill err (message in printf style) and return ret. err may be NULL. */
enum hvqz_ret hvqz_fail(struct hvqz_err *err, enum hvqz_ret ret,
			const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same about a tensor: its name is kept apart from the sentence. */
enum hvqz_ret hvqz_fail_tensor(struct hvqz_err *err, enum hvqz_ret ret,
			       const char *tensor, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* "out of memory: N bytes for WHAT" */
enum hvqz_ret hvqz_nomem(struct hvqz_err *err, uint64_t n_bytes,
			 const char *what);

/* Hand a warning (printf style) to notes, which may be NULL. */
void hvqz_warn(const struct hvqz_notes *notes, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define TRY(call)                               \
	do {                                    \
		enum hvqz_ret try_ret = (call); \
		if (try_ret != HVQZ_OK)         \
			return try_ret;         \
	} while (0)

/* For functions with a `goto out` ladder and a variable named ret. */
#define TRY_OUT(call)                   \
	do {                            \
		ret = (call);           \
		if (ret != HVQZ_OK)     \
			goto out;       \
	} while (0)

#endif
