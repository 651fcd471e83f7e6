/*
 * registry.c - the formats there are, and which one an input is.
 *
 * Every reader bids on the first bytes; beside them stands a table of files
 * that people mistake for models, or that hold models we do not read, so that
 * the answer to a wrong file is its name and not "damaged". Both sides count
 * in bits proven, the higher one has it. Nothing is consumed here.
 *
 * Adding a format: a line in readers[], a line in writers[]; where models change
 * on the way to another one, a line in format_converter().
 */
#include "formats/container.h"
#include "formats/format.h"
#include "formats/gguf_files.h"
#include "formats/pieces.h"

#include <string.h>
#include <strings.h>

enum { PEEK = 4096 };

static const struct reader_ops *const readers[] = {
	&safetensors_reader,
	&gguf_reader,
	&folder_reader,
	&tar_reader,
	&npy_reader,
	&zip_reader,
};

static const struct writer_ops *const writers[] = {
	&safetensors_writer,
	&gguf_writer,
	&folder_writer,
	&tar_writer,
	&npy_writer,
	&npz_writer,
	&zip_writer,
	&torch_writer,
};

enum {
	N_READERS = sizeof(readers) / sizeof(readers[0]),
	N_WRITERS = sizeof(writers) / sizeof(writers[0]),
};

/* What is known by its first bytes alone, or by bytes at one place. */
static const struct {
	const char *magic;
	unsigned len;
	unsigned at;
	const char *what;
} known[] = {
	{"version https://git-lfs", 23, 0,
	 "a git-LFS pointer, not the model it stands for (fetch it with "
	 "\"git lfs pull\")"},
	{"FUGG", 4, 0, "a GGUF file in the other byte order, which is not "
		       "read"},
	{"lmgg", 4, 0, "an old GGML file, which is not read"},
	{"tjgg", 4, 0, "an old GGML file (ggjt), which is not read"},
	{"\x89HDF\r\n\x1a\n", 8, 0, "an HDF5 file, which is not read"},
	{"\x80\x02\x8a\x0a" "l\xfc\x9c" "F\xf9 j\xa8P\x19.", 15, 0,
	 "a PyTorch pickle of the old kind, which is not read (pickles are "
	 "never executed)"},
	{"\x80\x02", 2, 0,
	 "a Python pickle, which is not read (pickles are never executed)"},
	{"\x80\x04\x95", 3, 0,
	 "a Python pickle, which is not read (pickles are never executed)"},
	{"\x1f\x8b\x08", 3, 0, "gzip data; unpack it first"},
	{"\xfd" "7zXZ\0", 6, 0, "xz data; unpack it first"},
	{"\x28\xb5\x2f\xfd", 4, 0, "zstd data; unpack it first"},
	{"\x04\x22\x4d\x18", 4, 0, "LZ4 data; unpack it first"},
	{"BZh", 3, 0, "bzip2 data; unpack it first"},
	{"7z\xbc\xaf\x27\x1c", 6, 0, "a 7-Zip archive; unpack it first"},
	{"ustar", 5, 257, "a tar archive whose first header is damaged"},
	{"\x7f" "ELF", 4, 0, "a program, not a model"},
	{"%PDF-", 5, 0, "a PDF document, not a model"},
};

enum { N_KNOWN = sizeof(known) / sizeof(known[0]) };

/*
 * Text as people see it: no control bytes but white space and what terminals
 * are sent (backspace, escape), no byte that UTF-8 never has.
 */
static bool is_text(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((p[i] < 0x20 && !memchr("\t\n\v\f\r\b\x1b", p[i], 7)) ||
		    p[i] == 0x7f || p[i] > 0xf4)
			return false;
	return true;
}

static bool begins(const uint8_t *p, size_t len, const char *word)
{
	size_t n = strlen(word);

	return len >= n && !strncasecmp((const char *)p, word, n);
}

static const char *name_text(const uint8_t *p, size_t len)
{
	if (begins(p, len, "\xef\xbb\xbf")) {
		p += 3;
		len -= 3;
	}
	while (len && strchr(" \t\r\n", *p)) {
		p++;
		len--;
	}
	if (begins(p, len, "<?xml") || begins(p, len, "<error"))
		return "an XML page, probably a server's error message saved "
		       "under a model's name";
	if (begins(p, len, "<!") || begins(p, len, "<html") ||
	    begins(p, len, "<head") || begins(p, len, "<body"))
		return "an HTML page, probably a server's error message saved "
		       "under a model's name";
	if (len && (*p == '{' || *p == '['))
		return "a JSON text, not a model";
	if (!len)
		return "nothing but white space";
	return "plain text, not a model";
}

/* What the bytes are, other than a model; *bits: how sure. NULL: no idea. */
static const char *name_known(const uint8_t *p, size_t len, unsigned *bits)
{
	for (unsigned i = 0; i < N_KNOWN; i++) {
		unsigned end = known[i].at + known[i].len;

		if (len >= end &&
		    !memcmp(p + known[i].at, known[i].magic, known[i].len)) {
			*bits = 8 * known[i].len;
			return known[i].what;
		}
	}
	if (len >= 512 && !*p && !memcmp(p, p + 1, len - 1)) {
		*bits = 16;
		return "nothing but zeros at its beginning, as an empty tar "
		       "archive or a file that was never written";
	}
	if (is_text(p, len)) {
		*bits = 24;
		return name_text(p, len);
	}
	return NULL;
}

