/* codec.c - the table of codecs, and the fall-back from one to the next. */
#include "codec/codec.h"

#include <assert.h>

enum { SAMPLE = 64 << 10 };	/* bytes */

static const struct codec *const codecs[] = {
	&codec_raw,
	&codec_planes,
	&codec_hasvq,
	&codec_trellis,
	&codec_rtn,
	&codec_conditioned,
	&codec_delta,
};

const struct codec *codec_find(unsigned id)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
		if (codecs[i]->id == id)
			return codecs[i];
	return NULL;
}

unsigned codec_fallback(unsigned id)
{
	return id == CODEC_PLANES ? CODEC_RAW : CODEC_PLANES;
}

unsigned codec_first(const struct codec_settings *set)
{
	bool lossy = !codec_find(set->codec)->lossless;

	return lossy && set->condition != CONDITION_NONE ? CODEC_CONDITIONED
							 : set->codec;
}

/* Where conditioning does not pay the body stands alone. */
static unsigned next_codec(unsigned id, const struct codec_settings *set)
{
	return id == CODEC_CONDITIONED ? set->codec : codec_fallback(id);
}

/*
 * Planes of a whole slab take time. Those of some rows in its middle show
 * whether they could come near the lossy payload's length: *declined if not.
 */
static enum hvqz_ret worth_trying(const struct codec_env *env,
				  const struct slab *slab,
				  const struct codec_settings *set,
				  const uint8_t *raw, size_t lossy_len,
				  bool *declined, struct hvqz_err *err)
{
	struct codec_stats none = {0};
	struct slab part = *slab;
	struct buf out = {0};
	uint32_t row_len = slab->raw_len / slab->n_rows;
	uint32_t n_rows = SAMPLE / row_len + 1;
	enum hvqz_ret ret;

	*declined = false;
	if (n_rows >= slab->n_rows / 4)
		return HVQZ_OK;
	part.n_rows = n_rows;
	part.raw_len = n_rows * row_len;
	raw += (size_t)(slab->n_rows / 2) * row_len;
	ret = codec_planes.encode(env, &part, set, NULL, raw, &out, &none,
				  declined, err);
	*declined |= (double)out.len / part.raw_len >
		     1.3 * (double)lossy_len / slab->raw_len;
	buf_free(&out);
	return ret;
}

/*
 * A slab can be simpler than a lossy codec assumes (constant, sparse): when
 * planes make it no longer than the lossy payload in out, exactness is free.
 */
static enum hvqz_ret prefer_exact(const struct codec_env *env,
				  const struct slab *slab,
				  const struct codec_settings *set,
				  const uint8_t *raw, struct buf *out,
				  const struct codec **used,
				  struct codec_stats *stats,
				  struct hvqz_err *err)
{
	struct codec_stats none = {0};
	struct buf exact = {0};
	bool declined;
	enum hvqz_ret ret;

	TRY_OUT(worth_trying(env, slab, set, raw, out->len, &declined, err));
	if (declined)
		goto out;
	ret = codec_planes.encode(env, slab, set, NULL, raw, &exact, &none,
				  &declined, err);
	if (ret == HVQZ_OK && !declined && exact.len <= out->len) {
		struct buf longer = *out;

		*out = exact;
		exact = longer;
		*used = &codec_planes;
		*stats = none;
	}
out:
	buf_free(&exact);
	return ret;
}

/*
 * The difference from the base model's rows, where there are any; planes may
 * be shorter where the models are not alike. *done: it is in out.
 */
static enum hvqz_ret try_delta(const struct codec_env *env,
			       const struct slab *slab,
			       const struct codec_settings *set,
			       const uint8_t *raw, struct buf *out,
			       const struct codec **used, bool *done,
			       struct hvqz_err *err)
{
	struct codec_stats none = {0};
	bool declined;

	*done = false;
	if (!env->base || set->codec != CODEC_PLANES)
		return HVQZ_OK;
	buf_clear(out);
	TRY(codec_delta.encode(env, slab, set, NULL, raw, out, &none,
			       &declined, err));
	*used = &codec_delta;
	*done = !declined && out->len < slab->raw_len;
	/* Constant, sparse and narrow slabs need no base. */
	if (*done)
		return prefer_exact(env, slab, set, raw, out, used, &none,
				    err);
	return HVQZ_OK;
}

enum hvqz_ret codec_encode(const struct codec_env *env,
			   const struct slab *slab,
			   const struct codec_settings *set,
			   const struct sens *sens, const uint8_t *raw,
			   struct buf *out, const struct codec **used,
			   struct codec_stats *stats, struct hvqz_err *err)
{
	bool nonfinite = false, done;

	*stats = (struct codec_stats){0};
	TRY(try_delta(env, slab, set, raw, out, used, &done, err));
	if (done)
		return HVQZ_OK;
	for (unsigned id = codec_first(set);; id = next_codec(id, set)) {
		bool declined = false;

		*used = codec_find(id);
		assert(*used);
		*stats = (struct codec_stats){0};
		buf_clear(out);
		TRY((*used)->encode(env, slab, set, sens, raw, out, stats,
				    &declined, err));
		nonfinite |= stats->nonfinite;
		if (id == CODEC_RAW ||
		    (!declined && out->len < slab->raw_len))
			break;
	}
	stats->nonfinite = nonfinite;
	if ((*used)->lossless)
		return HVQZ_OK;
	return prefer_exact(env, slab, set, raw, out, used, stats, err);
}
