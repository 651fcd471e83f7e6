/*
 * corpus_pickle.h - pickles that hold tensors, and pickles that want something
 * done (rule A1) or are broken; every instruction there is, once at least.
 */
#ifndef TESTS_CORPUS_PICKLE_H
#define TESTS_CORPUS_PICKLE_H

#include "formats/pickle.h"
#include "tests/archive_case.h"

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
/* A dictionary of what is remembered as `of`, twice; remembered as `as`. */
#define TWICE(of, as) "}(" KEY("a") "h" of KEY("b") "h" of "uq" as
#define SHAPE2(a, b) "K" a "K" b "\x86"
/* {'w': a 2 × 3 tensor of storage 0} */
#define W TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0",              \
		 SHAPE2("\2", "\3"), SHAPE2("\3", "\1"))
/* A vector of all of storage 1. */
#define HALF TENSOR(STORAGE("HalfStorage", "1", "\4"), "\0", "K\4\x85", \
		    "K\1\x85")
/* A tensor of all of storage 0 with a seventh argument. */
#define META(metadata)                                                  \
	"ctorch._utils\n_rebuild_tensor_v2\n"                           \
	"(" STORAGE("FloatStorage", "0", "\6") "K\0"                    \
	SHAPE2("\2", "\3") SHAPE2("\3", "\1")                           \
	"\x89" "ccollections\nOrderedDict\n)R" metadata "tR"
#define SYSTEM "cposix\nsystem\n" "X\13\0\0\0touch pwned" "\x85R"

