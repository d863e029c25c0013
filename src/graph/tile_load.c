/* Broadcasts inside a group: a tile of the result from the smaller array, by index. A hot loop: compiled to be vectorised. */
#include "program_priv.h"

#include <string.h>

/* n elements of a broadcast from element `start`: runs along the innermost axis are copied or filled. */
#define LOAD(T, suffix)                                                                            \
  GLIA_CLONES static void fill_##suffix(T *to, T value, int64_t n)                                 \
  {                                                                                                \
    for (int64_t i = 0; i < n; i++) to[i] = value;                                                 \
  }                                                                                                \
  static void load_##suffix(const struct tile_step *s, const T *from, T *to, int64_t start,        \
                            int64_t n)                                                             \
  {                                                                                                \
    int64_t index[GLIA_MAX_RANK] = {0};                                                            \
    int64_t rest = start, at = 0;                                                                  \
    const int inner = s->rank - 1;                                                                 \
    if (s->rank == 0) {                                                                            \
      fill_##suffix(to, from[0], n);                                                               \
      return;                                                                                      \
    }                                                                                              \
    for (int a = inner; a >= 0; a--) {                                                             \
      index[a] = rest % s->dim[a];                                                                 \
      rest /= s->dim[a];                                                                           \
      at += index[a] * s->stride[a];                                                               \
    }                                                                                              \
    while (n > 0) {                                                                                \
      int64_t run = s->dim[inner] - index[inner];                                                  \
      if (run > n) run = n;                                                                        \
      const int64_t stride = s->stride[inner];                                                     \
      if (stride == 1)                                                                             \
        memcpy(to, from + at, (size_t)run * sizeof(T));                                            \
      else if (stride == 0)                                                                        \
        fill_##suffix(to, from[at], run);                                                          \
      else                                                                                         \
        for (int64_t i = 0; i < run; i++) to[i] = from[at + i * stride];                           \
      to += run;                                                                                   \
      n -= run;                                                                                    \
      at -= index[inner] * stride;                                                                 \
      index[inner] = 0;                                                                            \
      for (int a = inner - 1; a >= 0; a--) {                                                       \
        at += s->stride[a];                                                                        \
        if (++index[a] < s->dim[a]) break;                                                         \
        at -= index[a] * s->stride[a];                                                             \
        index[a] = 0;                                                                              \
      }                                                                                            \
    }                                                                                              \
  }
LOAD(uint8_t, 1)
LOAD(uint16_t, 2)
LOAD(uint32_t, 4)
LOAD(uint64_t, 8)
#undef LOAD

void glia_tile_load_(const struct tile_step *s, const void *from, void *to, int64_t start,
                     int64_t n)
{
  switch (glia_dtype_size(s->out.type->dtype)) {
  case 1:
    load_1(s, from, to, start, n);
    break;
  case 2:
    load_2(s, from, to, start, n);
    break;
  case 4:
    load_4(s, from, to, start, n);
    break;
  default:
    load_8(s, from, to, start, n);
    break;
  }
}
