/*
 * check_sandbox.c - what the program gives up: files once all are open, and
 * its temporary file when it is told to stop twice.
 *
 * Every case is a process of its own, as libcheck does it: none of this can
 * be undone.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "cli/message.h"
#include "cli/out_folder.h"
#include "cli/sandbox.h"
#include "cli/signals.h"
#include "cli/temp_file.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/hvqz-check-XXXXXX";
static char other[] = "/tmp/hvqz-check-XXXXXX";
static char path[100];

static const char *in(const char *folder, const char *leaf)
{
	snprintf(path, sizeof(path), "%s/%s", folder, leaf);
	return path;
}

static void make(const char *folder, const char *leaf)
{
	int fd = open(in(folder, leaf), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "text", 4), 4);
	close(fd);
}

static int opened(const char *name, int flags)
{
	int fd = open(name, flags, 0600);

	if (fd >= 0)
		close(fd);
	return fd >= 0 ? 0 : errno;
}

/* As in sandbox.c: builds that have none. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if !defined(HVQZ_SANDBOX) || !defined(HAVE_LINUX_LANDLOCK_H) || \
	defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
	defined(HAS_SANITIZER)
enum { IN_BUILD = 0 };
#else
enum { IN_BUILD = 1 };
#endif

/* Must there be a sandbox? The kernel, asked as the program does not ask. */
static bool is_due(void)
{
	char line[400] = "";
	FILE *f = popen("cat /sys/kernel/security/lsm 2>/dev/null; "
			"zcat /proc/config.gz 2>/dev/null | "
			"grep '^CONFIG_LSM='", "r");
	bool has = false;

	while (f && fgets(line, sizeof(line), f))
		has |= strstr(line, "landlock") != NULL;
	if (f)
		pclose(f);
	return has && IN_BUILD;
}

static void *open_in_thread(void *arg)
{
	*(int *)arg = opened("/etc/passwd", O_RDONLY);
	return NULL;
}

/* Is the sandbox in force? Otherwise there is nothing to be checked. */
static bool in_force(bool due)
{
	bool closed = opened("/etc/passwd", O_RDONLY) == EACCES;

	ck_assert(closed || !due);
	if (!closed)
		printf("no sandbox here\n");
	return closed;
}

START_TEST(nothing_opens_any_more)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd, reader, folder, error = 0, s;
	bool due = is_due();
	pthread_t t;
	char buf[4];

	make(dir, "old");
	make(other, "old");
	reader = open(in(other, "old"), O_RDWR);
	folder = open(dir, O_PATH | O_DIRECTORY);
	ck_assert(reader >= 0 && folder >= 0);
	sandbox_close(folder, NULL, NULL, 2);
	if (!in_force(due))
		return;
	/* what was open still works */
	ck_assert_int_eq(read(reader, buf, 4), 4);
	ck_assert_int_eq(write(reader, "more", 4), 4);
	ck_assert_int_eq(ftruncate(reader, 2), 0);
	/* nothing else is read or written, not even in the folder */
	ck_assert_int_eq(opened(in(dir, "old"), O_RDONLY), EACCES);
	ck_assert_int_eq(opened(in(dir, "old"), O_WRONLY), EACCES);
	ck_assert_int_eq(opened(in(other, "new"), O_WRONLY | O_CREAT), EACCES);
	ck_assert_int_eq(opened("/dev/null", O_WRONLY), EACCES);
	ck_assert_int_eq(opened("/proc/self/maps", O_RDONLY), EACCES);
	ck_assert(unlink(in(other, "old")) < 0 && errno == EACCES);
	ck_assert(mkdir(in(dir, "d"), 0700) < 0 && errno == EACCES);
	ck_assert(symlink("x", in(dir, "s")) < 0 && errno == EACCES);
	ck_assert(execl("/bin/true", "true", NULL) < 0 && errno == EACCES);
	s = socket(AF_INET, SOCK_STREAM, 0);
	if (s >= 0) {
		fd = connect(s, (struct sockaddr *)&to, sizeof(to));
		ck_assert(fd < 0 && (errno == EACCES || errno == EPERM ||
				     errno == ECONNREFUSED));
		close(s);
	}
	/* but names come and go there */
	ck_assert_int_eq(renameat(folder, "old", folder, "new"), 0);
	ck_assert_int_eq(unlinkat(folder, "new", 0), 0);
	/* and threads have no more than that */
	ck_assert_int_eq(pthread_create(&t, NULL, open_in_thread, &error), 0);
	pthread_join(t, NULL);
	ck_assert_int_eq(error, EACCES);
}
END_TEST

/* With a file's name and without one, replacing or not. */
START_TEST(an_output_gets_its_name_inside)
{
	struct temp_file t;
	char target[100];
	bool replace = _i & 1;
	struct stat st;

	strcpy(target, in(dir, "target"));
	unlink(target);
	if (replace)
		make(dir, "target");
	ck_assert(temp_open(&t, target));
	ck_assert_int_eq(write(t.fd, "longer", 6), 6);
	sandbox_close(t.folder, NULL, NULL, 2);
	ck_assert(temp_give_name(&t, replace));
	ck_assert(temp_sync_folder(&t));
	temp_free(&t);
	ck_assert_int_eq(stat(target, &st), 0);
	ck_assert_int_eq(st.st_size, 6);
	unlink(target);
}
END_TEST

