/* error.c - filling struct hvqz_err. */
#include "base/error.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static void fill(struct hvqz_err *err, enum hvqz_ret ret, const char *tensor,
		 const char *fmt, va_list ap)
{
	if (!err)
		return;
	err->ret = ret;
	snprintf(err->tensor, sizeof(err->tensor), "%s", tensor ? tensor : "");
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
}

enum hvqz_ret hvqz_fail(struct hvqz_err *err, enum hvqz_ret ret,
			const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(err, ret, NULL, fmt, ap);
	va_end(ap);
	return ret;
}

enum hvqz_ret hvqz_fail_tensor(struct hvqz_err *err, enum hvqz_ret ret,
			       const char *tensor, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(err, ret, tensor, fmt, ap);
	va_end(ap);
	return ret;
}

enum hvqz_ret hvqz_nomem(struct hvqz_err *err, uint64_t n_bytes,
			 const char *what)
{
	return hvqz_fail(err, HVQZ_NOMEM,
			 "out of memory: %" PRIu64 " bytes for %s", n_bytes,
			 what);
}

void hvqz_warn(const struct hvqz_notes *notes, const char *fmt, ...)
{
	char msg[600];
	va_list ap;

	if (!notes || !notes->warn)
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	notes->warn(notes->ctx, msg);
}
