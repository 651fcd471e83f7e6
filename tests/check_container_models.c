/*
 * check_container_models.c - models of all shapes written and read back, large
 * ones, and outputs that fail. Part of check_container.
 */
#include "tests/container_stream.h"

#include "base/bytes.h"
#include "base/rng.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

TCase *container_models(void);

/* The chunk's reconstructed bytes: anything, but always the same. */
static void fill_raw(uint8_t *raw, const struct chunk_head *h)
{
	struct rng rng = {h->tensor * 1000003ull + h->first_row};

	for (uint32_t i = 0; i < h->raw_len; i++)
		raw[i] = (uint8_t)rng_u64(&rng);
}

static void random_tensor(struct rng *rng, struct container_info *info)
{
	struct model *m = &info->model;
	enum dtype dtype = (enum dtype)(1 + rng_below(rng, DTYPE_C64));
	unsigned rank = (unsigned)rng_below(rng, 5);
	uint64_t dim[4];
	char name[40];

	for (unsigned i = 0; i < rank; i++)
		dim[i] = rng_below(rng, 30) ? 1 + rng_below(rng, 7) : 0;
	snprintf(name, sizeof(name), "t%zu.%u", m->n_tensors,
		 (unsigned)rng_below(rng, 1000));
	/* Sub-byte dtypes may not end on a byte: then there is one less. */
	if (model_add(m, name, dtype, rank, dim, NULL) == HVQZ_OK)
		info->tensor_flags[m->n_tensors - 1] =
			dtype_is_weight(dtype) && rng_below(rng, 2);
}

/* All chunks of the model, cut at random; heads but for the hashes. */
static struct chunk_head *random_chunks(struct rng *rng,
					struct container_info *info)
{
	const struct model *m = &info->model;
	struct chunk_head *heads = NULL;

	for (size_t t = 0; t < m->n_tensors; t++) {
		struct tensor_rows rows = tensor_rows(&m->tensors[t]);
		bool lossy = info->tensor_flags[t] & TENSOR_LOSSY;

		for (uint64_t row = 0; row < rows.n_rows;) {
			uint64_t n = 1 + rng_below(rng, rows.n_rows - row);
			struct chunk_head h = {
				.tensor = (uint32_t)t,
				.codec = (uint8_t)rng_below(rng, lossy ? 6 : 2),
				.first_row = row,
				.n_rows = (uint32_t)n,
				.raw_len = (uint32_t)(n * rows.row_len),
			};

			h.stored_len = h.raw_len;
			if (h.codec)
				h.stored_len = 1 + (uint32_t)rng_below(
						      rng, h.raw_len);
			if (lossy) {
				h.noise = (float)rng_below(rng, 1000) / 7;
				h.signal = container_stat(1e60);
				h.loss = (float)rng_below(rng, 100) / 3000;
			}
			if (h.raw_len > info->max_raw)
				info->max_raw = h.raw_len;
			heads = realloc(heads, (info->n_chunks + 1) *
						       sizeof(*heads));
			heads[info->n_chunks++] = h;
			row += n;
		}
	}
	return heads;
}

static void random_info(struct rng *rng, struct container_info *info,
			size_t n_tensors)
{
	size_t n_notes = rng_below(rng, 4);

	*info = (struct container_info){0};
	strcpy(info->model.format, "safetensors");
	info->tensor_flags = calloc(n_tensors + 1, 1);
	while (n_tensors--)
		random_tensor(rng, info);
	info->model.head_len = rng_below(rng, 300);
	if (info->model.head_len) {
		info->model.head = malloc(info->model.head_len);
		memset(info->model.head, '{', info->model.head_len);
	}
	while (n_notes--)
		ck_assert(!container_note(info, "k\xc3\xa9y",
					  n_notes ? "value" : "", NULL));
}

