/*
 * json_head.h - mutating files that begin as safetensors do: 8 bytes of
 * length, so much JSON, data.
 *
 * A length that is off ends everything at once, and so does data that is not
 * what the offsets say. So most mutations are made right again.
 */
#ifndef TESTS_FUZZ_JSON_HEAD_H
#define TESTS_FUZZ_JSON_HEAD_H

#include "tests/fuzz/fuzz.h"

/* The largest end of "data_offsets":[a,b] in the JSON; 0: none. */
static size_t json_data_end(const uint8_t *p, size_t len)
{
	static const char key[] = "data_offsets";
	size_t most = 0;

	for (size_t i = 0; i + sizeof(key) + 4 < len; i++) {
		size_t v = 0;

		if (memcmp(p + i, key, sizeof(key) - 1))
			continue;
		while (i < len && p[i] != ']' && p[i] != '}') {
			v = p[i] >= '0' && p[i] <= '9' && v < 1 << 24
				? 10 * v + p[i] - '0' : p[i] == ',' ? 0 : v;
			i++;
		}
		most = v > most ? v : most;
	}
	return most;
}

/* Make length field and data fit the JSON between; returns the new length. */
static size_t json_mend(uint8_t *p, size_t len, size_t max)
{
	size_t end = len, head, want;

	if (len < 10)
		return len;
	/* The JSON ends at the brace before the first long run without any. */
	head = (size_t)get_le64(p);
	if (head <= len - 8)
		end = 8 + head;
	while (end < len && p[end - 1] != '}')
		end++;
	while (end > 8 && p[end - 1] != '}')
		end--;
	if (end == 8)
		return len;
	put_le64(p, end - 8);
	want = end + json_data_end(p + 8, end - 8);
	if (want > max)
		return len;
	for (size_t i = len; i < want; i++)
		p[i] = (uint8_t)(i & 0x3f);
	return want;
}

static size_t json_mutate(uint8_t *p, size_t len, size_t max, unsigned seed)
{
	struct rng rng = {seed};
	uint64_t how = rng_below(&rng, 16);
	size_t head = len > 8 ? (size_t)get_le64(p) : 0;

	/* Now and then the data, or without mending. */
	if (head && head < len - 8 && how < 3)
		return 8 + head + LLVMFuzzerMutate(p + 8 + head,
						   len - 8 - head,
						   max - 8 - head);
	if (len < 10 || how == 3)
		return LLVMFuzzerMutate(p, len, max);
	if (head < len - 8) {
		/* The JSON alone, in place; the data moves with its end. */
		size_t n_data = len - 8 - head, room = max - 8 - n_data, n;
		uint8_t *data = fuzz_copy(p + 8 + head, n_data);

		n = LLVMFuzzerMutate(p + 8, head, room);
		memcpy(p + 8 + n, data, n_data);
		free(data);
		len = 8 + n + n_data;
		put_le64(p, n);
	} else {
		len = 8 + LLVMFuzzerMutate(p + 8, len - 8, max - 8);
		put_le64(p, len - 8);
	}
	return how == 4 ? len : json_mend(p, len, max);
}

#endif
