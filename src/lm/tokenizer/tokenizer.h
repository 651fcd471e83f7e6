/*
 * tokenizer.h - text to token ids and back, as tokenizer.json of a Hugging Face
 * folder says: byte-level BPE (GPT-2, Llama 3, SmolLM, Qwen).
 *
 * Text is bytes: what is not UTF-8 is encoded byte by byte and comes back. A
 * file may ask for changes to the text before that: NFC, a space put at the
 * beginning, white space dropped beside an added token. Then what comes back
 * is the text so changed.
 *
 * A tokenizer never changes once it is there: threads may share it.
 */
#ifndef LM_TOKENIZER_H
#define LM_TOKENIZER_H

#include "base/error.h"
#include "lm/tokenizer/stop.h"

#include <stddef.h>
#include <stdint.h>

struct tokenizer;

/*
 * From the bytes of tokenizer.json; the caller frees *t after a success.
 * HVQZ_DAMAGED: not JSON, or it contradicts itself. HVQZ_UNSUPPORTED: another
 * kind of tokenizer, or a part we do not know, by name.
 */
enum hvqz_ret tokenizer_new(const uint8_t *json, size_t len,
			    struct tokenizer **t, struct hvqz_err *err);
void tokenizer_free(struct tokenizer *t);

/* One more than the largest id. */
uint32_t tokenizer_n_ids(const struct tokenizer *t);

/*
 * The ids of len bytes of text, no special tokens added; those that stand in
 * the text are recognised. The caller frees *ids, which may be NULL for none.
 * Time is O(len log len) with sane patterns; HVQZ_UNSUPPORTED names one that
 * takes far longer. stop may be NULL: asked again and again, and HVQZ_STOPPED
 * when it says so.
 */
enum hvqz_ret tokenizer_encode(const struct tokenizer *t, const uint8_t *text,
			       size_t len, const struct tokenizer_stop *stop,
			       uint32_t **ids, size_t *n_ids,
			       struct hvqz_err *err);

/*
 * The bytes of n ids; HVQZ_DAMAGED for an id that is not one. The caller frees
 * *text, which may be NULL for none.
 */
enum hvqz_ret tokenizer_decode(const struct tokenizer *t, const uint32_t *ids,
			       size_t n, uint8_t **text, size_t *len,
			       struct hvqz_err *err);

#endif
