/*
 * container_resync.c - finding the way again behind a damaged chunk head.
 *
 * A chunk head has no magic, but it has a hash of its own over 56 bytes, and
 * what it says must suit the table: that is sign enough. So every byte from
 * where a head was due is tried as the first of one. Tensors and rows only
 * grow along a file, so what lies between the place that was due and the one
 * the head is found at is what is lost, and nothing else.
 *
 * Time is linear in the bytes passed over, memory is the source's buffer. By
 * chance 64 bits of hash do not agree in any file there can be; a tensor that
 * holds a .hvqz is a trap only if its tables suit as well.
 */
#include "formats/container_internal.h"

#include "base/bytes.h"

/* Not before the place that is due, in a tensor that has chunks of its own. */
static bool is_ahead(const struct container_reader *r,
		     const struct chunk_head *h)
{
	if (h->tensor != r->at.tensor)
		return h->tensor > r->at.tensor &&
		       h->tensor < r->info->model.n_tensors &&
		       !container_is_copy(r->info, h->tensor);
	return h->first_row >= r->at.row;
}

/* Is p[64] the head of a chunk still to come? *at becomes the place after. */
static bool is_head(const struct container_reader *r, const uint8_t *p,
		    uint64_t left, struct chunk_head *h, struct tiling *at)
{
	const struct model *m = &r->info->model;
	uint64_t tensor = get_le32(p);

	/* Most bytes are no head's: say so before anything is hashed. */
	if (p[5] || get_le16(p + 6) || tensor < r->at.tensor ||
	    tensor >= m->n_tensors)
		return false;
	if (container_get_chunk_head(p, 0, h, NULL) != HVQZ_OK ||
	    !is_ahead(r, h) ||
	    h->first_row >= tensor_rows(&m->tensors[h->tensor]).n_rows)
		return false;
	*at = (struct tiling){r->at.n, h->tensor, h->first_row};
	return container_check_chunk(r->info, at, h, left, NULL) == HVQZ_OK;
}

enum hvqz_ret container_resync(struct container_reader *r,
			       struct chunk_head *h, bool *end,
			       struct hvqz_err *err)
{
	const uint8_t *p;
	size_t avail;

	r->pending = false;
	*end = container_tiling_done(&r->at, r->info);
	while (!*end) {
		uint64_t left = source_left(r->src);
		size_t i = 0;

		TRY(source_ahead(r->src, CONTAINER_CHUNK_HEAD_LEN, &p, &avail,
				 err));
		*end = avail < CONTAINER_CHUNK_HEAD_LEN;
		for (; i + CONTAINER_CHUNK_HEAD_LEN <= avail; i++) {
			uint64_t behind = left == SOURCE_SIZE_UNKNOWN ? left :
				left - i - CONTAINER_CHUNK_HEAD_LEN;
			struct tiling at;

			if (!is_head(r, p + i, behind, h, &at))
				continue;
			source_consume(r->src, i + CONTAINER_CHUNK_HEAD_LEN);
			r->at = at;
			r->cur = *h;
			r->pending = true;
			return HVQZ_OK;
		}
		source_consume(r->src, *end ? avail : i);
	}
	r->at.tensor = r->info->model.n_tensors;
	return HVQZ_OK;
}
