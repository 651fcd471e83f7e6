/*
 * entropy.c - number lists, rANS streams and their tables, points' models.
 *
 * Input: what to read (one byte), how many (24 bits), then the bytes. What the
 * lists' encoders write of the bytes as numbers must read back.
 */
#include "kernels/kernels.h"
#include "tests/fuzz/entropy_seeds.h"

enum { MAX_N = 70000 };

static void read_list(struct cursor *c, unsigned kind, size_t n)
{
	uint32_t *v = malloc(n * sizeof(*v) + 1);
	int32_t *s = malloc(n * sizeof(*s) + 1);
	int32_t *guess = calloc(n + 1, sizeof(*guess));
	struct hvqz_err err = {0};
	enum hvqz_ret ret;

	FUZZ_HOLDS(v && s && guess);
	for (size_t i = 0; i < n; i++)
		guess[i] = (int32_t)(i % 7) - 3;
	ret = kind == INTS ? intcode_get(c, v, n, "list", &err)
			   : shortlist_get(c, s, kind == GUESSED ? guess
								 : NULL,
					   n, 1000, "list", &err);
	FUZZ_HOLDS(ret == err.ret && (!ret || ret == HVQZ_DAMAGED));
	for (size_t i = 0; i < n && kind != INTS && !ret; i++)
		FUZZ_HOLDS(s[i] >= -1000 && s[i] <= 1000);
	free(v);
	free(s);
	free(guess);
}

static void read_model(struct cursor *c)
{
	struct point_model m = {0};

	if (point_model_get(&m, c, NULL) == HVQZ_OK)
		for (unsigned q = 0; q < MODEL_CLASSES; q++) {
			unsigned sum = 0;

			for (unsigned i = 0; m.t[q] && i <= m.t[q]->escape; i++)
				sum += m.t[q]->freq[i];
			FUZZ_HOLDS(!m.t[q] || sum == 1 << MODEL_BITS);
		}
	point_model_free(&m);
}

static const char *const sets[] = {"generic", "avx2", "avx512"};

/* A table of 8 frequencies from the input, and a stream by it. */
static void read_rans(const struct cursor *in, size_t n)
{
	uint16_t freq[8], *sym = malloc(n * sizeof(*sym) + 1);
	struct rans_table t = {0};
	struct cursor from = *in, c;
	bool valid, good = false;

	FUZZ_HOLDS(sym);
	for (size_t i = 0; i < 8; i++)
		if (!cur_u16(&from, &freq[i]))
			freq[i] = i ? 0 : 1 << 12;
	FUZZ_HOLDS(!rans_table_from_freqs(&t, freq, 8, 12, &valid, NULL));
	for (size_t k = 0; k < 3 && valid && n; k++) {
		const struct kernels *kern = kernels_named(sets[k]);
		bool again;

		c = from;
		if (!kern)
			continue;
		again = rans_decode(&t, kern->decode, &c, sym, n);
		FUZZ_HOLDS(!k || again == good);
		good = again;
		for (size_t i = 0; i < n && good; i++)
			FUZZ_HOLDS(sym[i] < 8 && freq[sym[i]]);
	}
	rans_table_free(&t);
	free(sym);
}

/* The same stream by every instruction set, in pieces of some length. */
static void read_lanes(struct cursor c, size_t n, size_t step)
{
	static const uint16_t freq[4] = {4000, 60, 30, 6};
	uint32_t *slots = malloc(2 * LANES_SLOTS * sizeof(*slots));
	uint8_t *which = malloc(n + 1), *sym[3] = {NULL};
	bool good[3] = {false};

	FUZZ_HOLDS(slots && which);
	lanes_fill_slots(freq, 4, slots);
	lanes_fill_slots(freq, 4, slots + LANES_SLOTS);
	for (size_t i = 0; i < n; i++)
		which[i] = i % 3 == 1;
	for (size_t k = 0; k < 3; k++) {
		const struct kernels *kern = kernels_named(sets[k]);
		struct cursor at = c;
		struct lanes_dec d;

		sym[k] = calloc(n + 1, 1);
		FUZZ_HOLDS(sym[k]);
		good[k] = kern && lanes_begin(&d, &at, n);
		for (size_t i = 0; i < n && good[k]; i += step)
			good[k] = lanes_take(&d, kern->decode, slots,
					     n % 2 ? which + i : NULL,
					     sym[k] + i,
					     n - i < step ? n - i : step);
		good[k] = good[k] && lanes_end(&d);
		if (kern)
			FUZZ_HOLDS(good[k] == good[0] &&
				   (!good[0] || !memcmp(sym[k], sym[0], n)));
	}
	for (size_t k = 0; k < 3; k++)
		free(sym[k]);
	free(slots);
	free(which);
}

static void put_and_get(const struct cursor *in)
{
	size_t n = cur_left(in) / 4;
	uint32_t *v = malloc(4 * n + 1), *w = malloc(4 * n + 1);
	struct buf out = {0};
	struct cursor c;

	FUZZ_HOLDS(v && w);
	for (size_t i = 0; i < n; i++)
		v[i] = get_le32(in->p + 4 * i);
	FUZZ_HOLDS(!intcode_put(v, n, &out, NULL));
	buf_u8(&out, 0);	/* nothing else comes of an empty list */
	c = (struct cursor){out.p, out.p + out.len - 1};
	FUZZ_HOLDS(!intcode_get(&c, w, n, "list", NULL) && !cur_left(&c));
	FUZZ_HOLDS(!n || !memcmp(v, w, 4 * n));
	buf_free(&out);
	free(v);
	free(w);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct fuzz_in in = {p, len};
	unsigned kind = fuzz_take(&in, 1) % N_KINDS;
	size_t n = fuzz_take(&in, 3) % MAX_N;
	uint8_t *copy = fuzz_copy(in.p, in.len);
	struct cursor c = {copy, copy + in.len};

	if (kind <= GUESSED)
		read_list(&c, kind, n);
	else if (kind == MODEL)
		read_model(&c);
	else if (kind == RANS)
		read_rans(&c, n);
	else if (kind == LANES && n)
		read_lanes(c, n, 1 + n % 97 * DECODE_LANES);
	else if (kind == PUT)
		put_and_get(&c);
	free(copy);
	return 0;
}
