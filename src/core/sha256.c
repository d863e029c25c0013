/* SHA-256 by nettle, behind a header that does not need nettle's. */
#include "glia_sha256.h"

#include <assert.h>
#include <nettle/sha2.h>

static_assert(sizeof(struct sha256_ctx) <= sizeof(struct glia_sha256), "nettle's context fits");

static struct sha256_ctx *context(struct glia_sha256 *h)
{
  void *p = h->space;

  return p;
}

void glia_sha256_init(struct glia_sha256 *h) { sha256_init(context(h)); }

void glia_sha256_update(struct glia_sha256 *h, const void *data, size_t size_bytes)
{
  sha256_update(context(h), size_bytes, data);
}

void glia_sha256_hex(struct glia_sha256 *h, char out[65])
{
  static const char digit[] = "0123456789abcdef";
  uint8_t bytes[SHA256_DIGEST_SIZE];

  sha256_digest(context(h), sizeof bytes, bytes);
  for (int i = 0; i < SHA256_DIGEST_SIZE; i++) {
    out[2 * i] = digit[bytes[i] >> 4];
    out[2 * i + 1] = digit[bytes[i] & 15];
  }
  out[64] = '\0';
}
