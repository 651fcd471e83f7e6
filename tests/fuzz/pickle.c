/*
 * pickle.c - the machine that reads PyTorch's pickles.
 *
 * Input: a pickle, which is read alone and as the heart of a PyTorch file with
 * two storages. Whatever it wants, there are only values or an error.
 */
#include "formats/torch.h"
#include "tests/corpus_pickle.h"
#include "tests/fuzz/fuzz.h"

/* What was read tells its other names again; each has a tensor, or a reason. */
static void look_again(const struct model *m)
{
	struct torch_extras x = {0};
	struct hvqz_err err = {0};
	size_t last = 0;

	FUZZ_HOLDS(torch_extras_of(m, &x, &err) == HVQZ_OK);
	FUZZ_HOLDS(x.n_views >= x.n);
	for (size_t i = 0; i < x.n; i++) {
		const struct torch_extra *v = &x.v[i];
		uint64_t n = 1;

		FUZZ_HOLDS(v->name);
		if (v->why)
			continue;
		FUZZ_HOLDS(v->tensor >= last && v->tensor < m->n_tensors);
		FUZZ_HOLDS(!model_find(m, v->name));
		for (unsigned d = 0; d < v->rank; d++)
			n *= v->dim[d];
		last = v->tensor;
		FUZZ_HOLDS(n == m->tensors[last].n_elems);
	}
	torch_extras_free(&x);
}

static void as_file(const uint8_t *p, size_t len)
{
	struct buf b = {0}, data = {0}, back = {0};
	struct hvqz_err err = {0};
	struct model m = {0};

	pickle_file(&b, p, len);
	if (take_all(b.p, b.len, &m, &data, &err) == HVQZ_OK) {
		FUZZ_HOLDS(give_all("torch", &m, &data, &back, &err) ==
			   HVQZ_OK);
		FUZZ_HOLDS(back.len == b.len &&
			   !memcmp(back.p, b.p, b.len));
		look_again(&m);
	} else {
		FUZZ_HOLDS(*err.msg);
	}
	model_free(&m);
	buf_free(&b);
	buf_free(&data);
	buf_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	uint8_t *copy = fuzz_copy(p, len);
	struct hvqz_err err = {0};
	struct pickle k;
	enum hvqz_ret ret = pickle_parse(copy, len, &k, &err);

	FUZZ_HOLDS(ret == err.ret);
	if (ret == HVQZ_OK)
		FUZZ_HOLDS(k.root < k.n && k.n <= len);
	pickle_free(&k);
	free(copy);
	as_file(p, len);
	return 0;
}

void fuzz_seeds(void (*add)(const void *p, size_t len))
{
	for (size_t i = 0; i < N_PICKLES; i++)
		add(pickle_cases[i].p, pickle_cases[i].len);
}
