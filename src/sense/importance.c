/* importance.c - the score of importance.h. */
#include "sense/importance.h"

#include <math.h>

void importance(const float *x, size_t n_rows, size_t n_cols,
		const float *col_h, const float *row_h, float *out)
{
	for (size_t i = 0; i < n_rows; i++) {
		float r = row_h ? sqrtf(row_h[i]) : 1.0f;

		for (size_t j = 0; j < n_cols; j++) {
			float c = col_h ? sqrtf(col_h[j]) : 1.0f;

			*out++ = fabsf(*x++) * (r * c);
		}
	}
}
