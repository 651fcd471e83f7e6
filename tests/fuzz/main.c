/*
 * main.c - the real main(), on files, with memory that runs out.
 *
 * Input: the command line (one byte, of `lines`), which allocation fails (16
 * bits; 0: none), then the file. Only our own allocations fail (the linker
 * wraps them, and jansson is handed them): other libraries' are their affair.
 *
 * Whatever happens: exit status 0 or 2 and the whole output, or 1 and none;
 * no temporary file stays. What main() does once in a process's life is done
 * here by others: signal handlers, closing stdout.
 */
#include "tests/fuzz/container_seeds.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

/* The state behind the exit status is this file's; messages go nowhere. */
static FILE *nowhere;
#undef stderr
#define stderr nowhere
#include "src/cli/message.c"
#undef stderr
#define stderr stderr

#define main hvqz_main
#define signals_install fuzz_install
#define descriptors_close fuzz_close
#define blas_env_settle_for fuzz_settle_for
int hvqz_main(int argc, char **argv);
#include "src/main.c"
#undef main

void signals_install(void)
{
}

void descriptors_close(void)
{
	fflush(stdout);
}

/* It would start the program again. */
void blas_env_settle_for(char **argv, const char *begin)
{
	(void)argv;
	(void)begin;
}

/* ---- allocations ---- */

static unsigned long n_allocs, fail_at;

static bool fails(void)
{
	if (!fail_at || ++n_allocs != fail_at)
		return false;
	errno = ENOMEM;
	return true;
}

#define WRAP(ret, name, params, ...)                                    \
	ret __real_##name params;                                       \
	ret __wrap_##name params;                                       \
	ret __wrap_##name params                                        \
	{                                                               \
		return fails() ? NULL : __real_##name(__VA_ARGS__);     \
	}

WRAP(void *, malloc, (size_t n), n)
WRAP(void *, calloc, (size_t n, size_t size), n, size)
WRAP(void *, realloc, (void *p, size_t n), p, n)
WRAP(void *, aligned_alloc, (size_t align, size_t n), align, n)
WRAP(char *, strdup, (const char *s), s)
WRAP(char *, strndup, (const char *s, size_t n), s, n)

/* ---- the target ---- */

static const struct {
	const char *words;	/* IN and OUT are files */
	bool makes;		/* OUT */
} lines[] = {
	{"-d -o OUT IN", true},
	{"-t IN", false},
	{"-lvv IN", false},
	{"-l --json IN", false},
	{"-x * -o OUT IN", true},
	{"-x a -x *b* --rows 0:3 -c IN", false},
	{"-d --dtype F32 -o OUT IN", true},
	{"-1 --lossless -o OUT IN", true},
	{"-1 --bpp 4 -o OUT IN", true},
	{"-1 --faithful --centroids 16 -o OUT IN", true},
	{"-1 --body rtn --condition hero -n IN", false},
	{"-1 --quality 3 --chunk 2K -c IN", false},
	{"-1 --sidecar IN -c MODEL", false},
	{"-1 --lossless --base MODEL -o OUT IN", true},
	{"-d --base MODEL -o OUT IN", true},
	{"-t --base MODEL IN", false},
};

enum { N_LINES = sizeof(lines) / sizeof(*lines) };

static char dir[64];

static void save(const char *name, const void *p, size_t len)
{
	FILE *f = fopen(name, "wb");

	FUZZ_HOLDS(f && fwrite(p, 1, len, f) == len && !fclose(f));
}

static void leave(void)
{
	if (chdir("/") == 0)
		execlp("rm", "rm", "-rf", dir, NULL);
}

static void at_exit(void)
{
	if (fork() == 0) {
		leave();
		_exit(1);
	}
}

/* A folder in memory if there is one, with MODEL in it. */
static void enter(void)
{
	struct buf b = {0};

	snprintf(dir, sizeof(dir), "%s/hvqz-fuzz-XXXXXX",
		 access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
	FUZZ_HOLDS(mkdtemp(dir) && chdir(dir) == 0);
	atexit(at_exit);
	seed_model(&b);
	save("MODEL", b.p, b.len);
	buf_free(&b);
	nowhere = fopen("/dev/null", "w");
	FUZZ_HOLDS(nowhere && freopen("/dev/null", "w", stdout));
	json_set_alloc_funcs(__wrap_malloc, free);
}

static void check_folder(void)
{
	DIR *d = opendir(".");
	struct dirent *e;

	FUZZ_HOLDS(d);
	while ((e = readdir(d)))
		FUZZ_HOLDS(strncmp(e->d_name, ".hvqz-", 6));
	closedir(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	struct fuzz_in in = {p, len};
	unsigned line = fuzz_take(&in, 1) % N_LINES, n = fuzz_take(&in, 2);
	char words[128], *argv[24] = {"hvqz", "-T1", "-M64M",
				      "--no-sync"};
	int argc = 4, status;

	if (!*dir)
		enter();
	save("IN", in.p, in.len);
	strcpy(words, lines[line].words);
	for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
		argv[argc++] = w;
	said.errors = said.warnings = false;
	optind = 0;
	n_allocs = 0;
	fail_at = n;
	status = hvqz_main(argc, argv);
	fail_at = 0;
	FUZZ_HOLDS(status == EXIT_GOOD || status == EXIT_ERROR ||
		   status == EXIT_WARNING);
	FUZZ_HOLDS((access("OUT", F_OK) == 0) ==
		   (lines[line].makes && status != EXIT_ERROR));
	check_folder();
	unlink("OUT");
	return 0;
}

/* ---- seeds ---- */

static void (*give)(const void *p, size_t len);

/* In every mode that reads a .hvqz; with and without a failure. */
static void add_file(const void *p, size_t len)
{
	static unsigned turn;
	struct buf b = {0};

	for (uint8_t line = 0; line < N_LINES; line++) {
		turn += 17;
		if (line > 6 && line < 14)
			continue;
		buf_clear(&b);
		buf_u8(&b, line);
		buf_u16(&b, (uint16_t)(turn % 3 ? turn % 97 : 0));
		buf_put(&b, p, len);
		give(b.p, b.len);
	}
	buf_free(&b);
}

void fuzz_seeds(void (*add)(const void *p, size_t len))
{
	struct buf model = {0}, b = {0};

	give = add;
	seed_model(&model);
	seed_encode(&model, "q=1", add_file);
	seed_encode(&model, "mid,k=16", add_file);
	seed_encode(&model, "bits=3,group=16,condition=hero", add_file);
	seed_encode(&model, "lossless", add_file);
	for (uint16_t n = 0; n < 120; n++) {
		buf_clear(&b);
		buf_u8(&b, (uint8_t)(7 + n % 7));
		buf_u16(&b, n / 7);
		buf_put(&b, model.p, model.len);
		add(b.p, b.len);
	}
	buf_free(&model);
	buf_free(&b);
}
