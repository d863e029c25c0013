/* Strided copies: what broadcast, permute, slice and pad do with bytes. */
#include "op_priv.h"

#include <string.h>

void glia_strides_(const struct glia_type *t, int64_t *stride)
{
  int64_t n = 1;

  for (int k = t->rank - 1; k >= 0; k--) {
    stride[k] = n;
    n *= t->dim[k];
  }
}

/* A copy with axes merged where they can be; strides in bytes, innermost axis last. */
struct plan {
  int rank;
  int64_t dim[GLIA_MAX_RANK], to[GLIA_MAX_RANK], from[GLIA_MAX_RANK];
  size_t size;
};

#define STRIDED(T)                                                                                 \
  for (int64_t i = 0; i < n; i++) {                                                                \
    T v;                                                                                           \
    memcpy(&v, x + i * from, sizeof v);                                                            \
    memcpy(y + i * to, &v, sizeof v);                                                              \
  }                                                                                                \
  break

static void copy_run(char *y, int64_t to, const char *x, int64_t from, int64_t n, size_t size)
{
  if (to == (int64_t)size && from == (int64_t)size) {
    memcpy(y, x, (size_t)n * size);
    return;
  }
  switch (size) {
  case 1:
    STRIDED(uint8_t);
  case 2:
    STRIDED(uint16_t);
  case 4:
    STRIDED(uint32_t);
  case 8:
    STRIDED(uint64_t);
  default:
    break; /* there is no other size */
  }
}

/* A transposition in squares, so that lines of both arrays stay in cache. */
enum { SQUARE = 32 };

static void copy_plane(const struct plan *p, char *y, const char *x)
{
  const int a = p->rank - 2, b = p->rank - 1;

  for (int64_t j = 0; j < p->dim[b]; j += SQUARE) {
    const int64_t width = p->dim[b] - j < SQUARE ? p->dim[b] - j : SQUARE;
    for (int64_t i = 0; i < p->dim[a]; i++)
      copy_run(y + i * p->to[a] + j * p->to[b], p->to[b], x + i * p->from[a] + j * p->from[b],
               p->from[b], width, p->size);
  }
}

static void copy_axis(const struct plan *p, int axis, char *y, const char *x)
{
  if (axis == p->rank - 2 && p->from[axis] != 0 && p->from[axis] < p->from[axis + 1]) {
    copy_plane(p, y, x);
    return;
  }
  for (int64_t i = 0; i < p->dim[axis]; i++, y += p->to[axis], x += p->from[axis])
    if (axis == p->rank - 2)
      copy_run(y, p->to[axis + 1], x, p->from[axis + 1], p->dim[axis + 1], p->size);
    else
      copy_axis(p, axis + 1, y, x);
}

void glia_copy_(int rank, const int64_t *dim, size_t size, void *y, const int64_t *to,
                const void *x, const int64_t *from)
{
  struct plan p = {.size = size};

  for (int k = 0; k < rank; k++) {
    const int64_t t = to[k] * (int64_t)size, f = from[k] * (int64_t)size;
    const int last = p.rank - 1;
    if (dim[k] == 0) return;
    if (dim[k] == 1) continue;
    if (p.rank > 0 && p.to[last] == t * dim[k] && p.from[last] == f * dim[k]) {
      p.dim[last] *= dim[k];
      p.to[last] = t;
      p.from[last] = f;
      continue;
    }
    p.dim[p.rank] = dim[k];
    p.to[p.rank] = t;
    p.from[p.rank++] = f;
  }
  if (p.rank == 0) memcpy(y, x, size);
  if (p.rank == 1) copy_run(y, p.to[0], x, p.from[0], p.dim[0], size);
  if (p.rank > 1) copy_axis(&p, 0, y, x);
}
