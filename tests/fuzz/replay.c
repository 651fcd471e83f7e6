/*
 * replay.c - a fuzz target without a fuzzer.
 *
 *	replay [-n N] [FILE|DIR...]	run the seeds and the files, and N
 *					mutations of each (default 20)
 *	replay -w DIR			only write the seeds there, for libFuzzer
 *
 * What is mutated and how follows from a fixed seed. An input that takes a
 * second of processor time is a failure like a crash.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MAX_LEN = 1 << 20 };

/* Sanitizers and valgrind take their time. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SLOWER 10
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SLOWER 10
#endif
#endif
#ifndef SLOWER
#define SLOWER 1
#endif

static struct rng rng = {1};
static unsigned n_mutations = 20;
static size_t n_inputs, n_runs;
static const char *write_to;

static void give_up(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void save(const char *path, const void *p, size_t len)
{
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(p, 1, len, f) != len || fclose(f))
		give_up(path);
}

static void run(const uint8_t *p, size_t len)
{
	uint8_t *copy = fuzz_copy(p, len);
	double began = seconds(), slow = getenv("HVQZ_SLOW") ? 60 : SLOWER;

	LLVMFuzzerTestOneInput(copy, len);
	began = seconds() - began;
	if (began > slow) {
		save("slow-input", p, len);
		fprintf(stderr, "%.2f s for the %zu bytes in slow-input\n",
			began, len);
		exit(EXIT_FAILURE);
	}
	n_runs++;
	free(copy);
}

/* One change of the kinds that find most: bits, bytes, numbers, runs. */
size_t LLVMFuzzerMutate(uint8_t *p, size_t len, size_t max)
{
	static const uint8_t odd[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
	size_t at = len ? rng_below(&rng, len) : 0;
	size_t n = 1 + rng_below(&rng, 8), rest = len - at;

	switch (rng_below(&rng, 6) * (len > 0)) {
	case 1:
		p[at] ^= (uint8_t)(1 << rng_below(&rng, 8));
		break;
	case 2:
		p[at] = odd[rng_below(&rng, sizeof(odd))];
		break;
	case 3:
		p[at] = (uint8_t)rng_u64(&rng);
		break;
	case 4:
		memset(p + at, odd[rng_below(&rng, sizeof(odd))],
		       n < rest ? n : rest);
		break;
	case 5:
		n = n < rest ? n : rest;
		memmove(p + at, p + at + n, rest - n);
		len -= n;
		break;
	default:
		if (len + n > max)
			break;
		memmove(p + at + n, p + at, rest);
		for (size_t i = 0; i < n; i++)
			p[at + i] = (uint8_t)rng_u64(&rng);
		len += n;
		break;
	}
	return len;
}

static void replay(const void *p, size_t len)
{
	size_t max = len + 64;
	uint8_t *b = malloc(max);

	if (!b)
		give_up("replay");
	run(p, len);
	n_inputs++;
	for (unsigned i = 0; i < n_mutations; i++) {
		unsigned n_changes = 1 + (unsigned)rng_below(&rng, 4);
		size_t n = len;

		if (len)
			memcpy(b, p, len);
		while (n_changes--)
			n = LLVMFuzzerCustomMutator
				? LLVMFuzzerCustomMutator(b, n, max,
						(unsigned)rng_u64(&rng))
				: LLVMFuzzerMutate(b, n, max);
		run(b, n);
	}
	free(b);
}

static void write_seed(const void *p, size_t len)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/seed-%03zu", write_to, n_inputs++);
	save(path, p, len);
}

static void replay_path(const char *path)
{
	static uint8_t bytes[MAX_LEN];
	char inner[4096];
	struct dirent *e;
	struct stat st;
	FILE *f;
	DIR *d;

	if (stat(path, &st))
		give_up(path);
	if (!S_ISDIR(st.st_mode)) {
		f = fopen(path, "rb");
		if (!f)
			give_up(path);
		replay(bytes, fread(bytes, 1, MAX_LEN, f));
		fclose(f);
		return;
	}
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (*e->d_name != '.') {
			snprintf(inner, sizeof(inner), "%s/%s", path,
				 e->d_name);
			replay_path(inner);
		}
	if (d)
		closedir(d);
}

int main(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/');
	char mine[4096];
	int c;

	while ((c = getopt(argc, argv, "n:w:")) != -1) {
		if (c == 'n')
			n_mutations = (unsigned)strtoul(optarg, NULL, 10);
		else if (c == 'w')
			write_to = optarg;
		else
			return EXIT_FAILURE;
	}
	fuzz_seeds(write_to ? write_seed : replay);
	/* In make check: the inputs that once went wrong. */
	name = name ? name + 1 : argv[0];
	if (!write_to && getenv("CORPUS") && !strncmp(name, "replay_", 7)) {
		snprintf(mine, sizeof(mine), "%s/%s", getenv("CORPUS"),
			 name + 7);
		if (!access(mine, R_OK))
			replay_path(mine);
	}
	for (; optind < argc && !write_to; optind++)
		replay_path(argv[optind]);
	fprintf(stderr, "%s: %zu inputs, %zu runs, %.1f s\n", name, n_inputs, n_runs,
	       seconds());
	return EXIT_SUCCESS;
}
