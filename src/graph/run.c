/* Running units: kernel calls, groups in tiles, copies. Allocates nothing, cannot fail. */
#include "program_priv.h"

#include <string.h>

static char *address(char *const *bases, struct place at) { return bases[at.base] + at.offset; }

static void run_single(const struct unit *u, char *const *bases, void *scratch)
{
  struct glia_operand in[GLIA_MAX_IN];

  for (int i = 0; i < u->n_in; i++)
    in[i] = (struct glia_operand){address(bases, u->in[i].at), u->in[i].n, u->in[i].type};
  const struct glia_call c = {
      u->n_in, in, {address(bases, u->out.at), u->out.n, u->out.type}, &u->node->attr, scratch};
  u->run(&c);
}

/* n elements of a broadcast from element `start`: runs along the innermost axis are copied or filled. */
#define LOAD(T, suffix)                                                                            \
  static void load_##suffix(const struct tile_step *s, const T *from, T *to, int64_t start,        \
                            int64_t n)                                                             \
  {                                                                                                \
    int64_t index[GLIA_MAX_RANK] = {0};                                                            \
    int64_t rest = start, at = 0;                                                                  \
    const int inner = s->rank - 1;                                                                 \
    if (s->rank == 0) {                                                                            \
      for (int64_t i = 0; i < n; i++) to[i] = from[0];                                             \
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
LOAD(uint32_t, 4)
LOAD(uint64_t, 8)
#undef LOAD

static void load(const struct tile_step *s, const void *from, void *to, int64_t start, int64_t n)
{
  switch (glia_dtype_size(s->out.type->dtype)) {
  case 1:
    load_1(s, from, to, start, n);
    break;
  case 4:
    load_4(s, from, to, start, n);
    break;
  default:
    load_8(s, from, to, start, n);
    break;
  }
}

static void *tile_address(const struct tile_operand *o, char *const *bases, char *regs,
                          int64_t start)
{
  if (o->reg >= 0) return regs + (size_t)o->reg * TILE * sizeof(double);
  return address(bases, o->at) + (size_t)start * glia_dtype_size(o->type->dtype);
}

static void run_step(const struct tile_step *s, char *const *bases, char *regs, int64_t start,
                     int64_t n)
{
  struct glia_operand in[TILE_OPERANDS];
  void *out = tile_address(&s->out, bases, regs, start);

  switch (s->kind) {
  case TILE_BROADCAST:
    load(s, address(bases, s->in[0].at), out, start, n);
    return;
  case TILE_STORE:
    memcpy(out, tile_address(&s->in[0], bases, regs, start),
           (size_t)n * glia_dtype_size(s->out.type->dtype));
    return;
  case TILE_OP:
    break;
  }
  for (int i = 0; i < s->n_in; i++)
    in[i] = (struct glia_operand){tile_address(&s->in[i], bases, regs, start), n, s->in[i].type};
  const struct glia_call c = {s->n_in, in, {out, n, s->out.type}, s->attr, NULL};
  s->run(&c);
}

static void run_group(const struct unit *u, char *const *bases, char *regs)
{
  for (int i = 0; i < u->n_steps; i++)
    if (u->step[i].once) run_step(&u->step[i], bases, regs, 0, u->n < TILE ? u->n : TILE);
  for (int64_t start = 0; start < u->n; start += TILE) {
    const int64_t n = u->n - start < TILE ? u->n - start : TILE;
    for (int i = 0; i < u->n_steps; i++)
      if (!u->step[i].once) run_step(&u->step[i], bases, regs, start, n);
  }
}

void glia_run_list_(const struct list *list, char *const *bases, void *scratch)
{
  for (int i = 0; i < list->n; i++) {
    const struct unit *u = &list->unit[i];
    if (u->step != NULL)
      run_group(u, bases, scratch);
    else if (u->run != NULL)
      run_single(u, bases, scratch);
    else
      memcpy(address(bases, u->out.at), address(bases, u->in[0].at),
             (size_t)u->out.n * glia_dtype_size(u->out.type->dtype));
  }
}
