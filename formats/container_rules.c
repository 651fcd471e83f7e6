/*
 * container_rules.c - what one chunk may be, given the tensor table and the
 * chunks before it: formats/hvqz.md, section 5.
 *
 * The writer, the sequential reader and the index reader all ask here, so that
 * none can accept what another refuses.
 */
#include "formats/container_internal.h"

#include "base/half.h"
#include "codec/codec.h"

#include <inttypes.h>

/* Step over tensors that are complete, have no bytes or are copies. */
static void settle(struct tiling *at, const struct container_info *info)
{
	const struct model *m = &info->model;

	while (at->tensor < m->n_tensors &&
	       (at->row == tensor_rows(&m->tensors[at->tensor]).n_rows ||
		container_is_copy(info, at->tensor))) {
		at->tensor++;
		at->row = 0;
	}
}

void container_tiling_start(struct tiling *at,
			    const struct container_info *info)
{
	*at = (struct tiling){0};
	settle(at, info);
}

bool container_tiling_done(const struct tiling *at,
			   const struct container_info *info)
{
	return at->tensor == info->model.n_tensors;
}

static bool is_lossy(const struct container_info *info, size_t tensor)
{
	return info->tensor_flags && info->tensor_flags[tensor] & TENSOR_LOSSY;
}

static bool is_lossy_codec(unsigned id)
{
	const struct codec *codec = codec_find(id);

	return codec && !codec->lossless;
}

static bool is_known_codec(unsigned id)
{
	return codec_find(id) != NULL;
}

/* Finite and not negative; -0 is negative. */
static bool is_statistic(float f)
{
	return f32_to_bits(f) < 0x7f800000u;
}

static enum hvqz_ret check_place(const struct container_info *info,
				 const struct tiling *at,
				 const struct chunk_head *h,
				 struct hvqz_err *err)
{
	const struct model *m = &info->model;
	const char *name;
	uint64_t left;

	if (at->n >= info->n_chunks || container_tiling_done(at, info))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "chunk %" PRIu64
				 " is one more than the header announces",
				 at->n);
	name = m->tensors[at->tensor].name;
	if (h->tensor != at->tensor || h->first_row != at->row)
		return hvqz_fail_tensor(
			err, HVQZ_DAMAGED, name,
			"chunk %" PRIu64 " is tensor %" PRIu32
			" from row %" PRIu64
			" where tensor %zu from row %" PRIu64 " is due",
			at->n, h->tensor, h->first_row, at->tensor, at->row);
	left = tensor_rows(&m->tensors[at->tensor]).n_rows - at->row;
	if (!h->n_rows || h->n_rows > left)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"chunk %" PRIu64 " has %" PRIu32
					" rows where %" PRIu64 " are left",
					at->n, h->n_rows, left);
	return HVQZ_OK;
}

static enum hvqz_ret check_lengths(const struct container_info *info,
				   const struct tiling *at,
				   const struct chunk_head *h, uint64_t left,
				   struct hvqz_err *err)
{
	const struct tensor *t = &info->model.tensors[at->tensor];
	/* Rows have at most 2^26 bytes: no overflow. */
	uint64_t raw_len = h->n_rows * tensor_rows(t).row_len;

	if (h->raw_len != raw_len)
		return hvqz_fail_tensor(
			err, HVQZ_DAMAGED, t->name,
			"chunk %" PRIu64 ": a raw length of %" PRIu32
			" bytes; its %" PRIu32 " rows have %" PRIu64,
			at->n, h->raw_len, h->n_rows, raw_len);
	if (h->raw_len > info->max_raw)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, t->name,
					"chunk %" PRIu64
					": a raw length of %" PRIu32
					" bytes; the header announces at most "
					"%" PRIu32,
					at->n, h->raw_len, info->max_raw);
	if (h->stored_len > h->raw_len)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, t->name,
					"chunk %" PRIu64
					": a stored length of %" PRIu32
					" bytes for %" PRIu32 " raw ones",
					at->n, h->stored_len, h->raw_len);
	if (h->codec == CODEC_RAW && h->stored_len != h->raw_len)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, t->name,
					"chunk %" PRIu64
					": a stored length of %" PRIu32
					" bytes; stored raw it has %" PRIu32,
					at->n, h->stored_len, h->raw_len);
	if (h->stored_len < container_min_stored(h->raw_len))
		return hvqz_fail_tensor(
			err, HVQZ_DAMAGED, t->name,
			"chunk %" PRIu64 ": a stored length of %" PRIu32
			" bytes; %" PRIu32 " raw ones need at least %" PRIu32,
			at->n, h->stored_len, h->raw_len,
			container_min_stored(h->raw_len));
	if (h->stored_len > left)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, t->name,
					"truncated: chunk %" PRIu64
					" needs %" PRIu32
					" bytes, the input has %" PRIu64,
					at->n, h->stored_len, left);
	return HVQZ_OK;
}

