/*
 * hf_from_gguf.c - the writers that make safetensors from a GGUF, by itself or
 * as the only file of an archive: formats/gguf.md, "To and from Hugging Face".
 *
 * In the architectures of the Llama family names become Hugging Face's and
 * rows of q and k get their order back; in others both stay. What is quantized
 * in blocks cannot be said in safetensors.
 */
#include "formats/gguf.h"
#include "formats/gguf_names.h"
#include "formats/remap.h"
#include "formats/safetensors.h"

#include "base/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct source_keys {
	bool family;		/* names are known */
	bool turned;		/* and rows of q and k are in pairs */
	uint32_t n_heads, n_kv_heads;
	enum dtype vectors;	/* what tensors of one dimension were; or 0 */
};

static enum hvqz_ret number(const struct gguf *g, const struct span *arch,
			    const char *name, uint32_t otherwise, uint32_t *v,
			    struct hvqz_err *err)
{
	const struct gguf_pair *p;
	char key[120];

	snprintf(key, sizeof(key), "%.*s.%s", (int)arch->len,
		 (const char *)arch->p, name);
	TRY(gguf_want(g, key, GGUF_U32, &p, err));
	*v = p ? get_le32(g->head.p + p->at) : otherwise;
	if (*v)
		return HVQZ_OK;
	return hvqz_fail(err, HVQZ_DAMAGED, "GGUF key %s is %s", key,
			 p ? "0" : "missing");
}

static enum hvqz_ret read_vectors(const struct gguf *g, struct source_keys *k,
				  struct hvqz_err *err)
{
	const struct gguf_pair *p;
	struct span s;

	TRY(gguf_want(g, "hvqz.vector_type", GGUF_STRING, &p, err));
	if (!p)
		return HVQZ_OK;
	s = gguf_string(g, p);
	k->vectors = span_is(&s, "F16") ? DTYPE_F16 :
		     span_is(&s, "BF16") ? DTYPE_BF16 : 0;
	return k->vectors ? HVQZ_OK
			  : hvqz_fail(err, HVQZ_UNSUPPORTED,
				      "hvqz.vector_type is neither F16 nor "
				      "BF16");
}

static enum hvqz_ret read_keys(const struct gguf *g, struct source_keys *k,
			       struct hvqz_err *err)
{
	const struct gguf_pair *p;
	struct span arch;

	*k = (struct source_keys){0};
	TRY(gguf_want(g, "general.architecture", GGUF_STRING, &p, err));
	if (!p)
		return HVQZ_OK;
	arch = gguf_string(g, p);
	k->turned = span_is(&arch, "llama");
	k->family = k->turned || span_is(&arch, "qwen2") ||
		    span_is(&arch, "qwen3");
	if (!k->family)
		return HVQZ_OK;
	TRY(number(g, &arch, "attention.head_count", 0, &k->n_heads, err));
	TRY(number(g, &arch, "attention.head_count_kv", k->n_heads,
		   &k->n_kv_heads, err));
	return read_vectors(g, k, err);
}

/* Rows of a head of t, if they are to be turned; 0: they stay. */
static enum hvqz_ret head_rows(const struct tensor *t,
			       const struct source_keys *k, uint64_t *rows,
			       struct hvqz_err *err)
{
	bool q = strstr(t->name, ".attn_q.");
	uint32_t n = q ? k->n_heads : k->n_kv_heads;

	*rows = 0;
	if (!k->turned || (!q && !strstr(t->name, ".attn_k.")))
		return HVQZ_OK;
	if (t->dim[0] % n)
		return hvqz_fail_tensor(err, HVQZ_DAMAGED, t->name,
					"%" PRIu64 " rows are not %" PRIu32
					" heads", t->dim[0], n);
	*rows = t->dim[0] / n;
	return HVQZ_OK;
}

static enum hvqz_ret keep_tensor(struct remap *r, size_t i,
				 const struct gguf *g,
				 const struct source_keys *k,
				 enum dtype wanted, struct hvqz_err *err)
{
	const struct tensor *t = &r->from->tensors[i];
	const struct gguf_type *type = gguf_type(g->infos[i].type);
	struct remap_tensor how = {.dtype = t->dtype};
	char name[TENSOR_MAX_NAME + 64];

