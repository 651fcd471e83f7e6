/*
 * archive_bad.h - how the sources of corpus_archives.h are made, good ones and
 * bad ones.
 */
#ifndef TESTS_ARCHIVE_BAD_H
#define TESTS_ARCHIVE_BAD_H

#include "base/bytes.h"
#include "formats/folder.h"
#include "tests/archive_gguf.h"

#define INDEX_OF(file) "{\"weight_map\":{\"a\":\"" file "\"}}"
#define INDEX_PATH "m/model.safetensors.index.json"

/* A tar of one model file and what the line adds before it. */
#define TAR(fn, ...)                                        \
	static void fn(struct buf *b)                       \
	{                                                   \
		__VA_ARGS__;                                \
		tar_model(b, "m/model.safetensors", "a", 1); \
		end_tar(b);                                 \
	}

TAR(tar_good, put_tar(b, "m", '5', NULL, 0); tar_text(b, "m/config.json", "{}"))
TAR(tar_empty_file, tar_text(b, "m/.gitattributes", ""))
TAR(tar_dots, tar_text(b, "./m/x", "y"))
TAR(tar_other_model, tar_model(b, "m/sub/x.safetensors", "a", 2))
TAR(tar_long_name, tar_text(b, "m/1234567890123456789012345678901234567890123"
"456789012345678901234567890123456789012345678901234567890123456789/long", "y"))
TAR(tar_v7, tar_text(b, "m/x", "y"); memset(b->p + 257, 0, 8);
    sum_header(b, 0))
TAR(tar_v7_folder, put_tar(b, "m/", '\0', NULL, 0);
    memset(b->p + 257, 0, 8); sum_header(b, 0))
TAR(tar_slash_folder, put_tar(b, "m/", '0', NULL, 0))
TAR(tar_slash_size, put_tar(b, "m/", '0', "x", 1))
TAR(tar_npy, { struct buf f = {0}; put_npy(&f, NPY_F4, 24);
    put_tar(b, "m/arr.npy", '0', f.p, f.len); buf_free(&f); })
TAR(tar_nested, { struct buf f = {0}; tar_text(&f, "../../x", "y");
    put_tar(b, "m/inner.tar", '0', f.p, f.len); buf_free(&f); })
TAR(tar_absolute, tar_text(b, "/etc/passwd", "y"))
TAR(tar_parent, tar_text(b, "m/../../x", "y"))
TAR(tar_parent_folder, put_tar(b, "../m", '5', NULL, 0))
TAR(tar_backslash, tar_text(b, "m\\x", "y"))
TAR(tar_control, tar_text(b, "m/\033x", "y"))
TAR(tar_not_utf8, tar_text(b, "m/\xff", "y"))
TAR(tar_symlink, put_tar(b, "m/l", '2', NULL, 0))
TAR(tar_hard_link, put_tar(b, "m/l", '1', NULL, 0))
TAR(tar_device, put_tar(b, "m/d", '3', NULL, 0))
TAR(tar_fifo, put_tar(b, "m/f", '6', NULL, 0))
TAR(tar_sparse, put_tar(b, "m/s", 'S', NULL, 0))
TAR(tar_unknown, put_tar(b, "m/u", 'Z', NULL, 0))
TAR(tar_sum, tar_text(b, "m/x", "y"); tar_text(b, "m/z", "y");
    b->p[2 * TAR_BLOCK + 3] ^= 1)
TAR(tar_bad_size, tar_text(b, "m/x", "y"); memset(b->p + 124, 'x', 11);
    sum_header(b, 0))
TAR(tar_huge, tar_text(b, "m/x", "y"); memcpy(b->p + 124, "77777777777", 11);
    sum_header(b, 0))
TAR(tar_no_size, tar_text(b, "m/x", ""); memset(b->p + 124, 0, 12);
    sum_header(b, 0))
