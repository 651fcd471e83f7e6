/*
 * model.c - the table of a decoder's weights: names, shapes, places.
 *
 * A tensor is found by reading its name, not by comparing it with all others:
 * a model of a hundred layers has a thousand of them.
 */
#include "lm/model.h"

#include "base/bytes.h"
#include "base/ckd.h"
#include "kernels/rows.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LAYER "model.layers."

/* A part's name behind "model.layers.N." */
static const char *const part_names[LM_N_PARTS] = {
	[LM_ATTN_NORM] = "input_layernorm.weight",
	[LM_Q] = "self_attn.q_proj.weight",
	[LM_K] = "self_attn.k_proj.weight",
	[LM_V] = "self_attn.v_proj.weight",
	[LM_O] = "self_attn.o_proj.weight",
	[LM_Q_BIAS] = "self_attn.q_proj.bias",
	[LM_K_BIAS] = "self_attn.k_proj.bias",
	[LM_V_BIAS] = "self_attn.v_proj.bias",
	[LM_O_BIAS] = "self_attn.o_proj.bias",
	[LM_Q_NORM] = "self_attn.q_norm.weight",
	[LM_K_NORM] = "self_attn.k_norm.weight",
	[LM_MLP_NORM] = "post_attention_layernorm.weight",
	[LM_GATE] = "mlp.gate_proj.weight",
	[LM_UP] = "mlp.up_proj.weight",
	[LM_DOWN] = "mlp.down_proj.weight",
};

/* Buffers that old checkpoints carry: they follow from the config. */
static const char *const unused[] = {
	"model.rotary_emb.inv_freq",
	"self_attn.rotary_emb.inv_freq",	/* of a layer */
};

static void shape(struct lm_weight *w, size_t n_rows, size_t n_cols)
{
	w->n_rows = n_rows;
	w->n_cols = n_cols;
}

static void init_layer(struct lm_layer *l, size_t layer,
		       const struct lm_config *c)
{
	size_t q = c->n_heads * c->d_head, kv = c->n_kv_heads * c->d_head;
	struct lm_weight *p = l->part;

	for (size_t i = 0; i < LM_N_PARTS; i++)
		snprintf(p[i].name, sizeof(p[i].name), LAYER "%zu.%s", layer,
			 part_names[i]);
	shape(&p[LM_ATTN_NORM], 1, c->d_model);
	shape(&p[LM_Q], q, c->d_model);
	shape(&p[LM_K], kv, c->d_model);
	shape(&p[LM_V], kv, c->d_model);
	shape(&p[LM_O], c->d_model, q);
	shape(&p[LM_Q_BIAS], c->qkv_bias, q);
	shape(&p[LM_K_BIAS], c->qkv_bias, kv);
	shape(&p[LM_V_BIAS], c->qkv_bias, kv);
	shape(&p[LM_O_BIAS], c->o_bias, c->d_model);
	shape(&p[LM_Q_NORM], c->qk_norm, c->d_head);
	shape(&p[LM_K_NORM], c->qk_norm, c->d_head);
	shape(&p[LM_MLP_NORM], 1, c->d_model);
	shape(&p[LM_GATE], c->d_ff, c->d_model);
	shape(&p[LM_UP], c->d_ff, c->d_model);
	shape(&p[LM_DOWN], c->d_model, c->d_ff);
}

enum hvqz_ret lm_model_init(struct lm_model *m, const struct lm_config *conf,
			    struct hvqz_err *err)
{
	*m = (struct lm_model){
		.conf = *conf,
		.embed = {.name = "model.embed_tokens.weight"},
		.final_norm = {.name = "model.norm.weight"},
		.head = {.name = "lm_head.weight"},
	};
	shape(&m->embed, conf->n_vocab, conf->d_model);
	shape(&m->final_norm, 1, conf->d_model);
	shape(&m->head, conf->tied ? 0 : conf->n_vocab, conf->d_model);
	m->layers = calloc(conf->n_layers, sizeof(*m->layers));
	if (!m->layers)
		return hvqz_nomem(err, conf->n_layers * sizeof(*m->layers),
				  "the table of the weights");
	for (size_t i = 0; i < conf->n_layers; i++)
		init_layer(&m->layers[i], i, conf);
	return HVQZ_OK;
}

/* All weights in a row, those that a config does without too. */
static size_t n_weights(const struct lm_model *m)
{
	return m->layers ? 3 + m->conf.n_layers * LM_N_PARTS : 0;
}

static const struct lm_weight *nth(const struct lm_model *m, size_t i)
{
	switch (i) {
	case 0:
		return &m->embed;
	case 1:
		return &m->final_norm;
	case 2:
		return &m->head;
	default:
		i -= 3;
		return &m->layers[i / LM_N_PARTS].part[i % LM_N_PARTS];
	}
}

void lm_model_free(struct lm_model *m)
{
	for (size_t i = 0; i < n_weights(m); i++)
		free(nth(m, i)->data);
	free(m->layers);
	*m = (struct lm_model){0};
}

