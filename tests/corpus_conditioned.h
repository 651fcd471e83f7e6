/*
 * corpus_conditioned.h - a payload of codec 5, and what can be wrong with it (H8).
 */
#ifndef TESTS_CORPUS_CONDITIONED_H
#define TESTS_CORPUS_CONDITIONED_H

#include "base/bytes.h"
#include "codec/conditioned.h"
#include "entropy/bits.h"
#include "entropy/intcode.h"
#include "entropy/shortlist.h"
#include "tests/known_case.h"

enum {
	N_ROWS = 6,
	N_COLS = 12,
	N = N_ROWS * N_COLS,
	LEVELS = 3,
	N_OUT = 3,
	/* Where things are in the payload of make(). */
	AT_FLAGS = 0,
	AT_BODY = 1,
	AT_KIND = 2,
	AT_N_OUT = 3,
	AT_SPECTRUM = 4,	/* four BF16 */
	AT_CONDITION = 12,
	AT_ALPHA = 13,
	AT_BLOCK = 14,
	AT_LEVELS = 15,
	AT_SEED = 16,
	AT_SCALES = 20,
};

/* A payload and what it was made from. */
struct made {
	struct slab slab;
	struct conditioned q;
	struct buf body, out;
	size_t at_angles, at_len;	/* of the body */
};

/* Put what is in m again, in place of its payload. */
static void put(struct made *m)
{
	m->q.payload = m->body.p;
	m->q.len = m->body.len;
	buf_clear(&m->out);
	ck_assert_int_eq(conditioned_put(&m->q, &m->slab, &m->out, &err),
			 HVQZ_OK);
}

/* A good one: rtn, blocks of 4, three levels, seeded, three outliers. */
static void make(struct made *m)
{
	struct codec_settings set = {.codec = CODEC_RTN, .bits = 4};
	struct sample s = make_sample(DTYPE_F32, N_ROWS, N_COLS, 30);
	struct codec_stats stats = {0};
	bool declined;

	*m = (struct made){.slab = s.slab};
	ck_assert_int_eq(codec_rtn.encode(&plain_env, &s.slab, &set, NULL,
					  s.raw, &m->body, &stats, &declined,
					  &err), HVQZ_OK);
	ck_assert(!declined);
	m->q.body = &codec_rtn;
	m->q.before = (struct spectrum){4, 1000};
	m->q.after = (struct spectrum){2, 10};
	ck_assert_int_eq(condition_init(&m->q.cond, N_COLS, &err), HVQZ_OK);
	m->q.cond.alpha = 50;
	for (size_t j = 0; j < N_COLS; j++)
		m->q.cond.code[j] = (int32_t)j % 5 - 2;
	condition_rotate(&m->q.cond, 2, true, 77);
	ck_assert_int_eq(condition_add_levels(&m->q.cond, LEVELS, &err),
			 HVQZ_OK);
	for (int32_t k = 0; k < LEVELS * N_COLS / 2; k++)
		m->q.cond.angle[k] = k % 4 ? 0 : k - 9;
	ck_assert_int_eq(sparse_alloc(&m->q.sparse, N_OUT, &err), HVQZ_OK);
	for (uint32_t o = 0; o < N_OUT; o++) {
		m->q.sparse.pos[o] = 7 + 20 * o;
		m->q.sparse.half[o] = (uint16_t)(0x3c00 + 200 * o);
	}
	put(m);
	/* What AT_… count on. */
	ck_assert_uint_eq(m->out.p[AT_BODY], CODEC_RTN);
	ck_assert_uint_eq(m->out.p[AT_N_OUT], N_OUT);
	ck_assert_uint_eq(m->out.p[AT_CONDITION], 1);
	ck_assert_uint_eq(m->out.p[AT_ALPHA], 50);
	ck_assert_uint_eq(get_le32(m->out.p + AT_SEED), 77);
	for (int angles = 0; angles < 2; angles++) {
		struct cursor c = {m->out.p + (angles ? m->at_angles
						      : AT_SCALES),
				   m->out.p + m->out.len};
		int32_t v[N];

		ck_assert_int_eq(shortlist_get(&c, v, NULL,
					       angles ? LEVELS * N_COLS / 2
						      : N_COLS, 128, "", &err),
				 HVQZ_OK);
		if (angles)
			m->at_len = (size_t)(c.p - m->out.p);
		else
			m->at_angles = (size_t)(c.p - m->out.p);
	}
	ck_assert_uint_eq(m->out.p[m->at_len], m->body.len);
	free_sample(&s);
}

