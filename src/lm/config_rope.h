/* config_rope.h - the rotary positions of a config.json. Internal to lm. */
#ifndef LM_CONFIG_ROPE_H
#define LM_CONFIG_ROPE_H

#include "lm/config.h"

#include <jansson.h>

/*
 * rope_theta and rope_scaling, or the rope_parameters that newer files keep
 * both in, into c->rope_theta, c->rope and c->llama3.
 */
enum hvqz_ret conf_rope(const json_t *o, struct lm_config *c,
			struct hvqz_err *err);

enum { LM_MAX_POSITION = 1 << 30 };

#endif
