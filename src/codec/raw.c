/* raw.c - codec 0: the slab's bytes as they are. */
#include "codec/codec.h"

#include <inttypes.h>
#include <string.h>

static enum hvqz_ret encode(const struct codec_env *env,
			    const struct slab *slab,
			    const struct codec_settings *set,
			    const struct sens *sens, const uint8_t *raw,
			    struct buf *out, struct codec_stats *stats,
			    bool *declined, struct hvqz_err *err)
{
	(void)env;
	(void)set;
	(void)sens;
	(void)stats;
	*declined = false;
	buf_put(out, raw, slab->raw_len);
	return buf_ok(out, err);
}

static enum hvqz_ret decode(const struct codec_env *env,
			    const struct slab *slab, const uint8_t *payload,
			    size_t len, uint8_t *raw, struct hvqz_err *err)
{
	(void)env;
	if (len != slab->raw_len)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "a raw payload of %zu bytes for %" PRIu32
				 " bytes of rows", len, slab->raw_len);
	memcpy(raw, payload, len);
	return HVQZ_OK;
}

static uint64_t encode_memory(const struct slab *slab,
			      const struct codec_settings *set)
{
	(void)slab;
	(void)set;
	return 0;
}

static uint64_t decode_memory(const struct slab *slab)
{
	(void)slab;
	return 0;
}

const struct codec codec_raw = {
	.id = CODEC_RAW,
	.name = "raw",
	.lossless = true,
	.encode = encode,
	.decode = decode,
	.encode_memory = encode_memory,
	.decode_memory = decode_memory,
};
