/*
 * corpus_trellis.h - a payload of codec 3, and what can be wrong with it (H8).
 */
#ifndef TESTS_CORPUS_TRELLIS_H
#define TESTS_CORPUS_TRELLIS_H

#include "codec/trellis_points.h"
#include "entropy/intcode.h"
#include "tests/trellis_case.h"

enum {
	N_ROWS = 8,		/* units */
	N_COLS = 16,		/* channels */
	N = N_ROWS * N_COLS,
	CLASS = 32,		/* σ = 16, and an escape now and then */
	/* Where things are in the payload that make() writes. */
	AT_FLAGS = 0,
	AT_CODE = 1,
	AT_KIND = 2,
	AT_N_OUT = 3,
	AT_BASE = 4,
	AT_STEPS = 8,		/* of the channels: resolution */
	AT_CLASSES = 10,	/* of the channels: the first one */
	AT_UNIT_STEPS = 12,
	AT_UNIT_CLASSES = 14,
	AT_FIRST = 16,		/* class that has a table; the last one */
	AT_TABLE = 18,		/* its nine bits */
	AT_WORDS = 20,		/* how many */
	AT_STATES = 21,
};

/* A payload and what it was made from. */
struct made {
	struct slab slab;
	struct trellis q;
	int32_t u[N];		/* [channels][units] */
	struct buf out;
};

/* The points as symbols, and everything behind them. */
static void put_points(struct made *m)
{
	static const float zero[16];
	struct trellis_places at = trellis_places_of(N_ROWS, m->q.n_lanes);
	struct trellis_symbols s;
	int8_t class[16];
	int32_t u[16];

	ck_assert_uint_le(at.stride, 16);
	ck_assert_int_eq(trellis_symbols_open(&s, &at, N_COLS, &err), HVQZ_OK);
	for (size_t j = N_COLS; j-- > 0;) {
		struct trellis_settle c = {
			.u = u, .target = zero, .weight = zero,
			.unit_step = zero, .unit_class = class,
			.channel_class = m->q.channel.class[j],
		};

		for (size_t p = 0; p < at.stride; p++) {
			size_t i = trellis_unit_at(&at, p);

			u[p] = i < N_ROWS ? m->u[j * N_ROWS + i] : 0;
			class[p] = i < N_ROWS ? m->q.unit.class[i]
					      : TRELLIS_NO_UNIT;
		}
		trellis_symbols_add(&s, &trellis_generic, &at, j, &c);
	}
	ck_assert_int_eq(trellis_put(&m->q, &s, &at, &encode_generic, &m->out,
				     &err), HVQZ_OK);
	trellis_symbols_free(&s);
}

/* Put what is in m again, in place of its payload. */
static void put(struct made *m)
{
	point_model_free(&m->q.model);
	buf_clear(&m->out);
	put_points(m);
}

/* Points along a path, in the decoder's order. */
static void walk(struct made *m, struct rng *r)
{
	unsigned state[TRELLIS_MAX_LANES] = {0};
	struct trellis_code code;

	trellis_code_make(&code, m->q.log_states);
	for (size_t j = N_COLS; j-- > 0;)
		for (size_t i = 0; i < N_ROWS; i++) {
			unsigned l = (unsigned)(i * m->q.n_lanes / N_ROWS);
			double x = 16 * gaussian(r);
			int32_t u = (int32_t)floor(x / 2) * 2 +
				    (int32_t)(state[l] & 1);

			m->u[j * N_ROWS + i] = u;
			state[l] = code.next[state[l]][u >> 1 & 1];
		}
}

/* A good one, with three outliers and two lanes, all of whose lists are 0. */
static void make(struct made *m)
{
	struct rng rng = {1};

	*m = (struct made){
		.slab = {.dtype = DTYPE_F32, .n_rows = N_ROWS,
			 .n_cols = N_COLS, .raw_len = 4 * N},
	};
	ck_assert_int_eq(trellis_alloc(&m->q, &m->slab, false, &err), HVQZ_OK);
	m->q.log_states = 3;
	m->q.n_lanes = 2;
	m->q.base = 0.5f;
	memset(m->q.channel.class, CLASS, N_COLS);
	step_list_values(&m->q.channel, N_COLS);
	step_list_values(&m->q.unit, N_ROWS);
	ck_assert_int_eq(sparse_alloc(&m->q.sparse, 3, &err), HVQZ_OK);
	for (uint32_t o = 0; o < 3; o++) {
		m->q.sparse.pos[o] = 7 + 40 * o;
		m->q.sparse.half[o] = (uint16_t)(0x3c00 + 200 * o);
	}
	walk(m, &rng);
	put(m);
}

