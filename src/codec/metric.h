/*
 * metric.h - what an error in a weight costs, as a sidecar's record has it.
 *
 * A *channel* is an input of the layer, a *unit* an output. An error e in
 * channel j and unit i costs g[i]·(l[j]·e)²; where there is feedback, e is the
 * error against the channel's target (sense/feedback.h).
 */
#ifndef CODEC_METRIC_H
#define CODEC_METRIC_H

#include "codec/codec.h"
#include "sense/factor.h"

struct metric {
	float *l;		/* [channels] > 0; owned */
	float *g;		/* [units] > 0, or all 1; owned */
	bool has_g;		/* g and l are absolute: nats per token */
	const struct factor *feedback;	/* or NULL */
};

/*
 * The metric of a slab whose rows are channels when `across`, units otherwise.
 * f is the factor of sens or NULL: then l is of its diagonal, or all 1 without
 * sens. Feedback is f when it has correlations and the slab all its channels.
 * HVQZ_NOMEM. metric_free() in every case.
 */
enum hvqz_ret metric_take(struct metric *m, const struct slab *slab,
			  bool across, const struct factor *f,
			  const struct sens *sens, struct hvqz_err *err);
void metric_free(struct metric *m);

#endif