START_TEST(a_name_that_is_taken_stays)
{
	struct temp_file t;
	char target[100];
	struct stat st;

	strcpy(target, in(dir, "taken"));
	ck_assert(temp_open(&t, target));
	ck_assert_int_eq(write(t.fd, "longer", 6), 6);
	make(dir, "taken");
	sandbox_close(t.folder, NULL, NULL, 2);
	ck_assert(!temp_give_name(&t, false));
	ck_assert_int_eq(errno, EEXIST);
	temp_free(&t);
	ck_assert_int_eq(stat(target, &st), 0);
	ck_assert_int_eq(st.st_size, 4);
	unlink(target);
}
END_TEST

START_TEST(several_files_are_written_beside_them_only)
{
	char name[100];
	const char *paths[] = {name};
	bool due = is_due();

	strcpy(name, in(dir, "model"));
	make(dir, "model");
	make(other, "old");
	sandbox_read_only(paths, 1, dir, 2);
	if (opened(in(other, "old"), O_WRONLY) == 0) {
		ck_assert(!due);
		return;
	}
	ck_assert_int_eq(opened(in(other, "old"), O_RDONLY), 0);
	ck_assert_int_eq(opened("/etc/passwd", O_RDONLY), 0);
	ck_assert_int_eq(opened(in(other, "new"), O_WRONLY | O_CREAT), EACCES);
	ck_assert_int_eq(opened(in(dir, "new"), O_RDWR | O_CREAT), 0);
	ck_assert_int_eq(unlink(in(dir, "new")), 0);
	ck_assert_int_eq(unlink(in(dir, "model")), 0);
	/* and the last file closes the rest */
	sandbox_close(-1, NULL, NULL, 2);
	ck_assert_int_eq(opened("/etc/passwd", O_RDONLY), EACCES);
	ck_assert(unlink(in(dir, "old")) < 0);
}
END_TEST

/* The first signal sets a flag, the second one is not to be waited for. */
START_TEST(the_second_signal_kills_and_removes)
{
	int status, folder = open(dir, O_RDONLY | O_DIRECTORY);
	pid_t pid = fork();

	if (!pid) {
		signals_install();
		make(dir, "temporary");
		signals_remove(folder, "temporary");
		raise(SIGTERM);
		if (!signals_stopped(NULL) ||
		    faccessat(folder, "temporary", F_OK, 0) < 0)
			_exit(1);
		raise(SIGINT);
		_exit(2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGINT);
	ck_assert(faccessat(folder, "temporary", F_OK, 0) < 0);
	close(folder);
}
END_TEST

/* A folder of which one file is complete, one begun, and one not. */
static void begin_folder(struct out_folder *f, const char *name)
{
	static struct in_file input = {.name = "input"};
	static struct kept none;
	struct members files = {0};
	struct hvqz_err err = {0};
	struct buf table = {0};

	ck_assert_int_eq(members_add(&files, "a", 0, 4, NULL, &err), HVQZ_OK);
	ck_assert_int_eq(members_add(&files, "b/c/d", 0, 4, NULL, &err),
			 HVQZ_OK);
	ck_assert_int_eq(members_add(&files, "e", 0, 4, NULL, &err), HVQZ_OK);
	ck_assert_int_eq(folder_put_table(&table, &files, &err), HVQZ_OK);
	ck_assert(out_folder_open(f, name, &input, OUT_NO_SYNC, &none));
	ck_assert_int_eq(sink_write(&f->sink, table.p, table.len, &err),
			 HVQZ_OK);
	ck_assert_int_eq(sink_write(&f->sink, "texttex", 7, &err), HVQZ_OK);
	buf_free(&table);
	members_free(&files);
}

/* Whether the folder itself was there before, or not. */
START_TEST(the_second_signal_removes_a_folders_files)
{
	static struct out_folder f;
	char name[100], command[200];
	bool there = _i;
	int status;
	pid_t pid;

	strcpy(name, in(dir, "folder"));
	ck_assert(!there || mkdir(name, 0700) == 0);
	pid = fork();
	if (!pid) {
		signals_install();
		begin_folder(&f, name);
		raise(SIGTERM);
		if (!signals_stopped(NULL) || f.n_temps != 2)
			_exit(1);
		raise(SIGINT);
		_exit(2);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGINT);
	snprintf(command, sizeof(command), "test -z \"$(ls -A %s)\"", name);
	ck_assert_int_eq(access(name, F_OK) == 0, there);
	ck_assert(!there || system(command) == 0);
	ck_assert(!there || rmdir(name) == 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("sandbox");
	TCase *cases = tcase_create("sandbox");
	SRunner *sr = srunner_create(s);
	char command[200];
	int failed;

	/* -vv, to see what the kernel can do. */
	message_setup(2, false);
	if (!mkdtemp(dir) || !mkdtemp(other))
		return 99;
	tcase_add_test(cases, nothing_opens_any_more);
	tcase_add_loop_test(cases, an_output_gets_its_name_inside, 0, 2);
	tcase_add_test(cases, a_name_that_is_taken_stays);
	tcase_add_test(cases, several_files_are_written_beside_them_only);
	tcase_add_test(cases, the_second_signal_kills_and_removes);
	tcase_add_loop_test(cases, the_second_signal_removes_a_folders_files, 0,
			    2);
	suite_add_tcase(s, cases);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	snprintf(command, sizeof(command), "rm -rf %s %s", dir, other);
	if (system(command) != 0)
		failed++;
	return failed != 0;
}