static const struct pickle_case {
	const char *name;
	const char *p;
	size_t len;
	enum hvqz_ret ret;
	const char *word;	/* of the error, or a tensor's name, if any */
	size_t n_tensors;	/* of storages 0 (24 bytes) and 1 (8 bytes) */
} pickle_cases[] = {
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
	{"a tensor alone", P("\x80\2" W "."), HVQZ_OK, "tensor", 1},
	{"a transposed one alone",
	 P("\x80\2" TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0",
			   SHAPE2("\2", "\3"), SHAPE2("\1", "\2")) "."),
	 HVQZ_OK, "tensor.T", 1},
	{"an empty key", P("\x80\2}U\0" W "s."), HVQZ_OK, "tensor", 1},
	{"an empty key on the way", P("\x80\2}U\0}" KEY("w") W "ss."),
	 HVQZ_OK, "w", 1},
	{"one name twice",
	 P("\x80\2}(" KEY("a") "}" KEY("w") W "sU\3a.w" HALF "u."), HVQZ_OK,
	 "a.w#2", 2},
	{"a number as a text", P("\x80\2}(K\1" W KEY("1") HALF "u."), HVQZ_OK,
	 "1#2", 2},
	{"one name by a transpose",
	 P("\x80\2}(" KEY("w")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0",
		  SHAPE2("\2", "\3"), SHAPE2("\1", "\2")) "U\3w.T" HALF "u."),
	 HVQZ_OK, "w.T#2", 2},
	{"one name in one storage, its number taken",
	 P("\x80\2}(U\5a.w#2" HALF "U\3a.w"
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0", "K\3\x85",
		  "K\1\x85") KEY("a") "}" KEY("w")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\3", "K\3\x85",
		  "K\1\x85") "su."), HVQZ_OK, "a.w#3", 3},
	{"a conjugate is no tensor",
	 P("\x80\2}(" KEY("w") META("}" "X\4\0\0\0conj" "\x88s")
	   KEY("h") HALF "u."), HVQZ_OK, "h", 1},
	{"no metadata after all",
	 P("\x80\2}(" KEY("w") META("}") KEY("h") HALF "u."), HVQZ_OK, "w",
	 2},
	{"metadata of None",
	 P("\x80\2}(" KEY("w") META("N") KEY("h") HALF "u."), HVQZ_OK, "w",
	 2},
	{"metadata of another kind",
	 P("\x80\2}(" KEY("w") META("K\1") KEY("h") HALF "u."), HVQZ_OK, "h",
	 1},
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
	{"a name for each way to it",
	 P("\x80\2("
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0", "K\6\x85",
		  "K\1\x85") "q\1"
	   TWICE("\1", "\2") TWICE("\2", "\3") TWICE("\3", "\4")
	   TWICE("\4", "\5") TWICE("\5", "\6") TWICE("\6", "\7")
	   TWICE("\7", "\10") TWICE("\10", "\11") TWICE("\11", "\12")
	   TWICE("\12", "\13") TWICE("\13", "\14") TWICE("\14", "\15")
	   TWICE("\15", "\16") TWICE("\16", "\17") TWICE("\17", "\20")
	   TWICE("\20", "\21") "l."), HVQZ_UNSUPPORTED,
	 "names for tensors, too many for its pickle", 0},
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

	/* Every other instruction, and what it may not do. */
	{"taken off again", P("\x80\2N0(0(NN1}" KEY("w") W "s."), HVQZ_OK,
	 "w", 1},
	{"dictionary of a mark", P("\x80\2(" KEY("w") W "d."), HVQZ_OK, "w",
	 1},
	{"list of a mark", P("\x80\2(N" W "l."), HVQZ_OK, "1", 1},
	{"appended", P("\x80\2]" W "a."), HVQZ_OK, "0", 1},
	{"in a tuple", P("\x80\2" W "\x85."), HVQZ_OK, "0", 1},
	{"remembered far", P("\x80\2}q\0" KEY("w") W "r\0\1\0\0"
			     "sj\0\1\0\0" "0h\0."), HVQZ_OK, "w", 1},
	{"key of four bytes", P("\x80\2}J\7\0\0\0" W "s."), HVQZ_OK, "7", 1},
	{"negative key", P("\x80\2}\x8a\2\xfe\xff" W "s."), HVQZ_OK, "-2",
	 1},
	{"key of no bytes", P("\x80\2}\x8a\0" W "s."), HVQZ_OK, "0", 1},
	{"no key", P("\x80\2}N" W "s."), HVQZ_OK, "0", 1},
	{"old texts", P("\x80\2}(T\1\0\0\0wU\1xU\1w" W
			"U\1yB\1\0\0\0zU\1zC\1\xffu."), HVQZ_OK, "w", 1},
	{"number of nine bytes",
	 P("\x80\2}(" KEY("n") "\x8a\11" "123456789" KEY("w") W "u."),
	 HVQZ_OK, "w", 1},
	{"names that only are",
	 P("\x80\2}(" KEY("d") "ctorch\ndevice\n" KEY("c") "\x85R"
	   KEY("t") "ctorch\nfloat32\n" KEY("w") W "u."), HVQZ_OK, "w", 1},
	{"torch.Size",
	 P("\x80\2}" KEY("w")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0",
		  "ctorch\nSize\n" SHAPE2("\2", "\3") "\x85R",
		  SHAPE2("\3", "\1")) "s."), HVQZ_OK, "w", 1},
	{"attributes of a tensor", P("\x80\2}" KEY("w") W "Nbs."), HVQZ_OK,
	 "w", 1},
	{"no elements",
	 P("\x80\2}(" KEY("e")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0",
		  SHAPE2("\0", "\3"), SHAPE2("\3", "\1")) KEY("w") W "u."),
	 HVQZ_OK, "e", 2},
	/* Not to be told as tensors: the storage stays bytes in the head. */
	{"strides with holes",
	 P("\x80\2}(" KEY("h") HALF KEY("w")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0",
		  SHAPE2("\2", "\3"), SHAPE2("\4", "\1")) "u."),
	 HVQZ_OK, "h", 1},
	{"not all of a storage",
	 P("\x80\2}(" KEY("h") HALF KEY("w")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\3", "K\3\x85",
		  "K\1\x85") "u."), HVQZ_OK, "h", 1},
	{"the beginning of a storage",
	 P("\x80\2}(" KEY("h") HALF KEY("w")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0", "K\3\x85",
		  "K\1\x85") "u."), HVQZ_OK, "h", 1},
	{"one storage, two types",
	 P("\x80\2}(" KEY("h") HALF KEY("w") W KEY("l")
	   TENSOR(STORAGE("LongStorage", "0", "\3"), "\0", "K\3\x85",
		  "K\1\x85") "u."), HVQZ_OK, "h", 1},

	{"a NUL in a key", P("\x80\2}(" KEY("\0") W KEY("h") HALF "u."),
	 HVQZ_OK, "h", 1},
	{"a surrogate in a key",
	 P("\x80\2}(U\3\xed\xa0\x80" W KEY("h") HALF "u."), HVQZ_OK, "h",
	 1},
	{"a cut letter in a key", P("\x80\2}(U\1\xe2" W KEY("h") HALF "u."),
	 HVQZ_OK, "h", 1},
	{"under a key with a NUL",
	 P("\x80\2}(" KEY("\0") "}" KEY("w") W "s" KEY("h") HALF "u."),
	 HVQZ_OK, "h", 1},
	/* Models without a tensor that is one. */
	{"nothing in it", P("\x80\2}."), HVQZ_OK, NULL, 0},
	{"no tensor in it", P("\x80\2K\1."), HVQZ_OK, NULL, 0},
	{"permuted",
	 P("\x80\2}" KEY("w")
	   TENSOR(STORAGE("HalfStorage", "0", "\14"), "\0",
		  "(K\3K\2K\2t", "(K\2K\6K\1t") "s."), HVQZ_OK, NULL, 0},
	{"only a key with a NUL", P("\x80\2}" KEY("\0") W "s."), HVQZ_OK,
	 NULL, 0},

	{"parameter of nothing",
	 P("\x80\2" "ctorch._utils\n_rebuild_parameter\n)R."), HVQZ_DAMAGED,
	 "nothing", 0},
	{"dictionary made of a list",
	 P("\x80\2" "ccollections\nOrderedDict\n]\x85R."), HVQZ_DAMAGED,
	 "not empty", 0},
	{"tensor of numbers",
	 P("\x80\2" "ctorch._utils\n_rebuild_tensor_v2\n(K\1K\1K\1K\1tR."),
	 HVQZ_DAMAGED, "without a storage", 0},
	{"name of numbers", P("\x80\4K\1K\1\x93."), HVQZ_DAMAGED,
	 "no text", 0},
	{"reference to numbers", P("\x80\2(K\1K\1K\1K\1K\1tQ."),
	 HVQZ_DAMAGED, "no storage", 0},
	{"attributes of a number", P("\x80\2K\1Nb."), HVQZ_DAMAGED,
	 "attributes", 0},
	{"attributes of nothing", P("\x80\2Nb."), HVQZ_DAMAGED,
	 "attributes", 0},
	{"old instance", P("\x80\2(icollections\nOrderedDict\n."),
	 HVQZ_DAMAGED, "old way", 0},
	{"cut name", P("\x80\2" "ccollections"), HVQZ_DAMAGED, "cut", 0},
	{"cut number", P("\x80\2M\1"), HVQZ_DAMAGED, "cut", 0},
	{"cut length", P("\x80\2\x8a"), HVQZ_DAMAGED, "cut", 0},
	{"values put nowhere", P("\x80\2(Ne."), HVQZ_DAMAGED, "nothing", 0},
	{"one value put nowhere", P("\x80\2a."), HVQZ_DAMAGED, "empty", 0},
	{"a mark among values", P("\x80\2}(Ns."), HVQZ_DAMAGED, "mark", 0},
	{"tuple of nothing", P("\x80\2\x86."), HVQZ_DAMAGED, "empty", 0},
	{"nothing to remember", P("\x80\2q\0."), HVQZ_DAMAGED, "remember",
	 0},
	{"never remembered", P("\x80\2Nq\0h\1."), HVQZ_DAMAGED,
	 "remembers", 0},
	{"storage of no type",
	 P("\x80\2}" KEY("w")
	   TENSOR(STORAGE("float32", "0", "\6"), "\0", "K\6\x85",
		  "K\1\x85") "s."), HVQZ_DAMAGED, "no known type", 0},
	{"storage without a name",
	 P("\x80\2}" KEY("w")
	   TENSOR("(X\7\0\0\0storage" "ctorch\nFloatStorage\nK\0NK\6tQ",
		  "\0", "K\6\x85", "K\1\x85") "s."), HVQZ_DAMAGED,
	 "not in the file", 0},
	{"no shape",
	 P("\x80\2}" KEY("w")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0", "N", "K\1\x85")
	   "s."), HVQZ_DAMAGED, "shape", 0},
	{"nine dimensions",
	 P("\x80\2}" KEY("w")
	   TENSOR(STORAGE("FloatStorage", "0", "\6"), "\0",
		  "(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", "K\1\x85") "s."),
	 HVQZ_DAMAGED, "shape", 0},
	{"protocol 1", P("\x80\1N."), HVQZ_DAMAGED, "protocol", 0},
};

enum { N_PICKLES = sizeof(pickle_cases) / sizeof(pickle_cases[0]) };

/* A PyTorch file around the pickle. */
static inline void pickle_file(struct buf *b, const void *p, size_t len)
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

#endif