static void unmake(struct made *m)
{
	conditioned_free(&m->q);
	buf_free(&m->body);
	buf_free(&m->out);
}

/* n bytes at `at` give way to those of with, which go. */
static void splice(struct made *m, size_t at, size_t n, struct buf with)
{
	struct buf out = {0};

	buf_put(&out, m->out.p, at);
	buf_put(&out, with.p, with.len);
	buf_put(&out, m->out.p + at + n, m->out.len - at - n);
	buf_free(&m->out);
	buf_free(&with);
	m->out = out;
}

static struct buf number(uint32_t v)
{
	struct buf b = {0};

	varint_put(&b, v);
	return b;
}

/* Way 0, and n numbers that are 0 but for one. */
static struct buf list(size_t n, int32_t odd)
{
	uint32_t v[N] = {0};
	struct buf b = {0};

	v[n / 2] = zigzag(odd);
	buf_u8(&b, 0);
	ck_assert_int_eq(intcode_put(v, n, &b, &err), HVQZ_OK);
	return b;
}

static void scales(struct made *m, int32_t odd)
{
	splice(m, AT_SCALES, m->at_angles - AT_SCALES, list(N_COLS, odd));
}

static void angles(struct made *m, int32_t odd)
{
	splice(m, m->at_angles, m->at_len - m->at_angles,
	       list(LEVELS * N_COLS / 2, odd));
}

static void no_block(struct made *m, unsigned levels, bool seeded)
{
	m->out.p[AT_BLOCK] = 0;
	m->out.p[AT_LEVELS] = (uint8_t)levels;
	if (!seeded) {
		m->out.p[AT_CONDITION] = 0;
		splice(m, AT_SEED, 4, (struct buf){0});
	}
}

static void set_len(struct made *m, uint32_t len)
{
	splice(m, m->at_len, 1, number(len));
}

/* The outliers, in front of which the body ends. */
static size_t at_sparse(const struct made *m)
{
	return m->at_len + 1 + m->body.len;
}

/* Outliers of 1 with these gaps, in place of those that are there. */
static void gaps(struct made *m, uint32_t a, uint32_t b, uint32_t c)
{
	static const uint32_t differences[N_OUT];
	uint32_t v[N_OUT] = {a, b, c};

	m->out.len = at_sparse(m);
	buf_f32(&m->out, 1);
	ck_assert_int_eq(intcode_put(v, N_OUT, &m->out, &err), HVQZ_OK);
	ck_assert_int_eq(intcode_put(differences, N_OUT, &m->out, &err),
			 HVQZ_OK);
	buf_u8(&m->out, 0);
}

#define DAMAGE(name, ...)                     \
	static void name(struct made *m)      \
	{                                     \
		uint8_t *p = m->out.p;        \
		(void)p;                      \
		__VA_ARGS__;                  \
	}