/* Payloads: raw is raw, the others the first stored_len raw bytes. */
static enum hvqz_ret write_all(struct sink *out,
			       const struct container_info *info,
			       const struct chunk_head *heads,
			       struct hvqz_err *err)
{
	uint8_t *raw = malloc(info->max_raw + 1);
	struct container_writer *w;
	enum hvqz_ret ret = container_write_head(&w, info, out, err);

	for (uint64_t i = 0; i < info->n_chunks && ret == HVQZ_OK; i++) {
		struct chunk_head h = heads[i];

		fill_raw(raw, &h);
		h.stored_hash = XXH3_64bits(raw, h.stored_len);
		h.raw_hash = XXH3_64bits(raw, h.raw_len);
		ret = container_write_chunk(w, &h, raw, err);
	}
	if (ret == HVQZ_OK)
		ret = container_write_tail(w, err);
	container_writer_free(w);
	free(raw);
	return ret;
}

static void same_info(const struct container_info *a,
		      const struct container_info *b)
{
	ck_assert_uint_eq(b->major, 1);
	ck_assert_uint_eq(b->minor, 0);
	ck_assert_uint_eq(a->max_raw, b->max_raw);
	ck_assert_uint_eq(a->n_chunks, b->n_chunks);
	ck_assert_uint_eq(a->model.n_tensors, b->model.n_tensors);
	ck_assert_uint_eq(a->model.data_size, b->model.data_size);
	ck_assert_uint_eq(a->model.n_params, b->model.n_params);
	ck_assert_str_eq(a->model.format, b->model.format);
	ck_assert_uint_eq(a->model.head_len, b->model.head_len);
	if (a->model.head_len)
		ck_assert_mem_eq(a->model.head, b->model.head,
				 a->model.head_len);
	for (size_t i = 0; i < a->model.n_tensors; i++) {
		const struct tensor *s = &a->model.tensors[i];
		const struct tensor *t = &b->model.tensors[i];

		ck_assert_str_eq(s->name, t->name);
		ck_assert_uint_eq(s->dtype, t->dtype);
		ck_assert_uint_eq(s->rank, t->rank);
		ck_assert_mem_eq(s->dim, t->dim, s->rank * sizeof(*s->dim));
		ck_assert_uint_eq(s->n_elems, t->n_elems);
		ck_assert_uint_eq(s->off, t->off);
		ck_assert_uint_eq(s->size, t->size);
		ck_assert_uint_eq(a->tensor_flags[i], b->tensor_flags[i]);
	}
	ck_assert_uint_eq(a->n_notes, b->n_notes);
	for (size_t i = 0; i < a->n_notes; i++) {
		ck_assert_str_eq(a->notes[i].key, b->notes[i].key);
		ck_assert_str_eq(a->notes[i].value, b->notes[i].value);
	}
}

static void same_chunk(const struct container_info *info,
		       const struct chunk_head *want,
		       const struct chunk_head *h, const struct buf *payload)
{
	uint8_t *raw = malloc(want->raw_len);

	fill_raw(raw, want);
	ck_assert_uint_eq(want->tensor, h->tensor);
	ck_assert_uint_eq(want->codec, h->codec);
	ck_assert_uint_eq(want->first_row, h->first_row);
	ck_assert_uint_eq(want->n_rows, h->n_rows);
	ck_assert_uint_eq(want->raw_len, h->raw_len);
	ck_assert_uint_eq(want->stored_len, h->stored_len);
	ck_assert(want->noise == h->noise && want->signal == h->signal);
	ck_assert(want->loss == h->loss);
	ck_assert_uint_eq(payload->len, h->stored_len);
	ck_assert_mem_eq(payload->p, raw, payload->len);
	ck_assert(!container_check_payload(info, h, payload->p, NULL));
	ck_assert(!container_check_raw(info, h, raw, NULL));
	free(raw);
}