	TRY(gguf_no_blocks(t->name, type, "safetensors", err));
	if (t->rank > 1 && wanted && dtype_is_weight(t->dtype))
		how.dtype = wanted;
	if (!k->family)
		return remap_keep(r, i, t->name, &how, err);
	/* config.json says it in its own way. */
	if (!strcmp(t->name, "rope_freqs.weight"))
		return HVQZ_OK;
	if (!name_from_gguf(t->name, name, sizeof(name)))
		return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, t->name,
					"no tensor of that name is known in "
					"Hugging Face's models of this family");
	TRY(head_rows(t, k, &how.head_rows, err));
	if (t->rank == 1 && t->dtype == DTYPE_F32 && k->vectors) {
		how.dtype = k->vectors;
		how.exact = true;
	}
	return remap_keep(r, i, name, &how, err);
}

/* Hugging Face's library loads no file that does not say this. */
static enum hvqz_ret make_head(struct model *m, struct hvqz_err *err)
{
	static const char json[] = "{\"__metadata__\":{\"format\":\"pt\"}}";
	uint8_t keep[SAFETENSORS_LEN + sizeof(json) - 1];

	put_le64(keep, sizeof(json) - 1);
	memcpy(keep + SAFETENSORS_LEN, json, sizeof(json) - 1);
	TRY(safetensors_make_head(m, keep, sizeof(keep), &m->head,
				  &m->head_len, err));
	memcpy(m->format, "safetensors", sizeof("safetensors"));
	return HVQZ_OK;
}

static enum hvqz_ret make(struct remap *r, const struct format_wish *wish,
			  struct hvqz_err *err)
{
	const struct model *m = r->from;
	struct gguf g = {0};
	struct source_keys k;
	enum dtype wanted = wish ? wish->dtype : 0;
	enum hvqz_ret ret;

	TRY_OUT(gguf_parse_head(m->head, m->head_len, &g, err));
	if (g.n_infos != m->n_tensors) {
		ret = hvqz_fail(err, HVQZ_DAMAGED,
				"the kept head has %zu tensors, the table %zu",
				g.n_infos, m->n_tensors);
		goto out;
	}
	TRY_OUT(read_keys(&g, &k, err));
	for (size_t i = 0; i < m->n_tensors; i++)
		TRY_OUT(keep_tensor(r, i, &g, &k, wanted, err));
	TRY_OUT(make_head(&r->to, err));
	ret = remap_start(r, &safetensors_writer, wish, err);
out:
	gguf_free(&g);
	return ret;
}

static enum hvqz_ret plan(const struct model *m, void **state,
			  struct hvqz_err *err)
{
	const struct format_wish *wish = *state;
	struct remap *r;
	enum hvqz_ret ret;

	*state = NULL;
	if (!m->head)
		return hvqz_fail(err, HVQZ_DAMAGED,
				 "the file has no GGUF head");
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

/* To an archive, which makes itself around one safetensors file. */
static enum hvqz_ret plan_file(const struct writer_ops *archive,
			       const struct model *m, void **state,
			       struct hvqz_err *err)
{
	const struct format_wish *wish = *state;
	struct format_wish with = {.writer = archive};
	void *s = &with;
	enum hvqz_ret ret;

	if (wish) {
		with.dtype = wish->dtype;
		with.n_clamped = wish->n_clamped;
	}
	ret = plan(m, &s, err);
	*state = ret == HVQZ_OK ? s : NULL;
	return ret;
}

static enum hvqz_ret plan_tar(const struct model *m, void **state,
			      struct hvqz_err *err)
{
	return plan_file(&tar_writer, m, state, err);
}

static enum hvqz_ret plan_zip(const struct model *m, void **state,
			      struct hvqz_err *err)
{
	return plan_file(&zip_writer, m, state, err);
}

const struct writer_ops hf_from_gguf = {
	.name = "safetensors",
	.suffix = ".safetensors",
	.plan = plan,
	.head = remap_head,
	.put = remap_put,
	.tail = remap_tail,
	.free = remap_free,
};

const struct writer_ops tar_from_gguf = {
	.name = "tar", .suffix = ".tar", .plan = plan_tar,
	.head = remap_head, .put = remap_put, .tail = remap_tail,
	.free = remap_free,
};

const struct writer_ops zip_from_gguf = {
	.name = "zip", .suffix = ".zip", .plan = plan_zip,
	.head = remap_head, .put = remap_put, .tail = remap_tail,
	.free = remap_free,
};
