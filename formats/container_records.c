/*
 * container_records.c - the fixed-size records of a .hvqz: prologue, chunk
 * head, index entry, index head, trailer.
 *
 * Each record's put stands beside its get, so that a change to one is seen to
 * miss the other. A get checks what the record can say about itself (its
 * magic, its hash, versions, reserved bits, limits); how records fit together
 * is the business of container_rules.c and the readers.
 *
 * formats/hvqz.md, sections 3, 5, 6 and 7.
 */
#include "formats/container_internal.h"

#include "base/bytes.h"
#include "codec/codec.h"

#include <inttypes.h>

/*
 * As PNG's: a byte above 127 (a 7-bit link shows), CR LF (line-end conversion
 * shows), Ctrl-Z (DOS `type` stops), a bare LF (the other conversion shows).
 */
const uint8_t container_magic[CONTAINER_MAGIC_LEN] = {
	0x89, 'H', 'V', 'Z', '\r', '\n', 0x1a, '\n',
};

static const uint8_t end_magic[CONTAINER_MAGIC_LEN] = {
	0x8a, 'H', 'V', 'Z', '\r', '\n', 0x1a, '\n',
};

/* What is left of the magic after each well-known accident. */
static const struct {
	const char *bytes;
	size_t len;
	const char *how;
} text_damage[] = {
	{"\x89HVZ\n\x1a", 6, "CR LF became LF"},
	{"\x89HVZ\r\r\n", 7, "LF became CR LF"},
	{"\x89HVZ\r\n\x1a\r", 8, "LF became CR LF"},
	{"\x89HVZ\r\r\x1a", 7, "LF became CR"},
	{"\x89HVZ\n\n\x1a", 7, "CR became LF"},
	{"\x89HVZ\r\x1a", 6, "LF was dropped"},
	{"\tHVZ", 4, "the high bits were stripped"},
	{"\xc2\x89HVZ", 5, "it was recoded as UTF-8"},
	{"\xef\xbf\xbdHVZ", 6, "it was recoded as UTF-8"},
};

static const char *find_text_damage(const uint8_t *p, size_t n)
{
	size_t n_kinds = sizeof(text_damage) / sizeof(text_damage[0]);

	for (size_t i = 0; i < n_kinds; i++)
		if (n >= text_damage[i].len &&
		    !memcmp(p, text_damage[i].bytes, text_damage[i].len))
			return text_damage[i].how;
	return NULL;
}

bool container_bid(const uint8_t *peek, size_t len)
{
	/* Four bytes are ours, whatever befell the rest: say so, not "?". */
	if (len >= 4 && !memcmp(peek, container_magic, 4))
		return true;
	return find_text_damage(peek, len) != NULL;
}

enum hvqz_ret container_check_magic(const uint8_t *p, size_t n,
				    struct hvqz_err *err)
{
	size_t len = n < CONTAINER_MAGIC_LEN ? n : CONTAINER_MAGIC_LEN;
	const char *how;

	/* A short input that starts well is the caller's "truncated". */
	if (!len || !memcmp(p, container_magic, len))
		return HVQZ_OK;
	how = find_text_damage(p, n);
	if (how)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "damaged by a text-mode transfer: %s; fetch "
				 "the file again in binary mode",
				 how);
	if (container_bid(p, n))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the magic bytes are damaged");
	return hvqz_fail(err, HVQZ_UNSUPPORTED,
			 "not a .hvqz file: its first bytes are not the magic "
			 "bytes");
}

/* Every fixed record but the index entry ends (or nearly) with its hash. */
static void put_hash(uint8_t *p, size_t at)
{
	put_le64(p + at, XXH3_64bits(p, at));
}

static bool hash_ok(const uint8_t *p, size_t at)
{
	return get_le64(p + at) == XXH3_64bits(p, at);
}

void container_put_prologue(uint8_t *p, const struct prologue *pro)
{
	memset(p, 0, CONTAINER_PROLOGUE_LEN);
	memcpy(p, container_magic, CONTAINER_MAGIC_LEN);
	p[8] = (uint8_t)pro->major;
	p[9] = (uint8_t)pro->minor;
	put_le16(p + 10, (uint16_t)pro->flags);
	put_le32(p + 12, pro->max_raw);
	put_le64(p + 16, pro->header_raw);
	put_le64(p + 24, pro->header_stored);
	put_le64(p + 32, pro->data_size);
	put_le64(p + 40, pro->n_chunks);
	put_le64(p + 48, pro->header_hash);
	put_hash(p, 56);
}

/* A few bytes may not become a header that takes all memory (H12). */
enum hvqz_ret container_check_header(uint64_t raw, uint64_t stored,
				     enum hvqz_ret ret, struct hvqz_err *err)
{
	if (raw <= CONTAINER_FREE_HEADER ||
	    raw / CONTAINER_HEADER_RATIO <= stored)
		return HVQZ_OK;
	return hvqz_fail(err, ret,
			 "a header of %" PRIu64 " bytes in %" PRIu64
			 ": above %d MiB the most is %d times as much", raw,
			 stored, CONTAINER_FREE_HEADER >> 20,
			 CONTAINER_HEADER_RATIO);
}

enum hvqz_ret container_get_prologue(const uint8_t *p, struct prologue *pro,
				     struct hvqz_err *err)
{
	unsigned flags = get_le16(p + 10);