TAR(tar_blank_size, tar_text(b, "m/x", ""); memset(b->p + 124, ' ', 12);
    sum_header(b, 0))
TAR(tar_label, put_tar(b, "A / label:", 'V', NULL, 0);
    memset(b->p + 124, 0, 12); sum_header(b, 0))
TAR(tar_dump_folder, put_tar(b, "m/", 'D', "Ymodel.safetensors\0", 20))
TAR(tar_dump_parent, put_tar(b, "../m/", 'D', "\0", 1))
TAR(tar_volume, put_tar(b, "m/x", 'M', "y", 1))
TAR(tar_signed_sum, tar_text(b, "m/\xc3\xbc", "y"); sum_header_signed(b, 0))
TAR(tar_wrong_sum, tar_text(b, "m/y", "y"); tar_text(b, "m/\xc3\xbc", "y");
    sum_header_signed(b, 2 * TAR_BLOCK); b->p[2 * TAR_BLOCK + 3] ^= 1)
TAR(tar_pax, put_tar(b, "p", 'x', "99 path=x\n", 10); tar_text(b, "m/x", "y"))
TAR(tar_pax_nul, put_tar(b, "p", 'x', "12 path=m\0y\n", 12);
    tar_text(b, "m/x", "y"))
TAR(tar_pax_up, put_tar(b, "p", 'x', "14 path=../x0\n", 14);
    tar_text(b, "m/x", "y"))
TAR(tar_pax_sparse, put_tar(b, "p", 'x', "22 GNU.sparse.major=1\n", 22);
    tar_text(b, "m/x", "y"))
TAR(tar_pax_size, put_tar(b, "p", 'x', "9 size=z\n", 9);
    tar_text(b, "m/x", "y"))
TAR(tar_gnu_long, put_tar(b, "p", 'L', "m/long-name", 12);
    tar_text(b, "m/x", "y"))
TAR(tar_lfs, tar_text(b, "m/b.safetensors",
		      "version https://git-lfs.github.com/spec/v1\n"))
TAR(tar_bad_model, tar_text(b, "m/b.safetensors", "\2\0\0\0\0\0\0\0[]"))
TAR(tar_cut_model, tar_text(b, "m/b.safetensors", "\3\0\0\0"))
TAR(tar_twice, tar_model(b, "m/model-00001-of-00002.safetensors", "a", 2);
    tar_text(b, INDEX_PATH, "{\"weight_map\":{"
	     "\"a\":\"model-00001-of-00002.safetensors\","
	     "\"b\":\"model.safetensors\"}}"))
TAR(tar_index, tar_text(b, INDEX_PATH, INDEX_OF("model.safetensors")))
TAR(tar_absent, tar_text(b, INDEX_PATH, INDEX_OF("gone.safetensors")))
TAR(tar_unlisted, tar_text(b, INDEX_PATH, INDEX_OF("model.safetensors"));
    tar_model(b, "m/model-00002-of-00002.safetensors", "c", 1))
TAR(tar_index_path, tar_text(b, INDEX_PATH, INDEX_OF("../x.safetensors")))
TAR(tar_index_slash, tar_text(b, INDEX_PATH, INDEX_OF("/x.safetensors")))
TAR(tar_index_json, tar_text(b, INDEX_PATH, "{"))
TAR(tar_index_empty, tar_text(b, INDEX_PATH, "{}"))
TAR(tar_pax_size_right, put_tar(b, "p", 'x', "9 size=1\n", 9);
    tar_text(b, "m/x", "y"))
TAR(tar_pax_path, put_tar(b, "p", 'x', "15 path=m/name\n", 15);
    tar_text(b, "m/x", "y"))
TAR(tar_pax_no_value, put_tar(b, "p", 'x', "7 path\n", 7);
    tar_text(b, "m/x", "y"))
TAR(tar_pax_large, put_tar(b, "p", 'x', NULL, 0);
    memcpy(b->p + 124, "00010000000", 11); sum_header(b, 0))
