/* Sums of bytes: SHA-256 by nettle, XXH3 by xxHash.  Source: the xxHash specification (the canonical form is big-endian). */
#include "sum_priv.h"

void glia_sum_init_(struct glia_sum *s, glia_sum_kind kind)
{
  s->kind = kind;
  if (kind == GLIA_SUM_XXH3)
    (void)XXH3_128bits_reset(&s->xxh3);
  else
    glia_sha256_init(&s->sha256);
}

void glia_sum_add_(struct glia_sum *s, const void *data, size_t bytes)
{
  if (s->kind == GLIA_SUM_XXH3)
    (void)XXH3_128bits_update(&s->xxh3, data, bytes);
  else
    glia_sha256_update(&s->sha256, data, bytes);
}

void glia_sum_text_(struct glia_sum *s, char out[GLIA_SUM_TEXT_BYTES])
{
  static const char digit[] = "0123456789abcdef";
  XXH128_canonical_t bytes;

  if (s->kind != GLIA_SUM_XXH3) {
    glia_sha256_hex(&s->sha256, out);
    return;
  }
  XXH128_canonicalFromHash(&bytes, XXH3_128bits_digest(&s->xxh3));
  for (size_t i = 0; i < sizeof bytes.digest; i++) {
    out[2 * i] = digit[bytes.digest[i] >> 4];
    out[2 * i + 1] = digit[bytes.digest[i] & 15];
  }
  out[2 * sizeof bytes.digest] = '\0';
}

void glia_sum_of_(glia_sum_kind kind, const void *data, size_t bytes, char out[GLIA_SUM_TEXT_BYTES])
{
  struct glia_sum s;

  glia_sum_init_(&s, kind);
  glia_sum_add_(&s, data, bytes);
  glia_sum_text_(&s, out);
}