	TRY(container_check_magic(p, CONTAINER_PROLOGUE_LEN, err));
	if (!hash_ok(p, 56))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the prologue does not match its hash");
	*pro = (struct prologue){
		.major = p[8],
		.minor = p[9],
		.flags = flags,
		.max_raw = get_le32(p + 12),
		.header_raw = get_le64(p + 16),
		.header_stored = get_le64(p + 24),
		.data_size = get_le64(p + 32),
		.n_chunks = get_le64(p + 40),
		.header_hash = get_le64(p + 48),
	};
	if (pro->major != 1)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "format version %u.%u; this program reads "
				 "version 1",
				 pro->major, pro->minor);
	if (flags & ~(unsigned)PROLOGUE_REST)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "prologue flags 0x%04x are unknown to this "
				 "version",
				 flags);
	if (pro->max_raw > SLAB_MAX_RAW)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "chunks of up to %" PRIu32
				 " bytes are announced; the most is %" PRIu32,
				 pro->max_raw, SLAB_MAX_RAW);
	if (pro->header_raw > CONTAINER_MAX_HEADER)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a header of %" PRIu64
				 " bytes; the most is %d (256 MiB)",
				 pro->header_raw, CONTAINER_MAX_HEADER);
	return container_check_header(pro->header_raw, pro->header_stored,
				      HVQZ_DAMAGED, err);
}

void container_put_chunk_head(uint8_t *p, const struct chunk_head *h)
{
	memset(p, 0, CONTAINER_CHUNK_HEAD_LEN);
	put_le32(p, h->tensor);
	p[4] = h->codec;
	put_le64(p + 8, h->first_row);
	put_le32(p + 16, h->n_rows);
	put_le32(p + 20, h->raw_len);
	put_le32(p + 24, h->stored_len);
	put_lef32(p + 28, h->noise);
	put_lef32(p + 32, h->signal);
	put_lef32(p + 36, h->loss);
	put_le64(p + 40, h->stored_hash);
	put_le64(p + 48, h->raw_hash);
	put_hash(p, 56);
}

enum hvqz_ret container_get_chunk_head(const uint8_t *p, uint64_t n,
				       struct chunk_head *h,
				       struct hvqz_err *err)
{
	if (!hash_ok(p, 56))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the head of chunk %" PRIu64
				 " does not match its hash",
				 n);
	if (p[5] || get_le16(p + 6))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "chunk %" PRIu64
				 ": reserved bits are set that are unknown to "
				 "this version",
				 n);
	*h = (struct chunk_head){
		.tensor = get_le32(p),
		.codec = p[4],
		.first_row = get_le64(p + 8),
		.n_rows = get_le32(p + 16),
		.raw_len = get_le32(p + 20),
		.stored_len = get_le32(p + 24),
		.noise = get_lef32(p + 28),
		.signal = get_lef32(p + 32),
		.loss = get_lef32(p + 36),
		.stored_hash = get_le64(p + 40),
		.raw_hash = get_le64(p + 48),
	};
	return HVQZ_OK;
}

void container_put_index_entry(uint8_t *p, const struct chunk_head *h)
{
	put_le32(p, h->tensor);
	put_le32(p + 4, h->n_rows);
	put_le32(p + 8, h->stored_len);
	p[12] = h->codec;
	put_lef32(p + 13, h->noise);
	put_lef32(p + 17, h->signal);
	put_lef32(p + 21, h->loss);
}

void container_get_index_entry(const uint8_t *p, struct chunk_head *h)
{
	*h = (struct chunk_head){
		.tensor = get_le32(p),
		.n_rows = get_le32(p + 4),
		.stored_len = get_le32(p + 8),
		.codec = p[12],
		.noise = get_lef32(p + 13),
		.signal = get_lef32(p + 17),
		.loss = get_lef32(p + 21),
	};
}

void container_put_index_head(uint8_t *p, const struct index_head *ih)
{
	put_le64(p, ih->raw_len);
	put_le64(p + 8, ih->stored_len);
	put_le64(p + 16, ih->stored_hash);
	put_hash(p, 24);
}

enum hvqz_ret container_get_index_head(const uint8_t *p, const char *what,
				       struct index_head *ih,
				       struct hvqz_err *err)
{
	if (!hash_ok(p, 24))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%s does not match its hash", what);
	*ih = (struct index_head){
		.raw_len = get_le64(p),
		.stored_len = get_le64(p + 8),
		.stored_hash = get_le64(p + 16),
	};
	return HVQZ_OK;
}

void container_put_trailer(uint8_t *p, const struct trailer *t)
{
	put_le64(p, t->index_off);
	put_le64(p + 8, t->index_len);
	put_le64(p + 16, t->n_chunks);
	put_le64(p + 24, t->file_size);
	memcpy(p + 32, t->digest.digest, sizeof(t->digest.digest));
	put_hash(p, 48);
	memcpy(p + 56, end_magic, CONTAINER_MAGIC_LEN);
}

enum hvqz_ret container_get_trailer(const uint8_t *p, uint64_t end,
				    struct trailer *t, struct hvqz_err *err)
{
	if (memcmp(p + 56, end_magic, CONTAINER_MAGIC_LEN))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "no trailer in the last %d of %" PRIu64
				 " bytes: the file is truncated, or bytes "
				 "follow its end", CONTAINER_TRAILER_LEN, end);
	if (!hash_ok(p, 48))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the trailer does not match its hash");
	*t = (struct trailer){
		.index_off = get_le64(p),
		.index_len = get_le64(p + 8),
		.n_chunks = get_le64(p + 16),
		.file_size = get_le64(p + 24),
	};
	memcpy(t->digest.digest, p + 32, sizeof(t->digest.digest));
	return HVQZ_OK;
}