enum hvqz_ret format_detect(struct source *src, const struct reader_ops **r,
			    struct hvqz_err *err)
{
	const struct reader_ops *best = NULL;
	unsigned best_bits = 0, bits = 0;
	const char *what;
	const uint8_t *p;
	size_t len;

	TRY(source_ahead(src, PEEK, &p, &len, err));
	if (!len)
		return hvqz_fail(err, HVQZ_UNSUPPORTED, "the input is empty");
	if (container_bid(p, len))
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "already a .hvqz file");
	for (unsigned i = 0; i < N_READERS; i++) {
		bits = readers[i]->bid(p, len);
		if (bits > best_bits) {
			best_bits = bits;
			best = readers[i];
		}
	}
	bits = 0;
	what = name_known(p, len, &bits);
	if (best && best_bits > bits) {
		*r = best;
		return HVQZ_OK;
	}
	if (what)
		return hvqz_fail(err, HVQZ_UNSUPPORTED, "this is %s", what);
	if (len < 8)
		return hvqz_fail(err, HVQZ_UNSUPPORTED,
				 "%zu bytes, too short for a model of any kind",
				 len);
	return hvqz_fail(err, HVQZ_UNSUPPORTED,
			 "not a model file of a kind we know (see hvqz -H)");
}

uint64_t format_source_size(const struct model *m)
{
	uint64_t size = m->head_len + m->data_size;
	struct hvqz_err err;
	struct pieces p;

	if (!format_has_pieces(m->format))
		return size;
	if (pieces_from_head(&p, m, &err) == HVQZ_OK)
		size = p.size;
	pieces_free(&p);
	return size;
}

const struct writer_ops *format_writer(const char *name)
{
	for (unsigned i = 0; i < N_WRITERS; i++)
		if (!strcmp(writers[i]->name, name))
			return writers[i];
	return NULL;
}

const struct writer_ops *format_writer_at(unsigned n)
{
	return n < N_WRITERS ? writers[n] : NULL;
}

/* What Hugging Face's names of tensors may come in. */
static bool is_hf(const char *format)
{
	return !strcmp(format, "safetensors") || !strcmp(format, "torch") ||
	       format_has_files(format);
}

const struct writer_ops *format_converter(const char *from, const char *to,
					  enum dtype dtype)
{
	bool same = !strcmp(from, to);

	if (is_hf(from) && !strcmp(to, "gguf"))
		return &gguf_from_hf;
	if (!strcmp(from, "gguf") && !strcmp(to, "safetensors"))
		return &hf_from_gguf;
	if (!strcmp(from, "gguf") && !strcmp(to, "tar"))
		return &tar_from_gguf;
	if (!strcmp(from, "gguf") && !strcmp(to, "zip"))
		return &zip_from_gguf;
	if (!strcmp(to, "npz") && (dtype || !same))
		return &retyped_npz;
	if (!strcmp(to, "npy") && (dtype || !same))
		return &retyped_npy;
	if (!strcmp(to, "safetensors") && dtype)
		return &retyped_safetensors;
	return !strcmp(to, "gguf") && dtype ? &retyped_gguf : NULL;
}

const struct writer_ops *format_converter_of(const struct model *m,
					     const char *to,
					     enum dtype dtype)
{
	if (!strcmp(to, "gguf") && gguf_files_any(m))
		return &gguf_merge;
	if (!strcmp(to, "safetensors") && gguf_files_any(m))
		return &hf_from_gguf_files;
	return format_converter(m->format, to, dtype);
}

enum hvqz_ret format_plan_converter(const struct writer_ops *w,
				    const struct format_wish *wish,
				    const struct model *from,
				    const struct model *m, void **state,
				    struct hvqz_err *err)
{
	struct format_wish with = {0};
	struct pieces files = {0};
	void *s = &with;
	enum hvqz_ret ret;

	*state = NULL;
	if (wish)
		with = *wish;
	if (format_has_files(from->format) && from->head) {
		TRY_OUT(pieces_from_head(&files, from, err));
		with.files = &files;
	}
	ret = w->plan(m, &s, err);
	if (ret == HVQZ_OK)
		*state = s;
out:
	pieces_free(&files);
	return ret;
}

enum hvqz_ret format_wish_file(const struct format_wish *wish,
			       const char *name, size_t max, struct buf *b,
			       struct hvqz_err *err)
{
	if (wish->files &&
	    (!wish->get || pieces_has_file(wish->files, name)))
		return pieces_file(wish->files, name, max, b, err);
	if (wish->get)
		return wish->get(wish->ctx, name, max, b, err);
	return hvqz_fail(err, HVQZ_UNSUPPORTED,
			 "%s is needed, and nothing lies beside a model from a "
			 "pipe", name);
}
