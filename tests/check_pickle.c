/*
 * check_pickle.c - PyTorch files: pickles that hold tensors, and pickles that
 * want something done (rule A1), which nobody does.
 */
#include "formats/pickle.h"
#include "tests/archive_case.h"
#include "tests/random.h"

#define P(s) s, sizeof(s) - 1

/* A storage of n numbers: MARK ('storage', torch.TYPE, 'KEY', 'cpu', n) Q */
#define STORAGE(type, key, n)                                           \
	"(X\7\0\0\0storage" "ctorch\n" type "\n" "X\1\0\0\0" key        \
	"X\3\0\0\0cpu" "K" n "tQ"
/* A call of _rebuild_tensor_v2: storage, first, shape, strides. */
#define TENSOR(storage, first, shape, strides)                          \
	"ctorch._utils\n_rebuild_tensor_v2\n" "(" storage "K" first     \
	shape strides "\x89" "ccollections\nOrderedDict\n)R" "tR"
#define KEY(name) "X\1\0\0\0" name
#define SHAPE2(a, b) "K" a "K" b "\x86"
/* {'w': a 2 × 3 tensor of storage 0} */
#define W TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0",              \
		 SHAPE2("\2", "\3"), SHAPE2("\3", "\1"))
#define SYSTEM "cposix\nsystem\n" "X\13\0\0\0touch pwned" "\x85R"