static void unmake(struct made *m)
{
	trellis_free(&m->q);
	buf_free(&m->out);
}

/* ---- what can be wrong with it ---- */

/* n bytes at `at` give way to those of with. */
static void splice(struct made *m, size_t at, size_t n, const struct buf *with)
{
	struct buf out = {0};

	buf_put(&out, m->out.p, at);
	buf_put(&out, with->p, with->len);
	buf_put(&out, m->out.p + at + n, m->out.len - at - n);
	buf_free(&m->out);
	m->out = out;
}

static void remove_bytes(struct made *m, size_t at, size_t n)
{
	static const struct buf nothing;

	splice(m, at, n, &nothing);
}

/* In place of an all-zero list: way 0 and n numbers, all 0 but one. */
static void list(struct made *m, size_t at, size_t n, int32_t odd)
{
	uint32_t v[N] = {0};
	struct buf b = {0};

	v[n / 2] = zigzag(odd);
	buf_u8(&b, 0);
	ck_assert_int_eq(intcode_put(v, n, &b, &err), HVQZ_OK);
	splice(m, at, 1, &b);
	buf_free(&b);
}

static void set(struct made *m, size_t at, unsigned v)
{
	m->out.p[at] = (uint8_t)v;
}

/* Where the raw bits' length is: behind the states and the words. */
static size_t at_raw(const struct made *m)
{
	return AT_STATES + 4 * m->q.n_lanes + 2 * m->out.p[AT_WORDS];
}

static size_t at_sparse(const struct made *m)
{
	return at_raw(m) + 1 + m->out.p[at_raw(m)];
}

/* Three outliers of 1 with these gaps, in place of those that are there. */
static void gaps(struct made *m, uint32_t a, uint32_t b, uint32_t c)
{
	static const uint32_t differences[3];
	uint32_t v[3] = {a, b, c};

	m->out.len = at_sparse(m);
	buf_f32(&m->out, 1);
	ck_assert_int_eq(intcode_put(v, 3, &m->out, &err), HVQZ_OK);
	ck_assert_int_eq(intcode_put(differences, 3, &m->out, &err), HVQZ_OK);
	buf_u8(&m->out, 0);
}

#define DAMAGE(name, ...) \
	static void name(struct made *m) \
	{ \
		__VA_ARGS__; \
	}

DAMAGE(flag, set(m, AT_FLAGS, 2))
DAMAGE(all_flags, set(m, AT_FLAGS, 0xff))
DAMAGE(two_states, set(m, AT_CODE, 1 | 1 << 4))
DAMAGE(states_512, set(m, AT_CODE, 9 | 1 << 4))
DAMAGE(lanes_64, set(m, AT_CODE, 3 | 6 << 4))
DAMAGE(lanes_16, set(m, AT_CODE, 3 | 4 << 4))
DAMAGE(kind_2, set(m, AT_KIND, 2))
DAMAGE(kind_for_none, set(m, AT_KIND, 1), set(m, AT_N_OUT, 0))
DAMAGE(more_outliers_than_weights,
       struct buf b = {0};
       varint_put(&b, N + 1); splice(m, AT_N_OUT, 1, &b); buf_free(&b))
DAMAGE(long_varint,
       struct buf b = {0};
       buf_u16(&b, 0x0083); splice(m, AT_N_OUT, 1, &b); buf_free(&b))