DAMAGE(none, (void)0)
DAMAGE(flag, p[AT_FLAGS] |= 4)
DAMAGE(all_flags, p[AT_FLAGS] = 0xff)
DAMAGE(body_0, p[AT_BODY] = 0)
DAMAGE(body_1, p[AT_BODY] = 1)
DAMAGE(body_5, p[AT_BODY] = 5)
DAMAGE(body_6, p[AT_BODY] = 6)
DAMAGE(body_255, p[AT_BODY] = 255)
DAMAGE(body_other, p[AT_BODY] = CODEC_TRELLIS)
DAMAGE(kind_2, p[AT_KIND] = 2)
DAMAGE(kind_1, p[AT_KIND] = 1)
DAMAGE(kind_for_none, m->q.sparse.n = 0; put(m); m->out.p[AT_KIND] = 1)
DAMAGE(no_outliers, m->q.sparse.n = 0; put(m))
DAMAGE(most_outliers, p[AT_N_OUT] = N / 2)
DAMAGE(more_outliers, p[AT_N_OUT] = N / 2 + 1)
DAMAGE(outliers_huge, splice(m, AT_N_OUT, 1, number(UINT32_MAX)))
DAMAGE(one_outlier_less, p[AT_N_OUT]--)
DAMAGE(long_varint, p[AT_N_OUT] = 0x83; p[AT_N_OUT + 1] = 0)
DAMAGE(spectrum_nan, put_le16(p + AT_SPECTRUM, 0x7fc0))
DAMAGE(spectrum_infinite, put_le16(p + AT_SPECTRUM + 2, 0x7f80))
DAMAGE(spectrum_negative, put_le16(p + AT_SPECTRUM + 4, 0xbf80))
DAMAGE(spectrum_minus_0, put_le16(p + AT_SPECTRUM + 6, 0x8000))
DAMAGE(spectrum_0, memset(p + AT_SPECTRUM, 0, 8))
DAMAGE(spectrum_most, put_le16(p + AT_SPECTRUM + 6, 0x7f7f))
DAMAGE(condition_flag, p[AT_CONDITION] |= 2)
DAMAGE(condition_flags, p[AT_CONDITION] = 0xff)
DAMAGE(alpha_100, p[AT_ALPHA] = 100)
DAMAGE(alpha_101, p[AT_ALPHA] = 101)
DAMAGE(alpha_255, p[AT_ALPHA] = 255)
DAMAGE(block_8, p[AT_BLOCK] = 3)
DAMAGE(block_2048, p[AT_BLOCK] = 11)
DAMAGE(block_255, p[AT_BLOCK] = 255)
DAMAGE(block_2, p[AT_BLOCK] = 1)
DAMAGE(block_across, p[AT_FLAGS] = 1)
DAMAGE(levels_33, p[AT_LEVELS] = 33)
DAMAGE(levels_255, p[AT_LEVELS] = 255)
DAMAGE(levels_13, p[AT_LEVELS] = 13)
DAMAGE(levels_without_block, no_block(m, 3, false))
DAMAGE(seeded_without_block, no_block(m, 0, true))
DAMAGE(scale_127, scales(m, 127))
DAMAGE(scale_128, scales(m, 128))
DAMAGE(scale_below, scales(m, -128))
DAMAGE(scale_huge, scales(m, INT32_MIN))
DAMAGE(scales_guessed, p[AT_SCALES] = 2)
DAMAGE(angle_128, angles(m, 128))
DAMAGE(angle_minus_128, angles(m, -128))
DAMAGE(angle_129, angles(m, 129))
DAMAGE(angle_below, angles(m, -129))
DAMAGE(angle_huge, angles(m, INT32_MAX))
DAMAGE(angles_way_4, p[m->at_angles] = 4)
DAMAGE(body_long, set_len(m, (uint32_t)m->body.len + 1000))
DAMAGE(body_huge, set_len(m, UINT32_MAX))
DAMAGE(body_short, set_len(m, (uint32_t)m->body.len - 1))
DAMAGE(body_empty, set_len(m, 0))
DAMAGE(body_flag, p[m->at_len + 1] = 2)
DAMAGE(body_across, p[m->at_len + 1] = 1)
DAMAGE(body_bits, p[m->at_len + 2] = 9)
DAMAGE(body_scale, put_le16(p + m->at_len + 4, 0x7c00))
DAMAGE(typical_nan, put_lef32(p + at_sparse(m), NAN))
DAMAGE(outlier_infinite, m->q.sparse.half[1] = 0x7c00; put(m))
DAMAGE(outlier_last, gaps(m, 7, 19, N - 29))
DAMAGE(outlier_outside, gaps(m, 7, 19, N - 28))
DAMAGE(outlier_far, gaps(m, 7, 19, UINT32_MAX))
DAMAGE(plain_outside, m->q.plain = true; m->q.sparse.pos[2] = N; put(m))
DAMAGE(plain_twice, m->q.plain = true; m->q.sparse.pos[2] = 27; put(m))
DAMAGE(plain_infinite, m->q.plain = true; m->q.sparse.half[0] = 0xfc00;
       put(m))