static enum hvqz_ret check_loss(const struct container_info *info,
				const struct tiling *at,
				const struct chunk_head *h,
				struct hvqz_err *err)
{
	const char *name = info->model.tensors[at->tensor].name;

	if (!is_statistic(h->noise) || !is_statistic(h->signal) ||
	    !is_statistic(h->loss))
		return hvqz_fail_tensor(
			err, HVQZ_DAMAGED, name,
			"chunk %" PRIu64 ": noise %g, signal %g and loss %g "
			"should be finite and not negative",
			at->n, (double)h->noise, (double)h->signal,
			(double)h->loss);
	if (h->codec == CODEC_DELTA && !info->has_base)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"chunk %" PRIu64
					": a difference from a base model, and "
					"the header names none", at->n);
	if (is_lossy(info, at->tensor))
		return HVQZ_OK;
	if (is_lossy_codec(h->codec))
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, name,
					"chunk %" PRIu64
					": a lossy codec in a lossless tensor",
					at->n);
	if (h->noise != 0 || h->signal != 0 || h->loss != 0)
		return hvqz_fail_tensor(
			err, HVQZ_DAMAGED, name,
			"chunk %" PRIu64 ": noise %g, signal %g and loss %g "
			"in a lossless tensor",
			at->n, (double)h->noise, (double)h->signal,
			(double)h->loss);
	return HVQZ_OK;
}

enum hvqz_ret container_check_chunk(const struct container_info *info,
				    struct tiling *at,
				    const struct chunk_head *h, uint64_t left,
				    struct hvqz_err *err)
{
	TRY(check_place(info, at, h, err));
	/* Before the lengths: another codec may have other bounds. */
	if (!is_known_codec(h->codec))
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED,
					info->model.tensors[at->tensor].name,
					"codec %u is unknown to this version",
					h->codec);
	TRY(check_lengths(info, at, h, left, err));
	TRY(check_loss(info, at, h, err));
	at->n++;
	at->row += h->n_rows;
	settle(at, info);
	return HVQZ_OK;
}

enum hvqz_ret container_check_counts(const struct container_info *info,
				     uint64_t data_size, struct hvqz_err *err)
{
	const struct model *m = &info->model;
	uint64_t least = 0, most = 0, max_raw = info->max_raw;

	for (size_t i = 0; i < m->n_tensors; i++) {
		const struct tensor *t = &m->tensors[i];

		if (container_is_copy(info, i) || !t->size)
			continue;
		/* Both sums are at most data_size < 2^63. */
		least += max_raw ? (t->size - 1) / max_raw + 1 : 1;
		most += tensor_rows(t).n_rows;
	}
	if (data_size != m->data_size)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the prologue says %" PRIu64
				 " bytes of tensors, the table %" PRIu64,
				 data_size, m->data_size);
	if (info->n_chunks < least || info->n_chunks > most)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "%" PRIu64
				 " chunks are announced; the table allows "
				 "%" PRIu64 " to %" PRIu64,
				 info->n_chunks, least, most);
	if (info->max_raw > data_size)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "chunks of up to %" PRIu32
				 " bytes are announced in %" PRIu64
				 " bytes of tensors",
				 info->max_raw, data_size);
	return HVQZ_OK;
}

static enum hvqz_ret check_hash(const struct container_info *info,
				const struct chunk_head *h, const char *what,
				const uint8_t *p, size_t n, uint64_t hash,
				struct hvqz_err *err)
{
	if (XXH3_64bits(p, n) == hash)
		return HVQZ_OK;
	return hvqz_fail_tensor(
		err, HVQZ_DAMAGED, info->model.tensors[h->tensor].name,
		"rows %" PRIu64 " to %" PRIu64
		": the %s bytes do not match their hash",
		h->first_row, h->first_row + h->n_rows - 1, what);
}

enum hvqz_ret container_check_payload(const struct container_info *info,
				      const struct chunk_head *h,
				      const uint8_t *payload,
				      struct hvqz_err *err)
{
	return check_hash(info, h, "stored", payload, h->stored_len,
			  h->stored_hash, err);
}

enum hvqz_ret container_check_raw(const struct container_info *info,
				  const struct chunk_head *h,
				  const uint8_t *raw, struct hvqz_err *err)
{
	return check_hash(info, h, "reconstructed", raw, h->raw_len,
			  h->raw_hash, err);
}
