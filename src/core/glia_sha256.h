/* SHA-256 (by nettle), streamed. */
#ifndef GLIA_SHA256_H
#define GLIA_SHA256_H

#include "glia_base.h"

struct glia_sha256 {
  uint64_t space[16]; /* nettle's context */
};

GLIA_API void glia_sha256_init(struct glia_sha256 *h);
GLIA_API void glia_sha256_update(struct glia_sha256 *h, const void *data, size_t size_bytes);
/** 64 lower-case hexadecimal digits and a final 0. */
GLIA_API void glia_sha256_hex(struct glia_sha256 *h, char out[65]);

#endif
