/*
 * main.c - the real main(), on files, with memory that runs out.
 *
 * Input: the command line (one byte, of `lines`), which allocation fails (16
 * bits; 0: none), then the file. Only our own allocations fail (the linker
 * wraps them, and jansson is handed them): other libraries' are their affair.
 *
 * Whatever happens: exit status 0 or 2 and the whole output, or 1 and none;
 * no temporary file stays.
 */
#include "tests/fuzz/main_inside.h"
#include "tests/fuzz/main_seeds.h"

#include <dirent.h>
#include <jansson.h>
#include <unistd.h>

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
