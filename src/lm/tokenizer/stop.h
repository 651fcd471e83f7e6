/*
 * stop.h - the question whether to stop, asked while a text is told into
 * tokens: it may be long, and the file's patterns slow.
 */
#ifndef LM_TOKENIZER_STOP_H
#define LM_TOKENIZER_STOP_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* True ends the work with HVQZ_STOPPED. Asked very often: must be quick. */
struct tokenizer_stop {
	bool (*stopped)(void *ctx);
	void *ctx;
};

/* stop NULL: never. */
static inline enum hvqz_ret tokenizer_poll(const struct tokenizer_stop *stop,
					   struct hvqz_err *err)
{
	if (stop && stop->stopped(stop->ctx))
		return hvqz_fail(err, HVQZ_STOPPED, "stopped");
	return HVQZ_OK;
}

#endif