TAR(tar_binary_size, tar_text(b, "m/x", "y");
    memcpy(b->p + 124, "\x80\0\0\0\0\0\0\0\0\0\0\1", 12);
    sum_header(b, 0))
TAR(tar_binary_huge, tar_text(b, "m/x", "y"); memset(b->p + 124, 0x80, 12);
    sum_header(b, 0))
TAR(tar_full_size, tar_text(b, "m/x", "y");
    memcpy(b->p + 124, "000000000001", 12); sum_header(b, 0))
TAR(tar_folder_slash, put_tar(b, "m/", '5', NULL, 0);
    tar_text(b, ".//m/x", "y"))
TAR(tar_folder_size, put_tar(b, "m/sub", '5', "x", 1))
TAR(tar_here, put_tar(b, "./", '5', NULL, 0))
TAR(tar_short_data, { struct buf f = {0}; put_safetensors(&f, "b", 1);
    put_tar(b, "m/b.safetensors", '0', f.p, f.len - 1); buf_free(&f); })
TAR(tar_more_data, { struct buf f = {0}; put_safetensors(&f, "b", 1);
    buf_u8(&f, 0); put_tar(b, "m/b.safetensors", '0', f.p, f.len);
    buf_free(&f); })
TAR(tar_bad_npy, { struct buf f = {0}; put_npy(&f, NPY_F4, 23);
    put_tar(b, "m/arr.npy", '0', f.p, f.len); buf_free(&f); })
TAR(tar_same_tensor, { struct buf f = {0}; put_npy(&f, NPY_F4, 24);
    put_tar(b, "m/arr", '0', f.p, f.len);
    put_tar(b, "m/arr.npy", '0', f.p, f.len); buf_free(&f); })

static void tar_half_header(struct buf *b)
{
	tar_model(b, "m/model.safetensors", "a", 1);
	buf_put(b, "m/x", 3);
}

static void tar_no_model(struct buf *b)
{
	tar_text(b, "m/x", "y");
	end_tar(b);
}

static void tar_no_files(struct buf *b)
{
	put_tar(b, "m/", '5', NULL, 0);
	end_tar(b);
}

static void tar_odd_npy(struct buf *b)
{
	struct buf f = {0};

	put_npy(&f, "{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}",
		8);
	put_tar(b, "m/arr.npy", '0', f.p, f.len);
	buf_free(&f);
	end_tar(b);
}

static void tar_no_end(struct buf *b)
{
	tar_model(b, "m/model.safetensors", "a", 1);
}

static void tar_cut(struct buf *b)
{
	tar_model(b, "m/model.safetensors", "a", 1);
	b->len -= TAR_BLOCK;
}

static void tar_last_pax(struct buf *b)
{
	tar_model(b, "m/model.safetensors", "a", 1);
	put_tar(b, "p", 'x', "10 path=x\n", 10);
	end_tar(b);
}

/* A zip of one array and what the line sets or adds before it. */
#define ZIP(fn, ...)                                          \
	static void fn(struct buf *b)                         \
	{                                                     \
		struct zip_case z = {.b = b};                 \
		struct buf f = {0};                           \
                                                              \
		put_npy(&f, NPY_F4, 24);                      \
		__VA_ARGS__;                                  \
		put_zip(&z, "arr.npy", f.p, f.len);           \
		end_zip(&z);                                  \
		buf_free(&f);                                 \
	}

ZIP(zip_good, (void)0)
ZIP(zip_gguf, struct buf g = {0}; put_gguf(&g, &(struct gguf_case){
    "a0", 0, 0, 0}); put_zip(&z, "m/x.gguf", g.p, g.len); buf_free(&g))
ZIP(zip_gguf_crc, struct buf g = {0}; put_gguf(&g, &(struct gguf_case){
    "a0", 0, 0, 0}); z.crc_add = 1; put_zip(&z, "m/x.gguf", g.p, g.len);
    buf_free(&g))