DAMAGE(base_nan, put_lef32(m->out.p + AT_BASE, NAN))
DAMAGE(base_zero, put_lef32(m->out.p + AT_BASE, 0))
DAMAGE(base_negative, put_lef32(m->out.p + AT_BASE, -1))
DAMAGE(base_infinite, put_lef32(m->out.p + AT_BASE, INFINITY))
DAMAGE(resolution, set(m, AT_STEPS, 4))
DAMAGE(unit_resolution, set(m, AT_UNIT_STEPS, 255))
DAMAGE(steps_guessed, set(m, AT_STEPS + 1, 2))
DAMAGE(steps_way_4, set(m, AT_STEPS + 1, 4))
DAMAGE(steps_rice_31, set(m, AT_STEPS + 1, 0),
       set(m, AT_STEPS + 2, 31))
DAMAGE(step_32, list(m, AT_STEPS + 1, N_COLS, 32))
DAMAGE(step_below, list(m, AT_STEPS + 1, N_COLS, -32))
DAMAGE(step_huge, list(m, AT_STEPS + 1, N_COLS, INT32_MIN))
DAMAGE(step_256, set(m, AT_UNIT_STEPS, 3),
       list(m, AT_UNIT_STEPS + 1, N_ROWS, 256))
DAMAGE(classes_way_4, set(m, AT_CLASSES + 1, 4))
DAMAGE(class_241, list(m, AT_CLASSES + 1, N_COLS, 241))
DAMAGE(class_121, list(m, AT_CLASSES + 1, N_COLS, 121 - CLASS))
DAMAGE(first_class_127, set(m, AT_UNIT_CLASSES, 127))
DAMAGE(first_class_below, set(m, AT_UNIT_CLASSES, 0x80))
DAMAGE(table_80, set(m, AT_FIRST + 1, 80))
DAMAGE(tables_backwards, set(m, AT_FIRST, CLASS + 1))
DAMAGE(tables_from_81, set(m, AT_FIRST, 81))
DAMAGE(no_tables_but_some, set(m, AT_FIRST, 80))
DAMAGE(table_padding, m->out.p[AT_TABLE + 1] |= 0x80)
DAMAGE(other_class, set(m, AT_FIRST, CLASS + 1),
       set(m, AT_FIRST + 1, CLASS + 1))
DAMAGE(no_tables, set(m, AT_FIRST, 80), set(m, AT_FIRST + 1, 0),
       remove_bytes(m, AT_TABLE, 2))
DAMAGE(word_less, remove_bytes(m, at_raw(m) - 2, 2), m->out.p[AT_WORDS]--)
DAMAGE(word_more,
       struct buf b = {0};
       buf_u16(&b, 0); splice(m, at_raw(m), 0, &b); buf_free(&b);
       m->out.p[AT_WORDS]++)
DAMAGE(words_without_end,
       struct buf b = {0};
       varint_put(&b, UINT32_MAX); splice(m, AT_WORDS, 1, &b); buf_free(&b))
DAMAGE(low_state, put_le32(m->out.p + AT_STATES + 4, 0xffff))
DAMAGE(other_state, put_le32(m->out.p + AT_STATES,
			     get_le32(m->out.p + AT_STATES) ^ 0x10000))
DAMAGE(raw_byte_more,
       struct buf b = {0};
       buf_u8(&b, 0); splice(m, at_sparse(m), 0, &b); buf_free(&b);
       m->out.p[at_raw(m)]++)
DAMAGE(raw_byte_less, remove_bytes(m, at_sparse(m) - 1, 1),
       m->out.p[at_raw(m)]--)
DAMAGE(raw_without_end,
       struct buf b = {0};
       varint_put(&b, UINT32_MAX); splice(m, at_raw(m), 1, &b); buf_free(&b))
