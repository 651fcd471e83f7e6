/*
 * sidecar_match.c - a sidecar's names and lengths against a model's.
 *
 * Two things: llama.cpp's tensor names in Hugging Face's words, and the check
 * that every entry fits the tensor it is for (rule M2). Not here: reading
 * sidecars (sidecar.c), using them (src/sense).
 */
#include "formats/sidecar.h"

#include "base/ckd.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct name_pair {
	const char *gguf, *hf;
};

/* blk.N.X.weight is model.layers.N.Y.weight. */
static const struct name_pair in_block[] = {
	{"attn_q", "self_attn.q_proj"},
	{"attn_k", "self_attn.k_proj"},
	{"attn_v", "self_attn.v_proj"},
	{"attn_qkv", "self_attn.qkv_proj"},
	{"attn_output", "self_attn.o_proj"},
	{"attn_norm", "input_layernorm"},
	{"attn_q_norm", "self_attn.q_norm"},
	{"attn_k_norm", "self_attn.k_norm"},
	{"attn_q_a", "self_attn.q_a_proj"},
	{"attn_q_b", "self_attn.q_b_proj"},
	{"attn_q_a_norm", "self_attn.q_a_layernorm"},
	{"attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa"},
	{"attn_kv_a_norm", "self_attn.kv_a_layernorm"},
	{"attn_kv_b", "self_attn.kv_b_proj"},
	{"ffn_gate", "mlp.gate_proj"},
	{"ffn_up", "mlp.up_proj"},
	{"ffn_down", "mlp.down_proj"},
	{"ffn_norm", "post_attention_layernorm"},
	{"ffn_gate_inp", "mlp.gate"},
};

/* X.weight is Y.weight. */
static const struct name_pair at_top[] = {
	{"token_embd", "model.embed_tokens"},
	{"output_norm", "model.norm"},
	{"output", "lm_head"},
};

static const char *find_pair(const struct name_pair *v, size_t n,
			     const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(v[i].gguf) == len &&
		    !memcmp(v[i].gguf, name, len))
			return v[i].hf;
	return NULL;
}

bool name_from_gguf(const char *gguf, char *buf, size_t len)
{
	const char *dot = strrchr(gguf, '.'), *rest = gguf, *hf;
	size_t n_digits = 0;
	int used;

	if (!dot || (strcmp(dot, ".weight") && strcmp(dot, ".bias")))
		goto copy;
	if (!strncmp(gguf, "blk.", 4)) {
		n_digits = strspn(gguf + 4, "0123456789");
		rest = gguf + 4 + n_digits + 1;
		if (!n_digits || n_digits > 9 || rest[-1] != '.' ||
		    rest > dot)
			goto copy;
		hf = find_pair(in_block,
			       sizeof(in_block) / sizeof(*in_block), rest,
			       (size_t)(dot - rest));
	} else {
		hf = find_pair(at_top, sizeof(at_top) / sizeof(*at_top),
			       rest, (size_t)(dot - rest));
	}
	if (!hf)
		goto copy;
	if (n_digits)
		used = snprintf(buf, len, "model.layers.%.*s.%s%s",
				(int)n_digits, gguf + 4, hf, dot);
	else
		used = snprintf(buf, len, "%s%s", hf, dot);
	if (used >= 0 && (size_t)used < len)
		return true;
copy:
	snprintf(buf, len, "%s", gguf);
	return false;
}

static int by_name(const void *a, const void *b)
{
	const struct tensor *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* The model's tensors by name: both tables may be long. */
static const struct tensor *find(const struct tensor **v, size_t n,
				 const char *name)
{
	struct tensor key = {.name = (char *)name};
	const struct tensor *p = &key, **at;

	at = n ? bsearch(&p, v, n, sizeof(*v), by_name) : NULL;
	return at ? *at : NULL;
}

/*
 * In a model with a tied head the output matrix is the embedding: an entry for
 * the first is one for the second, unless there is one already.
 */
static enum hvqz_ret tie_head(struct sens_table *t,
			      const struct tensor **v, size_t n,
			      struct hvqz_err *err)
{
	static const char head[] = "lm_head.weight";
	static const char embed[] = "model.embed_tokens.weight";
	const struct sens *s = sens_find(t, head);
	char *name;

	if (!s || find(v, n, head) || !find(v, n, embed) ||
	    sens_find(t, embed))
		return HVQZ_OK;
	name = strdup(embed);
	if (!name)
		return hvqz_nomem(err, sizeof(embed), "a tensor's name");
	free(s->name);
	t->v[s - t->v].name = name;
	sens_table_sort(t);
	return HVQZ_OK;
}

/* Product of the dimensions but the first; capped, as it is only compared. */
static uint64_t behind_first(const struct tensor *m)
{
	uint64_t n = 1;

	for (unsigned i = 1; i < m->rank; i++)
		if (!ckd_mul64(&n, n, m->dim[i]))
			return UINT64_MAX;
	return n;
}

/* M2. A tensor of rank 0 or 1 has rows of one element. */
static enum hvqz_ret check_shape(const struct sens *s, const struct tensor *m,
				 struct hvqz_err *err)
{
	uint64_t first = m->rank ? m->dim[0] : 1;
	uint64_t n_in = s->axis ? behind_first(m) : first;
	uint64_t n_out = s->axis ? first : behind_first(m);
	char shape[200];

	tensor_shape(m, shape, sizeof(shape));
	if (s->n_in != n_in)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, m->name,
					"the sidecar has %zu input channels, "
					"the model's tensor %s has %" PRIu64,
					s->n_in, shape, n_in);
	if (s->row_sens && s->n_out != n_out)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, m->name,
					"the sidecar has %zu row "
					"sensitivities, the model's tensor %s "
					"has %" PRIu64 " output rows",
					s->n_out, shape, n_out);
	return HVQZ_OK;
}

enum hvqz_ret sidecar_match(struct sens_table *t, const struct model *m,
			    const struct hvqz_notes *notes,
			    struct hvqz_err *err)
{
	size_t n_lost = 0, first_lost = 0;
	const struct tensor **v;
	enum hvqz_ret ret;

	v = malloc(m->n_tensors * sizeof(*v) + 1);
	if (!v)
		return hvqz_nomem(err, m->n_tensors * sizeof(*v),
				  "the model's names");
	for (size_t i = 0; i < m->n_tensors; i++)
		v[i] = &m->tensors[i];
	qsort(v, m->n_tensors, sizeof(*v), by_name);
	TRY_OUT(tie_head(t, v, m->n_tensors, err));
	for (size_t i = 0; i < t->n; i++) {
		const struct tensor *x = find(v, m->n_tensors, t->v[i].name);

		if (x)
			TRY_OUT(check_shape(&t->v[i], x, err));
		else if (!n_lost++)
			first_lost = i;
	}
	if (!t->n)
		hvqz_warn(notes, "the sidecar has no entry we can use");
	else if (n_lost == t->n)
		hvqz_warn(notes, "none of the sidecar's %zu entries matches a "
			  "tensor of this model (the first is %.200s)",
			  t->n, t->v[0].name);
	else if (n_lost)
		hvqz_warn(notes, "%zu of the sidecar's %zu entries match no "
			  "tensor of this model (the first is %.200s)",
			  n_lost, t->n, t->v[first_lost].name);
out:
	free(v);
	return ret;
}
