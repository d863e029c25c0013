/* Fourier transforms by FFTW. Plans are made by estimate, never by timing, when a program is compiled: a function of the shape
 * alone, as are then the bits. They are kept for ever and run from any thread. */
#include "glia_fft.h"
#include "kernels_priv.h"

#include <fftw3.h>
#include <pthread.h>
#include <stdlib.h>

/* Over two axes to real: columns of one plane into scratch, then its rows; one batch after another. Else all at once. */
struct plan {
  struct glia_fft_shape shape;
  bool single;
  void *columns, *all;
  struct plan *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* FFTW plans in one thread at a time */
static struct plan *plans;

static bool same(const struct glia_fft_shape *a, const struct glia_fft_shape *b)
{
  return a->kind == b->kind && a->sign == b->sign && a->batches == b->batches &&
         a->rows == b->rows && a->n == b->n && a->half == b->half;
}

/* Operands may lie at any address (slots of sums are packed), and an estimate touches none. */
#define PLAN(T, suffix, fftw)                                                                      \
  static void make_##suffix(struct plan *p)                                                        \
  {                                                                                                \
    static T x[2], y[2];                                                                           \
    const struct glia_fft_shape *s = &p->shape;                                                    \
    const unsigned flags = FFTW_ESTIMATE | FFTW_UNALIGNED;                                         \
    const int rank = s->rows > 1 ? 2 : 1, n[2] = {(int)s->rows, (int)s->n};                        \
    const int *last = n + 2 - rank, batches = (int)s->batches;                                     \
    const int real = (int)(s->rows * s->n), half = (int)s->half, pairs = (int)(s->rows * s->half); \
    fftw##_complex *cx = (void *)x, *cy = (void *)y;                                               \
    if (s->kind == GLIA_FFT_COMPLEX)                                                               \
      p->all = fftw##_plan_many_dft(rank, last, batches, cx, NULL, 1, real, cy, NULL, 1, real,     \
                                    s->sign, flags);                                               \
    else if (s->kind == GLIA_FFT_FROM_REAL)                                                        \
      p->all = fftw##_plan_many_dft_r2c(rank, last, batches, x, NULL, 1, real, cy, NULL, 1, pairs, \
                                        flags);                                                    \
    else if (s->rows == 1)                                                                         \
      p->all = fftw##_plan_many_dft_c2r(1, n + 1, batches, cx, NULL, 1, pairs, y, NULL, 1, real,   \
                                        flags | FFTW_PRESERVE_INPUT);                              \
    else {                                                                                         \
      p->columns =                                                                                 \
          fftw##_plan_many_dft(1, n, half, cx, NULL, half, 1, cy, NULL, half, 1, s->sign, flags);  \
      p->all =                                                                                     \
          fftw##_plan_many_dft_c2r(1, n + 1, n[0], cx, NULL, 1, half, y, NULL, 1, n[1], flags);    \
    }                                                                                              \
  }                                                                                                \
  /* FFTW wants its inputs writable, and leaves these as they are. */                              \
  static void run_##suffix(const struct glia_call *c)                                              \
  {                                                                                                \
    const struct plan *p = c->plan;                                                                \
    const struct glia_fft_shape *s = &p->shape;                                                    \
    T *x = c->in[0].data, *y = c->out.data;                                                        \
    if (s->kind == GLIA_FFT_COMPLEX)                                                               \
      fftw##_execute_dft(p->all, (void *)x, (void *)y);                                            \
    else if (s->kind == GLIA_FFT_FROM_REAL)                                                        \
      fftw##_execute_dft_r2c(p->all, x, (void *)y);                                                \
    else if (s->rows == 1)                                                                         \
      fftw##_execute_dft_c2r(p->all, (void *)x, y);                                                \
    for (int64_t b = 0; p->columns != NULL && b < s->batches; b++) {                               \
      fftw##_execute_dft(p->columns, (void *)x, c->scratch);                                       \
      fftw##_execute_dft_c2r(p->all, c->scratch, y);                                               \
      x += 2 * s->rows * s->half;                                                                  \
      y += s->rows * s->n;                                                                         \
    }                                                                                              \
  }
PLAN(float, f32, fftwf)
PLAN(double, f64, fftw)

/* The plan of a shape, made at its first use; NULL: FFTW has none. */
static const struct plan *plan_of(const struct glia_fft_shape *s, bool single)
{
  struct plan *p;

  pthread_mutex_lock(&lock);
  for (p = plans; p != NULL; p = p->next)
    if (p->single == single && same(&p->shape, s)) break;
  if (p == NULL && (p = calloc(1, sizeof *p)) != NULL) {
    p->shape = *s;
    p->single = single;
    (single ? make_f32 : make_f64)(p);
    p->next = plans;
    plans = p;
  }
  pthread_mutex_unlock(&lock);
  return p == NULL || p->all == NULL ? NULL : p;
}

bool glia_fft_pick_(const struct glia_graph *g, const struct glia_node *n,
                    struct glia_kernel_choice *out)
{
  const bool single = n->type.dtype == GLIA_F32;
  const struct glia_type *x = &glia_graph_node(g, n->in[0])->type;

  if (glia_type_count(x) > INT32_MAX || glia_type_count(&n->type) > INT32_MAX)
    return false; /* FFTW counts in int */
  const struct glia_fft_shape s = glia_fft_shape_of(&n->attr, x, &n->type);
  const struct plan *p = plan_of(&s, single);
  if (p == NULL) return false;
  out->name = "fftw";
  out->run = single ? run_f32 : run_f64;
  out->plan = p;
  out->scratch_bytes =
      p->columns == NULL ? 0 : (size_t)(2 * s.rows * s.half) * glia_dtype_size(n->type.dtype);
  return true;
}