ZIP(zip_twins, put_zip(&z, "arr.npy", f.p, f.len))
/* Not the first: that one would be unpacked on its way in. */
ZIP(zip_packed, put_zip(&z, "first.npy", f.p, f.len); z.method = 8;
    put_zip(&z, "packed.npy", "xyz", 3))
ZIP(zip_text, put_zip(&z, "m/readme", "xyz", 3))
ZIP(zip_folder, put_zip(&z, "m/", "", 0))
/* As Python packs an empty text. */
ZIP(zip_folder_packed, z.method = 8; z.unpacked_add = -2ull;
    put_zip(&z, "m/", "\3\0", 2))
ZIP(zip_folder_size, put_zip(&z, "m/", "xyz", 3))
ZIP(zip_all_packed, z.method = 8)
ZIP(zip_crc, z.crc_add = 1)
ZIP(zip_small_crc, z.crc_add = 1; put_zip(&z, "m/readme", "xyz", 3))
ZIP(zip_encrypted, z.flags = 1)
ZIP(zip_local_name, z.local_name = "bad.npy")
ZIP(zip_local_length, z.local_name = "longer.npy")
ZIP(zip_longer, z.size_add = 1000)
ZIP(zip_huge, z.size_add = 0x7ffffff0)
ZIP(zip_away, z.off_add = 1)
ZIP(zip_far, z.off_add = 0x7fffffff)
ZIP(zip_link, z.attributes = (uint32_t)0120777 << 16)
ZIP(zip_up, put_zip(&z, "../x", "xyz", 3))
ZIP(zip_absolute, put_zip(&z, "/x", "xyz", 3))
ZIP(zip_one_place, z.off_add = (uint32_t)(34 + f.len);
    put_zip(&z, "arr.npy", f.p, f.len))
ZIP(zip_overlap, put_zip(&z, "x", "xyz", 3); z.off_add = -34u)
ZIP(zip_dos, z.dos = true; z.attributes = (uint32_t)0120777 << 16)
ZIP(zip_local_method, z.local_method = 8)
ZIP(zip_local_crc, z.local_crc_add = 1)
ZIP(zip_no_sum, z.local_crc_add = 1; z.flags = 8)
ZIP(zip_two_sizes, z.unpacked_add = 1)
ZIP(zip_nul, z.name_len = 3; put_zip(&z, "x\0y", "xyz", 3))
ZIP(zip_into_next, z.size_add = 40; put_zip(&z, "x", "xyz", 3))
ZIP(zip_longest_name, put_zip(&z, LONG_NAME, "xyz", 3))
ZIP(zip_three_twins, put_zip(&z, "arr.npy", f.p, f.len);
    put_zip(&z, "arr.npy", f.p, f.len); put_zip(&z, "b.npy", f.p, f.len))
ZIP(zip_number_taken, put_zip(&z, "arr.npy", f.p, f.len);
    put_zip(&z, "arr#2.npy", f.p, f.len))
ZIP(zip64_member, z.zip64 = true)
ZIP(zip64_short, z.zip64 = true; z.extra_add = -8)
ZIP(zip64_cut, z.zip64 = true; z.extra_add = 1)
ZIP(zip64_large, z.zip64 = true; z.method = 8; z.unpacked_add = 5ull << 30;
    put_zip(&z, "large", "xyz", 3))

/* An NPZ of one member, which is these bytes. */
static void npz_of(struct buf *b, const char *name, const struct buf *f)
{
	struct zip_case z = {.b = b};

	put_zip(&z, name, f->p, f->len);
	end_zip(&z);
}

static void npz_empty(struct buf *b)
{
	end_zip(&(struct zip_case){.b = b});
}

