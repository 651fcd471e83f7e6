/*
 * container_internal.h - what the container_*.c files share, and nobody else
 * includes.
 *
 * records: the fixed-size records, bytes to struct and back, own hashes
 * checked. frame: the two zstd frames. head: the header's payload. rules: what
 * one chunk may be. write, read, index: the public functions over these.
 */
#ifndef FORMATS_CONTAINER_INTERNAL_H
#define FORMATS_CONTAINER_INTERNAL_H

#include "formats/container.h"

#include "base/buf.h"

#include <xxhash.h>

/* About what XXH3_createState allocates: its type is opaque. */
enum { HASH_STATE = 576 };

/* ---- records ---- */

enum { PROLOGUE_REST = 1 };	/* in flags */

struct prologue {
	unsigned major, minor;
	unsigned flags;
	uint32_t max_raw;
	uint64_t header_raw, header_stored, data_size, n_chunks;
	uint64_t header_hash;
};

struct index_head {
	uint64_t raw_len, stored_len, stored_hash;
};

struct trailer {
	uint64_t index_off, index_len;	/* the index's head included */
	uint64_t n_chunks, file_size;
	XXH128_canonical_t digest;
};

/* Is p[n] the start of a .hvqz, or what a text-mode transfer makes of it? */
enum hvqz_ret container_check_magic(const uint8_t *p, size_t n,
				    struct hvqz_err *err);

void container_put_prologue(uint8_t *p, const struct prologue *pro);
enum hvqz_ret container_get_prologue(const uint8_t *p, struct prologue *pro,
				     struct hvqz_err *err);

void container_put_chunk_head(uint8_t *p, const struct chunk_head *h);
/* n: the chunk's number, for the sentence. */
enum hvqz_ret container_get_chunk_head(const uint8_t *p, uint64_t n,
				       struct chunk_head *h,
				       struct hvqz_err *err);

void container_put_index_entry(uint8_t *p, const struct chunk_head *h);
/* Fills what an entry has; the rest of *h is 0. */
void container_get_index_entry(const uint8_t *p, struct chunk_head *h);

/* May a header of so many bytes be stored in so many? ret: if not. */
enum hvqz_ret container_check_header(uint64_t raw, uint64_t stored,
				     enum hvqz_ret ret, struct hvqz_err *err);

/* The heads of the index and of the rest; what: "the index's head". */
void container_put_index_head(uint8_t *p, const struct index_head *ih);
enum hvqz_ret container_get_index_head(const uint8_t *p, const char *what,
				       struct index_head *ih,
				       struct hvqz_err *err);

void container_put_trailer(uint8_t *p, const struct trailer *t);
/* end: the offset at which the trailer ends, for the message. */
enum hvqz_ret container_get_trailer(const uint8_t *p, uint64_t end,
				    struct trailer *t, struct hvqz_err *err);

/* ---- frames ---- */

/* Append one zstd frame of raw[len] to out. */
enum hvqz_ret container_pack_frame(const uint8_t *raw, size_t len,
				   struct buf *out, struct hvqz_err *err);

/* No frame of raw_len bytes is longer than this. */
uint64_t container_frame_bound(uint64_t raw_len);

/*
 * Read stored_len bytes from src, check them against hash, unpack them to
 * *raw (cleared first), exactly raw_len bytes. raw_len must be one that other
 * bytes of the file vouch for, since so much memory is asked for; that for
 * stored_len grows with the bytes that are there. what: "the header".
 */
enum hvqz_ret container_load_frame(struct source *src, const char *what,
				   uint64_t raw_len, uint64_t stored_len,
				   uint64_t hash, struct buf *raw,
				   struct hvqz_err *err);

/* ---- the rest ---- */

/*
 * m's rest, head and frame, from and to where source and sink are. head
 * receives its CONTAINER_INDEX_HEAD_LEN bytes.
 */
enum hvqz_ret container_write_rest(const struct model *m, struct sink *out,
				   uint8_t *head, struct hvqz_err *err);
enum hvqz_ret container_read_rest(struct source *src, struct model *m,
				  uint8_t *head, struct hvqz_err *err);

/* ---- the header's payload ---- */

enum hvqz_ret container_pack_header(const struct container_info *info,
				    struct buf *raw, struct hvqz_err *err);
/* Into *info, which is empty; partly filled after a failure. */
enum hvqz_ret container_parse_header(const uint8_t *raw, size_t len,
				     struct container_info *info,
				     struct hvqz_err *err);

/* ---- rules ---- */

/* The place the next chunk must take. */
struct tiling {
	uint64_t n;		/* chunks so far */
	size_t tensor;		/* n_tensors: every tensor is complete */
	uint64_t row;
};

void container_tiling_start(struct tiling *at,
			    const struct container_info *info);
bool container_tiling_done(const struct tiling *at,
			   const struct container_info *info);
/*
 * May h be the next chunk? Advances *at over it. left: bytes that can follow
 * the head, or SOURCE_SIZE_UNKNOWN.
 */
enum hvqz_ret container_check_chunk(const struct container_info *info,
				    struct tiling *at,
				    const struct chunk_head *h, uint64_t left,
				    struct hvqz_err *err);
/* Can this table have n_chunks chunks of at most max_raw bytes? */
enum hvqz_ret container_check_counts(const struct container_info *info,
				     uint64_t data_size,
				     struct hvqz_err *err);

/* ---- reading ---- */

struct container_reader {
	struct source *src;
	struct container_info *info;
	uint64_t base;		/* where the file starts in the source */
	uint64_t first_chunk;	/* offset from base */
	struct tiling at;
	XXH3_state_t *digest;	/* over prologue and chunk heads so far */
	struct buf index;	/* the index the chunks so far should have */
	struct chunk_head cur;	/* the head read last */
	bool pending;		/* its payload is still to come */
};

/* n bytes or HVQZ_DAMAGED: "truncated: WHAT needs n bytes, …". */
enum hvqz_ret container_read_exact(struct source *src, void *to, size_t n,
				   const char *what, struct hvqz_err *err);
/* Skip the payload of r->cur when it is still to come. */
enum hvqz_ret container_pass_payload(struct container_reader *r,
				     struct hvqz_err *err);

#endif
