/*
 * container.c - whole .hvqz files: restored, tested, listed.
 *
 * Input: a file. Restoring may need 64 MiB.
 */
#include "tests/fuzz/container_mutate.h"
#include "tests/fuzz/container_seeds.h"

static void bad(void *ctx, const struct hvqz_err *err)
{
	FUZZ_HOLDS(err->ret && *err->msg);
	++*(uint64_t *)ctx;
}

static enum hvqz_ret decode(const uint8_t *p, size_t len, bool test,
			    struct job_report *rep)
{
	struct job_env env = {.n_threads = 1, .memory_limit = MEMORY_LIMIT};
	uint64_t n_bad = 0;
	struct decode_options opt = {.bad = test ? bad : NULL,
				     .bad_ctx = &n_bad};
	struct hvqz_err err = {0};
	struct source_memory mem;
	struct source src;
	struct sink out;
	enum hvqz_ret ret;

	sink_init_null(&out);
	source_init_memory(&src, &mem, p, len);
	ret = job_decode(&env, &opt, &src, test ? NULL : &out, rep, &err);
	FUZZ_HOLDS(ret == err.ret && (!ret || *err.msg));
	FUZZ_HOLDS(ret == HVQZ_OK || ret == HVQZ_DAMAGED ||
		   ret == HVQZ_UNSUPPORTED || ret == HVQZ_USAGE);
	/* A sentence may be about the rows of many chunks. */
	FUZZ_HOLDS(rep->complete ? !n_bad == !rep->n_damaged
				 : !rep->n_damaged);
	source_free(&src);
	return ret;
}

static enum hvqz_ret list(const uint8_t *p, size_t len)
{
	struct job_env env = {.n_threads = 1, .memory_limit = MEMORY_LIMIT};
	struct hvqz_err err = {0};
	struct source_memory mem;
	struct source src;
	struct listing l;
	enum hvqz_ret ret;

	source_init_memory(&src, &mem, p, len);
	ret = job_list(&env, &src, true, &l, &err);
	FUZZ_HOLDS(ret == err.ret && (!ret || *err.msg));
	listing_free(&l);
	source_free(&src);
	return ret;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct job_report tested, made;
	enum hvqz_ret test, restore;

	test = decode(p, len, true, &tested);
	restore = decode(p, len, false, &made);
	/* A test may find a format no one can write; no other difference. */
	FUZZ_HOLDS(restore == HVQZ_OK ? test == HVQZ_OK
				      : test || restore != HVQZ_DAMAGED ||
						made.out_bytes == 0);
	FUZZ_HOLDS(list(p, len) == HVQZ_OK || test != HVQZ_OK);
	return 0;
}

void fuzz_seeds(void (*add)(const void *p, size_t len))
{
	container_seeds(add);
}