static void npz_odd(struct buf *b)
{
	struct buf f = {0};

	put_npy(&f, "{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}",
		8);
	npz_of(b, "arr.npy", &f);
	buf_free(&f);
}

static void npz_no_name(struct buf *b)
{
	struct buf f = {0};

	put_npy(&f, NPY_F4, 24);
	npz_of(b, ".npy", &f);
	buf_free(&f);
}

static void npz_text(struct buf *b)
{
	npz_of(b, "arr.npy", &(struct buf){.p = (uint8_t *)"text", .len = 4});
}

/* The same, and its end in 64 bits; then what the line does to it. */
#define ZIP64(fn, ...)                                        \
	static void fn(struct buf *b)                         \
	{                                                     \
		struct zip_case z = {.b = b};                 \
		struct buf f = {0};                           \
                                                              \
		put_npy(&f, NPY_F4, 24);                      \
		put_zip(&z, "arr.npy", f.p, f.len);           \
		end_zip64(&z);                                \
		buf_free(&f);                                 \
		__VA_ARGS__;                                  \
	}

ZIP64(zip64_end, (void)0)
ZIP64(zip64_no_locator, b->p[b->len - 42] = 0)
ZIP64(zip64_no_room, memmove(b->p, b->p + b->len - 22, 22); b->len = 22)
ZIP64(zip64_outside, put_le64(b->p + b->len - 34, b->len))
ZIP64(zip64_no_record, b->p[b->len - 98] = 0)
ZIP64(zip64_volumes, b->p[b->len - 98 + 16] = 1)
ZIP64(zip64_files, put_le64(b->p + b->len - 98 + 32, (uint64_t)1 << 40))
ZIP64(zip64_directory, put_le64(b->p + b->len - 98 + 48, UINT64_MAX))

static void zip_more_directory(struct buf *b)
{
	size_t at;

	zip_good(b);
	at = b->len - 22;
	buf_u32(b, 0);
	memmove(b->p + at + 4, b->p + at, 22);
	b->p[at + 4 + 12] += 4;
}

static void zip_bad_entry(struct buf *b)
{
	zip_good(b);
	b->p[b->len - 22 - 46 - 7] = 0;
}

static void zip_cut_entry(struct buf *b)
{
	zip_good(b);
	b->p[b->len - 22 - 46 - 7 + 28] = 200;
}

/* A PyTorch file of one tensor, and what the line does before it. */
#define TORCH(fn, ...)                                                 \
	static void fn(struct buf *b)                                  \
	{                                                              \
		static const char pkl[] = TORCH_PICKLE;                \
		struct zip_case z = {.b = b};                          \
                                                                       \
		__VA_ARGS__;                                           \
		put_zip(&z, "m/data.pkl", pkl, sizeof(pkl) - 1);       \
		put_zip(&z, "m/data/0", "\1\2\3\4\5\6\7\10", 8);       \
		end_zip(&z);                                           \
	}
#define TORCH_PICKLE \
	"\x80\2}X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n" \
	"((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" "0" \
	"X\3\0\0\0cpuK\2tQK\0K\2\x85K\1\x85tRs."

TORCH(torch_good, (void)0)
TORCH(torch_big, put_zip(&z, "m/byteorder", "big", 3))
TORCH(torch_order_large, { char text[65] = "little";
      put_zip(&z, "m/byteorder", text, 65); })
TORCH(torch_packed, z.method = 8)
TORCH(torch_packed_data, put_zip(&z, "m/x", "y", 1); z.method = 8;
      put_zip(&z, "m/data/1", "\1\2", 2))

static void zip_cut(struct buf *b)
{
	zip_good(b);
	b->len--;
}

static void zip_behind(struct buf *b)
{
	zip_good(b);
	buf_u8(b, 0);
}

static void zip_count(struct buf *b)
{
	zip_good(b);
	b->p[b->len - 22 + 10] = 2;
}

