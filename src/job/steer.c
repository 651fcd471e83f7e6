/* steer.c - the controller of steer.h. */
#include "job/steer.h"

#include <math.h>

enum {
	FIRST_LOOKS = 4,	/* predictions for the first chunk */
};

/* From one chunk to the next the step moves by this many octaves at most. */
#define MAX_MOVE 0.5

enum hvqz_ret steer_chunk(struct steer *s, uint64_t n, steer_predict *predict,
			  void *ctx, double *gain, struct hvqz_err *err)
{
	unsigned looks = s->seen > 0 ? 2 : FIRST_LOOKS;
	double limit = s->seen > 0 ? MAX_MOVE : 8, from = s->at, bits = 0;

	for (unsigned look = 0; look < looks; look++) {
		double at;

		TRY(predict(ctx, s->at, &bits, err));
		/* An octave is about a bit a weight. */
		at = (s->seen_bits + bits + s->at * (double)n) /
			     (s->seen + (double)n) -
		     s->budget / s->rest;
		at = at < from - limit ? from - limit
		     : at > from + limit ? from + limit : at;
		if (fabs(at - s->at) < 0.01)
			break;
		bits -= (at - s->at) * (double)n;
		s->at = at;
	}
	s->seen_bits += bits + s->at * (double)n;
	s->seen += (double)n;
	s->budget -= bits;
	s->rest -= (double)n;
	*gain = exp2(s->at);
	return HVQZ_OK;
}
