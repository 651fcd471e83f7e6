/* codec.c - the table of codecs, and the fall-back from one to the next. */
#include "codec/codec.h"

#include <assert.h>

static const struct codec *const codecs[] = {
	&codec_raw,
	&codec_planes,
	&codec_hasvq,
};

const struct codec *codec_find(unsigned id)
{
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
		if (codecs[i]->id == id)
			return codecs[i];
	return NULL;
}

enum hvqz_ret codec_encode(const struct codec_env *env,
			   const struct slab *slab,
			   const struct codec_settings *set,
			   const struct sens *sens, const uint8_t *raw,
			   struct buf *out, const struct codec **used,
			   struct codec_stats *stats, struct hvqz_err *err)
{
	bool nonfinite = false;

	/* Each codec's fall-back is the one before it; raw is the last. */
	for (unsigned id = set->codec;; id--) {
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
	return HVQZ_OK;
}
