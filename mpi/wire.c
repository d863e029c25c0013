/* See wire_priv.h. */
#include "wire_priv.h"

#include "glia_bf16.h"

#include <math.h>
#include <string.h>

enum { SCALE_BYTES = sizeof(float), BLOCK_BYTES = SCALE_BYTES + WIRE_BLOCK };

size_t glia_wire_bytes_(glia_wire wire, int64_t n)
{
  const int64_t blocks = (n + WIRE_BLOCK - 1) / WIRE_BLOCK;

  return wire == GLIA_WIRE_BF16 ? (size_t)n * sizeof(uint16_t) : (size_t)(n + blocks * SCALE_BYTES);
}

static void encode_bf16(int64_t n, const float *x, uint16_t *to)
{
  for (int64_t i = 0; i < n; i++) to[i] = glia_bf16_round(x[i]);
}

/* One block; what is to travel stands in x, what did not is left there. */
static void encode_block(int64_t n, float *x, char *to)
{
  int8_t *code = (int8_t *)(to + SCALE_BYTES);
  float most = 0.0F;
  bool finite = true;

  for (int64_t i = 0; i < n; i++) {
    finite = finite && isfinite(x[i]);
    most = fmaxf(most, fabsf(x[i]));
  }
  const float scale = finite ? most / 127.0F : NAN;
  const float inverse = finite && scale > 0.0F ? 1.0F / scale : 0.0F;
  memcpy(to, &scale, sizeof scale);
  for (int64_t i = 0; i < n; i++) {
    const float near = finite && isfinite(inverse) ? rintf(x[i] * inverse) : 0.0F;
    code[i] = (int8_t)fmaxf(-127.0F, fminf(127.0F, near));
    x[i] = finite ? x[i] - (float)code[i] * scale : 0.0F;
  }
}

static void encode_int8(int64_t n, const float *x, float *residual, bool first, char *to)
{
  float work[WIRE_BLOCK];

  for (int64_t at = 0; at < n; at += WIRE_BLOCK, to += BLOCK_BYTES) {
    const int64_t k = n - at < WIRE_BLOCK ? n - at : WIRE_BLOCK;
    const bool whole = residual != NULL && first;
    for (int64_t i = 0; i < k; i++) work[i] = x[at + i] + (whole ? residual[at + i] : 0.0F);
    encode_block(k, work, to);
    for (int64_t i = 0; residual != NULL && i < k; i++)
      residual[at + i] = work[i] + (first ? 0.0F : residual[at + i]);
  }
}

static void decode_int8(int64_t n, const char *from, float *x)
{
  for (int64_t at = 0; at < n; at += WIRE_BLOCK, from += BLOCK_BYTES) {
    const int64_t k = n - at < WIRE_BLOCK ? n - at : WIRE_BLOCK;
    const int8_t *code = (const int8_t *)(from + SCALE_BYTES);
    float scale;
    memcpy(&scale, from, sizeof scale);
    for (int64_t i = 0; i < k; i++) x[at + i] = (float)code[i] * scale;
  }
}

void glia_wire_encode_(glia_wire wire, int64_t n, const float *x, float *residual, bool first,
                       void *to)
{
  if (wire == GLIA_WIRE_BF16)
    encode_bf16(n, x, to);
  else
    encode_int8(n, x, residual, first, to);
}

void glia_wire_decode_(glia_wire wire, int64_t n, const void *from, float *x)
{
  if (wire == GLIA_WIRE_BF16)
    for (int64_t i = 0; i < n; i++) x[i] = glia_bf16_wide(((const uint16_t *)from)[i]);
  else
    decode_int8(n, from, x);
}