static const struct {
	const char *name;
	const char *p;
	size_t len;
	enum hvqz_ret ret;
	const char *word;	/* of the error, or a tensor's name */
	size_t n_tensors;	/* of storages 0 (24 bytes) and 1 (8 bytes) */
} cases[] = {
	{"one tensor", P("\x80\2}" KEY("w") W "s."), HVQZ_OK, "w", 1},
	{"protocol 4", P("\x80\4\x95\0\0\0\0\0\0\0\0}\x94\x8c\1w\x94" W "s."),
	 HVQZ_OK, "w", 1},
	{"ordered, with metadata",
	 P("\x80\2" "ccollections\nOrderedDict\n)R" KEY("w") W "s"
	   "}" KEY("m") "Nsb."), HVQZ_OK, "w", 1},
	{"nested", P("\x80\2}(" KEY("a") "}" KEY("w") W "s" KEY("n") "K\5"
		     KEY("f") "G\0\0\0\0\0\0\0\0" KEY("t") "\x88u."),
	 HVQZ_OK, "a.w", 1},
	{"list", P("\x80\2](K\1" W "e."), HVQZ_OK, "1", 1},
	{"integer key", P("\x80\2}K\7" W "s."), HVQZ_OK, "7", 1},
	{"parameter", P("\x80\2}" KEY("w") "ctorch._utils\n"
			"_rebuild_parameter\n(" W "\x88"
			"ccollections\nOrderedDict\n)RtRs."),
	 HVQZ_OK, "w", 1},
	{"tied: the first has it",
	 P("\x80\2}(" KEY("w") W KEY("v") W "u."), HVQZ_OK, "w", 1},
	{"two halves",
	 P("\x80\2}(" KEY("b")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\3", "K\3\x85",
		  "K\1\x85")
	   KEY("a")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0", "K\3\x85",
		  "K\1\x85") "u."), HVQZ_OK, "b", 2},
	{"transposed",
	 P("\x80\2}" KEY("w")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0",
		  SHAPE2("\2", "\3"), SHAPE2("\1", "\2")) "s."),
	 HVQZ_OK, "w.T", 1},
	{"half types",
	 P("\x80\2}(" KEY("w") W KEY("h")
	   TENSOR(STORAGE("BFloat16Storage", "1", "\4"), "\0", "K\4\x85",
		  "K\1\x85") "u."), HVQZ_OK, "h", 2},

	{"posix.system", P("\x80\2}" KEY("w") SYSTEM "s."), HVQZ_UNSUPPORTED,
	 "'posix.system'", 0},
	{"behind a tensor", P("\x80\2}(" KEY("w") W KEY("x") SYSTEM "u."),
	 HVQZ_UNSUPPORTED, "'posix.system'", 0},
	{"behind the end", P("\x80\2}" KEY("w") W "s." SYSTEM "."),
	 HVQZ_OK, "w", 1},
	{"by stack", P("\x80\4\x8c\2os\x8c\6system\x93."), HVQZ_UNSUPPORTED,
	 "'os.system'", 0},
	{"as an instance", P("\x80\2(X\2\0\0\0lsios\nsystem\n."),
	 HVQZ_UNSUPPORTED, "'os.system'", 0},
	{"by new", P("\x80\2" "csubprocess\nPopen\n)\x81."),
	 HVQZ_UNSUPPORTED, "'subprocess.Popen'", 0},
	{"eval", P("\x80\2" "c__builtin__\neval\n(X\1\0\0\0" "1tR."),
	 HVQZ_UNSUPPORTED, "'__builtin__.eval'", 0},
	{"getattr", P("\x80\4\x8c\10builtins\x8c\7getattr\x93."),
	 HVQZ_UNSUPPORTED, "'builtins.getattr'", 0},
	{"torch.load", P("\x80\2" "ctorch\nload\n."), HVQZ_UNSUPPORTED,
	 "'torch.load'", 0},
	{"almost a name", P("\x80\2" "ctorch\nFloatStorage.__reduce__\n."),
	 HVQZ_UNSUPPORTED, "FloatStorage.__reduce__", 0},
	{"extension registry", P("\x80\2\x82\1."), HVQZ_UNSUPPORTED, "0x82",
	 0},
	{"persistent text", P("\x80\2Pid\n."), HVQZ_UNSUPPORTED, "0x50", 0},

	{"no end", P("\x80\2}"), HVQZ_DAMAGED, "no end", 0},
	{"nothing", P(""), HVQZ_DAMAGED, "no end", 0},
	{"empty stack", P("\x80\2."), HVQZ_DAMAGED, "stack is empty", 0},
	{"a mark is no value", P("\x80\2(."), HVQZ_DAMAGED,
	 "stack is empty", 0},
	{"no mark", P("\x80\2Nt."), HVQZ_DAMAGED, "no mark", 0},
	{"memory", P("\x80\2h\5."), HVQZ_DAMAGED, "remembers", 0},
	{"far memory", P("\x80\2Nr\xff\xff\xff\xff."), HVQZ_DAMAGED,
	 "remember", 0},
	{"cut text", P("\x80\2X\xff\xff\xff\xff" "a."), HVQZ_DAMAGED, "cut", 0},
	{"key without value", P("\x80\2}(Nu."), HVQZ_DAMAGED, "key", 0},
	{"into a number", P("\x80\2NNa."), HVQZ_DAMAGED, "wrong thing", 0},
	{"call of a number", P("\x80\2K\1)R."), HVQZ_DAMAGED, "no name", 0},
	{"reference to a text", P("\x80\2X\7\0\0\0storageQ."), HVQZ_DAMAGED,
	 "no storage", 0},
	{"protocol 9", P("\x80\x09N."), HVQZ_DAMAGED, "protocol", 0},
	{"a circle", P("\x80\2}q\1" KEY("w") "h\1s."), HVQZ_UNSUPPORTED,
	 "circles", 0},
	{"storage too long",
	 P("\x80\2}" KEY("w")
	   TENSOR(STORAGE("FloatStorage", "0", "\7"), "\0", "K\7\x85",
		  "K\1\x85") "s."), HVQZ_DAMAGED, "not as long", 0},
	{"reaches out",
	 P("\x80\2}" KEY("w")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\1", "K\6\x85",
		  "K\1\x85") "s."), HVQZ_DAMAGED, "reaches out", 0},
	{"no such storage",
	 P("\x80\2}" KEY("w")
	   TENSOR(STORAGE("FloatStorage", "9", "\6"), "\0", "K\6\x85",
		  "K\1\x85") "s."), HVQZ_DAMAGED, "not in the file", 0},
	{"strides of another rank",
	 P("\x80\2}" KEY("w")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0", "K\6\x85", ")")
	   "s."), HVQZ_DAMAGED, "strides", 0},
	{"negative",
	 P("\x80\2}" KEY("w")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0",
		  "J\xff\xff\xff\xff\x85", "K\1\x85") "s."), HVQZ_DAMAGED,
	 "shape", 0},
	{"overflow",
	 P("\x80\2}" KEY("w")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0",
		  "\x8a\6\0\0\0\0\0\1\x8a\6\0\0\0\0\0\1\x86",
		  SHAPE2("\1", "\1")) "s."), HVQZ_DAMAGED, "overflows", 0},
};

enum { N_CASES = sizeof(cases) / sizeof(cases[0]) };

/* A PyTorch file around the pickle. */
static void build(struct buf *b, const char *p, size_t len)
{
	static const uint8_t storage[24] = {1, 2, 3};
	struct zip_case z = {.b = b};

	put_zip(&z, "m/data.pkl", p, len);
	put_zip(&z, "m/byteorder", "little", 6);
	put_zip(&z, "m/data/0", storage, 24);
	put_zip(&z, "m/data/1", storage, 8);
	put_zip(&z, "m/version", "3\n", 2);
	end_zip(&z);
}

