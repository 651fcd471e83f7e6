/* json.c - jansson's allocator, watched. */
#include "base/json.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

/*
 * jansson has one allocator for the whole process: the one that is there at
 * the first call is watched. Whether it failed is each thread's own affair, and
 * only for as long as it is in hvqz_json_load().
 */
static _Thread_local bool failed;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static json_malloc_t its_malloc;

static void *watched_malloc(size_t n)
{
	void *p = its_malloc(n);

	failed |= !p;
	return p;
}

static void watch(void)
{
	json_free_t its_free;

	json_get_alloc_funcs(&its_malloc, &its_free);
	json_set_alloc_funcs(watched_malloc, its_free);
}

json_t *hvqz_json_load(const void *p, size_t len, size_t flags,
		       json_error_t *e)
{
	json_t *j;

	pthread_once(&once, watch);
	failed = false;
	memset(e, 0, sizeof(*e));
	j = json_loadb(p, len, flags, e);
	if (!failed)
		return j;
	json_decref(j);
	memset(e, 0, sizeof(*e));
	strcpy(e->text, "out of memory");
	/* Where json_error_code() looks. */
	e->text[sizeof(e->text) - 1] = json_error_out_of_memory;
	return NULL;
}
