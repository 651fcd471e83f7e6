/*
 * normal.h - the normaliser: none, or NFC.
 *
 * Only what is UTF-8 is normalised; stray bytes stay where they are. Text
 * that was not in NFC comes back from its ids in NFC.
 */
#ifndef LM_TOKENIZER_NORMAL_H
#define LM_TOKENIZER_NORMAL_H

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>

/*
 * What "normalizer" of a tokenizer.json asks for; j may be NULL. Everything
 * but NFC is HVQZ_UNSUPPORTED, by name.
 */
enum hvqz_ret normal_load(const json_t *j, bool *nfc, struct hvqz_err *err);

/* Append the NFC of len bytes of text to out. O(len). */
enum hvqz_ret normal_nfc(const uint8_t *text, size_t len, struct buf *out,
			 struct hvqz_err *err);

#endif
