/*
 * gguf_family.h - small GGUFs of the Llama family, so that names and rows
 * change on the way to Hugging Face.
 */
#ifndef TESTS_FUZZ_GGUF_FAMILY_H
#define TESTS_FUZZ_GGUF_FAMILY_H

#include "formats/gguf_write.h"
#include "tests/fuzz/fuzz.h"

static const struct family {
	const char *arch;
	const char *vectors;	/* hvqz.vector_type; NULL: none */
	uint32_t heads, kv;	/* of rows of two */
	const char *norm;	/* the vector's name */
} families[] = {
	{"llama", "F16", 2, 1, "output_norm.weight"},
	{"llama", "BF16", 2, 1, "output_norm.weight"},
	{"llama", NULL, 2, 1, "output_norm.weight"},
	{"llama", NULL, 2, 1, "rope_freqs.weight"},
	{"llama", NULL, 2, 1, "blk.0.norm.weight"},
	{"llama", NULL, 2, 1, "blk.0.attn_norm"},
	{"llama", NULL, 3, 1, "output_norm.weight"},
	{"llama", NULL, 8, 4, "output_norm.weight"},
	{"llama", NULL, 0, 1, "output_norm.weight"},
	{"qwen2", "F64", 2, 1, "output_norm.weight"},
	{"qwen3", NULL, 2, 1, "output_norm.weight"},
	{"gpt2", NULL, 2, 1, "output_norm.weight"},
};

enum { N_FAMILIES = sizeof(families) / sizeof(families[0]) };

static inline void family_heads(struct gguf_keys *k, const char *arch,
				const char *name, uint32_t n)
{
	char key[80];

	snprintf(key, sizeof(key), "%s.attention.%s", arch, name);
	gguf_put_u32(k, key, n);
}

/* The head's table, from which the caller frees the rest. */
static inline void family_head(const struct family *f, struct model *m)
{
	static const uint64_t q[] = {8, 2}, k[] = {4, 2}, norm[] = {4};
	struct gguf_keys keys = {0};

	FUZZ_HOLDS(!model_add(m, "blk.0.attn_q.weight", DTYPE_F16, 2, q,
			      NULL));
	FUZZ_HOLDS(!model_add(m, "blk.0.attn_k.weight", DTYPE_BF16, 2, k,
			      NULL));
	FUZZ_HOLDS(!model_add(m, f->norm, DTYPE_F32, 1, norm, NULL));
	gguf_put_string(&keys, "general.architecture", f->arch);
	family_heads(&keys, f->arch, "head_count", f->heads);
	family_heads(&keys, f->arch, "head_count_kv", f->kv);
	if (f->vectors)
		gguf_put_string(&keys, "hvqz.vector_type", f->vectors);
	FUZZ_HOLDS(!gguf_make_head(&keys, m, NULL));
	buf_free(&keys.b);
}

static inline void family(struct buf *b, const struct family *f)
{
	struct model m = {0};

	buf_clear(b);
	family_head(f, &m);
	buf_put(b, m.head, m.head_len);
	/* Data of 32, 16 and 16 bytes, each from a multiple of 32. */
	for (int i = 0; i < 96; i++)
		buf_u8(b, i < 48 || (i >= 64 && i < 80) ? (uint8_t)i : 0);
	model_free(&m);
}

#endif
