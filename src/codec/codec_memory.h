/*
 * codec_memory.h - what ordinary weights make a codec take.
 *
 * codec.encode_memory and decode_memory are what no slab exceeds, and a slab
 * of ordinary weights needs far less: a plan made of those would announce
 * twice what is used. These are what Gaussian weights were measured to take,
 * in memory that is really touched (tests/check_memory.c holds them to it).
 */
#ifndef CODEC_CODEC_MEMORY_H
#define CODEC_CODEC_MEMORY_H

#include "codec/codec.h"

/* Bytes that codec_encode() needs besides raw, out and a Hessian's factor. */
uint64_t codec_usual_encode(const struct slab *slab,
			    const struct codec_settings *set);

/* Bytes the decoder of codec id needs besides raw and the payload. */
uint64_t codec_usual_decode(unsigned id, const struct slab *slab);

#endif
