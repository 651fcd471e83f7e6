/* trellis_code.c - the codes of trellis_code.h, from their polynomials. */
#include "codec/trellis_code.h"

/* Parity-check polynomials h0, h1 for 4, 8 … 256 states (Ungerboeck 1982). */
static const uint16_t polynomial[][2] = {
	{05, 02},    {013, 04},	  {023, 04},   {045, 010},
	{0103, 024}, {0235, 0126}, {0515, 0362},
};

void trellis_code_make(struct trellis_code *t, unsigned log)
{
	const uint16_t *h = polynomial[log - TRELLIS_MIN_LOG];
	uint8_t n_ways[TRELLIS_MAX_STATES] = {0};

	t->n_states = 1u << log;
	for (unsigned s = 0; s < t->n_states; s++)
		for (unsigned p = 0; p < 2; p++) {
			unsigned z = s & 1;
			unsigned to = s >> 1 ^ (z ? h[0] >> 1 : 0) ^
				      (p ? h[1] >> 1 : 0);
			unsigned way = n_ways[to]++;

			t->next[s][p] = (uint8_t)to;
			t->from[to][way] = (uint8_t)s;
			t->subset[to][way] = (uint8_t)(2 * p + z);
		}
}
