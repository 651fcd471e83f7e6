/*
 * job.h - one whole conversion: encode, decode, test, convert, extract, list.
 *
 * A job ties a source, a format, the pipeline, the codecs and a sink together.
 * It knows no options, no file names, no terminal: the program (src/cli) gives
 * it streams and callbacks and prints what it reports.
 */
#ifndef JOB_JOB_H
#define JOB_JOB_H

#include "formats/container.h"
#include "formats/format.h"
#include "job/base.h"
#include "model/plan.h"

/*
 * A file of the caller's for what is too large to be kept in memory: grows at
 * its end, and is read anywhere.
 */
struct job_scratch {
	enum hvqz_ret (*append)(void *ctx, const void *p, size_t n,
				struct hvqz_err *err);
	enum hvqz_ret (*read_at)(void *ctx, uint64_t off, void *p, size_t n,
				 struct hvqz_err *err);
	void *ctx;
};

/* What every job needs from its caller; zero is a good default for all. */
struct job_env {
	unsigned n_threads;	/* workers; 0 counts as 1 */
	/*
	 * A job planned to need more bytes than this is HVQZ_USAGE before it
	 * allocates or writes anything large; 0: no limit.
	 */
	uint64_t memory_limit;
	uint64_t memory_base;	/* what is taken already, part of all plans */
	struct hvqz_notes notes;
	/*
	 * Called on the job's own thread after every chunk: bytes taken in so
	 * far, bytes given out, the tensor just done. May be NULL.
	 */
	void (*progress)(void *ctx, uint64_t in, uint64_t out,
			 const char *tensor);
	void *progress_ctx;
	/* Polled from any thread: true makes the job end with HVQZ_STOPPED. */
	bool (*stopped)(void *ctx);
	void *stopped_ctx;
	const struct job_scratch *scratch;	/* or NULL */
	const struct job_scratch *twins;	/* another one, or NULL */
	const struct kernels *kern;	/* or NULL: kernels_select()'s */
};

/*
 * How much to lose. One constant goes for all tensors (codec_settings.step,
 * step_sens); this is where it comes from.
 */
enum rate_mode {
	RATE_QUALITY,		/* a point on a scale, default QUALITY_DEFAULT */
	RATE_BPP,		/* whole file, bits per parameter */
	RATE_KL,		/* estimated KL divergence, nats per token */
};

/* One point of quality is half a bit a weight: half the KL divergence. */
#define QUALITY_DEFAULT 5.0

struct encode_options {
	enum rate_mode rate_mode;
	double rate;
	struct codec_settings set;
	struct tensor_rule *rules;
	size_t n_rules;
	struct sens_table *sens;	/* or NULL */
	const struct base_model *base;	/* to code against, or NULL */
	const char *base_name;		/* UTF-8, for people; or NULL */
	uint64_t chunk_elems;		/* 0: the default, 4 Mi */
	/*
	 * The default may be halved where a single thread needs more than the
	 * memory limit; whatever the number of threads, to the same size.
	 */
	bool fit_chunks;
	bool no_verify;
	bool dry_run;	/* predict the report; nothing is to be written */
};

struct job_report {
	uint64_t in_bytes, out_bytes;
	uint64_t n_params, n_tensors, n_lossy, n_chunks;
	double noise, signal;		/* over the lossy tensors */
	double loss;		/* estimated KL, nats per token; 0: unknown */
	uint64_t n_copies;		/* tensors stored as others' copies */
	uint64_t n_nonfinite;		/* chunks gone lossless for NaN/Inf */
	/* Weights too large for the dtype asked for, now its largest number. */
	uint64_t n_clamped;
	uint64_t n_damaged;		/* chunks that are bad or not there */
	/* An error is all that is wrong: everything else is on the sink. */
	bool complete;
	uint64_t n_steered;		/* parameters whose step can move */
	/*
	 * Planned peak in bytes: as weights usually are, which is what a limit
	 * is held against; and what none can exceed.
	 */
	uint64_t memory, memory_most;
	unsigned n_threads;		/* that memory was planned for */
};

/* Compress a model file from src into a .hvqz on out. */
enum hvqz_ret job_encode(const struct job_env *env,
			 const struct encode_options *opt, struct source *src,
			 struct sink *out, struct job_report *rep,
			 struct hvqz_err *err);