/* All ones, as before a zip64 record; without one it is the number. */
static void zip_count_ones(struct buf *b)
{
	zip_good(b);
	memset(b->p + b->len - 22 + 10, 0xff, 2);
}

static void zip_directory(struct buf *b)
{
	zip_good(b);
	b->p[b->len - 22 + 16]++;
}

static void zip_volumes(struct buf *b)
{
	zip_good(b);
	b->p[b->len - 22 + 4] = 1;
}

/* An array alone. */
#define NPY(fn, dict, len)                   \
	static void fn(struct buf *b)        \
	{                                    \
		put_npy(b, dict, len);       \
	}
#define NPY_OF(descr, order, shape)                            \
	"{'descr': " descr ", 'fortran_order': " order         \
	", 'shape': " shape ", }"

NPY(npy_good, NPY_F4, 24)
NPY(npy_turned, NPY_OF("'<f2'", "True", "(4, 3)"), 24)
NPY(npy_row, NPY_OF("'|i1'", "True", "(5,)"), 5)
NPY(npy_scalar, NPY_OF("'<f8'", "False", "()"), 8)
NPY(npy_none, NPY_OF("'<f4'", "False", "(0, 3)"), 0)
NPY(npy_long, NPY_OF("'<f4'", "False", "(2L, 3L)"), 24)
NPY(npy_object, NPY_OF("'|O'", "False", "(1,)"), 8)
NPY(npy_big, NPY_OF("'>f4'", "False", "(1,)"), 4)
NPY(npy_struct, NPY_OF("[('a', '<f4')]", "False", "(1,)"), 4)
NPY(npy_rank, NPY_OF("'<f4'", "False", "(1,1,1,1,1,1,1,1,1)"), 4)
NPY(npy_short, NPY_F4, 23)
NPY(npy_behind, NPY_F4, 25)
NPY(npy_overflow, NPY_OF("'<f4'", "False", "(4294967296, 4294967296)"), 24)
NPY(npy_number, NPY_OF("'<f4'", "False", "(99999999999999999999,)"), 24)
NPY(npy_minus, NPY_OF("'<f4'", "False", "(-1,)"), 24)
NPY(npy_twice, "{'shape': (), 'shape': (), 'descr': '<f4', "
    "'fortran_order': False}", 4)
NPY(npy_lacks, "{'descr': '<f4', 'shape': ()}", 4)
NPY(npy_key, "{'descr': '<f4', 'shape': (), 'fortran_order': False, "
    "'more': 1}", 4)
NPY(npy_text, "print('hello')", 4)
NPY(npy_open, "{'descr': '<f4", 4)

static void npy_version(struct buf *b)
{
	npy_good(b);
	b->p[6] = 4;
}

static void npy_head_cut(struct buf *b)
{
	npy_good(b);
	b->len = 20;
}

/* What is no model at all. */
#define TEXT(fn, text)                                 \
	static void fn(struct buf *b)                  \
	{                                              \
		buf_put(b, text, sizeof(text) - 1);    \
	}

TEXT(text_xml, "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>")
TEXT(text_html, "\xef\xbb\xbf\n<!DOCTYPE html>\n<html></html>")
TEXT(text_json, "{\"metadata\":{\"total_size\":1}}")
TEXT(text_space, " \t\r\n        ")
TEXT(text_nothing, "")
TEXT(text_short, "\1\2\3")
TEXT(text_pointer,
     "version https://git-lfs.github.com/spec/v1\noid sha256:00\n")

/* An empty tar. */
static void only_zeros(struct buf *b)
{
	for (int i = 0; i < TAR_RECORD; i++)
		buf_u8(b, 0);
}

#define GOOD(rule, build, word) {rule, #build, build, HVQZ_OK, word}
#define BAD(rule, build, word) {rule, #build, build, HVQZ_DAMAGED, word}
#define UNSUP(rule, build, word) {rule, #build, build, HVQZ_UNSUPPORTED, word}

#endif