DAMAGE(raw_padding, m->out.p[at_sparse(m) - 1] |= 0x80)
DAMAGE(point_too_far, m->u[5] += 1 << 25; put(m))
DAMAGE(typical_nan, put_lef32(m->out.p + at_sparse(m), NAN))
DAMAGE(typical_infinite, put_lef32(m->out.p + at_sparse(m), INFINITY))
DAMAGE(typical_negative, put_lef32(m->out.p + at_sparse(m), -1))
DAMAGE(position_outside, gaps(m, 7, 39, N - 48))
DAMAGE(position_far_outside, gaps(m, 7, 39, UINT32_MAX - 47))
DAMAGE(position_twice, gaps(m, 7, 39, UINT32_MAX))
DAMAGE(last_position, gaps(m, 7, 39, N - 49))
DAMAGE(outlier_infinite, m->q.sparse.half[1] = 0x7c00; put(m))
DAMAGE(outlier_nan, m->q.sparse.half[1] = 0xffff; put(m))
DAMAGE(outlier_signs_padded, m->out.p[m->out.len - 1] |= 8)
DAMAGE(outliers_cut, m->out.len--)
DAMAGE(outliers_missing, m->out.len = at_sparse(m))
DAMAGE(bytes_behind, buf_u8(&m->out, 0))
DAMAGE(integers, m->slab.dtype = DTYPE_I32)

/* With corrections: to symbol s by v, the others' being 0. */
static void correct(struct made *m, unsigned s, int32_t v)
{
	uint32_t by[MODEL_MAX_SYMBOLS] = {0};
	struct buf b = {0};

	by[s] = zigzag(v);
	m->out.p[AT_TABLE + 1] |= 1;
	ck_assert_int_eq(intcode_put(by, model_fold(CLASS) + 1, &b, &err),
			 HVQZ_OK);
	splice(m, AT_WORDS, 0, &b);
	buf_free(&b);
}

DAMAGE(correction_below_1, correct(m, 3, -4000))
DAMAGE(correction_above_all, correct(m, 0, 4000))
DAMAGE(correction_huge, correct(m, 0, INT32_MAX))
DAMAGE(correction_huge_below, correct(m, 0, INT32_MIN))
DAMAGE(correction_leaves_none, correct(m, model_fold(CLASS), 4000))
DAMAGE(correction_other, correct(m, 0, -1))
DAMAGE(corrections_not_a_list, m->out.p[AT_TABLE + 1] |= 1;
       m->out.p[AT_WORDS] = 99)

#define POINTS "the points are not what was encoded"