START_TEST(pickles)
{
	struct buf b = {0}, data = {0}, back = {0};
	struct hvqz_err err = {0};
	struct model m = {0};
	enum hvqz_ret ret;

	build(&b, cases[_i].p, cases[_i].len);
	ret = take_all(b.p, b.len, &m, &data, &err);
	ck_assert_msg(ret == cases[_i].ret, "%s: %d %s", cases[_i].name, ret,
		      err.msg);
	if (ret == HVQZ_OK) {
		ck_assert_str_eq(m.format, "torch");
		ck_assert_msg(model_find(&m, cases[_i].word) != NULL,
			      "%s: %s", cases[_i].name, m.tensors[0].name);
		ck_assert_uint_eq(m.n_tensors, cases[_i].n_tensors);
		ck_assert_int_eq(give_all("torch", &m, &data, &back, &err),
				 HVQZ_OK);
		ck_assert_uint_eq(back.len, b.len);
		ck_assert_mem_eq(back.p, b.p, b.len);
	} else {
		ck_assert_msg(strstr(err.msg, cases[_i].word) != NULL,
			      "%s: no \"%s\" in \"%s\"", cases[_i].name,
			      cases[_i].word, err.msg);
	}
	model_free(&m);
	buf_free(&b);
	buf_free(&data);
	buf_free(&back);
}
END_TEST

/* Bytes changed, cut and repeated: nothing but errors and values come of it. */
START_TEST(damaged_pickles)
{
	struct rng rng = {(uint64_t)_i + 1};

	for (int trial = 0; trial < 2000; trial++) {
		uint8_t p[1024];
		size_t len = cases[_i].len;
		struct hvqz_err err = {0};
		struct pickle k;

		ck_assert_uint_le(len, sizeof(p));
		if (!len)
			return;
		memcpy(p, cases[_i].p, len);
		for (int n = 0; n <= trial % 4; n++)
			p[rng_below(&rng, len)] = (uint8_t)rng_u64(&rng);
		if (trial % 5 == 0)
			len = rng_below(&rng, len);
		if (pickle_parse(p, len, &k, &err) == HVQZ_OK)
			ck_assert_uint_lt(k.root, k.n);
		else
			ck_assert(*err.msg);
		pickle_free(&k);
	}
}
END_TEST

/* A key of n bytes, and the tensor under it. */
static enum hvqz_ret try_key(uint32_t n, struct hvqz_err *err)
{
	struct buf k = {0}, b = {0}, data = {0};
	struct model m = {0};
	enum hvqz_ret ret;

	buf_put(&k, "\x80\2}X", 4);
	buf_u32(&k, n);
	for (uint32_t i = 0; i < n; i++)
		buf_u8(&k, 'k');
	buf_put(&k, P(W "s."));
	build(&b, (const char *)k.p, k.len);
	ret = take_all(b.p, b.len, &m, &data, err);
	model_free(&m);
	buf_free(&k);
	buf_free(&b);
	buf_free(&data);
	return ret;
}

START_TEST(keys_are_bounded)
{
	struct hvqz_err err = {0};

	ck_assert_int_eq(try_key(1024, &err), HVQZ_OK);
	ck_assert_int_eq(try_key(1025, &err), HVQZ_DAMAGED);
	ck_assert(strstr(err.msg, "1024") != NULL);
}
END_TEST

/* One tensor, 70,000 names of 1 KiB: 200 KB that would become 70 MB. */
START_TEST(names_are_bounded)
{
	struct buf k = {0}, b = {0}, data = {0};
	struct hvqz_err err = {0};
	struct model m = {0};

	buf_put(&k, "\x80\2}X", 4);
	buf_u32(&k, 1024);
	for (int i = 0; i < 1024; i++)
		buf_u8(&k, 'k');
	buf_put(&k, P("](" W "q\7"));
	for (int i = 0; i < 70000; i++)
		buf_put(&k, "h\7", 2);
	buf_put(&k, "es.", 3);
	build(&b, (const char *)k.p, k.len);
	ck_assert_int_eq(take_all(b.p, b.len, &m, &data, &err),
			 HVQZ_UNSUPPORTED);
	ck_assert_msg(strstr(err.msg, "names") != NULL, "%s", err.msg);
	model_free(&m);
	buf_free(&k);
	buf_free(&b);
	buf_free(&data);
}
END_TEST

static Suite *pickle_suite(void)
{
	Suite *s = suite_create("pickle");
	TCase *t = tcase_create("pickle");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, pickles, 0, N_CASES);
	tcase_add_test(t, keys_are_bounded);
	tcase_add_test(t, names_are_bounded);
	tcase_add_loop_test(t, damaged_pickles, 0, N_CASES);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	SRunner *r = srunner_create(pickle_suite());
	int n_failed;

	srunner_run_all(r, CK_NORMAL);
	n_failed = srunner_ntests_failed(r);
	srunner_free(r);
	return n_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
