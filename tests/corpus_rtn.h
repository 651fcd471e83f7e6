/*
 * corpus_rtn.h - a payload of codec 4, and what can be wrong with it (H8).
 */
#ifndef TESTS_CORPUS_RTN_H
#define TESTS_CORPUS_RTN_H

#include "base/bytes.h"
#include "codec/rtn.h"
#include "tests/known_case.h"

static struct codec_settings rtn_settings(uint32_t bits, uint32_t group)
{
	return (struct codec_settings){
		.codec = CODEC_RTN, .effort = 5, .bits = bits, .group = group,
	};
}

enum {
	N_ROWS = 5,
	N_COLS = 7,
	N = N_ROWS * N_COLS,
	/* Where things are in the payload of make(). */
	AT_FLAGS = 0,
	AT_BITS = 1,
	AT_GROUP = 2,
	AT_SCALES = 3,
	AT_CODES = AT_SCALES + 2 * N_ROWS * 2,	/* two groups a row */
	LEN = AT_CODES + (N * 3 + 7) / 8,
};

struct made {
	struct slab slab;
	struct buf out;
};

/* A good one: 3 bits, groups of 4, 7 bits of padding. */
static void make(struct made *m)
{
	struct codec_settings set = rtn_settings(3, 4);
	struct sample s = make_sample(DTYPE_F32, N_ROWS, N_COLS, 30);
	struct codec_stats stats = {0};
	bool declined;

	*m = (struct made){.slab = s.slab};
	ck_assert_int_eq(codec_rtn.encode(&plain_env, &s.slab, &set, NULL,
					  s.raw, &m->out, &stats, &declined,
					  &err), HVQZ_OK);
	ck_assert(!declined);
	ck_assert_uint_eq(m->out.len, LEN);
	ck_assert_uint_eq(m->out.p[AT_GROUP], 4);
	free_sample(&s);
}

#define DAMAGE(name, ...)                     \
	static void name(struct made *m)      \
	{                                     \
		uint8_t *p = m->out.p;        \
		(void)p;                      \
		__VA_ARGS__;                  \
	}

DAMAGE(none, (void)0)
DAMAGE(flag, p[AT_FLAGS] = 2)
DAMAGE(all_flags, p[AT_FLAGS] = 0xff)
DAMAGE(bits_0, p[AT_BITS] = 0)
DAMAGE(bits_1, p[AT_BITS] = 1)
DAMAGE(bits_9, p[AT_BITS] = 9)
DAMAGE(bits_255, p[AT_BITS] = 255)
DAMAGE(bits_2, p[AT_BITS] = 2)
DAMAGE(bits_4, p[AT_BITS] = 4)
DAMAGE(group_7, p[AT_GROUP] = 7)
DAMAGE(group_5_across, p[AT_FLAGS] = 1; p[AT_GROUP] = 5)
DAMAGE(group_127, p[AT_GROUP] = 127)
DAMAGE(group_0, p[AT_GROUP] = 0)
DAMAGE(group_3, p[AT_GROUP] = 3)
DAMAGE(group_1, p[AT_GROUP] = 1)
DAMAGE(group_6, p[AT_GROUP] = 6)	/* also two groups */
DAMAGE(long_varint, p[AT_GROUP] = 0x84; p[AT_GROUP + 1] = 0)
DAMAGE(group_huge, memcpy(p + AT_GROUP, "\xff\xff\xff\xff\x0f", 5))
DAMAGE(group_over, memcpy(p + AT_GROUP, "\xff\xff\xff\xff\x1f", 5))
DAMAGE(scale_infinite, put_le16(p + AT_SCALES + 6, 0x7c00))
DAMAGE(scale_nan, put_le16(p + AT_SCALES + 18, 0x7e01))
DAMAGE(scale_negative, p[AT_SCALES + 1] |= 0x80)
DAMAGE(scale_minus_0, put_le16(p + AT_SCALES + 2, 0x8000))
DAMAGE(scale_0, put_le16(p + AT_SCALES, 0))
DAMAGE(scale_most, put_le16(p + AT_SCALES, 0x7bff))
DAMAGE(code_least, p[AT_CODES] = (p[AT_CODES] & ~7) | 4)
DAMAGE(code_least_last, p[LEN - 2] = 0x00; p[LEN - 1] = 1)
DAMAGE(code_least_again, memset(p + AT_CODES, 0, LEN - AT_CODES);
       p[LEN - 2] = 0x80 | 0x40; p[LEN - 1] = 1)
DAMAGE(padding_1, p[LEN - 1] |= 2)
DAMAGE(padding_high, p[LEN - 1] |= 0x80)
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
	{"flag", flag, HVQZ_UNSUPPORTED, "rtn flags 0x2 are unknown"},
	{"all flags", all_flags, HVQZ_UNSUPPORTED, "flags 0xfe are unknown"},
	{"0 bits", bits_0, HVQZ_DAMAGED, "codes of 0 bits; there are 2 to 8"},
	{"1 bit", bits_1, HVQZ_DAMAGED, "codes of 1 bits"},
	{"9 bits", bits_9, HVQZ_DAMAGED, "codes of 9 bits"},
	{"255 bits", bits_255, HVQZ_DAMAGED, "codes of 255 bits"},
	{"2 bits", bits_2, HVQZ_DAMAGED, "5 bytes behind"},
	{"4 bits", bits_4, HVQZ_DAMAGED, "34 bytes where they take 38"},
	{"group of 7", group_7, HVQZ_DAMAGED, "groups of 7 of 7 inputs"},
	{"across", group_5_across, HVQZ_DAMAGED, "groups of 5 of 5 inputs"},
	{"group of 127", group_127, HVQZ_DAMAGED, "groups of 127 of 7"},
	{"no groups", group_0, HVQZ_DAMAGED, "10 bytes behind"},
	{"group of 3", group_3, HVQZ_DAMAGED, "are cut: 34 bytes where"},
	{"group of 1", group_1, HVQZ_DAMAGED, "are cut: 34 bytes where"},
	{"group of 6", group_6, HVQZ_OK, ""},
	{"long varint", long_varint, HVQZ_DAMAGED, "ends in its head"},
	{"group huge", group_huge, HVQZ_DAMAGED, "groups of 4294967295 of"},
	{"group over", group_over, HVQZ_DAMAGED, "ends in its head"},
	{"infinite", scale_infinite, HVQZ_DAMAGED, "scale 3 is negative or n"},
	{"NaN", scale_nan, HVQZ_DAMAGED, "scale 9 is negative or not finite"},
	{"negative", scale_negative, HVQZ_DAMAGED, "scale 0 is negative"},
	{"-0", scale_minus_0, HVQZ_DAMAGED, "scale 1 is negative"},
	{"scale 0", scale_0, HVQZ_OK, ""},
	{"largest scale", scale_most, HVQZ_OK, ""},
	{"code -4", code_least, HVQZ_DAMAGED, "row 0 has the code -4"},
	{"last code -4", code_least_last, HVQZ_DAMAGED, "row 4 has the code"},
	{"none: code -1", code_least_again, HVQZ_OK, ""},
	{"padding", padding_1, HVQZ_DAMAGED, "nonzero padding"},
	{"last bit", padding_high, HVQZ_DAMAGED, "nonzero padding"},
	{"behind", bytes_behind, HVQZ_DAMAGED, "1 bytes behind"},
	{"cut", cut, HVQZ_DAMAGED, "33 bytes where they take 34"},
	{"integers", integers, HVQZ_DAMAGED, "cannot be elements of I32"},
};

#endif
