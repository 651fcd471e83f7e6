/*
 * decode_team.c - how many decode at once, with what memory.
 *
 * A unit's buffer holds a payload, then the rows made of it, and a worker has
 * one more to make them in: buffers go round, and after a while all of them
 * have held rows. So their number times max_raw is what they take, neither
 * more nor much less. What a codec takes besides shows in the chunks' heads
 * only, and goes into the plan as they come by.
 */
#include "codec/codec_memory.h"
#include "job/walk.h"
#include "stream/pipeline.h"

#include <stdlib.h>

/* The most bytes that a chunk's rows become in another dtype, and in F32. */
static void converted_sizes(const struct container_info *info,
			    enum dtype wanted, uint64_t *conv, uint64_t *wide)
{
	*conv = *wide = 0;
	for (size_t i = 0; i < info->model.n_tensors; i++) {
		enum dtype own = info->model.tensors[i].dtype;
		enum dtype to = restored_dtype(info, i, wanted);
		uint64_t n, size;

		if (to == own)
			continue;
		n = info->max_raw / (dtype_bits(own) / 8);
		if (n > info->model.tensors[i].n_elems)
			n = info->model.tensors[i].n_elems;
		size = n * (dtype_bits(to) / 8);
		*conv = size > *conv ? size : *conv;
		*wide = n * sizeof(float) > *wide ? n * sizeof(float) : *wide;
	}
}

enum {
	/*
	 * Buffers up to this size are there from the start: growing ones leave
	 * holes behind. Larger ones only come with the bytes that they are for.
	 */
	FROM_START = 32 << 20,
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Bytes for n threads to team, the scratch of codecs aside. */
static void plan_buffers(struct decode_team *team, unsigned n,
			 const struct container_info *info, enum dtype wanted,
			 bool keeps)
{
	uint64_t desks = least(n, info->n_chunks), conv, wide;
	uint64_t raw = info->max_raw;

	converted_sizes(info, wanted, &conv, &wide);
	team->converts = conv;
	team->slots = least(pipeline_slots(n), info->n_chunks) *
		      (conv > raw ? conv : raw);
	team->fixed = team->env.memory_base +
		      job_head_memory(&info->model);
	team->buffers = team->fixed +
			desks * (raw + conv + wide) +
			(info->has_base ? desks * raw : 0) +
			(keeps ? chunk_walk_memory(&team->env, info) : 0);
}

/* The plan as it stands, to the report. */
static void announce(struct decode_team *team)
{
	uint64_t n = least(job_threads(&team->env), team->n_chunks);

	team->rep->memory = team->buffers + team->slots + n * team->scratch;
	team->rep->memory_most = team->buffers + team->slots + n * team->most;
	team->rep->n_threads = job_threads(&team->env);
}

static enum hvqz_ret check(const struct decode_team *team,
			   struct hvqz_err *err)
{
	return job_check_chunks(&team->env, team->rep->memory, team->fixed,
				"smaller chunks when encoding (--chunk)", err);
}

/* A slab's decoder to the plan. */
static void add_scratch(struct decode_team *team, unsigned id,
			const struct slab *slab)
{
	const struct codec *codec = codec_find(id);
	uint64_t usual = codec_usual_decode(id, slab);
	uint64_t most = codec ? codec->decode_memory(slab) : 0;

	team->scratch = usual > team->scratch ? usual : team->scratch;
	most = most > usual ? most : usual;
	team->most = most > team->most ? most : team->most;
}

/* Before any chunk is seen: the codecs that are most likely. */
static void expect_any(struct decode_team *team,
		       const struct container_info *info)
{
	struct slab slab = {
		.dtype = DTYPE_BF16, .n_rows = 1024,
		.n_cols = info->max_raw / 2048,
		.raw_len = info->max_raw,
	};
	bool lossy = false;

	for (size_t i = 0; i < info->model.n_tensors && info->tensor_flags; i++)
		lossy |= info->tensor_flags[i] & TENSOR_LOSSY;
	add_scratch(team, lossy ? CODEC_TRELLIS : CODEC_PLANES, &slab);
	if (info->has_base)
		add_scratch(team, CODEC_DELTA, &slab);
}

/* The buffers that go round. */
static enum hvqz_ret allocate(struct decode_team *team, uint32_t max_raw,
			      struct hvqz_err *err)
{
	unsigned n = job_threads(&team->env), n_slots = pipeline_slots(n);
	bool good;

	team->units = calloc(n_slots, sizeof(*team->units));
	team->desks = calloc(n, sizeof(*team->desks));
	team->ring = calloc(n_slots, sizeof(*team->ring));
	good = team->units && team->desks && team->ring;
	for (unsigned i = 0; good && i < n_slots && max_raw <= FROM_START; i++)
		good = buf_reserve(&team->units[i].payload, max_raw);
	for (unsigned i = 0; good && i < n && max_raw <= FROM_START; i++)
		good = buf_reserve(&team->desks[i].raw, max_raw);
	return good ? HVQZ_OK : hvqz_nomem(err, max_raw, "a chunk's rows");
}

enum hvqz_ret decode_team_open(struct decode_team *team,
			       const struct job_env *env,
			       const struct container_info *info,
			       enum dtype wanted, bool keeps,
			       struct job_report *rep, struct hvqz_err *err)
{
	unsigned n = job_threads(env);

	*team = (struct decode_team){
		.env = *env, .rep = rep, .n_chunks = info->n_chunks,
	};
	expect_any(team, info);
	do {
		team->env.n_threads = n;
		plan_buffers(team, n, info, wanted, keeps);
		announce(team);
	} while (env->memory_limit && rep->memory > env->memory_limit && --n);
	TRY(check(team, err));
	return allocate(team, info->max_raw, err);
}

void decode_team_close(struct decode_team *team)
{
	unsigned n = job_threads(&team->env);

	for (unsigned i = 0; team->units && i < pipeline_slots(n); i++)
		buf_free(&team->units[i].payload);
	for (unsigned i = 0; team->desks && i < n; i++) {
		buf_free(&team->desks[i].raw);
		buf_free(&team->desks[i].conv);
		buf_free(&team->desks[i].wide);
		buf_free(&team->desks[i].base);
	}
	free(team->units);
	free(team->desks);
	free(team->ring);
}

enum hvqz_ret decode_team_expect(struct decode_team *team,
				 const struct container_info *info,
				 const struct decode_unit *u,
				 struct hvqz_err *err)
{
	struct slab slab = chunk_slab(info, &u->head);
	uint32_t n = u->head.raw_len;
	uint64_t was = team->scratch;
	unsigned n_slots = pipeline_slots(job_threads(&team->env));
	uint32_t *len = &team->ring[team->n_seen++ % n_slots];

	/* A test may be told of more rows lost than any chunk has. */
	n = (uint32_t)least(n, info->max_raw);
	/* Where large and small chunks take turns some slots stay small. */
	*len = n > *len ? n : *len;
	if (!team->converts) {
		team->slots = 0;
		for (unsigned i = 0; i < n_slots; i++)
			team->slots += team->ring[i];
	}
	if (!u->lost)
		add_scratch(team, u->head.codec, &slab);
	announce(team);
	return team->scratch > was ? check(team, err) : HVQZ_OK;
}
