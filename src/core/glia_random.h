/* Random numbers without state: each is a pure function of its key and counter.
 *
 * Philox4x32-10.  Source: salmon2011 (doi:10.1145/2063384.2063405).
 * A stream is named by (seed, text, number): layer path and use, or what else tells draws apart; an element is
 * named by (step, position, element). So 1 or 64 ranks draw the same, and there is nothing to save.
 */
#ifndef GLIA_RANDOM_H
#define GLIA_RANDOM_H

#include "glia_base.h"

/** 64-bit name of a stream: a hash (FNV-1a) of the text and a seed. */
GLIA_API uint64_t glia_random_stream(uint64_t seed, const char *name);

/** Four 32-bit words for counter c [4] under key. */
GLIA_API void glia_random_block(uint64_t key, const uint32_t counter[4], uint32_t out[4]);

/** 64 random bits of element `index` of stream `key` (counter words: index low, index high, salt low, salt high). */
GLIA_API uint64_t glia_random_bits(uint64_t key, uint64_t salt, uint64_t index);

/** 64 bits onto (0, 1): never 0, never 1 (52 bits survive). */
GLIA_API double glia_random_unit(uint64_t bits);

/** Uniform in (0, 1): never 0, never 1. */
GLIA_API double glia_random_uniform(uint64_t key, uint64_t salt, uint64_t index);

/** Standard normal (Box-Muller on one 128-bit block), the same bits on every CPU and C library. */
GLIA_API double glia_random_normal(uint64_t key, uint64_t salt, uint64_t index);

/** The i-th element of a keyed permutation of 0..n-1, in O(1) memory: a balanced Feistel network on the next
 *  even number of bits, walked until it falls below n (cycle walking).  n in 1 .. 2^62, i in 0 .. n-1. */
GLIA_API int64_t glia_random_permute(uint64_t key, int64_t n, int64_t i);

/** Elements first .. first + count - 1 of it, in a fourth of the time: out [count]. */
GLIA_API void glia_random_permute_range(uint64_t key, int64_t n, int64_t first, int64_t count,
                                        int64_t *out);

/** Its inverse: the i for which glia_random_permute(key, n, i) is `value`. */
GLIA_API int64_t glia_random_unpermute(uint64_t key, int64_t n, int64_t value);

#endif
