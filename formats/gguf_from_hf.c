/*
 * gguf_from_hf.c - the writer that makes a GGUF from a Hugging Face model:
 * formats/gguf.md, "To and from Hugging Face".
 *
 * Tensors pass by in their order, under their other names; config.json and
 * tokenizer.json become keys. Whether llama.cpp can run what it gets is decided
 * here, before a byte is written: the family, its names, the shapes that the
 * rows' new order depends on.
 */
#include "formats/gguf_names.h"
#include "formats/gguf_tokens.h"
#include "formats/pieces.h"
#include "formats/remap.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { QUANTIZATION_VERSION = 2, MAX_CONFIG = 4 << 20, MAX_TOKENS = 64 << 20 };

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

/* Buffers that old files have; every program computes them anew. */
static bool is_buffer(const char *name)
{
	return ends_with(name, ".rotary_emb.inv_freq");
}

/* ---- tensors ---- */

/* Rows that llama.cpp wants with the two halves of a head interleaved. */
static bool is_turned(const struct hf_config *c, const char *name)
{
	return !strcmp(c->arch, "llama") && (strstr(name, ".attn_q.") ||
					     strstr(name, ".attn_k."));
}

static enum hvqz_ret check_rows(const struct tensor *t, const char *name,
				const struct hf_config *c, struct hvqz_err *err)
{
	const struct lm_config *lm = &c->lm;
	uint64_t want = 0;

	if (strstr(name, ".attn_q."))
		want = lm->n_heads * lm->d_head;
	else if (strstr(name, ".attn_k.") || strstr(name, ".attn_v."))
		want = lm->n_kv_heads * lm->d_head;
	else if (!strncmp(name, "token_embd.", 11) ||
		 !strncmp(name, "output.", 7))
		want = lm->n_vocab;
	if (!want || (t->rank && t->dim[0] == want))
		return HVQZ_OK;
	return hvqz_fail_tensor(err, HVQZ_DAMAGED, t->name,
				"%" PRIu64 " rows, and config.json makes them "
				"%" PRIu64, t->rank ? t->dim[0] : 1, want);
}

static enum hvqz_ret keep_tensor(struct remap *r, size_t i,
				 const struct hf_config *c, enum dtype matrix,
				 struct hvqz_err *err)
{
	const struct tensor *t = &r->from->tensors[i];
	struct remap_tensor how = {.dtype = t->dtype, .to_pairs = true};
	char name[GGUF_MAX_NAME + 1];

	if (is_buffer(t->name))
		return HVQZ_OK;
	/* Before a vocabulary is made of rows that have nothing in them. */
	if (!t->n_elems)
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
					"GGUF has no dimensions of 0");
	if (!name_to_gguf(t->name, name, sizeof(name)))
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
					"no tensor of that name is known in "
					"GGUF's architecture '%s'", c->arch);
	if (!dtype_is_weight(t->dtype))
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
					"is of %s; GGUF is made from F16, BF16 "
					"and F32", dtype_name(t->dtype));
	TRY(check_rows(t, name, c, err));
	if (is_turned(c, name))
		how.head_rows = c->lm.d_head;
	if (t->rank < 2)
		how.dtype = DTYPE_F32;
	else if (matrix)
		how.dtype = matrix;
	return remap_keep(r, i, name, &how, err);
}

/*
 * Llama 3 slows down its low rotary frequencies. llama.cpp wants the factors as
 * a tensor, one for each pair of a head: 1 where a turn is shorter than
 * original / high_freq_factor, `factor` where it is longer than original /
 * low_freq_factor, in between a line through the quotient of the two.
 */
static enum hvqz_ret put_frequencies(struct remap *r,
				     const struct lm_config *c,
				     struct hvqz_err *err)
{
	const struct lm_rope_llama3 *l = &c->llama3;
	const double pi = 3.14159265358979323846;
	uint64_t half = c->d_head / 2;

	if (c->rope != LM_ROPE_LLAMA3)
		return HVQZ_OK;
	TRY(model_add(&r->to, "rope_freqs.weight", DTYPE_F32, 1, &half, err));
	for (uint64_t i = 0; i < half; i++) {
		double wave = 2 * pi * pow(c->rope_theta, 2.0 * (double)i /
					   (double)c->d_head);
		double turns = (double)l->original_max_position / wave;
		double smooth = (turns - l->low_freq_factor) /
				(l->high_freq_factor - l->low_freq_factor);
		double by = smooth >= 1	  ? 1
			    : smooth <= 0 ? l->factor
					  : 1 / ((1 - smooth) / l->factor +
						 smooth);

		buf_f32(&r->first, (float)by);
	}
	return buf_ok(&r->first, err);
}

/* One file of several is no model: each layer has to have something. */
static enum hvqz_ret check_layers(const struct model *to,
				  const struct lm_config *c,
				  struct hvqz_err *err)
{
	bool *there = calloc(c->n_layers + 1, sizeof(*there));
	enum hvqz_ret ret = HVQZ_OK;

	if (!there)
		return hvqz_nomem(err, c->n_layers, "the layers");
	for (size_t i = 0; i < to->n_tensors; i++) {
		const char *name = to->tensors[i].name;
		unsigned long n;

		if (strncmp(name, "blk.", 4))
			continue;
		n = strtoul(name + 4, NULL, 10);
		if (n < c->n_layers)
			there[n] = true;
	}
	for (size_t i = 0; i < c->n_layers && ret == HVQZ_OK; i++)
		if (!there[i])
			ret = hvqz_fail(err, HVQZ_DAMAGED,
					"the model has no tensor of layer %zu, "
					"and config.json gives it %zu layers: "
					"is this one file of several?", i,
					c->n_layers);
	free(there);
	return ret;
}

