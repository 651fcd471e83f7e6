/*
 * gguf.h - GGUF's head (formats/gguf.md): what is in it, for all who read or
 * write such files, models and importance matrices alike.
 *
 * The head is every byte before the tensors' data: magic, counts, key/value
 * pairs, the table of tensors, padding. It is kept whole; pairs and table say
 * where in it things are.
 */
#ifndef FORMATS_GGUF_H
#define FORMATS_GGUF_H

#include "base/buf.h"
#include "base/dtype.h"
#include "stream/source.h"

struct model;

enum {
	GGUF_MAX_DIMS = 4,
	GGUF_ALIGNMENT = 32,		/* unless general.alignment says */
	GGUF_MAX_ALIGNMENT = 1 << 20,
	GGUF_MAX_STRING = 64 << 20,
	GGUF_MAX_HEAD = 128 << 20,
	GGUF_MAX_NAME = 63,		/* bytes, of a tensor, when writing */
};

/* The types of values, as they are numbered in files. */
enum gguf_value {
	GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32,
	GGUF_BOOL, GGUF_STRING, GGUF_ARRAY, GGUF_U64, GGUF_I64, GGUF_F64,
	GGUF_N_VALUES,
};

/* The types of tensors that are numbers of ours. */
enum { GGUF_TYPE_F32 = 0, GGUF_TYPE_F16 = 1, GGUF_TYPE_BF16 = 30 };

/* What a tensor of a type is made of: blocks of so many elements and bytes. */
struct gguf_type {
	const char *name;	/* "Q4_K" */
	uint16_t block;		/* elements; 0: the type was removed */
	uint16_t bytes;
	enum dtype dtype;	/* 0: none of ours, kept as U8 */
};

/* NULL: an unknown number. */
const struct gguf_type *gguf_type(uint32_t id);
/* The number of the type that is this dtype; false: there is none. */
bool gguf_type_of(enum dtype dtype, uint32_t *id);

/*
 * HVQZ_UNSUPPORTED, about that tensor, if its type is quantized in blocks: the
 * numbers of those cannot be said where it is to go ("safetensors").
 */
enum hvqz_ret gguf_no_blocks(const char *tensor, const struct gguf_type *type,
			     const char *where, struct hvqz_err *err);

struct span {
	const uint8_t *p;
	size_t len;
};

int span_cmp(const struct span *a, const struct span *b);
bool span_is(const struct span *s, const char *text);

struct gguf_pair {
	size_t key, key_len;	/* where in the head */
	uint32_t type;		/* enum gguf_value */
	uint32_t of;		/* an array's elements' */
	uint64_t n;		/* elements of an array, bytes of a string */
	size_t at;		/* where in the head the first of them is */
};

struct gguf_info {
	size_t name, name_len;	/* where in the head */
	uint32_t rank, type;
	uint64_t ne[GGUF_MAX_DIMS];	/* the fastest first; 1 behind rank */
	uint64_t off;		/* from the start of the data */
	uint64_t size;		/* bytes */
};

struct gguf {
	struct buf head;
	uint32_t version;
	uint64_t alignment;
	struct gguf_pair *pairs;	/* owned, in file order */
	size_t n_pairs;
	struct gguf_info *infos;	/* owned, in data order */
	size_t n_infos;
	size_t table;		/* where in the head the infos begin */
	uint64_t data_size;	/* up to the end of the last tensor */
	size_t pad;		/* bytes from there to the alignment */
};

/*
 * Read and check a head (rules Q1 to Q14 of formats/gguf.md) from where src is;
 * src is then at the data. Memory grows with the bytes that arrive. *g is
 * zero-initialised; gguf_free() also after a failure.
 */
enum hvqz_ret gguf_read_head(struct source *src, struct gguf *g,
			     struct hvqz_err *err);
/* The same of a head in memory, which must end where the data would begin. */
enum hvqz_ret gguf_parse_head(const uint8_t *p, size_t len, struct gguf *g,
			      struct hvqz_err *err);
void gguf_free(struct gguf *g);

/*
 * Its tensors, appended to those of m (to none), with their skew: what the
 * head says of padding between them.
 */
enum hvqz_ret gguf_table(const struct gguf *g, struct model *m,
			 struct hvqz_err *err);

/* The pair of that key, or NULL. */
const struct gguf_pair *gguf_find(const struct gguf *g, const char *key);
struct span gguf_string(const struct gguf *g, const struct gguf_pair *p);

/*
 * The value of a key that must, where it is there, be of this type: *p is NULL
 * when it is not there. HVQZ_DAMAGED names key and types.
 */
enum hvqz_ret gguf_want(const struct gguf *g, const char *key,
			enum gguf_value type, const struct gguf_pair **p,
			struct hvqz_err *err);

static inline struct span gguf_name(const struct gguf *g,
				    const struct gguf_info *t)
{
	return (struct span){g->head.p + t->name, t->name_len};
}

#endif
