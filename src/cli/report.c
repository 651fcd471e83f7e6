/* report.c - the lines of -v and -n. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/report.h"

#include "cli/message.h"
#include "cli/text.h"

#include <stdio.h>

static void add_rate(char *to, size_t len, const struct job_report *rep,
		     bool extracts, double seconds)
{
	/* MB/s of the model's own bytes: comparable in both directions. */
	uint64_t bytes = rep->in_bytes > rep->out_bytes && !extracts
				 ? rep->in_bytes : rep->out_bytes;

	snprintf(to, len, "%.2f s, %.1f MB/s", seconds,
		 seconds > 0 ? (double)bytes / seconds / 1e6 : 0);
}

static double report_bpp(const struct job_report *rep)
{
	return rep->n_params ? 8.0 * (double)rep->out_bytes /
			       (double)rep->n_params : 0;
}

static void report_encoded(const char *file, const struct job_report *rep,
			   const char *rate)
{
	char in[TEXT_LEN], out[TEXT_LEN], kl[TEXT_LEN];
	char snr[2 * TEXT_LEN + 16] = "lossless";

	if (rep->n_lossy && rep->noise > 0)
		snprintf(snr, sizeof(snr), "%.1f dB%s%s",
			 text_snr(rep->signal, rep->noise),
			 rep->loss > 0 ? ", KL est. " : "",
			 rep->loss > 0 ? text_kl(rep->loss, kl) : "");
	message_info(1, file, "%s -> %s bytes, %.2f:1, %.3f bpp, %s, %s",
		     text_number(rep->in_bytes, in),
		     text_number(rep->out_bytes, out),
		     rep->out_bytes ? (double)rep->in_bytes /
				      (double)rep->out_bytes : 0,
		     report_bpp(rep),
		     snr, rate);
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

void report_done(const struct args *args, const char *file,
		 const struct job_report *rep, double seconds)
{
	char in[TEXT_LEN], out[TEXT_LEN], most[TEXT_LEN], rate[80];

	add_rate(rate, sizeof(rate), rep, args->mode == MODE_EXTRACT, seconds);
	if (args->mode == MODE_ENCODE)
		report_encoded(file, rep, rate);
	else if (args->mode == MODE_TEST)
		message_info(1, file, "good: %s bytes, %s chunk%s, %s",
			     text_number(rep->in_bytes, in),
			     text_number(rep->n_chunks, out),
			     plural(rep->n_chunks), rate);
	else if (args->mode == MODE_EXTRACT)
		message_info(1, file, "%s parameter%s, %s bytes, %s",
			     text_number(rep->n_params, in),
			     plural(rep->n_params),
			     text_number(rep->out_bytes, out), rate);
	else
		message_info(1, file, "%s -> %s bytes, %s",
			     text_number(rep->in_bytes, in),
			     text_number(rep->out_bytes, out), rate);
	message_info(2, file, "%s tensor%s in %s chunk%s, %u thread%s, "
		     "planned memory %s (at the most %s)",
		     text_number(rep->n_tensors, in), plural(rep->n_tensors),
		     text_number(rep->n_chunks, out), plural(rep->n_chunks),
		     rep->n_threads, plural(rep->n_threads),
		     text_memory(rep->memory, rate),
		     text_memory(rep->memory_most, most));
}

void report_clamped(const struct args *args, const char *file,
		    const struct job_report *rep)
{
	enum dtype to = args->mode == MODE_EXTRACT ? args->extract.dtype
						   : args->decode.dtype;
	char n[TEXT_LEN];

	if (rep->n_clamped)
		message_warn(file, "%s of the weights became the largest "
			     "number of %s: they are beyond it",
			     text_number(rep->n_clamped, n), dtype_name(to));
}

void report_plan(const char *file, const struct job_report *rep)
{
	char bytes[TEXT_LEN], tensors[TEXT_LEN], params[TEXT_LEN];
	char lossy[TEXT_LEN], about[TEXT_LEN];
	char chunks[TEXT_LEN], memory[TEXT_LEN], masked[4200];

	snprintf(masked, sizeof(masked), "%.4190s", file);
	printf("%s: %s -> about %s bytes, %.3f bpp; %s parameter%s, "
	       "%s tensor%s (%s lossy), %s chunk%s; %u thread%s, planned "
	       "memory %s\n",
	       text_mask(masked), text_number(rep->in_bytes, bytes),
	       text_number(rep->out_bytes, about), report_bpp(rep),
	       text_number(rep->n_params, params), plural(rep->n_params),
	       text_number(rep->n_tensors, tensors), plural(rep->n_tensors),
	       text_number(rep->n_lossy, lossy),
	       text_number(rep->n_chunks, chunks), plural(rep->n_chunks),
	       rep->n_threads, plural(rep->n_threads),
	       text_memory(rep->memory, memory));
}
