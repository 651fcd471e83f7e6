/*
 * rules.h - per-tensor settings: `--tensor GLOB=SETTING`, first match wins.
 *
 * SETTING is a comma-separated list, applied in order to the job's settings:
 *
 *	lossless | raw		the codec
 *	trellis | q=X		the trellis; with this quality
 *	kmeans | mid | high	HAS-VQ; with the paper's preset
 *	faithful		HAS-VQ exactly as published
 *	k=N  b=N  rho=X		HAS-VQ with these centroids, block, outliers
 *	rtn | bits=N | group=N	round to nearest; with these bits, groups
 *	condition=C alpha=A	in other coordinates (--condition, --alpha)
 */
#ifndef MODEL_RULES_H
#define MODEL_RULES_H

#include "codec/codec.h"

struct tensor_rule {
	const char *text;	/* as given, for messages; not owned */
	char *glob;		/* fnmatch pattern on the tensor name; owned */
	const char *setting;	/* inside text */
	bool matched;		/* set by plan_make */
};

/* Split "GLOB=SETTING" at its first '='; checks SETTING. */
enum hvqz_ret rule_parse(const char *text, struct tensor_rule *rule,
			 struct hvqz_err *err);
void rule_free(struct tensor_rule *rule);

/* Apply a checked SETTING to *set. HVQZ_USAGE with a sentence when bad. */
enum hvqz_ret settings_apply(struct codec_settings *set, const char *setting,
			     struct hvqz_err *err);

/* "none", "smooth", "hero"; and "auto" (NAN) or 0 … 1. False: it is not. */
bool condition_parse(const char *s, enum condition *c);
bool alpha_parse(const char *s, double *alpha);

enum { QUALITY_MIN = 0, QUALITY_MAX = 20 };

/* The trellis as it is by default; nothing changes if it is one already. */
void settings_trellis(struct codec_settings *set);

/* Round to nearest, with 4 bits if nothing else has been said. */
void settings_rtn(struct codec_settings *set);

/* The two published points of HAS-VQ. */
void settings_preset_mid(struct codec_settings *set);
void settings_preset_high(struct codec_settings *set);

#endif
