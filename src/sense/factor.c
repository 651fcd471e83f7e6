/*
 * factor.c - factoring a Hessian in place, in one matrix of memory.
 *
 * H is made into correlations C_jk = H_jk / √(H_jj·H_kk) first. Then no channel
 * is large or small, single precision is enough, damping is adding δ to the
 * diagonal, and from C + δI = Lc Lcᵀ follow L_kj = √H_kk·Lc_kj.
 *
 * Only the lower triangle is factored. The upper one keeps C, so that another
 * try with more damping need not read the file again.
 *
 * Where H is zero outside of blocks along the diagonal, so is L, and each block
 * has its own factor: n·b² operations instead of n³. All get the same damping,
 * the first δ that makes every one positive, as the whole H would.
 *
 * Damping is insurance, and what it adds to the cost of an error is not lost in
 * truth. Quantizing leaves errors Z in the channels' targets that are alike
 * once each is weighed by its L_jj, and so errors E = Z·L⁻¹ in the weights: of
 * n, what all of them cost, δ·Σ_j H_jj·E_j² = δ·tr((C + δI)⁻¹) is damping. That
 * trace is estimated from a few random Z (Hutchinson, 1990).
 *
 * A Hessian is an estimate: the fewer tokens it is a mean over, the more of its
 * correlations are chance, and damping is what takes them down.
 */
#include "sense/factor.h"

#include "base/ckd.h"
#include "base/rng.h"
#include "kernels/blas.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>

enum {
	PROBES = 32,	/* random Z: the trace is good to 4/√n per cent */
	READ_STEP = 256 << 10,	/* what sens_load_full() takes for a while */
};

/*
 * δ of a Hessian known exactly, and how much more for one of n channels that
 * is a mean over N tokens: LEAST + SPREAD·n/N. Both were measured: on the same
 * kind of text 0.03 and 0.1 are alike, on another 0.1 is a few per cent better;
 * of 512 tokens 768 channels are best with 0.6 (README, "From a model…").
 */
#define LEAST_DAMPING 0.1f
#define SPREAD 0.5
#define MOST_DAMPING 1.0f
#define LEAST_REAL 0.05f	/* beyond that nothing is known */

static void free_m(struct factor *f)
{
	if (f->mapped)
		munmap(f->m, f->mapped);
	else
		free(f->m);
	f->m = NULL;
	f->mapped = 0;
}

void factor_free(struct factor *f)
{
	free(f->l);
	free_m(f);
	*f = (struct factor){0};
}

/*
 * n × n floats for m, from the system and back to it: one thread makes them,
 * another one may free them when all chunks of a tensor are done, and left in
 * a thread's heap their place would be of no use to the next.
 */
static bool map_m(struct factor *f, size_t n)
{
	size_t bytes = n * n * sizeof(float);

	f->m = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (f->m == MAP_FAILED) {
		f->m = NULL;
		return false;
	}
	f->mapped = bytes;
	return true;
}

uint64_t factor_memory(size_t n, bool full)
{
	uint64_t square, floats = n, bytes;

	if (full && (!ckd_add64(&square, n, 1 + PROBES) ||
		     !ckd_mul64(&floats, square, n)))
		return UINT64_MAX;
	if (!ckd_mul64(&bytes, floats, sizeof(float)) ||
	    !ckd_add64(&bytes, bytes, full ? READ_STEP : 0))
		return UINT64_MAX;
	return bytes;
}

/*
 * The geometric mean of every step-th h, n of them, without the zeros; 1 when
 * there are only zeros.
 */
static float typical(const float *h, size_t n, size_t step)
{
	size_t n_active = 0;
	double sum = 0;

	for (size_t j = 0; j < n; j++) {
		if (h[j * step] == 0)
			continue;
		sum += log((double)h[j * step]);
		n_active++;
	}
	return n_active ? (float)exp(sum / (double)n_active) : 1;
}

static void from_diagonal(const struct sens *s, struct factor *f)
{
	float mean = typical(s->diag, s->n_in, 1);

	for (size_t j = 0; j < s->n_in; j++)
		f->l[j] = sqrtf(s->diag[j] > 0 ? s->diag[j] : mean);
}

/* Channels without activity: a typical diagonal, no correlations. */
static void fill_silent(float *h, size_t n)
{
	float mean = typical(h, n, n + 1);

	for (size_t j = 0; j < n; j++) {
		if (h[j * n + j] != 0)
			continue;
		for (size_t k = 0; k < n; k++)
			h[j * n + k] = h[k * n + j] = 0;
		h[j * n + j] = mean;
	}
}

/* A block of H or C: [w][w] at c, in rows of n. */
struct block {
	float *c;
	size_t w, n;
};

/* Channels a … a + w − 1, at most those that there are. */
static struct block block_at(const struct factor *f, size_t a, size_t w)
{
	w = f->n - a < w ? f->n - a : w;
	return (struct block){f->m + a * (f->n + 1), w, f->n};
}

/* H to correlations; root [w] becomes √H_jj. A product of two may underflow. */
static void normalise(struct block b, float *root)
{
	for (size_t j = 0; j < b.w; j++)
		root[j] = sqrtf(b.c[j * b.n + j]);
	for (size_t j = 0; j < b.w; j++) {
		float *row = b.c + j * b.n;

		for (size_t k = 0; k < b.w; k++)
			row[k] = row[k] / root[j] / root[k];
	}
}

/* The lower triangle, spoilt, from the upper one. */
static void restore(struct block b)
{
	for (size_t j = 0; j < b.w; j++)
		for (size_t k = 0; k < j; k++)
			b.c[j * b.n + k] = b.c[k * b.n + j];
}

