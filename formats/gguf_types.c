/*
 * gguf_types.c - the types of GGUF's tensors.
 *
 * Numbers of llama.cpp's ggml.h; sizes of its blocks. Types that it has removed
 * are here so that they can be refused by name.
 */
#include "formats/gguf.h"

static const struct gguf_type types[] = {
	[0] = {"F32", 1, 4, DTYPE_F32},
	[1] = {"F16", 1, 2, DTYPE_F16},
	[2] = {"Q4_0", 32, 18, 0},
	[3] = {"Q4_1", 32, 20, 0},
	[4] = {"Q4_2", 0, 0, 0},
	[5] = {"Q4_3", 0, 0, 0},
	[6] = {"Q5_0", 32, 22, 0},
	[7] = {"Q5_1", 32, 24, 0},
	[8] = {"Q8_0", 32, 34, 0},
	[9] = {"Q8_1", 32, 36, 0},
	[10] = {"Q2_K", 256, 84, 0},
	[11] = {"Q3_K", 256, 110, 0},
	[12] = {"Q4_K", 256, 144, 0},
	[13] = {"Q5_K", 256, 176, 0},
	[14] = {"Q6_K", 256, 210, 0},
	[15] = {"Q8_K", 256, 292, 0},
	[16] = {"IQ2_XXS", 256, 66, 0},
	[17] = {"IQ2_XS", 256, 74, 0},
	[18] = {"IQ3_XXS", 256, 98, 0},
	[19] = {"IQ1_S", 256, 50, 0},
	[20] = {"IQ4_NL", 32, 18, 0},
	[21] = {"IQ3_S", 256, 110, 0},
	[22] = {"IQ2_S", 256, 82, 0},
	[23] = {"IQ4_XS", 256, 136, 0},
	[24] = {"I8", 1, 1, DTYPE_I8},
	[25] = {"I16", 1, 2, DTYPE_I16},
	[26] = {"I32", 1, 4, DTYPE_I32},
	[27] = {"I64", 1, 8, DTYPE_I64},
	[28] = {"F64", 1, 8, DTYPE_F64},
	[29] = {"IQ1_M", 256, 56, 0},
	[30] = {"BF16", 1, 2, DTYPE_BF16},
	[31] = {"Q4_0_4_4", 0, 0, 0},
	[32] = {"Q4_0_4_8", 0, 0, 0},
	[33] = {"Q4_0_8_8", 0, 0, 0},
	[34] = {"TQ1_0", 256, 54, 0},
	[35] = {"TQ2_0", 256, 66, 0},
	[36] = {"IQ4_NL_4_4", 0, 0, 0},
	[37] = {"IQ4_NL_4_8", 0, 0, 0},
	[38] = {"IQ4_NL_8_8", 0, 0, 0},
	[39] = {"MXFP4", 32, 17, 0},
	[40] = {"NVFP4", 64, 36, 0},
	[41] = {"Q1_0", 128, 18, 0},
};

enum { N_TYPES = sizeof(types) / sizeof(types[0]) };

const struct gguf_type *gguf_type(uint32_t id)
{
	return id < N_TYPES ? &types[id] : NULL;
}

enum hvqz_ret gguf_no_blocks(const char *tensor, const struct gguf_type *type,
			     const char *where, struct hvqz_err *err)
{
	if (type->dtype)
		return HVQZ_OK;
	return hvqz_fail_tensor(err, HVQZ_UNSUPPORTED, tensor,
				"is quantized as %s, which %s cannot hold: "
				"only GGUF's F16, BF16 and F32 become weights "
				"again", type->name, where);
}

bool gguf_type_of(enum dtype dtype, uint32_t *id)
{
	for (*id = 0; *id < N_TYPES; ++*id)
		if (dtype && types[*id].dtype == dtype)
			return true;
	return false;
}
