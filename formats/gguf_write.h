/*
 * gguf_write.h - making GGUF heads, for the writers of GGUF.
 */
#ifndef FORMATS_GGUF_WRITE_H
#define FORMATS_GGUF_WRITE_H

#include "formats/gguf.h"
#include "model/model.h"

/* Key/value pairs behind each other, as they stand in a head. */
struct gguf_keys {
	struct buf b;
	uint64_t n;
};

void gguf_put_u32(struct gguf_keys *k, const char *key, uint32_t v);
void gguf_put_f32(struct gguf_keys *k, const char *key, float v);
void gguf_put_bool(struct gguf_keys *k, const char *key, bool v);
void gguf_put_string(struct gguf_keys *k, const char *key, const char *v);
/* The head of an array of n values; the caller puts those to k->b. */
void gguf_put_array(struct gguf_keys *k, const char *key, enum gguf_value of,
		    uint64_t n);
/* A string as it stands in an array, or as a key. */
void gguf_put_text(struct buf *b, const void *p, size_t len);

/* What most weights of m are, as general.file_type has it: F32, F16 or BF16. */
uint32_t gguf_file_type(const struct model *m);

/*
 * The parts of a head, appended: what it begins with; a tensor, of which t
 * gives name_len, rank, ne and type, and *end where the data so far ends; the
 * padding before the data.
 */
void gguf_put_counts(struct buf *b, uint32_t version, uint64_t n_tensors,
		     uint64_t n_pairs);
void gguf_put_info(struct buf *b, const void *name, const struct gguf_info *t,
		   uint64_t alignment, uint64_t *end);
void gguf_put_padding(struct buf *b, uint64_t alignment);

/*
 * A head of version 3 for the tensors of m, which has names and shapes as they
 * shall stand there, with default alignment, to m->head; m->format and m->rest,
 * the last padding, are set too. A dtype that GGUF lacks, a name of more than
 * GGUF_MAX_NAME bytes, a rank that is 0 or above 4, and no elements are
 * HVQZ_UNSUPPORTED.
 */
enum hvqz_ret gguf_make_head(const struct gguf_keys *keys, struct model *m,
			     struct hvqz_err *err);

#endif
