/*
 * check_folder.c - models' folders: kjv-1m as it is in tests/data, shards with
 * an index, packed files, and what is said when something is wrong.
 */
#include "tests/job_case.h"
#include "tests/lm_case.h"

#include "cli/folder.h"
#include "cli/message.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/check_folder-XXXXXX";

static void enter(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert(!chdir(folder));
	ck_assert(!mkdir("m", 0700));
}

static void leave(void)
{
	static const char *const files[] = {
		"m/config.json", "m/model.safetensors", "m/1.safetensors",
		"m/model.safetensors.hvqz", "m/2.safetensors",
		"m/2.safetensors.hvqz", "m/model.safetensors.index.json",
		"m/tokenizer.json", "said",
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlink(files[i]);
	rmdir("m");
	ck_assert(!chdir("/"));
	ck_assert(!rmdir(folder));
	memset(folder + sizeof(folder) - 7, 'X', 6);
}

static void save(const char *path, const void *p, size_t len)
{
	FILE *f = fopen(path, "wb");

	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(p, 1, len, f), len);
	ck_assert(!fclose(f));
}

static void save_text(const char *path, const char *text)
{
	save(path, text, strlen(text));
}

/* Layers [from, to) at path. */
static void save_shard(const char *path, size_t from, size_t to)
{
	struct lm_config c = case_config();
	struct model t = case_tensors(&c, from, to);
	struct buf b = case_file(&t);

	save(path, b.p, b.len);
	buf_free(&b);
}

static void save_packed(const char *path, size_t from, size_t to)
{
	struct lm_config c = case_config();
	struct model t = case_tensors(&c, from, to);
	struct buf b = case_file(&t), packed = {0};
	struct job_report rep;

	ck_assert_int_eq(run_encode(&lossless, 1, &b, &packed, &rep, NULL),
			 HVQZ_OK);
	save(path, packed.p, packed.len);
	buf_free(&b);
	buf_free(&packed);
}

/* Standard error goes to a file; heard() tells what is in it. */
static void listen_in(void)
{
	int fd = open("said", O_CREAT | O_TRUNC | O_WRONLY, 0600);

	ck_assert_int_ge(dup2(fd, 2), 0);
	close(fd);
}

static const char *heard(void)
{
	static char text[2000];
	FILE *f = fopen("said", "r");
	size_t n = fread(text, 1, sizeof(text) - 1, f);

	fclose(f);
	text[n] = '\0';
	return text;
}

static bool load(const char *path, uint64_t *hash, uint64_t *size)
{
	struct lm_config c = case_config();
	struct lm_model m;
	bool good;

	ck_assert_int_eq(lm_model_init(&m, &c, NULL), HVQZ_OK);
	good = folder_load(&env, path, &m, hash, size);
	lm_model_free(&m);
	return good;
}

static uint64_t size_of(const char *path)
{
	struct stat st;

	ck_assert(!stat(path, &st));
	return (uint64_t)st.st_size;
}

/* ---- folders as they should be ---- */

START_TEST(a_real_folder)
{
	const char *data = getenv("DATA");
	struct lm_config c;
	struct lm_model m;
	char dir[4096], file[5000];
	uint64_t hash, again, size;
	uint8_t *p;
	size_t len;

	if (!data)
		return;
	snprintf(dir, sizeof(dir), "%s/kjv-1m", data);
	snprintf(file, sizeof(file), "%s/model.safetensors", dir);
	ck_assert(folder_config(dir, &c));
	ck_assert_uint_eq(c.n_vocab, 1024);
	ck_assert_int_eq(lm_model_init(&m, &c, NULL), HVQZ_OK);
	ck_assert(folder_load(&env, dir, &m, &hash, &size));
	ck_assert_uint_eq(size, size_of(file));
	ck_assert_uint_eq(lm_model_params(&m), 1312384);
	ck_assert_uint_eq(lm_model_bytes(&m), 2 * 1312384);
	lm_model_free(&m);
	ck_assert_int_eq(lm_model_init(&m, &c, NULL), HVQZ_OK);
	ck_assert(folder_load(&env, file, &m, &again, NULL));
	ck_assert_uint_eq(hash, again);
	lm_model_free(&m);
	ck_assert(folder_read_file(dir, "tokenizer.json", 1 << 20, &p, &len));
	ck_assert_uint_eq(len, 20731);
	ck_assert_int_eq(p[0], '{');
	free(p);
}
END_TEST