DAMAGE(plain_good, m->q.plain = true; put(m))
DAMAGE(plain_cut, m->q.plain = true; put(m); m->out.len--)
DAMAGE(not_plain, p[AT_FLAGS] |= CONDITIONED_PLAIN)
DAMAGE(signs_padded, p[m->out.len - 1] |= 8)
DAMAGE(bytes_behind, buf_u8(&m->out, 0))
DAMAGE(cut, m->out.len--)
DAMAGE(integers, m->slab.dtype = DTYPE_I32)

static const struct {
	const char *name;
	void (*damage)(struct made *m);
	enum hvqz_ret ret;
	const char *word;
} bad[] = {
	{"none", none, HVQZ_OK, ""},
	{"flag", flag, HVQZ_UNSUPPORTED, "conditioned flags 0x4 are unknown"},
	{"all flags", all_flags, HVQZ_UNSUPPORTED, "flags 0xfc are unknown"},
	{"body 0", body_0, HVQZ_UNSUPPORTED, "body of codec 0 is unknown"},
	{"body 1", body_1, HVQZ_UNSUPPORTED, "body of codec 1 is unknown"},
	{"body 5", body_5, HVQZ_UNSUPPORTED, "body of codec 5 is unknown"},
	{"body 6", body_6, HVQZ_UNSUPPORTED, "body of codec 6 is unknown"},
	{"body 255", body_255, HVQZ_UNSUPPORTED, "codec 255 is unknown"},
	{"trellis", body_other, HVQZ_DAMAGED, ""},
	{"kind 2", kind_2, HVQZ_DAMAGED, "outlier kind 2, 3 outliers of 72"},
	{"none: BF16", kind_1, HVQZ_OK, ""},
	{"kind for none", kind_for_none, HVQZ_DAMAGED, "outlier kind 1, 0"},
	{"none: no outliers", no_outliers, HVQZ_OK, ""},
	{"half", most_outliers, HVQZ_DAMAGED, "outlier"},
	{"more than half", more_outliers, HVQZ_DAMAGED, "37 outliers of 72"},
	{"2^32 outliers", outliers_huge, HVQZ_DAMAGED, "4294967295 outliers"},
	{"two outliers", one_outlier_less, HVQZ_DAMAGED, ""},
	{"long varint", long_varint, HVQZ_DAMAGED, "ends in its head"},
	{"NaN", spectrum_nan, HVQZ_DAMAGED, "the spectrum is not made of"},
	{"Inf", spectrum_infinite, HVQZ_DAMAGED, "spectrum is not made of"},
	{"negative", spectrum_negative, HVQZ_DAMAGED, "spectrum is not made"},
	{"-0", spectrum_minus_0, HVQZ_DAMAGED, "the spectrum is not made of"},
	{"none: 0", spectrum_0, HVQZ_OK, ""},
	{"none: largest", spectrum_most, HVQZ_OK, ""},
	{"conditioner flag", condition_flag, HVQZ_UNSUPPORTED,
	 "conditioner flags 0x2 are unknown"},
	{"conditioner flags", condition_flags, HVQZ_UNSUPPORTED,
	 "conditioner flags 0xfe are unknown"},
	{"none: alpha 1", alpha_100, HVQZ_OK, ""},
	{"alpha", alpha_101, HVQZ_DAMAGED, "101 hundredths, more than 1"},
	{"alpha 2.55", alpha_255, HVQZ_DAMAGED, "alpha is 255 hundredths"},
	{"block of 8", block_8, HVQZ_DAMAGED, "2^3 do not divide 12"},
	{"block of 2048", block_2048, HVQZ_DAMAGED, "2^11 do not divide 12"},
	{"block of 2^255", block_255, HVQZ_DAMAGED, "blocks of 2^255 do not"},
	{"none: block of 2", block_2, HVQZ_OK, ""},
	{"across", block_across, HVQZ_DAMAGED, "2^2 do not divide 6 channels"},
	{"33 levels", levels_33, HVQZ_DAMAGED, "33 levels of rotations"},
	{"255 levels", levels_255, HVQZ_DAMAGED, "255 levels of rotations"},
	{"13 levels", levels_13, HVQZ_DAMAGED,
	 "13 levels of 6 angles for 72 weights"},
	{"levels of none", levels_without_block, HVQZ_DAMAGED,
	 "3 levels of rotations in blocks of 2^0"},
	{"seeded of none", seeded_without_block, HVQZ_DAMAGED,
	 "0 levels of rotations in blocks of 2^0"},
	{"none: scale 127", scale_127, HVQZ_OK, ""},
	{"scale 128", scale_128, HVQZ_DAMAGED, "scales: 128 is not within"},
	{"scale -128", scale_below, HVQZ_DAMAGED, "-128 is not within ±127"},
	{"scale -2^31", scale_huge, HVQZ_DAMAGED, "scales: -2147483648"},
	{"scales' way", scales_guessed, HVQZ_DAMAGED, "scales: stored in an"},
	{"none: angle 128", angle_128, HVQZ_OK, ""},
	{"none: angle -128", angle_minus_128, HVQZ_OK, ""},
	{"angle 129", angle_129, HVQZ_DAMAGED, "angles: 129 is not within"},
	{"angle -129", angle_below, HVQZ_DAMAGED, "-129 is not within ±128"},
	{"angle 2^31-1", angle_huge, HVQZ_DAMAGED, "angles: 2147483647 is no"},
	{"angles' way", angles_way_4, HVQZ_DAMAGED, "angles: stored in an un"},
	{"body too long", body_long, HVQZ_DAMAGED, "the body should have"},
	{"body of 2^32", body_huge, HVQZ_DAMAGED, "have 4294967295 bytes"},
	{"body too short", body_short, HVQZ_DAMAGED, ""},
	{"no body", body_empty, HVQZ_DAMAGED, ""},
	{"body's flag", body_flag, HVQZ_UNSUPPORTED, "rtn flags 0x2 are"},
	{"body across", body_across, HVQZ_DAMAGED, "they take"},
	{"body's bits", body_bits, HVQZ_DAMAGED, "codes of 9 bits"},
	{"body's scale", body_scale, HVQZ_DAMAGED, "scale 0 is negative or"},
	{"typical", typical_nan, HVQZ_DAMAGED, "the typical outlier"},
	{"infinite", outlier_infinite, HVQZ_DAMAGED, "1 has no finite value"},
	{"none: last", outlier_last, HVQZ_OK, ""},
	{"far", outlier_far, HVQZ_DAMAGED, "outlier 2 is at position"},
	{"outside", outlier_outside, HVQZ_DAMAGED, "at position 72"},
	{"outside, plain", plain_outside, HVQZ_DAMAGED, "at position 72"},
	{"twice, plain", plain_twice, HVQZ_DAMAGED, "at position 27"},
	{"infinite, plain", plain_infinite, HVQZ_DAMAGED, "0 has no finite"},
	{"none: plain", plain_good, HVQZ_OK, ""},
	{"cut, plain", plain_cut, HVQZ_DAMAGED, "the outliers are cut at 2"},
	{"not plain", not_plain, HVQZ_DAMAGED, ""},
	{"signs", signs_padded, HVQZ_DAMAGED, "nonzero padding"},
	{"behind", bytes_behind, HVQZ_DAMAGED, "1 bytes behind"},
	{"cut", cut, HVQZ_DAMAGED, "signs are cut"},
	{"integers", integers, HVQZ_DAMAGED, "cannot hold elements of I32"},
};

#endif