/* "3.rest": the layer's number, and *rest behind its dot. False: not one. */
static bool read_layer(const char *s, size_t n_layers, size_t *layer,
		       const char **rest)
{
	size_t n = 0;

	if (*s < '0' || *s > '9' || (*s == '0' && s[1] != '.'))
		return false;
	for (; *s >= '0' && *s <= '9'; s++) {
		n = 10 * n + (size_t)(*s - '0');
		if (n >= n_layers)
			return false;
	}
	if (*s != '.')
		return false;
	*layer = n;
	*rest = s + 1;
	return true;
}

/* The weight of that name; *w NULL: one to pass over. False: neither. */
static bool find(struct lm_model *m, const char *name, struct lm_weight **w)
{
	size_t layer;

	*w = NULL;
	if (!strcmp(name, m->embed.name))
		*w = &m->embed;
	else if (!strcmp(name, m->final_norm.name))
		*w = &m->final_norm;
	else if (!strcmp(name, m->head.name))
		*w = m->head.n_rows ? &m->head : NULL;
	else if (strncmp(name, LAYER, strlen(LAYER)))
		return !strcmp(name, unused[0]);
	else if (!read_layer(name + strlen(LAYER), m->conf.n_layers, &layer,
			     &name))
		return false;
	else if (strcmp(name, unused[1])) {
		size_t i = 0;

		while (i < LM_N_PARTS && strcmp(part_names[i], name))
			i++;
		if (i == LM_N_PARTS || !m->layers[layer].part[i].n_rows)
			return false;
		*w = &m->layers[layer].part[i];
	}
	return true;
}

static bool is_vector(const struct lm_weight *w)
{
	/* A name tells, a shape does not: a matrix can have one row. */
	return strstr(w->name, "norm.") || strstr(w->name, ".bias");
}

static enum hvqz_ret check_shape(const struct lm_weight *w,
				 const struct tensor *t, struct hvqz_err *err)
{
	struct tensor want = {.rank = 2, .dim = {w->n_rows, w->n_cols}};
	char is[200], must[60];

	if (is_vector(w))
		want = (struct tensor){.rank = 1, .dim = {w->n_cols}};
	if (t->rank == want.rank && t->dim[0] == want.dim[0] &&
	    (t->rank < 2 || t->dim[1] == want.dim[1]))
		return HVQZ_OK;
	return hvqz_fail_tensor(err, HVQZ_DAMAGED, t->name,
				"shape %s; by config.json it is %s",
				tensor_shape(t, is, sizeof(is)),
				tensor_shape(&want, must, sizeof(must)));
}

enum hvqz_ret lm_model_place(struct lm_model *m, const struct tensor *t,
			     struct lm_weight **w, struct hvqz_err *err)
{
	size_t size;

	if (!find(m, t->name, w))
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
					"a model of this config.json has no "
					"such tensor");
	if (!*w) {
		m->n_unused += t->n_elems;
		return HVQZ_OK;
	}
	if (!dtype_is_weight(t->dtype))
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
					"dtype %s; weights are F16, BF16 or "
					"F32", dtype_name(t->dtype));
	TRY(check_shape(*w, t, err));
	if ((*w)->data)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, t->name,
					"came already, in this file or in one "
					"before it");
	(*w)->dtype = t->dtype;
	(*w)->data = ckd_size(&size, t->size) ? malloc(size) : NULL;
	return (*w)->data ? HVQZ_OK : hvqz_nomem(err, t->size, t->name);
}

enum hvqz_ret lm_model_complete(const struct lm_model *m,
				struct hvqz_err *err)
{
	for (size_t i = 0; i < n_weights(m); i++)
		if (nth(m, i)->n_rows && !nth(m, i)->data)
			return hvqz_fail_tensor(err, HVQZ_DAMAGED,
						nth(m, i)->name,
						"is missing: by config.json "
						"the model has it");
	return HVQZ_OK;
}

const struct lm_weight *lm_model_head(const struct lm_model *m)
{
	return m->head.n_rows ? &m->head : &m->embed;
}

static uint64_t n_elems(const struct lm_weight *w)
{
	return (uint64_t)w->n_rows * w->n_cols;
}

uint64_t lm_model_params(const struct lm_model *m)
{
	uint64_t n = 0;

	for (size_t i = 0; i < n_weights(m); i++)
		n += n_elems(nth(m, i));
	return n;
}

uint64_t lm_model_bytes(const struct lm_model *m)
{
	uint64_t n = 0;

	for (size_t i = 0; i < n_weights(m); i++)
		if (nth(m, i)->data)
			n += n_elems(nth(m, i)) *
			     (dtype_bits(nth(m, i)->dtype) / 8);
	return n;
}

void lm_weight_widen(const struct lm_weight *w, size_t row, size_t n,
		     float *to)
{
	size_t first = row * w->n_cols, len = n * w->n_cols;
	const struct row_kernels *rows = rows_select();
	const uint8_t *p = w->data;

	switch (w->dtype) {
	case DTYPE_F16:
		rows->widen_f16(to, p + 2 * first, len);
		break;
	case DTYPE_BF16:
		rows->widen_bf16(to, p + 2 * first, len);
		break;
	default:
		p += 4 * first;
		for (size_t i = 0; i < len; i++)
			to[i] = get_lef32(p + 4 * i);
		break;
	}
}
