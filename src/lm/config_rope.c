/*
 * config_rope.c - reading how positions are turned into angles.
 *
 * Plain: angle i of a head is position × rope_theta^(−2i/d_head). "llama3"
 * divides the slow angles by a factor (Llama 3.1). Every other kind (linear,
 * dynamic, yarn, longrope, …) is refused, and so is any field we do not know:
 * in here each one changes the angles.
 */
#include "lm/config_rope.h"

#include "lm/config_json.h"

#include <string.h>

static const char *const known[] = {
	"rope_type", "type", "rope_theta", "partial_rotary_factor", "factor",
	"low_freq_factor", "high_freq_factor",
	"original_max_position_embeddings",
};

static bool is_known(const char *key)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i], key))
			return true;
	return false;
}

/* Nothing in r that we would pass over; `where` is its name. */
static enum hvqz_ret check_fields(const json_t *r, const char *where,
				  struct hvqz_err *err)
{
	double turned;
	void *it;

	for (it = json_object_iter((json_t *)r); it;
	     it = json_object_iter_next((json_t *)r, it))
		if (!is_known(json_object_iter_key(it)))
			return hvqz_fail(err, HVQZ_UNSUPPORTED,
					 "'%s' has a field '%.40s', which is "
					 "not known", where,
					 json_object_iter_key(it));
	TRY(conf_number(r, "partial_rotary_factor", 1, &turned, err));
	if (turned != 1)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "'partial_rotary_factor' is %g: heads turned "
				 "only in part are not computed", turned);
	return HVQZ_OK;
}

static enum hvqz_ret read_llama3(const json_t *r, struct lm_config *c,
				 struct hvqz_err *err)
{
	struct lm_rope_llama3 *l = &c->llama3;

	TRY(conf_number(r, "factor", 0, &l->factor, err));
	TRY(conf_number(r, "low_freq_factor", 0, &l->low_freq_factor, err));
	TRY(conf_number(r, "high_freq_factor", 0, &l->high_freq_factor, err));
	TRY(conf_size(r, "original_max_position_embeddings", LM_MAX_POSITION,
		      0, &l->original_max_position, err));
	if (l->factor < 1)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "'factor' is %g; it must be at least 1",
				 l->factor);
	if (l->high_freq_factor <= l->low_freq_factor)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "'high_freq_factor' %g is not above "
				 "'low_freq_factor' %g", l->high_freq_factor,
				 l->low_freq_factor);
	c->rope = LM_ROPE_LLAMA3;
	return HVQZ_OK;
}

/* The kind of r: "default", when it does not say. */
static enum hvqz_ret read_type(const json_t *r, const char *where,
			       const char **type, struct hvqz_err *err)
{
	const char *old;

	TRY(conf_string(r, "rope_type", type, err));
	TRY(conf_string(r, "type", &old, err));
	if (*type && old && strcmp(*type, old))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "'%s' is of rope_type '%.40s' and of type "
				 "'%.40s'", where, *type, old);
	if (!*type)
		*type = old ? old : "default";
	return HVQZ_OK;
}

static enum hvqz_ret read_rope(const json_t *r, const char *where,
			       struct lm_config *c, struct hvqz_err *err)
{
	const char *type;

	if (!json_is_object(r))
		return hvqz_fail(err, HVQZ_DAMAGED, "'%s' is not an object",
				 where);
	/* The kind first: its name says more than that of a field. */
	TRY(read_type(r, where, &type, err));
	if (strcmp(type, "default") && strcmp(type, "llama3"))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "'%s' is of type '%.40s'; computed are "
				 "default and llama3", where, type);
	TRY(check_fields(r, where, err));
	return strcmp(type, "llama3") ? HVQZ_OK : read_llama3(r, c, err);
}

enum hvqz_ret conf_rope(const json_t *o, struct lm_config *c,
			struct hvqz_err *err)
{
	const json_t *scaling = json_object_get(o, "rope_scaling");
	const json_t *params = json_object_get(o, "rope_parameters");
	double theta;

	if (json_is_null(scaling))
		scaling = NULL;
	if (json_is_null(params))
		params = NULL;
	if (scaling && params && !json_equal(scaling, params))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "'rope_scaling' and 'rope_parameters' "
				 "differ");
	c->rope = LM_ROPE_PLAIN;
	TRY(conf_number(o, "rope_theta", 10000, &c->rope_theta, err));
	if (scaling)
		TRY(read_rope(scaling, "rope_scaling", c, err));
	if (!params)
		params = scaling;
	else
		TRY(read_rope(params, "rope_parameters", c, err));
	if (!params)
		return HVQZ_OK;
	TRY(conf_number(params, "rope_theta", c->rope_theta, &theta, err));
	if (theta != c->rope_theta && json_object_get(o, "rope_theta"))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "'rope_theta' is %g in one place and %g in "
				 "another", c->rope_theta, theta);
	c->rope_theta = theta;
	return HVQZ_OK;
}
