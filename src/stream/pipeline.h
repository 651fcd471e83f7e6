/*
 * pipeline.h - one reader, T workers, one ordered writer.
 *
 * Plain version (T = 1): for each piece of work, next() fills a slot, work()
 * transforms it, put() writes it. The threaded version runs the same three
 * functions and gives the same output, because put() sees the slots in the
 * order in which next() filled them.
 *
 * How: slots form a ring. A slot is FREE, then READY (next() filled it), then
 * BUSY (a worker has it), then DONE, then FREE again. The reader thread fills
 * the slots round the ring and waits when the next one is not FREE; a worker
 * takes the oldest READY slot; the caller's thread is the writer and waits for
 * the slot whose turn it is to be DONE. One mutex guards all states; a slot's
 * content belongs to whoever the state says, so it needs no lock.
 *
 * Errors keep file order: a failed next() or work() leaves its error in the
 * slot, and the run ends with the first one the writer comes to, so the same
 * input gives the same message for any T. Then everybody stops, all threads
 * are joined, and only then does pipeline_run return: the caller can free.
 */
#ifndef STREAM_PIPELINE_H
#define STREAM_PIPELINE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

struct pipeline_ops {
	/* Fill the slot, or set *end. Called from one thread, in order. */
	enum hvqz_ret (*next)(void *ctx, void *slot, bool *end,
			      struct hvqz_err *err);
	/* Transform the slot. Called from many threads; worker: 0 … T-1. */
	enum hvqz_ret (*work)(void *ctx, void *slot, unsigned worker,
			      struct hvqz_err *err);
	/* Take the slot's result. Called on the caller's thread, in order. */
	enum hvqz_ret (*put)(void *ctx, void *slot, struct hvqz_err *err);
};

/* Slots a run with n_workers uses: 1 for one worker, else two each. */
unsigned pipeline_slots(unsigned n_workers);

/*
 * Run until next() ends or something fails. slots: pipeline_slots(n_workers)
 * pieces of slot_size bytes, the caller's before and after.
 */
enum hvqz_ret pipeline_run(const struct pipeline_ops *ops, void *ctx,
			   unsigned n_workers, void *slots, size_t slot_size,
			   struct hvqz_err *err);

#endif
