/*
 * container.h - the .hvqz container: formats/hvqz.md in C.
 *
 * The writer is told what the chunks are and lays them out; the reader checks
 * everything the specification says before it believes it. Payloads are opaque
 * here: codecs see them, the container does not.
 */
#ifndef FORMATS_CONTAINER_H
#define FORMATS_CONTAINER_H

#include "model/model.h"
#include "stream/sink.h"
#include "stream/source.h"

#include <float.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CONTAINER_MAGIC_LEN = 8,
	CONTAINER_PROLOGUE_LEN = 64,
	CONTAINER_CHUNK_HEAD_LEN = 64,
	CONTAINER_INDEX_HEAD_LEN = 32,
	CONTAINER_INDEX_ENTRY_LEN = 25,
	CONTAINER_TRAILER_LEN = 64,
	CONTAINER_DIGEST_LEN = 16,
	CONTAINER_MAX_TENSORS = 1 << 21,
	CONTAINER_MAX_COPIES = 16,	/* of one tensor */
	CONTAINER_MAX_HEADER = 256 << 20,	/* bytes, unpacked */
	CONTAINER_FREE_HEADER = 52 << 20,	/* up to here, however packed, */
	CONTAINER_HEADER_RATIO = 256,		/* else so many times at most */
	CONTAINER_MAX_RATIO = 65536,	/* raw bytes per byte in the file */
	CONTAINER_MAX_REST = 16 << 20,	/* bytes, unpacked */
};

extern const uint8_t container_magic[CONTAINER_MAGIC_LEN];

/* Everything the header says. */
struct container_info {
	unsigned major, minor;		/* set by the reader */
	uint32_t max_raw;		/* no chunk's raw_len is larger */
	uint64_t n_chunks;
	struct model model;		/* owned */
	uint8_t *tensor_flags;		/* [n_tensors]; owned; NULL: all 0 */
	/*
	 * [n_tensors]: 1 + the tensor of which this one is a copy, which then
	 * has no chunks of its own; 0: it is none. Owned; NULL: all 0.
	 */
	uint32_t *copy_of;
	/*
	 * There is a rest behind the index: model.rest, which may be empty. The
	 * reader has it after container_read_tail().
	 */
	bool has_rest;
	/* Some chunks are differences from another model's file. */
	bool has_base;
	uint8_t base_digest[CONTAINER_DIGEST_LEN];	/* XXH3-128 of it */
	/* key/value remarks, in file order; owned. For people, and for -l. */
	struct container_note {
		char *key, *value;
	} *notes;
	size_t n_notes;
	uint64_t header_hash;		/* set by the reader */
};

/* In tensor_flags; TENSOR_COPY only in the file: copy_of has it. */
enum { TENSOR_LOSSY = 1, TENSOR_COPY = 2 };

struct chunk_head {
	uint32_t tensor;	/* index in the table */
	uint8_t codec;
	uint64_t first_row;
	uint32_t n_rows;
	uint32_t raw_len;
	uint32_t stored_len;
	float noise, signal;	/* Σ(w−ŵ)², Σw²; both 0 when lossless */
	float loss;		/* estimated KL, nats per token; 0: unknown */
	uint64_t stored_hash;	/* XXH3-64 of the payload */
	uint64_t raw_hash;	/* XXH3-64 of the reconstructed bytes */
};

/*
 * The shortest payload a chunk of raw_len bytes may have: what bounds the work
 * one byte of a hostile file can cause. Encoders must not go below it (take
 * the next codec, or pad, if the codec allows that).
 */
static inline uint32_t container_min_stored(uint32_t raw_len)
{
	uint32_t need = raw_len / CONTAINER_MAX_RATIO +
			(raw_len % CONTAINER_MAX_RATIO != 0);

	return need > CONTAINER_CHUNK_HEAD_LEN + 1
		       ? need - CONTAINER_CHUNK_HEAD_LEN
		       : 1;
}

/* A statistic as a chunk head holds it: finite, too large is FLT_MAX. */
static inline float container_stat(double v)
{
	return v < (double)FLT_MAX ? (float)v : FLT_MAX;
}

void container_info_free(struct container_info *info);

static inline bool container_is_copy(const struct container_info *info,
				     size_t tensor)
{
	return info->copy_of && info->copy_of[tensor];
}

/*
 * Append a remark (copied). HVQZ_USAGE when the key is empty or over 65535
 * bytes, or either is not UTF-8.
 */
enum hvqz_ret container_note(struct container_info *info, const char *key,
			     const char *value, struct hvqz_err *err);
