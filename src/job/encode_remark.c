/* encode_remark.c - what the header's remarks say of an encoding. */
#include "job/encode_remark.h"

#include "formats/pieces.h"
#include "formats/shards.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#else
#define PACKAGE_VERSION "0"
#endif

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* The settings in words, for the header's remarks. */
static void describe(const struct codec_settings *set, char *buf, size_t len)
{
	if (set->codec == CODEC_TRELLIS)
		snprintf(buf, len, "trellis c=%.6g/%.6g rho=%.9g -%d",
			 set->step, set->step_sens, set->outliers,
			 set->effort);
	else if (set->codec == CODEC_RTN)
		snprintf(buf, len, "rtn bits=%" PRIu32 " group=%" PRIu32
			 " -%d", set->bits, set->group, set->effort);
	else if (set->codec != CODEC_HASVQ)
		snprintf(buf, len, "%s -%d", codec_find(set->codec)->name,
			 set->effort);
	else
		snprintf(buf, len, "hasvq%s kmeans K=%" PRIu32 " b=%" PRIu32
			 " rho=%.9g -%d", set->faithful ? " faithful" : "",
			 set->centroids, set->block, set->outliers,
			 set->effort);
}

/* What there is to say of the coordinates, behind it. */
static void describe_condition(const struct codec_settings *set, char *buf,
			       size_t len)
{
	static const char *const names[] = {
		[CONDITION_SMOOTH] = "smooth",
		[CONDITION_HERO] = "hero",
	};
	size_t n = strlen(buf);

	if (codec_first(set) != CODEC_CONDITIONED)
		return;
	n += (size_t)snprintf(buf + n, len - n, " condition=%s",
			      names[set->condition]);
	if (!isnan(set->alpha) && n < len)
		snprintf(buf + n, len - n, " alpha=%g", set->alpha);
}

enum hvqz_ret encode_remark(struct container_info *info,
			    const struct encode_options *opt,
			    const struct encode_pass *pass,
			    const struct codec_settings *with, uint64_t n_lossy,
			    struct hvqz_err *err)
{
	const struct sens_table *sens = opt->sens;
	struct codec_settings set = *with;
	char text[128];

	TRY(container_note(info, "encoder", "hvqz " PACKAGE_VERSION, err));
	set.step *= pass->gain;
	set.step_sens *= pass->gain;
	if (pass->steer > 0)
		snprintf(text, sizeof(text), "trellis steered to %g bpp -%d",
			 pass->steer, set.effort);
	else
		describe(&set, text, sizeof(text));
	describe_condition(&set, text, sizeof(text));
	TRY(container_note(info, "settings", text, err));
	for (size_t i = 0; i < opt->n_rules; i++)
		TRY(container_note(info, "tensor", opt->rules[i].text,
				   err));
	if (info->has_base && opt->base_name)
		TRY(container_note(info, "base", opt->base_name, err));
	if (!sens || !n_lossy)
		return HVQZ_OK;
	snprintf(text, sizeof(text), "%s xxh3:%016" PRIx64, sens->kind,
		 sens->hash);
	TRY(container_note(info, "sidecar", text, err));
	if (sens->calibration)
		TRY(container_note(info, "calibration", sens->calibration,
				   err));
	if (sens->n_tokens) {
		snprintf(text, sizeof(text), "%" PRIu64, sens->n_tokens);
		TRY(container_note(info, "tokens", text, err));
	}
	return HVQZ_OK;
}

void encode_warn_files(const struct container_info *info,
		       const struct hvqz_notes *notes)
{
	const struct model *m = &info->model;
	const struct tensor *most = NULL;
	uint64_t size = 0;
	bool lossy = false;

	if (!format_has_files(m->format))
		return;
	for (size_t i = 0; i < m->n_tensors; i++) {
		const struct tensor *t = &m->tensors[i];

		lossy |= info->tensor_flags[i] & TENSOR_LOSSY;
		/* So stands a file that is not understood. */
		if (t->dtype != DTYPE_U8 || t->rank != 1)
			continue;
		size += t->size;
		if (!most || t->size > most->size)
			most = t;
	}
	if (lossy && most && size > m->data_size / 2)
		hvqz_warn(notes, "%" PRIu64 " of %" PRIu64 " bytes are in "
			  "files that are kept as they are; '%s' is the "
			  "largest", size, m->data_size, most->name);
}

enum hvqz_ret encode_warn_index(const struct container_info *info,
				const struct hvqz_notes *notes,
				struct hvqz_err *err)
{
	struct hvqz_err why = {0};
	enum hvqz_ret ret = shards_check(&info->model, &why);

	if (ret == HVQZ_NOMEM) {
		if (err)
			*err = why;
		return ret;
	}
	if (ret != HVQZ_OK)
		hvqz_warn(notes, "'%.200s' %.400s", why.tensor, why.msg);
	return HVQZ_OK;
}
