/* intcode.c - the number lists of intcode.h. */
#include "entropy/intcode.h"

#include "entropy/bits.h"
#include "entropy/rans.h"

#include <stdlib.h>

enum {
	TABLE_BITS = 12,
	N_CLASSES = 4 * 30 + 4,
};

static unsigned class_of(uint32_t v)
{
	unsigned e;

	if (v < 4)
		return v;
	e = 31 - (unsigned)__builtin_clz(v);
	return 4 * (e - 1) + (v >> (e - 2) & 3);
}

/* Raw bits behind a class. */
static unsigned class_extra(unsigned cl)
{
	return cl < 4 ? 0 : cl / 4 - 1;
}

/* The smallest number of a class. */
static uint32_t class_base(unsigned cl)
{
	return cl < 4 ? cl : (4u | (cl & 3)) << (cl / 4 - 1);
}

enum hvqz_ret intcode_put(const uint32_t *v, size_t n, struct buf *out,
			  struct hvqz_err *err)
{
	uint32_t counts[N_CLASSES] = {0};
	struct bit_writer bits = {.out = out};
	struct rans_table table = {0};
	uint16_t *sym = NULL;
	uint32_t top = 0;
	enum hvqz_ret ret;

	if (!n)
		return HVQZ_OK;
	sym = malloc(n * sizeof(*sym));
	if (!sym)
		return hvqz_nomem(err, n * sizeof(*sym), "number classes");
	for (size_t i = 0; i < n; i++) {
		sym[i] = (uint16_t)class_of(v[i]);
		counts[sym[i]]++;
		if (sym[i] > top)
			top = sym[i];
	}
	TRY_OUT(rans_table_from_counts(&table, counts, top + 1, TABLE_BITS,
				       err));
	varint_put(out, top);
	for (uint32_t s = 0; s <= top; s++)
		bits_put_gamma(&bits, table.freq[s]);
	bits_flush(&bits);
	TRY_OUT(rans_encode(&table, sym, n, out, err));
	for (size_t i = 0; i < n; i++)
		bits_put(&bits, v[i] - class_base(sym[i]),
			 class_extra(sym[i]));
	bits_flush(&bits);
	ret = buf_ok(out, err);
out:
	rans_table_free(&table);
	free(sym);
	return ret;
}

static enum hvqz_ret bad(const char *what, const char *why,
			 struct hvqz_err *err)
{
	return hvqz_fail(err, HVQZ_DAMAGED, "%s: %s", what, why);
}

enum hvqz_ret intcode_get(struct cursor *c, uint32_t *v, size_t n,
			  const char *what, struct hvqz_err *err)
{
	uint16_t freq[N_CLASSES], *sym = NULL;
	struct rans_table table = {0};
	struct bit_reader bits;
	const uint8_t *raw;
	uint64_t n_bits = 0;
	uint32_t top;
	bool valid;
	enum hvqz_ret ret;

	if (!n)
		return HVQZ_OK;
	if (!varint_get(c, &top) || top >= N_CLASSES)
		return bad(what, "no frequency table", err);
	bits = (struct bit_reader){.p = c->p, .end = c->end};
	for (uint32_t s = 0; s <= top; s++) {
		uint32_t f = bits_get_gamma(&bits);

		freq[s] = (uint16_t)(f <= 1 << TABLE_BITS ? f : 0xffff);
	}
	if (!bits_end(&bits))
		return bad(what, "a frequency table that is cut or padded "
			   "with ones", err);
	c->p = bits.p;
	TRY(rans_table_from_freqs(&table, freq, top + 1, TABLE_BITS, &valid,
				  err));
	if (!valid)
		return bad(what, "frequencies that do not sum to 4096", err);
	sym = malloc(n * sizeof(*sym));
	if (!sym) {
		ret = hvqz_nomem(err, n * sizeof(*sym), what);
		goto out;
	}
	if (!rans_decode(&table, c, sym, n)) {
		ret = bad(what, "a broken rANS stream", err);
		goto out;
	}
	for (size_t i = 0; i < n; i++)
		n_bits += class_extra(sym[i]);
	raw = cur_take(c, (n_bits + 7) / 8);
	if (!raw) {
		ret = bad(what, "fewer raw bits than its numbers have", err);
		goto out;
	}
	bits = (struct bit_reader){.p = raw, .end = c->p};
	for (size_t i = 0; i < n; i++)
		v[i] = class_base(sym[i]) + bits_get(&bits,
						     class_extra(sym[i]));
	ret = bits_end(&bits) ? HVQZ_OK
			      : bad(what, "nonzero padding", err);
out:
	rans_table_free(&table);
	free(sym);
	return ret;
}