/* In sequence; each chunk's payload is read or, now and then, left. */
static void same_in_sequence(struct container_reader *r,
			     const struct container_info *info,
			     const struct chunk_head *heads, struct rng *rng)
{
	struct buf payload = {0};
	struct chunk_head h;
	bool end = false;

	for (uint64_t i = 0; i < info->n_chunks; i++) {
		ck_assert(!container_read_chunk(r, &h, &end, NULL));
		ck_assert(!end);
		if (!rng_below(rng, 4))
			continue;
		ck_assert(!container_read_payload(r, &payload, NULL));
		same_chunk(info, &heads[i], &h, &payload);
	}
	ck_assert(!container_read_chunk(r, &h, &end, NULL));
	ck_assert(end);
	ck_assert(!container_read_tail(r, NULL));
	buf_free(&payload);
}

/* In any order, some twice. */
static void same_by_index(struct container_reader *r,
			  const struct container_info *info,
			  const struct chunk_head *heads, struct rng *rng)
{
	struct container_index ix;
	struct buf payload = {0};
	struct chunk_head h;

	ck_assert(!container_read_index(r, &ix, NULL));
	ck_assert_uint_eq(ix.n_chunks, info->n_chunks);
	ck_assert_uint_eq(ix.first[0], 0);
	ck_assert_uint_eq(ix.first[info->model.n_tensors], ix.n_chunks);
	for (size_t t = 0; t < info->model.n_tensors; t++)
		for (size_t i = ix.first[t]; i < ix.first[t + 1]; i++)
			ck_assert_uint_eq(heads[i].tensor, t);
	for (size_t n = 0; n < 2 * ix.n_chunks; n++) {
		size_t i = rng_below(rng, ix.n_chunks);

		ck_assert_uint_eq(ix.chunks[i].first_row, heads[i].first_row);
		ck_assert_uint_eq(ix.chunks[i].n_rows, heads[i].n_rows);
		ck_assert_uint_eq(ix.chunks[i].codec, heads[i].codec);
		ck_assert(!container_seek_chunk(r, &ix, i, &h, NULL));
		ck_assert(!container_read_payload(r, &payload, NULL));
		same_chunk(info, &heads[i], &h, &payload);
	}
	container_index_free(&ix);
	buf_free(&payload);
}

START_TEST(random_models)
{
	struct rng rng = {(uint64_t)_i};
	struct container_info info, back;
	size_t before = rng_below(&rng, 3) * 50;
	struct chunk_head *heads;
	struct buf file = {0};
	struct hvqz_err err = {0};
	struct sink out;

	random_info(&rng, &info, _i < 8 ? (size_t)_i / 4
					: rng_below(&rng, 40));
	heads = random_chunks(&rng, &info);
	sink_init_memory(&out, &file);
	/* A .hvqz inside something else counts its offsets from itself. */
	for (size_t i = 0; i < before; i++)
		ck_assert(!sink_write(&out, "#", 1, NULL));
	ck_assert_msg(!write_all(&out, &info, heads, &err), "%s", err.msg);
	for (int way = 0; way < N_WAYS; way++) {
		struct container_reader *r;
		struct source src;
		struct stream s;
		uint64_t got;

		stream_open_way(&src, &s, (enum way)way, file.p, file.len);
		ck_assert(!source_skip(&src, before, &got, NULL));
		ck_assert_msg(!container_read_head(&r, &src, &back, &err),
			      "%s", err.msg);
		same_info(&info, &back);
		if (way == BY_INDEX)
			same_by_index(r, &back, heads, &rng);
		else
			same_in_sequence(r, &back, heads, &rng);
		container_reader_free(r);
		container_info_free(&back);
		source_free(&src);
	}
	container_info_free(&info);
	free(heads);
	buf_free(&file);
}
END_TEST

