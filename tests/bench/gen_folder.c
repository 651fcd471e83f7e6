/*
 * gen_folder.c - the folder of a synthetic language model, as Hugging Face
 * lays it out but without a tokenizer, and a text of tokens for it.
 *
 *	gen_folder DIR [--layers N] [--tokens N] [--seed S]
 *
 * DIR, which must be there, gets config.json, model.safetensors and text.u32.
 * The widths are those of Qwen2.5-0.5B, and so is the vocabulary; only layers
 * are fewer (2). Weights are BF16, independent and about normal with a standard
 * deviation of 0.02, norms 1: predictions close to uniform, which no loop over
 * them profits from. Tokens are uniform.
 *
 * The same options give the same bytes everywhere.
 */
#include "base/bytes.h"
#include "base/half.h"
#include "base/rng.h"
#include "lm/model.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PART = 1 << 16 };	/* weights made at a time */

static const char config[] =
	"{\n"
	" \"architectures\": [\"Qwen2ForCausalLM\"],\n"
	" \"model_type\": \"qwen2\",\n"
	" \"hidden_size\": 896,\n"
	" \"intermediate_size\": 4864,\n"
	" \"num_hidden_layers\": %" PRIu64 ",\n"
	" \"num_attention_heads\": 14,\n"
	" \"num_key_value_heads\": 2,\n"
	" \"vocab_size\": 151936,\n"
	" \"max_position_embeddings\": 32768,\n"
	" \"rms_norm_eps\": 1e-06,\n"
	" \"rope_theta\": 1000000.0,\n"
	" \"tie_word_embeddings\": true,\n"
	" \"hidden_act\": \"silu\",\n"
	" \"torch_dtype\": \"bfloat16\"\n"
	"}\n";

_Noreturn static void die(const char *what, const char *value)
{
	fprintf(stderr, "gen_folder: %s: %s\n", what, value);
	exit(1);
}

static FILE *create(const char *dir, const char *name)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (!f)
		die(path, strerror(errno));
	return f;
}

static void put(FILE *f, const void *p, size_t n)
{
	if (fwrite(p, 1, n, f) != n)
		die("write", strerror(errno));
}

static void finish(FILE *f)
{
	if (fclose(f))
		die("write", strerror(errno));
}

/* ---- the weights ---- */

struct writing {
	FILE *f;
	uint64_t off;
	struct rng rng;
};

/* For each weight that m has, in the order of the file. */
static void each(const struct lm_model *m, struct writing *to,
		 void (*fn)(struct writing *to, const struct lm_weight *w))
{
	fn(to, &m->embed);
	for (size_t i = 0; i < m->conf.n_layers; i++)
		for (int j = 0; j < LM_N_PARTS; j++)
			if (m->layers[i].part[j].n_rows)
				fn(to, &m->layers[i].part[j]);
	fn(to, &m->final_norm);
}

static void head_line(struct writing *to, const struct lm_weight *w)
{
	uint64_t end = to->off + 2 * (uint64_t)w->n_rows * w->n_cols;

	fprintf(to->f, "%c\"%s\":{\"dtype\":\"BF16\",\"shape\":[",
		to->off ? ',' : '{', w->name);
	if (w->n_rows > 1)
		fprintf(to->f, "%zu,", w->n_rows);
	fprintf(to->f,
		"%zu],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", w->n_cols,
		to->off, end);
	to->off = end;
}

/* Four 16-bit numbers added up: variance 2^32 / 3. */
static float weight(struct rng *r)
{
	uint64_t u = rng_u64(r);
	int32_t sum = -2 * 0xffff;

	for (; u; u >>= 16)
		sum += (int32_t)(u & 0xffff);
	return (float)sum * (0.02f * 1.7320508f / 65536);
}

static void data(struct writing *to, const struct lm_weight *w)
{
	size_t left = w->n_rows * w->n_cols, n;
	bool norm = strstr(w->name, "norm.");
	static uint8_t part[2 * PART];

	for (; left; left -= n) {
		n = left < PART ? left : PART;
		for (size_t i = 0; i < n; i++)
			put_le16(part + 2 * i,
				 bf16_from_f32(norm ? 1 : weight(&to->rng)));
		put(to->f, part, 2 * n);
	}
}

static void write_model(const char *dir, const struct lm_model *m,
			uint64_t seed)
{
	struct writing w = {.rng = {seed}};
	uint8_t le[8];
	char *head;
	size_t len;

	w.f = open_memstream(&head, &len);
	if (!w.f)
		die("header", strerror(errno));
	each(m, &w, head_line);
	fputc('}', w.f);
	while (ftell(w.f) % 8)
		fputc(' ', w.f);
	finish(w.f);

	w.f = create(dir, "model.safetensors");
	put_le64(le, len);
	put(w.f, le, sizeof(le));
	put(w.f, head, len);
	each(m, &w, data);
	finish(w.f);
	free(head);
}

/* ---- the rest ---- */

static void write_config(const char *dir, uint64_t n_layers,
			 struct lm_config *c)
{
	struct hvqz_err err = {0};
	char text[sizeof(config) + 20];
	int len = snprintf(text, sizeof(text), config, n_layers);
	FILE *f = create(dir, "config.json");

	put(f, text, (size_t)len);
	finish(f);
	if (lm_config_parse((uint8_t *)text, (size_t)len, c, &err))
		die("config.json", err.msg);
}

static void write_text(const char *dir, uint64_t n, uint64_t seed,
		       size_t n_vocab)
{
	struct rng rng = {~seed};
	FILE *f = create(dir, "text.u32");
	uint8_t le[4];

	for (uint64_t i = 0; i < n; i++) {
		put_le32(le, (uint32_t)rng_below(&rng, n_vocab));
		put(f, le, sizeof(le));
	}
	finish(f);
}

int main(int argc, char **argv)
{
	uint64_t layers = 2, tokens = 4097, seed = 1;
	struct hvqz_err err = {0};
	struct lm_config conf;
	struct lm_model m;

	if (argc < 2 || argc % 2)
		die("usage", "gen_folder DIR [--layers N] [--tokens N] "
			     "[--seed S]");
	for (int i = 2; i < argc; i += 2) {
		uint64_t n = strtoull(argv[i + 1], NULL, 0);

		if (!strcmp(argv[i], "--layers"))
			layers = n;
		else if (!strcmp(argv[i], "--tokens"))
			tokens = n;
		else if (!strcmp(argv[i], "--seed"))
			seed = n;
		else
			die("unknown option", argv[i]);
	}
	write_config(argv[1], layers, &conf);
	if (lm_model_init(&m, &conf, &err))
		die("model", err.msg);
	write_model(argv[1], &m, seed);
	write_text(argv[1], tokens, seed, conf.n_vocab);
	lm_model_free(&m);
	return 0;
}
