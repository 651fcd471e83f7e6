/*
 * json_line.h - a JSON object on standard output, on a line of its own.
 *
 * A failed allocation is remembered, so that a run of settings needs one check
 * at its end: json_line_print()'s.
 */
#ifndef CLI_JSON_LINE_H
#define CLI_JSON_LINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct json_line {
	json_t *object;		/* owned */
	bool failed;
};

struct json_line json_line_begin(void);

/* value becomes the object's; NULL, a failure to make it, is one here too. */
void json_line_set(struct json_line *l, const char *key, json_t *value);
void json_line_text(struct json_line *l, const char *key, const char *s);
void json_line_number(struct json_line *l, const char *key, uint64_t v);
/* What is not finite JSON cannot say: null then. */
void json_line_real(struct json_line *l, const char *key, double v);

/*
 * Print it, with so many digits a real number, and release it. False: out of
 * memory, or standard output has failed.
 */
bool json_line_print(struct json_line *l, unsigned digits);

/* A string; a file's name may be no UTF-8, which JSON cannot say: masked. */
json_t *json_line_string(const char *s);

#endif
