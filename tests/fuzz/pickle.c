/*
 * pickle.c - the machine that reads PyTorch's pickles.
 *
 * Input: a pickle, which is read alone and as the heart of a PyTorch file with
 * two storages. Whatever it wants, there are only values or an error.
 */
#include "formats/pickle.h"
#include "tests/archive_case.h"
#include "tests/fuzz/fuzz.h"

static void as_file(const uint8_t *p, size_t len)
{
	static const uint8_t storage[24];
	struct buf b = {0}, data = {0}, back = {0};
	struct zip_case z = {.b = &b};
	struct hvqz_err err = {0};
	struct model m = {0};

	put_zip(&z, "m/data.pkl", p, len);
	put_zip(&z, "m/data/0", storage, 24);
	put_zip(&z, "m/data/1", storage, 8);
	end_zip(&z);
	if (take_all(b.p, b.len, &m, &data, &err) == HVQZ_OK) {
		FUZZ_HOLDS(give_all("torch", &m, &data, &back, &err) ==
			   HVQZ_OK);
		FUZZ_HOLDS(back.len == b.len &&
			   !memcmp(back.p, b.p, b.len));
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
	static const char tensor[] =
		"\x80\2}(X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n"
		"((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" "0"
		"X\3\0\0\0cpuK\6tQK\0K\2K\3\x86K\3K\1\x86\x89"
		"ccollections\nOrderedDict\n)RtR"
		"X\1\0\0\0lG\0\0\0\0\0\0\0\0X\1\0\0\0n](K\1M\2\3\x8a\1\4eu.";
	static const char evil[] = "\x80\2cposix\nsystem\nX\2\0\0\0ls\x85R.";
	static const char four[] = "\x80\4\x95\0\0\0\0\0\0\0\0}\x94\x8c\1w"
				   "\x94\x8c\2os\x8c\6system\x93s.";

	add(tensor, sizeof(tensor) - 1);
	add(evil, sizeof(evil) - 1);
	add(four, sizeof(four) - 1);
}
