/* rules.c - parsing `--tensor GLOB=SETTING` and applying SETTING. */
#include "model/rules.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void settings_preset_mid(struct codec_settings *set)
{
	set->codec = CODEC_HASVQ;
	set->block = 4;
	set->centroids = 2048;
	set->outliers = 0.015;
}

void settings_preset_high(struct codec_settings *set)
{
	set->codec = CODEC_HASVQ;
	set->block = 2;
	set->centroids = 2048;
	set->outliers = 0.02;
}

void settings_trellis(struct codec_settings *set)
{
	if (set->codec == CODEC_TRELLIS)
		return;
	set->codec = CODEC_TRELLIS;
	set->outliers = 1e-4;
	set->quality = NAN;
}

void settings_rtn(struct codec_settings *set)
{
	set->codec = CODEC_RTN;
	if (!set->bits)
		set->bits = 4;
}

/* A whole decimal number in [min, max]? */
static bool parse_u32(const char *s, uint32_t min, uint32_t max, uint32_t *v)
{
	char *end;
	unsigned long long n;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	n = strtoull(s, &end, 10);
	if (errno || *end || n < min || n > max)
		return false;
	*v = (uint32_t)n;
	return true;
}

static bool parse_quality(const char *s, double *v)
{
	char *end;

	if ((*s < '0' || *s > '9') && *s != '.')
		return false;
	*v = strtod(s, &end);
	return end != s && !*end && *v >= QUALITY_MIN && *v <= QUALITY_MAX;
}

static bool parse_share(const char *s, double *v)
{
	char *end;

	if ((*s < '0' || *s > '9') && *s != '.')
		return false;
	*v = strtod(s, &end);
	return end != s && !*end && *v >= 0 && *v <= 0.5;
}

bool condition_parse(const char *s, enum condition *c)
{
	static const char *const names[] = {
		[CONDITION_NONE] = "none",
		[CONDITION_SMOOTH] = "smooth",
		[CONDITION_HERO] = "hero",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(s, names[i]) == 0) {
			*c = (enum condition)i;
			return true;
		}
	return false;
}

bool alpha_parse(const char *s, double *alpha)
{
	char *end;

	*alpha = NAN;
	if (strcmp(s, "auto") == 0)
		return true;
	if (!*s || strspn(s, "0123456789.") != strlen(s))
		return false;
	/* As it is stored: in hundredths. */
	*alpha = floor(strtod(s, &end) * 100 + 0.5) / 100;
	return !*end && *alpha >= 0 && *alpha <= 1;
}

/* A word about the coordinates to quantize in. */
static enum hvqz_ret apply_condition(struct codec_settings *set,
				     const char *word, struct hvqz_err *err)
{
	if (!strncmp(word, "alpha=", 6))
		return alpha_parse(word + 6, &set->alpha)
			       ? HVQZ_OK
			       : hvqz_fail(err, HVQZ_USAGE,
					   "'%s': alpha is auto or a number "
					   "from 0 to 1", word);
	return condition_parse(word + strlen("condition="), &set->condition)
		       ? HVQZ_OK
		       : hvqz_fail(err, HVQZ_USAGE,
				   "'%s': a condition is none, smooth or hero",
				   word);
}

/* One word of a setting. */
static enum hvqz_ret apply_word(struct codec_settings *set, const char *word,
				struct hvqz_err *err)
{
	uint32_t b;

