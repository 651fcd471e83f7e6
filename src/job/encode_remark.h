/*
 * encode_remark.h - what the header's remarks say of an encoding: for people,
 * and for listings.
 */
#ifndef JOB_ENCODE_REMARK_H
#define JOB_ENCODE_REMARK_H

#include "job/encode_pass.h"

/* with: opt's settings with the steps, before the pass' gain. */
enum hvqz_ret encode_remark(struct container_info *info,
			    const struct encode_options *opt,
			    const struct encode_pass *pass,
			    const struct codec_settings *with, uint64_t n_lossy,
			    struct hvqz_err *err);

/*
 * Told to people: most of a model to be quantized are files that nobody looks
 * into, and that stay what they are.
 */
void encode_warn_files(const struct container_info *info,
		       const struct hvqz_notes *notes);

/* Warn when the model's index promises tensors that are not there. */
enum hvqz_ret encode_warn_index(const struct container_info *info,
				const struct hvqz_notes *notes,
				struct hvqz_err *err);

#endif