static const struct {
	const char *name;
	void (*damage)(struct made *m);
	enum hvqz_ret ret;
	const char *word;
} bad[] = {
	{"flag", flag, HVQZ_UNSUPPORTED, "flags 0x2 are unknown"},
	{"all flags", all_flags, HVQZ_UNSUPPORTED, "flags 0xfe are unknown"},
	{"2 states", two_states, HVQZ_DAMAGED, "out of range: 2^1 states"},
	{"512 states", states_512, HVQZ_DAMAGED, "2^9 states"},
	{"64 lanes", lanes_64, HVQZ_DAMAGED, "2^6 lanes"},
	{"16 lanes", lanes_16, HVQZ_DAMAGED, "16 lanes for 8 units"},
	{"kind 2", kind_2, HVQZ_DAMAGED, "outlier kind 2"},
	{"kind for none", kind_for_none, HVQZ_DAMAGED, "outlier kind 1"},
	{"outliers", more_outliers_than_weights, HVQZ_DAMAGED,
	 "129 outliers of 128 weights"},
	{"long varint", long_varint, HVQZ_DAMAGED, "ends in its head"},
	{"base NaN", base_nan, HVQZ_DAMAGED, "the step is not a finite"},
	{"base 0", base_zero, HVQZ_DAMAGED, "the step is not a finite"},
	{"base < 0", base_negative, HVQZ_DAMAGED, "the step is not a finite"},
	{"base Inf", base_infinite, HVQZ_DAMAGED, "the step is not a finite"},
	{"resolution", resolution, HVQZ_DAMAGED, "resolution is not 0 to 3"},
	{"unit resolution", unit_resolution, HVQZ_DAMAGED, "resolution"},
	{"steps guessed", steps_guessed, HVQZ_DAMAGED,
	 "steps: stored in an unknown way"},
	{"steps way", steps_way_4, HVQZ_DAMAGED, "steps: stored in an unkn"},
	{"steps Rice 31", steps_rice_31, HVQZ_DAMAGED, "steps: neither"},
	{"step 32", step_32, HVQZ_DAMAGED, "steps: 32 is not within ±31"},
	{"step -32", step_below, HVQZ_DAMAGED, "-32 is not within ±31"},
	{"step huge", step_huge, HVQZ_DAMAGED, "-2147483648 is not within"},
	{"step 256", step_256, HVQZ_DAMAGED, "steps: 256 is not within ±255"},
	{"classes way", classes_way_4, HVQZ_DAMAGED, "classes: stored in an"},
	{"class 241", class_241, HVQZ_DAMAGED, "241 is not within ±240"},
	{"class 121", class_121, HVQZ_DAMAGED, "class 121 is not within ±120"},
	{"first class", first_class_127, HVQZ_DAMAGED, "class 127 is not wit"},
	{"first class -128", first_class_below, HVQZ_DAMAGED, "class -128"},
	{"table 80", table_80, HVQZ_DAMAGED, "classes are out of range"},
	{"backwards", tables_backwards, HVQZ_DAMAGED, "are out of range"},
	{"table 81", tables_from_81, HVQZ_DAMAGED, "classes are out of range"},
	{"tables 80 to 32", no_tables_but_some, HVQZ_DAMAGED, "out of range"},
	{"table padding", table_padding, HVQZ_DAMAGED, "description is cut"},
	{"other class", other_class, HVQZ_DAMAGED, POINTS},
	{"no tables", no_tables, HVQZ_DAMAGED, POINTS},
	{"below 1", correction_below_1, HVQZ_DAMAGED, "not all at least 1"},
	{"above all", correction_above_all, HVQZ_DAMAGED, "at least 1 with"},
	{"correction 2^31", correction_huge, HVQZ_DAMAGED, "at least 1 with"},
	{"correction -2^31", correction_huge_below, HVQZ_DAMAGED, "at least"},
	{"escape 0", correction_leaves_none, HVQZ_DAMAGED, "at least 1 with"},
	{"other table", correction_other, HVQZ_DAMAGED, POINTS},
	{"no corrections", corrections_not_a_list, HVQZ_DAMAGED,
	 "table corrections: "},
	{"word less", word_less, HVQZ_DAMAGED, POINTS},
	{"word more", word_more, HVQZ_DAMAGED, POINTS},
	{"words without end", words_without_end, HVQZ_DAMAGED, POINTS},
	{"low state", low_state, HVQZ_DAMAGED, POINTS},
	{"other state", other_state, HVQZ_DAMAGED, POINTS},
	{"raw byte more", raw_byte_more, HVQZ_DAMAGED, POINTS},
	{"raw byte less", raw_byte_less, HVQZ_DAMAGED, POINTS},
	{"raw without end", raw_without_end, HVQZ_DAMAGED, POINTS},
	{"raw padding", raw_padding, HVQZ_DAMAGED, POINTS},
	{"point too far", point_too_far, HVQZ_DAMAGED, POINTS},
	{"typical NaN", typical_nan, HVQZ_DAMAGED, "typical outlier"},
	{"typical Inf", typical_infinite, HVQZ_DAMAGED, "typical outlier"},
	{"typical < 0", typical_negative, HVQZ_DAMAGED, "typical outlier"},
	{"position", position_outside, HVQZ_DAMAGED, "at position 128"},
	{"none: the last position", last_position, HVQZ_OK, ""},
	{"position far", position_far_outside, HVQZ_DAMAGED, "at position"},
	{"position twice", position_twice, HVQZ_DAMAGED, "at position"},
	{"infinite", outlier_infinite, HVQZ_DAMAGED, "1 has no finite value"},
	{"NaN", outlier_nan, HVQZ_DAMAGED, "outlier 1 has no finite value"},
	{"signs", outlier_signs_padded, HVQZ_DAMAGED, "nonzero padding"},
	{"cut", outliers_cut, HVQZ_DAMAGED, "signs are cut"},
	{"no outliers", outliers_missing, HVQZ_DAMAGED, "typical outlier"},
	{"bytes behind", bytes_behind, HVQZ_DAMAGED, "1 bytes behind"},
	{"integers", integers, HVQZ_DAMAGED, "cannot hold elements of I32"},
};

#endif
