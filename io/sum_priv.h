/* Sums of bytes, streamed, of the two kinds that our files name. They find damage; neither is a signature.
 *
 * XXH3: 128 bits in xxHash's canonical form, made about as fast as memory is read. SHA-256: of archives and older checkpoints.
 */
#ifndef GLIA_IO_SUM_PRIV_H
#define GLIA_IO_SUM_PRIV_H

#include "glia_sha256.h"

#define XXH_STATIC_LINKING_ONLY /* a state of the caller's */
#include <xxhash.h>

typedef enum { GLIA_SUM_SHA256, GLIA_SUM_XXH3 } glia_sum_kind;

enum { GLIA_SUM_TEXT_BYTES = 65 }; /* room for the digits of either and a final 0 */

struct glia_sum {
  glia_sum_kind kind;
  union {
    struct glia_sha256 sha256;
    XXH3_state_t xxh3;
  };
};

/* Lower-case hexadecimal digits of a sum: 64 or 32. */
static inline int glia_sum_digits_(glia_sum_kind kind) { return kind == GLIA_SUM_XXH3 ? 32 : 64; }

void glia_sum_init_(struct glia_sum *s, glia_sum_kind kind);
void glia_sum_add_(struct glia_sum *s, const void *data, size_t bytes);
void glia_sum_text_(struct glia_sum *s, char out[GLIA_SUM_TEXT_BYTES]);

/* Of one piece of memory. */
void glia_sum_of_(glia_sum_kind kind, const void *data, size_t bytes,
                  char out[GLIA_SUM_TEXT_BYTES]);

#endif
