/* codec.c - the table of codecs, and the fall-back from one to the next. */
#include "codec/codec.h"

#include <assert.h>

static const struct codec *const codecs[] = {
	&codec_raw,
	&codec_planes,
	&codec_hasvq,
	&codec_trellis,
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

	ret = codec_planes.encode(env, slab, set, NULL, raw, &exact, &none,
				  &declined, err);
	if (ret == HVQZ_OK && exact.len <= out->len) {
		struct buf longer = *out;

		*out = exact;
		exact = longer;
		*used = &codec_planes;
		*stats = none;
	}
	buf_free(&exact);
	return ret;
}

enum hvqz_ret codec_encode(const struct codec_env *env,
			   const struct slab *slab,
			   const struct codec_settings *set,
			   const struct sens *sens, const uint8_t *raw,
			   struct buf *out, const struct codec **used,
			   struct codec_stats *stats, struct hvqz_err *err)
{
	bool nonfinite = false;

	for (unsigned id = set->codec;; id = codec_fallback(id)) {
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
