/*
 * gguf_names.h - llama.cpp's names of tensors and Hugging Face's.
 */
#ifndef FORMATS_GGUF_NAMES_H
#define FORMATS_GGUF_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Map a llama.cpp tensor name to the Hugging Face one
 * ("blk.0.attn_q.weight" -> "model.layers.0.self_attn.q_proj.weight") into
 * buf. False when the name is not of that family; buf is then a copy of it.
 */
bool name_from_gguf(const char *gguf, char *buf, size_t len);

/* The other way round; false when the name has none, or none that fits. */
bool name_to_gguf(const char *hf, char *buf, size_t len);

#endif