/* Lc of C + δI to the lower triangle; false: not positive definite. */
static bool cholesky(struct block b, float damping)
{
	for (size_t j = 0; j < b.w; j++)
		b.c[j * b.n + j] = 1 + damping;
	return cholesky_lower(b.w, b.c, b.n);
}

/*
 * Lc in the lower triangle to m, √H_jj in l to L_jj. Row k divides by the
 * L_jj of the rows above, which are ready by then. False: out of range.
 */
static bool finish(struct block b, float *l)
{
	bool good = true;

	for (size_t k = 0; k < b.w; k++) {
		float *row = b.c + k * b.n, root = l[k];

		l[k] = root * row[k];
		good &= isfinite(l[k]) && l[k] > 0;
		for (size_t j = 0; j < k; j++) {
			row[j] = root * row[j] / l[j];
			good &= isfinite(row[j]);
		}
		for (size_t j = k; j < b.w; j++)
			row[j] = 0;
	}
	return good;
}

/* All blocks of w channels. False: one is not positive definite. */
static bool cholesky_all(const struct factor *f, size_t w, float damping)
{
	for (size_t a = 0; a < f->n; a += w)
		if (!cholesky(block_at(f, a, w), damping))
			return false;
	return true;
}

/* tr((Lc·Lcᵀ)⁻¹), Lc in the lower triangle; z [w][PROBES] is scratch. */
static double inverse_trace(struct block b, struct rng *r, float *z)
{
	double sum = 0;

	for (size_t i = 0; i < b.w * PROBES; i++)
		z[i] = rng_u64(r) >> 63 ? 1 : -1;
	solve_lower_t(b.w, PROBES, (struct mat){b.c, b.n}, z, PROBES);
	for (size_t i = 0; i < b.w * PROBES; i++)
		sum += (double)z[i] * (double)z[i];
	return sum / PROBES;
}

/* What is not damping, δ = spare, of the cost. */
static float real_part(const struct factor *f, size_t w, float spare, float *z)
{
	struct rng r = {0};
	double trace = 0;

	for (size_t a = 0; a < f->n; a += w)
		trace += inverse_trace(block_at(f, a, w), &r, z);
	return fmaxf(LEAST_REAL,
		     (float)(1 - (double)spare * trace / (double)f->n));
}

/*
 * H, in f->m and zero outside of blocks of w, to the factor; false: it has
 * none, and f->m is spoilt. more: the damping that the few tokens call for,
 * which is no insurance. z: [w][PROBES] scratch.
 */
static bool from_full(struct factor *f, size_t w, float more, float *z)
{
	float damping = fminf(LEAST_DAMPING + more, MOST_DAMPING);
	bool good = true;

	fill_silent(f->m, f->n);
	for (size_t a = 0; a < f->n; a += w)
		normalise(block_at(f, a, w), f->l + a);
	while (!cholesky_all(f, w, damping)) {
		if (damping >= MOST_DAMPING)
			return false;
		damping = fminf(2 * damping, MOST_DAMPING);
		for (size_t a = 0; a < f->n; a += w)
			restore(block_at(f, a, w));
	}
	f->damping = damping;
	f->real = real_part(f, w, fmaxf(damping - more, 0), z);
	for (size_t a = 0; a < f->n; a += w)
		good &= finish(block_at(f, a, w), f->l + a);
	return good;
}

bool factor_of(struct factor *f)
{
	struct block all = block_at(f, 0, f->n);

	for (size_t j = 0; j < f->n; j++)
		if (!(f->m[j * (f->n + 1)] > 0))
			return false;
	normalise(all, f->l);
	return cholesky(all, 0) && finish(all, f->l);
}

/* Damping against chance, for blocks of w channels. */
static float chance(const struct sens *s, size_t w)
{
	return s->full.n_tokens ?
		(float)(SPREAD * (double)w / (double)s->full.n_tokens) : 0;
}

/* f->n and room for l and, if it is wanted, m. */
static enum hvqz_ret allocate(struct factor *f, size_t n, bool full,
			      struct hvqz_err *err)
{
	uint64_t bytes = factor_memory(n, full);

	*f = (struct factor){.n = n, .real = 1};
	if (bytes <= SIZE_MAX && n <= INT_MAX) {
		f->l = malloc(n * sizeof(float));
		if (f->l && (!full || map_m(f, n)))
			return HVQZ_OK;
	}
	return hvqz_nomem(err, bytes, "the factor of a Hessian");
}

enum hvqz_ret factor_diagonal(const struct sens *s, struct factor *f,
			      struct hvqz_err *err)
{
	enum hvqz_ret ret;

	TRY_OUT(allocate(f, s->n_in, false, err));
	from_diagonal(s, f);
	return HVQZ_OK;
out:
	factor_free(f);
	return ret;
}

enum hvqz_ret factor_make(const struct sens *s, struct factor *f,
			  struct hvqz_err *err)
{
	bool full = sens_can_load(s);
	size_t w = sens_block(s);
	enum hvqz_ret ret;
	float *z = NULL;

	TRY_OUT(allocate(f, s->n_in, full, err));
	if (full) {
		TRY_OUT(sens_load_full(s, f->m, err));
		z = malloc(w * PROBES * sizeof(*z));
		if (!z) {
			ret = hvqz_nomem(err, w * PROBES * sizeof(*z),
					 "the factor of a Hessian");
			goto out;
		}
	}
	if (full && from_full(f, w, chance(s, w), z)) {
		free(z);
		return HVQZ_OK;
	}
	free(z);
	if (full) {
		free_m(f);
		f->damping = 0;
		f->real = 1;
		f->fell_back = true;
	}
	from_diagonal(s, f);
	return HVQZ_OK;
out:
	factor_free(f);
	return ret;
}