START_TEST(every_write_failure)
{
	struct rng rng = {11};
	struct container_info info;
	struct chunk_head *heads;
	enum hvqz_ret ret;
	size_t n = 0;

	random_info(&rng, &info, 5);
	heads = random_chunks(&rng, &info);
	do {
		struct hvqz_err err = {0};
		struct buf file = {0};
		struct stream s = {.out = &file, .fail_at = ++n};
		struct sink out;

		sink_init(&out, &stream_sink_ops, &s);
		ret = write_all(&out, &info, heads, &err);
		ck_assert_int_eq(ret, err.ret);
		ck_assert(ret == HVQZ_OK || ret == HVQZ_IO);
		if (ret == HVQZ_OK)
			ck_assert(!stream_read_bytes(file.p, file.len, BY_PIPE,
					      &err));
		buf_free(&file);
	} while (ret != HVQZ_OK);
	ck_assert_uint_gt(n, 10);
	container_info_free(&info);
	free(heads);
}
END_TEST

/* One tensor of n bytes in chunks of at most 1 MiB, raw. */
static void write_flat(struct buf *file, uint64_t n, size_t head_len)
{
	struct container_info info = {.max_raw = 1 << 20};
	struct chunk_head *heads;
	struct sink out;
	struct rng rng = {5};

	if (n < info.max_raw)
		info.max_raw = (uint32_t)n;
	strcpy(info.model.format, "safetensors");
	ck_assert(!model_add(&info.model, "w", DTYPE_U8, 1, &n, NULL));
	info.model.head = malloc(head_len + 8);
	info.model.head_len = head_len;
	for (size_t i = 0; i < head_len; i += 8)
		put_le64(info.model.head + i,
			 rng_u64(&rng) & 0x0f0f0f0f0f0f0f0f);
	info.n_chunks = (n + info.max_raw - 1) / info.max_raw;
	heads = calloc(info.n_chunks, sizeof(*heads));
	for (uint64_t i = 0; i < info.n_chunks; i++) {
		uint64_t left = n - i * info.max_raw;

		heads[i].first_row = i * info.max_raw;
		heads[i].n_rows = left < info.max_raw ? (uint32_t)left
						      : info.max_raw;
		heads[i].raw_len = heads[i].stored_len = heads[i].n_rows;
	}
	sink_init_memory(&out, file);
	ck_assert(!write_all(&out, &info, heads, NULL));
	container_info_free(&info);
	free(heads);
}

/* Our own frames pass our own window rule, whatever the header's size. */
START_TEST(large_headers)
{
	static const size_t lens[] = {
		1, 255, 256, 70000, 2 << 20, (2 << 20) + 1, 8 << 20, 20 << 20,
	};
	struct buf file = {0};
	struct hvqz_err err;

	write_flat(&file, 10, lens[_i]);
	ck_assert_msg(!stream_read_bytes(file.p, file.len, BY_PIPE, &err), "%s",
		      err.msg);
	buf_free(&file);
}
END_TEST

/* One chunk of a long file costs the head, the tail and itself. */
START_TEST(index_reads_little)
{
	struct container_reader *r;
	struct container_info info;
	struct container_index ix;
	struct buf file = {0}, payload = {0};
	struct chunk_head h;
	struct source src;
	struct stream s;

	write_flat(&file, 30 << 20, 1000);
	stream_open_way(&src, &s, BY_FILE, file.p, file.len);
	ck_assert(!container_read_head(&r, &src, &info, NULL));
	ck_assert(!container_read_index(r, &ix, NULL));
	ck_assert_uint_eq(ix.n_chunks, 30);
	ck_assert(!container_seek_chunk(r, &ix, 17, &h, NULL));
	ck_assert_uint_eq(h.first_row, 17 << 20);
	ck_assert_uint_lt(s.n_bytes, 300 << 10);
	ck_assert(!container_read_payload(r, &payload, NULL));
	ck_assert_uint_lt(s.n_bytes, (300 << 10) + h.stored_len);
	container_index_free(&ix);
	container_reader_free(r);
	container_info_free(&info);
	source_free(&src);
	buf_free(&file);
	buf_free(&payload);
}
END_TEST

TCase *container_models(void)
{
	TCase *t = tcase_create("models");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, random_models, 0, 100);
	tcase_add_test(t, every_write_failure);
	tcase_add_loop_test(t, large_headers, 0, 8);
	tcase_add_test(t, index_reads_little);
	return t;
}