	if (!strcmp(word, "lossless")) {
		set->codec = CODEC_PLANES;
	} else if (!strcmp(word, "raw")) {
		set->codec = CODEC_RAW;
	} else if (!strcmp(word, "trellis")) {
		settings_trellis(set);
	} else if (!strncmp(word, "q=", 2)) {
		settings_trellis(set);
		if (!parse_quality(word + 2, &set->quality))
			return hvqz_fail(err, HVQZ_USAGE,
					 "'%s': a quality is a number from "
					 "%d to %d", word, QUALITY_MIN,
					 QUALITY_MAX);
	} else if (!strcmp(word, "kmeans")) {
		set->codec = CODEC_HASVQ;
	} else if (!strcmp(word, "mid")) {
		settings_preset_mid(set);
	} else if (!strcmp(word, "high")) {
		settings_preset_high(set);
	} else if (!strcmp(word, "faithful")) {
		set->codec = CODEC_HASVQ;
		set->faithful = true;
	} else if (!strncmp(word, "k=", 2)) {
		set->codec = CODEC_HASVQ;
		if (!parse_u32(word + 2, 2, HVQZ_MAX_CENTROIDS,
			       &set->centroids))
			return hvqz_fail(err, HVQZ_USAGE,
					 "'%s': centroids are a whole number "
					 "from 2 to %d", word,
					 HVQZ_MAX_CENTROIDS);
	} else if (!strncmp(word, "b=", 2)) {
		set->codec = CODEC_HASVQ;
		if (!parse_u32(word + 2, 1, 8, &b) || (b & (b - 1)))
			return hvqz_fail(err, HVQZ_USAGE,
					 "'%s': a block is 1, 2, 4 or 8 "
					 "weights", word);
		set->block = b;
	} else if (!strcmp(word, "rtn")) {
		settings_rtn(set);
	} else if (!strncmp(word, "bits=", 5)) {
		if (!parse_u32(word + 5, RTN_MIN_BITS, RTN_MAX_BITS,
			       &set->bits))
			return hvqz_fail(err, HVQZ_USAGE,
					 "'%s': bits are a whole number from "
					 "%d to %d", word, RTN_MIN_BITS,
					 RTN_MAX_BITS);
		settings_rtn(set);
	} else if (!strncmp(word, "group=", 6)) {
		settings_rtn(set);
		if (!parse_u32(word + 6, 0, RTN_MAX_GROUP, &set->group))
			return hvqz_fail(err, HVQZ_USAGE,
					 "'%s': a group is a whole number from "
					 "0 to %d", word, RTN_MAX_GROUP);
	} else if (!strncmp(word, "condition=", 10) ||
		   !strncmp(word, "alpha=", 6)) {
		return apply_condition(set, word, err);
	} else if (!strncmp(word, "rho=", 4)) {
		if (set->codec != CODEC_TRELLIS)
			set->codec = CODEC_HASVQ;
		if (!parse_share(word + 4, &set->outliers))
			return hvqz_fail(err, HVQZ_USAGE,
					 "'%s': the share of outliers is a "
					 "number from 0 to 0.5", word);
	} else {
		return hvqz_fail(err, HVQZ_USAGE,
				 "unknown setting '%s'; there are lossless, "
				 "raw, trellis, q=X, kmeans, mid, high, "
				 "faithful, k=N, b=N, rho=X, rtn, bits=N, "
				 "group=N, condition=C and alpha=A", word);
	}
	return HVQZ_OK;
}

enum hvqz_ret settings_apply(struct codec_settings *set, const char *setting,
			     struct hvqz_err *err)
{
	char *copy = strdup(setting), *save = NULL;
	enum hvqz_ret ret = HVQZ_OK;

	if (!copy)
		return hvqz_nomem(err, strlen(setting) + 1, "a setting");
	if (!*copy)
		ret = apply_word(set, "", err);
	for (char *word = strtok_r(copy, ",", &save); word && ret == HVQZ_OK;
	     word = strtok_r(NULL, ",", &save))
		ret = apply_word(set, word, err);
	free(copy);
	return ret;
}

enum hvqz_ret rule_parse(const char *text, struct tensor_rule *rule,
			 struct hvqz_err *err)
{
	struct codec_settings scratch = {0};
	const char *eq = strchr(text, '=');

	*rule = (struct tensor_rule){.text = text};
	if (!eq || eq == text)
		return hvqz_fail(err, HVQZ_USAGE,
				 "'%s' is not GLOB=SETTING", text);
	rule->setting = eq + 1;
	TRY(settings_apply(&scratch, rule->setting, err));
	rule->glob = strndup(text, (size_t)(eq - text));
	if (!rule->glob)
		return hvqz_nomem(err, strlen(text), "a rule");
	return HVQZ_OK;
}

void rule_free(struct tensor_rule *rule)
{
	free(rule->glob);
	rule->glob = NULL;
}
