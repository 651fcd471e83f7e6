/*
 * pickle.h - the pickles of PyTorch's state dictionaries, read as data.
 *
 * A pickle is a program for a stack machine that can call anything. This
 * machine calls nothing: it knows the containers, numbers and texts a state
 * dictionary is made of and the few names by which torch says "a tensor lies
 * there". Any other name ends the reading, with that name in the error (A1).
 */
#ifndef FORMATS_PICKLE_H
#define FORMATS_PICKLE_H

#include "base/dtype.h"
#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum {
	PICKLE_MAX = 64 << 20,		/* bytes */
	PICKLE_MAX_VALUES = 1 << 22,
};

enum pickle_kind {
	PICKLE_NONE,
	PICKLE_INT,		/* number; also True and False */
	PICKLE_OTHER,		/* a float, a long number, bytes */
	PICKLE_TEXT,		/* text [n] */
	PICKLE_TUPLE,		/* item [n] */
	PICKLE_LIST,		/* item [n] */
	PICKLE_DICT,		/* item [n]: key, value, key, value ... */
	PICKLE_GLOBAL,		/* number: which */
	PICKLE_STORAGE,		/* item [4]: type, key, location, elements */
	/* item [5]: storage, first, shape, strides, metadata; or [4]: none */
	PICKLE_TENSOR,
};

struct pickle_value {
	enum pickle_kind kind;
	uint32_t n;
	union {
		int64_t number;
		const char *text;	/* in the pickle, not terminated */
		uint32_t *item;		/* values' numbers; owned */
	};
};

struct pickle {
	struct pickle_value *v;
	size_t n;
	uint32_t root;		/* the value the pickle is */
};

/*
 * Read p [len], which must outlive *k. HVQZ_UNSUPPORTED: a name or an
 * instruction that tensors do not need. HVQZ_DAMAGED: no pickle.
 * pickle_free() in any case.
 */
enum hvqz_ret pickle_parse(const uint8_t *p, size_t len, struct pickle *k,
			   struct hvqz_err *err);
void pickle_free(struct pickle *k);

/* The dtype of a storage's type (item[0]); false: of none we have. */
bool pickle_storage_dtype(const struct pickle *k, uint32_t type,
			  enum dtype *d);

#endif