#define SHARDS                                                     \
	"{\"metadata\": {\"total_size\": 1}, \"weight_map\": {"    \
	"\"a\": \"2.safetensors\", \"b\": \"1.safetensors\","      \
	"\"c\": \"2.safetensors\", \"d\": \"1.safetensors\"}}"

START_TEST(one_file_or_shards_or_packed)
{
	uint64_t one, packed, shards, mixed, size;

	save_shard("m/model.safetensors", 0, 12);
	ck_assert(load("m", &one, &size));
	ck_assert_uint_eq(size, size_of("m/model.safetensors"));
	ck_assert(load("m/", &one, NULL));
	ck_assert(!unlink("m/model.safetensors"));
	save_packed("m/model.safetensors.hvqz", 0, 12);
	ck_assert(load("m", &packed, &size));
	ck_assert_uint_eq(size, size_of("m/model.safetensors.hvqz"));
	ck_assert_uint_eq(one, packed);
	ck_assert(load("m/model.safetensors.hvqz", &packed, NULL));
	ck_assert_uint_eq(one, packed);
	ck_assert(!unlink("m/model.safetensors.hvqz"));

	save_text("m/model.safetensors.index.json", SHARDS);
	save_shard("m/1.safetensors", 0, 5);
	save_shard("m/2.safetensors", 5, 12);
	/* Cut so, the tensors come in the same order as in one file. */
	ck_assert(load("m", &shards, &size));
	ck_assert_uint_eq(size, size_of("m/1.safetensors") +
					size_of("m/2.safetensors"));
	ck_assert_uint_eq(one, shards);
	ck_assert(!unlink("m/2.safetensors"));
	save_packed("m/2.safetensors.hvqz", 5, 12);
	ck_assert(load("m", &mixed, NULL));
	ck_assert_uint_eq(one, mixed);
	ck_assert_int_eq(message_status(), EXIT_GOOD);
}
END_TEST

START_TEST(weights_on_standard_input)
{
	uint64_t size;
	int fd;

	save_packed("m/model.safetensors.hvqz", 0, 12);
	fd = open("m/model.safetensors.hvqz", O_RDONLY);
	ck_assert_int_eq(dup2(fd, 0), 0);
	close(fd);
	ck_assert(load("-", NULL, &size));
	ck_assert_uint_eq(size, size_of("m/model.safetensors.hvqz"));
}
END_TEST

/* ---- and as they should not ---- */

static const struct {
	const char *index, *said;
} indices[] = {
	{"{", "hvqz: m/model.safetensors.index.json: not JSON as "
	 "an index has it: header byte 1"},
	{"", "hvqz: m/model.safetensors.index.json: not JSON as "
	 "an index has it: "},
	{"[]", "index.json: not JSON as an index has it: header byte 0"},
	{"{\"weight_map\": {}}", "'weight_map' is missing, empty or"},
	{"{\"weight_map\": [\"1.safetensors\"]}", "'weight_map' is missing,"},
	{"{\"weight_map\": {\"a\": \"1\", \"a\": \"2\"}}",
	 "'weight_map' has it twice"},
	{"{\"weight_map\": {\"a\": 1}}", "tensor 'a': its file is ''; it "
	 "must be the plain name of a file in the folder"},
	{"{\"weight_map\": {\"a\": \"\"}}", "its file is '';"},
	{"{\"weight_map\": {\"a\": \".\"}}", "its file is '.';"},
	{"{\"weight_map\": {\"a\": \"..\"}}", "its file is '..';"},
	{"{\"weight_map\": {\"a\": \"../1.safetensors\"}}",
	 "its file is '../1.safetensors';"},
	{"{\"weight_map\": {\"a\": \"/etc/passwd\"}}", "'/etc/passwd';"},
	{"{\"weight_map\": {\"a\": \"x\\u001b[31m\"}}",
	 "hvqz: m/x?[31m: No such file or directory"},
	{"{\"weight_map\": {\"a\": \"1.safetensors\"}}",
	 "hvqz: m: tensor 'model.embed_tokens.weight': is missing: by "},
};