struct decode_options {
	const struct base_model *base;	/* what it was coded against */
	enum dtype dtype;	/* of restored lossy tensors; 0: the source's */
	const char *to;		/* format name; NULL: the source's */
	/* For the converter to that format, or NULL. */
	const struct format_wish *wish;
	bool to_folder;		/* out takes folders (formats/folder.h) */
	/*
	 * Whom to hand the tensors' bytes to, instead of a format's writer; out
	 * may be NULL then. Its plan() finds writer_state in *state and leaves
	 * there what the others will get. A converter hands its own model to
	 * the writer that the wish has.
	 */
	const struct writer_ops *writer;
	void *writer_state;
	/*
	 * Go on after damage and tell; `bad` gets a sentence with tensor and
	 * rows, which are restored as zero bytes. In the end HVQZ_DAMAGED,
	 * with rep->complete. May be NULL: stop at the first.
	 */
	void (*bad)(void *ctx, const struct hvqz_err *err);
	void *bad_ctx;
};

/* Restore a .hvqz; with neither out nor opt->writer only test it. */
enum hvqz_ret job_decode(const struct job_env *env,
			 const struct decode_options *opt, struct source *src,
			 struct sink *out, struct job_report *rep,
			 struct hvqz_err *err);

struct convert_options {
	const char *to;			/* format name */
	const struct format_wish *wish;	/* for the converter, or NULL */
};

/* A model file of one format into one of another, or the same. */
enum hvqz_ret job_convert(const struct job_env *env,
			  const struct convert_options *opt,
			  struct source *src, struct sink *out,
			  struct job_report *rep, struct hvqz_err *err);

struct extract_options {
	const char **globs;	/* a tensor is taken when any matches */
	size_t n_globs;
	bool has_rows;
	uint64_t row_a, row_b;	/* rows [a, b) of every tensor taken */
	enum dtype dtype;	/* as in decode_options */
	const struct base_model *base;
	void (*bad)(void *ctx, const struct hvqz_err *err);	/* the same */
	void *bad_ctx;
};

/*
 * The chosen tensors as a safetensors file on out. A seekable source is read
 * by its index (only what is needed), a pipe in sequence. A glob that matches
 * nothing is HVQZ_USAGE.
 */
enum hvqz_ret job_extract(const struct job_env *env,
			  const struct extract_options *opt,
			  struct source *src, struct sink *out,
			  struct job_report *rep, struct hvqz_err *err);

/* What the chunks in conditioned coordinates (codec 5) say, added up. */
struct listing_condition {
	uint64_t n_chunks;	/* 0: there are none */
	uint64_t n_rotated;	/* chunks with R other than I */
	uint64_t n_angles;	/* other than 0 */
	uint32_t bodies;	/* bit i: codec id i is a body */
	unsigned alpha_min, alpha_max;	/* in hundredths */
	uint64_t alpha_sum;
	/* Σ ln λ_max and Σ ln (λ_max / λ_min), [before, after] */
	double log_most[2], log_ratio[2];
};

/* Their geometric means over the chunks, [before, after]; n_chunks > 0. */
void listing_spectra(const struct listing_condition *c, double *most,
		     double *ratio);

/* What -l shows: the table, and per tensor what its chunks say. */
struct listing {
	bool is_hvqz;
	struct container_info info;	/* model, notes; owned */
	struct listing_tensor {
		uint64_t stored;	/* bytes in the file, heads included */
		uint64_t n_chunks;
		double noise, signal;
		double loss;		/* nats per token; 0: unknown */
		uint32_t codecs;	/* bit i: codec id i is used */
	} *t;				/* [n_tensors], owned */
	uint64_t file_size;
	/* The rest where conditions are asked for, and the file a .hvqz. */
	struct listing_condition *cond;	/* [n_tensors], owned; or NULL */
	/*
	 * Tensors whose names differ in whole components that are numbers, in
	 * the order of the first of each.
	 */
	struct listing_type {
		char *name;		/* with * for the numbers; owned */
		size_t first;		/* tensor */
		size_t n_tensors;
		size_t n_conditioned, n_rotated;	/* of those */
		struct listing_condition cond;
	} *types;			/* owned; or NULL */
	size_t n_types;
};

/*
 * List a .hvqz (by its index where the source can seek, else by reading
 * through it) or a model file of any format we read. With conditions the
 * payloads of codec 5 are read too, and checked.
 */
enum hvqz_ret job_list(const struct job_env *env, struct source *src,
		       bool conditions, struct listing *l,
		       struct hvqz_err *err);
void listing_free(struct listing *l);

#endif