/* The value of the first remark of that key, or NULL. */
const char *container_find_note(const struct container_info *info,
				const char *key);

/* ---- writing: head, then every chunk in order, then finish ---- */

struct container_writer;
/*
 * info (with n_chunks and max_raw) must outlive the writer. What the format
 * cannot hold (2^21 tensors, 256 MiB of header, a duplicate name) is
 * HVQZ_UNSUPPORTED. *w is NULL after a failure.
 */
enum hvqz_ret container_write_head(struct container_writer **w,
				   const struct container_info *info,
				   struct sink *out, struct hvqz_err *err);
/*
 * h is complete; payload has h->stored_len bytes. Asserts the tiling; a head
 * that breaks another rule of the format is HVQZ_USAGE.
 */
enum hvqz_ret container_write_chunk(struct container_writer *w,
				    const struct chunk_head *h,
				    const uint8_t *payload,
				    struct hvqz_err *err);
/* Index, rest, trailer. Asserts that every tensor is complete. */
enum hvqz_ret container_write_tail(struct container_writer *w,
				   struct hvqz_err *err);
void container_writer_free(struct container_writer *w);

/* ---- reading in sequence: works on a pipe ---- */

struct container_reader;
bool container_bid(const uint8_t *peek, size_t len);
/*
 * Magic, version, header; *info is filled and must outlive *r (the caller
 * frees it; after a failure it is empty and *r is NULL).
 */
enum hvqz_ret container_read_head(struct container_reader **r,
				  struct source *src,
				  struct container_info *info,
				  struct hvqz_err *err);
/*
 * The next chunk head, checked against table and tiling; *end = true when
 * every tensor is complete. The payload of the head before, when nobody read
 * it, is skipped.
 */
enum hvqz_ret container_read_chunk(struct container_reader *r,
				   struct chunk_head *h, bool *end,
				   struct hvqz_err *err);
/* The payload of the chunk head just read into *payload (cleared first). */
enum hvqz_ret container_read_payload(struct container_reader *r,
				     struct buf *payload,
				     struct hvqz_err *err);
/*
 * After container_read_chunk() has called a head damaged or unsupported, or
 * the payload before it cut short: on to the next head in the input that can
 * still come. All rows from the place that was due up to its first_row, other
 * tensors included, are lost; *end: there is none, and all the rest is lost.
 * Once something is lost there is no container_read_tail(), which would have
 * to agree with chunks that nobody has seen.
 */
enum hvqz_ret container_resync(struct container_reader *r,
			       struct chunk_head *h, bool *end,
			       struct hvqz_err *err);
/* Is the payload what its head says? Thread-safe, pure. */
enum hvqz_ret container_check_payload(const struct container_info *info,
				      const struct chunk_head *h,
				      const uint8_t *payload,
				      struct hvqz_err *err);
enum hvqz_ret container_check_raw(const struct container_info *info,
				  const struct chunk_head *h,
				  const uint8_t *raw, struct hvqz_err *err);
/*
 * Index, trailer, end of input: all must agree with the chunks seen. The info
 * given to container_read_head() gets its rest.
 */
enum hvqz_ret container_read_tail(struct container_reader *r,
				  struct hvqz_err *err);
void container_reader_free(struct container_reader *r);

/* ---- the index: on a seekable source ---- */

struct container_index_entry {
	uint64_t off;		/* of the chunk head, in the file */
	uint64_t first_row;
	uint32_t n_rows;
	uint32_t stored_len;
	uint8_t codec;
	float noise, signal, loss;
};

struct container_index {
	struct container_index_entry *chunks;	/* owned, in file order */
	size_t n_chunks;
	size_t *first;		/* [n_tensors + 1]: a tensor's first chunk */
	uint64_t file_size;
};

/*
 * Read trailer and index of a seekable source whose head has been read; check
 * them against the table. The caller frees *ix (after a failure it is empty).
 * The source is left where it was. HVQZ_USAGE when it cannot seek or does not
 * know its size.
 */
enum hvqz_ret container_read_index(struct container_reader *r,
				   struct container_index *ix,
				   struct hvqz_err *err);
void container_index_free(struct container_index *ix);
/*
 * Go to chunk i of the index and read its head; the payload is next. The head
 * must agree with the index. Not to be mixed with container_read_chunk and
 * container_read_tail, which read in sequence.
 */
enum hvqz_ret container_seek_chunk(struct container_reader *r,
				   const struct container_index *ix, size_t i,
				   struct chunk_head *h,
				   struct hvqz_err *err);

#endif
