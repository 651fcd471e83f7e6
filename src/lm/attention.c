/* attention.c - the loops over sequences, heads and blocks of queries. */
#include "lm/attention.h"

#include "lm/flop.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 128 }; /* queries at a time */

/* One head of one sequence, as offsets into the slice's matrices. */
struct head {
	const struct lm_run *run;
	size_t q_off, kv_off; /* of the head's first value */
	size_t q_ld, kv_ld;
	float scale;
};

static size_t block_len(const struct lm_run *r)
{
	return (r->context < BLOCK ? r->context : BLOCK) * r->context;
}

size_t attention_scratch(const struct lm_run *r)
{
	return 2 * block_len(r);
}

static struct head head_at(const struct lm_run *r, size_t seq, size_t h)
{
	const struct lm_config *c = r->conf;
	size_t q_ld = lm_q_width(c), kv_ld = lm_kv_width(c);
	size_t kv = h / (c->n_heads / c->n_kv_heads);

	return (struct head){
		.run = r,
		.q_off = seq * r->context * q_ld + h * c->d_head,
		.kv_off = seq * r->context * kv_ld + kv * c->d_head,
		.q_ld = q_ld,
		.kv_ld = kv_ld,
		.scale = (float)(1 / sqrt((double)c->d_head)),
	};
}

/* P of queries a … b-1 against keys 0 … b-1: p [b-a][b]. */
static void weights(const struct head *h, const float *q, const float *k,
		    size_t a, size_t b, float *p, double *flop)
{
	count_nt(b - a, b, h->run->conf->d_head,
		 (struct mat){q + h->q_off + a * h->q_ld, h->q_ld},
		 (struct mat){k + h->kv_off, h->kv_ld}, 0, p, b, flop);
	for (size_t i = a; i < b; i++) {
		float *row = p + (i - a) * b;

		h->run->rows->softmax(row, i + 1, h->scale);
		memset(row + i + 1, 0, (b - i - 1) * sizeof(float));
	}
}

static size_t block_end(const struct lm_run *r, size_t a)
{
	return a + BLOCK < r->context ? a + BLOCK : r->context;
}

static void head_forward(const struct head *h, const float *q, const float *k,
			 const float *v, float *o, float *p, double *flop)
{
	const struct lm_run *r = h->run;

	for (size_t a = 0, b; a < r->context; a = b) {
		b = block_end(r, a);
		weights(h, q, k, a, b, p, flop);
		count_nn(b - a, r->conf->d_head, b, (struct mat){p, b},
			 (struct mat){v + h->kv_off, h->kv_ld}, 0,
			 o + h->q_off + a * h->q_ld, h->q_ld, flop);
	}
}

void attention(const struct lm_run *r, size_t n_seqs, const float *q,
	       const float *k, const float *v, float *o, float *scratch,
	       double *flop)
{
	for (size_t s = 0; s < n_seqs; s++)
		for (size_t i = 0; i < r->conf->n_heads; i++) {
			struct head h = head_at(r, s, i);

			head_forward(&h, q, k, v, o, scratch, flop);
		}
}

/* One draw, one block of queries, whose weights are p; dp is scratch. */
static void block_back(const struct head *h, const float *q, const float *k,
		       const float *v, const float *d_o, float *dq, float *dk,
		       float *dv, size_t a, size_t b, const float *p, float *dp,
		       double *flop)
{
	size_t d = h->run->conf->d_head, at = h->q_off + a * h->q_ld;
	struct mat out = {d_o + at, h->q_ld};

	count_nt(b - a, b, d, out, (struct mat){v + h->kv_off, h->kv_ld}, 0, dp,
		 b, flop);
	for (size_t i = a; i < b; i++) {
		float *row = dp + (i - a) * b;

		h->run->rows->softmax_back(row, p + (i - a) * b, i + 1,
					   h->scale);
		memset(row + i + 1, 0, (b - i - 1) * sizeof(float));
	}
	count_tn(b, d, b - a, (struct mat){p, b}, out, 1, dv + h->kv_off,
		 h->kv_ld, flop);
	count_nn(b - a, d, b, (struct mat){dp, b},
		 (struct mat){k + h->kv_off, h->kv_ld}, 0, dq + at, h->q_ld,
		 flop);
	count_tn(b, d, b - a, (struct mat){dp, b},
		 (struct mat){q + at, h->q_ld}, 1, dk + h->kv_off, h->kv_ld,
		 flop);
}

void attention_back(const struct lm_run *r, size_t n_seqs, const float *q,
		    const float *k, const float *v, unsigned n_draws,
		    const float *d_o, float *dq, float *dk, float *dv,
		    float *scratch, double *flop)
{
	size_t n = n_seqs * r->context;
	size_t q_len = n * lm_q_width(r->conf);
	size_t kv_len = n * lm_kv_width(r->conf);
	float *p = scratch, *dp = scratch + block_len(r);

	/* Several heads, and blocks of queries, add to them. */
	memset(dk, 0, n_draws * kv_len * sizeof(float));
	memset(dv, 0, n_draws * kv_len * sizeof(float));
	for (size_t s = 0; s < n_seqs; s++)
		for (size_t i = 0; i < r->conf->n_heads; i++) {
			struct head h = head_at(r, s, i);

			for (size_t a = 0, b; a < r->context; a = b) {
				b = block_end(r, a);
				weights(&h, q, k, a, b, p, flop);
				for (unsigned e = 0; e < n_draws; e++)
					block_back(&h, q, k, v, d_o + e * q_len,
						   dq + e * q_len,
						   dk + e * kv_len,
						   dv + e * kv_len, a, b, p, dp,
						   flop);
			}
		}
}
