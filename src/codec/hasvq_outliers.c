/*
 * hasvq_outliers.c - HAS-VQ's decoupling: which weights the body leaves out.
 *
 * The paper takes the share ρ of highest importance |W|/s·√h. Large weights
 * are not always what a codebook gets wrong, though, and a covered weight
 * need not be matched by its block's centroid at all. So the compact form
 * takes part of ρ by importance, tries a body, takes the rest where that body
 * errs most, and leaves all covered coordinates out of the metric. Measured on
 * docs-5m (diagonal sidecar, K = 2048, b = 4): the weighted error falls by 4 %.
 */
#include "codec/hasvq_encoder.h"

#include "codec/weights.h"
#include "sense/decouple.h"
#include "sense/importance.h"

#include <math.h>
#include <stdlib.h>

/*
 * An outlier by error is at least this large, in its row's root mean square:
 * small weights spread over many octaves and cost a bit and a half more.
 */
#define MIN_SIZE 1.5f

/* Make the n_out highest scores [n_elems] the outliers. */
static enum hvqz_ret take(struct encoder *e, const float *score, size_t n_out,
			  struct hvqz_err *err)
{
	struct hasvq *q = &e->q;

	sparse_free(&q->sparse);
	TRY(sparse_alloc(&q->sparse, (uint32_t)n_out, err));
	TRY(decouple(score, e->n_elems, n_out, q->sparse.pos, err));
	for (size_t o = 0; o < n_out; o++) {
		size_t p = q->sparse.pos[o];
		size_t at = p / q->n_cols * e->padded + p % q->n_cols;

		e->covered[at] = 1;
		if (!q->compact)
			e->x[at] = 0;
	}
	return sparse_take(&q->sparse, e->slab, e->raw, err);
}

enum hvqz_ret outliers_by_importance(struct encoder *e, size_t n_out,
				     struct hvqz_err *err)
{
	size_t n_cols = e->q.n_cols;
	float *score = malloc(e->n_elems * sizeof(*score));
	enum hvqz_ret ret;

	if (!score)
		return hvqz_nomem(err, e->n_elems * 4, "importance scores");
	for (size_t i = 0; i < e->q.n_rows; i++)
		importance(e->x + i * e->padded, 1, n_cols, e->col_h,
			   e->row_h ? e->row_h + i : NULL, score + i * n_cols);
	ret = take(e, score, n_out, err);
	free(score);
	return ret;
}

enum hvqz_ret outliers_by_error(struct encoder *e, const struct codebook *cb,
				size_t n_out, struct hvqz_err *err)
{
	const struct hasvq *q = &e->q;
	float *score = malloc(e->n_elems * sizeof(*score)), *to = score;
	enum hvqz_ret ret;

	if (!score)
		return hvqz_nomem(err, e->n_elems * 4, "error scores");
	for (size_t i = 0; i < q->n_rows; i++)
		for (size_t j = 0; j < q->n_cols; j++) {
			size_t at = i * e->padded + j;
			uint32_t no = e->idx[i * q->row_blocks + j / q->b];
			float c = cb->cent[j % q->b * cb->k +
					   codebook_centroid(cb, no)];
			float d = codebook_negative(cb, no) ? e->x[at] + c
							    : e->x[at] - c;

			if (fabsf(e->x[at]) < MIN_SIZE)
				d = 0;
			/* Those chosen before stay chosen. */
			*to++ = e->covered[at] ? INFINITY
					       : e->row_v[i] * e->col_u[j] *
							 d * d;
		}
	ret = take(e, score, n_out, err);
	free(score);
	return ret;
}