/* Two tensors of the source may not become one; its other files stay out. */
static enum hvqz_ret keep_all(struct remap *r, const struct hf_config *c,
			      const struct file_names *others,
			      enum dtype matrix, struct hvqz_err *err)
{
	TRY(put_frequencies(r, &c->lm, err));
	for (size_t i = 0; i < r->from->n_tensors; i++)
		if (!others || !file_names_have(others,
						r->from->tensors[i].name))
			TRY(keep_tensor(r, i, c, matrix, err));
	if (!model_find(&r->to, "token_embd.weight"))
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the model has no model.embed_tokens.weight");
	return check_layers(&r->to, &c->lm, err);
}

/* ---- keys ---- */

/* What tensors of one dimension were, if all the same and not F32. */
static const char *vector_type(const struct remap *r)
{
	enum dtype d = 0;

	for (size_t i = 0; i < r->from->n_tensors; i++) {
		const struct tensor *t = &r->from->tensors[i];

		if (t->rank > 1 || !r->t[i].keep)
			continue;
		if (d && d != t->dtype)
			return NULL;
		d = t->dtype;
	}
	return d == DTYPE_F16 || d == DTYPE_BF16 ? dtype_name(d) : NULL;
}

static enum hvqz_ret put_keys(struct gguf_keys *k, const struct remap *r,
			      const struct hf_config *c,
			      const struct format_wish *wish,
			      struct hvqz_err *err)
{
	const char *vectors = vector_type(r);
	struct buf b = {0};
	enum hvqz_ret ret;

	gguf_put_string(k, "general.architecture", c->arch);
	if (wish->name && *wish->name)
		gguf_put_string(k, "general.name", wish->name);
	gguf_put_config(k, c);
	gguf_put_u32(k, "general.file_type", gguf_file_type(&r->to));
	gguf_put_u32(k, "general.quantization_version", QUANTIZATION_VERSION);
	TRY_OUT(format_wish_file(wish, "tokenizer.json", MAX_TOKENS,
				 &b, err));
	TRY_OUT(gguf_put_tokens(k, b.p, b.len, c, err));
	TRY_OUT(gguf_put_chat(k, wish, err));
	if (vectors)
		gguf_put_string(k, "hvqz.vector_type", vectors);
out:
	buf_free(&b);
	return ret;
}

/* ---- all of it ---- */

/* Of several models in a folder or an archive none is the one. */
static enum hvqz_ret check_any_own(const struct model *m,
				   const struct file_names *others,
				   struct hvqz_err *err)
{
	if (!others)
		return HVQZ_OK;
	for (size_t i = 0; i < m->n_tensors; i++)
		if (!file_names_have(others, m->tensors[i].name))
			return HVQZ_OK;
	return hvqz_fail(err, HVQZ_UNSUPPORTED,
			 "no tensor in the %s is the model's own: of several "
			 "models each is converted by itself", m->format);
}

static enum hvqz_ret read_config(const struct format_wish *wish,
				 struct hf_config *c, struct hvqz_err *err)
{
	struct hvqz_err why = {0};
	struct buf b = {0};
	enum hvqz_ret ret;

	TRY_OUT(format_wish_file(wish, "config.json", MAX_CONFIG, &b,
				 err));
	ret = hf_config_parse(b.p, b.len, c, &why);
	if (ret != HVQZ_OK)
		hvqz_fail(err, ret, "config.json: %s", why.msg);
out:
	buf_free(&b);
	return ret;
}

static enum hvqz_ret make(struct remap *r, const struct format_wish *wish,
			  struct hvqz_err *err)
{
	struct file_names names = {0}, *others = wish->files ? &names : NULL;
	struct gguf_keys keys = {0};
	struct hf_config c;
	enum hvqz_ret ret;

	if (others)
		TRY_OUT(file_names_of(wish->files, others, err));
	TRY_OUT(check_any_own(r->from, others, err));
	TRY_OUT(read_config(wish, &c, err));
	TRY_OUT(keep_all(r, &c, others, wish->dtype, err));
	TRY_OUT(put_keys(&keys, r, &c, wish, err));
	TRY_OUT(gguf_make_head(&keys, &r->to, err));
	ret = remap_start(r, &gguf_writer, wish, err);
out:
	file_names_free(&names);
	buf_free(&keys.b);
	return ret;
}

static enum hvqz_ret plan(const struct model *m, void **state,
			  struct hvqz_err *err)
{
	const struct format_wish *wish = *state;
	struct remap *r;
	enum hvqz_ret ret;

	*state = NULL;
	if (!wish || (!wish->get && !wish->files))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "a GGUF needs config.json and tokenizer.json, "
				 "and there are none");
	r = remap_new(m, err);
	if (!r)
		return HVQZ_NOMEM;
	ret = make(r, wish, err);
	if (ret != HVQZ_OK)
		remap_free(r);
	else
		*state = r;
	return ret;
}

const struct writer_ops gguf_from_hf = {
	.name = "gguf",
	.suffix = ".gguf",
	.plan = plan,
	.head = remap_head,
	.put = remap_put,
	.tail = remap_tail,
	.free = remap_free,
};
