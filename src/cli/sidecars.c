/* sidecars.c - reading, merging and keeping sidecars. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/sidecars.h"

#include "cli/args.h"
#include "cli/message.h"
#include "formats/sidecar.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Keep `in` open for t's full Hessians, if it has any and that is possible. */
static bool keep(const struct in_file *in, struct sens_table *t)
{
	struct read_again again = {in_read_at, (void *)in};
	size_t n_full = 0;

	for (size_t i = 0; i < t->n; i++)
		n_full += t->v[i].has_full;
	if (!n_full)
		return false;
	if (!in_can_reread(in)) {
		message_warn(in->name, "is no regular file and cannot be read "
			     "again, so of its %zu full Hessians only the "
			     "diagonals are used", n_full);
		return false;
	}
	sens_table_set_reader(t, &again);
	return true;
}

/* The sidecar at path to t; it is sc's next file if it is kept. */
static bool load(const struct args *args, const char *path,
		 struct sidecars *sc, struct sens_table *t)
{
	struct in_file *in = &sc->files[sc->n];
	struct hvqz_err err = {0};
	struct hvqz_notes notes = {message_note, NULL};
	enum hvqz_ret ret;

	if (!in_open(in, path, IN_SEQUENTIAL |
			       (args->force ? IN_FORCE : 0)))
		return false;
	notes.ctx = (void *)in->name;
	ret = sidecar_read(&in->src, t, &notes, &err);
	if (ret != HVQZ_OK)
		message_err(in->name, &err);
	else if (!in_unchanged(in))
		ret = HVQZ_IO;
	else
		message_info(2, in->name, "%s with %zu weights, %" PRIu64
			     " tokens of %s", t->kind, t->n, t->n_tokens,
			     t->calibration ? t->calibration
					    : "an unnamed text");
	if (ret == HVQZ_OK && keep(in, t))
		sc->n++;
	else
		in_close(in);
	return ret == HVQZ_OK;
}

/* Move what from's record holds into the record of that name in to. */
static bool move_record(struct sens_table *to, size_t n_sorted,
			struct sens *from)
{
	struct sens_table sorted = {.v = to->v, .n = n_sorted};
	struct sens *old = (struct sens *)sens_find(&sorted, from->name);
	struct sens *dst = old ? old : sens_table_add(to, from->name);

	if (!dst)
		return false;
	sens_move(dst, from);
	return true;
}

/* later goes into t; both are sorted, and t is again afterwards. */
static bool merge(struct sens_table *t, struct sens_table *later)
{
	size_t n_sorted = t->n;
	uint64_t both[2] = {t->hash, later->hash};

	for (size_t i = 0; i < later->n; i++)
		if (!move_record(t, n_sorted, &later->v[i]))
			return false;
	sens_table_sort(t);
	t->hash = XXH3_64bits(both, sizeof(both));
	t->n_tokens += later->n_tokens;
	memcpy(t->kind, later->kind, sizeof(t->kind));
	if (later->calibration) {
		free(t->calibration);
		t->calibration = later->calibration;
		later->calibration = NULL;
	}
	return true;
}

bool sidecars_load(const struct args *args, struct sidecars *sc)
{
	if (!args->n_sidecars)
		return true;
	/* All at once: an open file must not move. */
	sc->files = calloc(args->n_sidecars, sizeof(*sc->files));
	if (!sc->files) {
		message_error(NULL, "out of memory");
		return false;
	}
	for (size_t i = 0; i < args->n_sidecars; i++) {
		struct sens_table one = {0};
		bool good;

		if (!i) {
			if (!load(args, args->sidecars[0], sc, &sc->sens))
				return false;
			continue;
		}
		good = load(args, args->sidecars[i], sc, &one);
		if (good && !merge(&sc->sens, &one)) {
			message_error(NULL, "out of memory");
			good = false;
		}
		sens_table_free(&one);
		if (!good)
			return false;
	}
	return true;
}

void sidecars_free(struct sidecars *sc)
{
	sens_table_free(&sc->sens);
	while (sc->n)
		in_close(&sc->files[--sc->n]);
	free(sc->files);
	sc->files = NULL;
}