START_TEST(bad_indices)
{
	save_shard("m/1.safetensors", 0, 5);
	save_text("m/model.safetensors.index.json", indices[_i].index);
	listen_in();
	ck_assert(!load("m", NULL, NULL));
	ck_assert_msg(strstr(heard(), indices[_i].said), "%s", heard());
	ck_assert_int_eq(message_status(), EXIT_ERROR);
}
END_TEST

START_TEST(missing_files)
{
	struct lm_config c;
	uint8_t *p;
	size_t len;

	listen_in();
	ck_assert(!load("m", NULL, NULL));
	ck_assert_str_eq(heard(), "hvqz: m: has neither model.safetensors nor "
			 "model.safetensors.index.json\n");
	listen_in();
	ck_assert(!load("n", NULL, NULL));
	ck_assert_str_eq(heard(), "hvqz: n: No such file or directory\n");
	listen_in();
	ck_assert(!folder_config("m", &c));
	ck_assert_str_eq(heard(),
			 "hvqz: m/config.json: No such file or directory\n");
	listen_in();
	ck_assert(!symlink("nowhere", "m/model.safetensors"));
	ck_assert(!load("m", NULL, NULL));
	ck_assert_str_eq(heard(), "hvqz: m/model.safetensors: No such file or "
			 "directory\n");
	save_text("m/tokenizer.json", "0123456789");
	ck_assert(folder_read_file("m", "tokenizer.json", 10, &p, &len));
	ck_assert_uint_eq(len, 10);
	ck_assert_mem_eq(p, "0123456789", 10);
	free(p);
	listen_in();
	ck_assert(!folder_read_file("m", "tokenizer.json", 9, &p, &len));
	ck_assert_ptr_null(p);
	ck_assert_str_eq(heard(), "hvqz: m/tokenizer.json: more than 9 bytes, "
			 "the most that such a file may have\n");
	save_text("m/tokenizer.json", "");
	ck_assert(folder_read_file("m", "tokenizer.json", 10, &p, &len));
	ck_assert_uint_eq(len, 0);
	free(p);
}
END_TEST

START_TEST(bad_config_and_weights)
{
	struct lm_config c;

	listen_in();
	save_text("m/config.json", "{\"model_type\": \"phi\\u001b\"}");
	ck_assert(!folder_config("m", &c));
	ck_assert_str_eq(heard(), "hvqz: m/config.json: 'model_type' is "
			 "'phi?'; computed are llama, mistral, qwen2 and "
			 "qwen3\n");
	listen_in();
	save_text("m/config.json", "");
	ck_assert(!folder_config("m", &c));
	ck_assert_str_eq(heard(), "hvqz: m/config.json: not JSON: it is "
			 "empty\n");
	listen_in();
	save_text("m/model.safetensors", "version https://git-lfs.github.com");
	ck_assert(!load("m", NULL, NULL));
	ck_assert_msg(strstr(heard(), "git-LFS pointer"), "%s", heard());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("folder");
	TCase *t = tcase_create("folders");
	SRunner *sr = srunner_create(s);
	int failed;

	set_kinds();
	tcase_add_checked_fixture(t, enter, leave);
	tcase_add_test(t, a_real_folder);
	tcase_add_test(t, one_file_or_shards_or_packed);
	tcase_add_test(t, weights_on_standard_input);
	tcase_add_loop_test(t, bad_indices, 0,
			    (int)(sizeof(indices) / sizeof(indices[0])));
	tcase_add_test(t, missing_files);
	tcase_add_test(t, bad_config_and_weights);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
