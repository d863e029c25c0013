/* What benches share. */
#include "bench.h"

#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_random.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define X(name) extern const struct bench bench_##name##_;
#include "benches.def"
#undef X

const struct bench *const *bench_table(void)
{
  static const struct bench *const table[] = {
#define X(name) &bench_##name##_,
#include "benches.def"
#undef X
      NULL};
  return table;
}

struct bench_row *bench_add(struct bench_report *r, const char *unit, double value,
                            const char *peer, double peer_value, double limit_fraction,
                            const char *name_format, ...)
{
  va_list args;

  if (r->n == BENCH_MAX_ROWS) return NULL;
  struct bench_row *row = &r->row[r->n++];
  *row = (struct bench_row){.value = value,
                            .unit = unit,
                            .peer = peer,
                            .peer_value = peer_value,
                            .limit_fraction = limit_fraction};
  row->ratio = peer != NULL ? value / peer_value : (double)NAN;
  va_start(args, name_format);
  vsnprintf(row->name, sizeof row->name, name_format, args);
  va_end(args);
  return row;
}

static int rising(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return x < y ? -1 : x > y;
}

double bench_median(double *x, int n)
{
  qsort(x, (size_t)n, sizeof *x, rising);
  return n % 2 != 0 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

double bench_spread(const double *x, int n) { return 0.5 * (x[3 * n / 4] - x[n / 4]) / x[n / 2]; }

/* Four sums in variables, since an array of them went through memory. Vectors of 32 bytes, which the compiler keeps in memory where the
 * CPU has none so long, and of 16, which every CPU has. */
#define SUM(bits, clones)                                                                          \
  typedef uint64_t part##bits __attribute__((vector_size((bits) / 8)));                            \
  clones static uint64_t sum##bits(const void *data, size_t bytes)                                 \
  {                                                                                                \
    const part##bits *a = data;                                                                    \
    part##bits s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};                                             \
    for (size_t i = 0, n = bytes / sizeof *a; i + 4 <= n; i += 4) {                                \
      s0 += a[i];                                                                                  \
      s1 += a[i + 1];                                                                              \
      s2 += a[i + 2];                                                                              \
      s3 += a[i + 3];                                                                              \
    }                                                                                              \
    s0 += s1 + (s2 + s3);                                                                          \
    uint64_t sum = 0;                                                                              \
    for (size_t k = 0; k < sizeof s0 / sizeof sum; k++) sum += s0[k];                              \
    return sum;                                                                                    \
  }
SUM(128, )
SUM(256, GLIA_CLONES)
#undef SUM

typedef uint64_t (*reader)(const void *data, size_t bytes);

/* The faster one: the least of five times each, by turns. */
static reader faster(const void *data, size_t bytes, uint64_t *checksum)
{
  static const reader one[] = {sum128, sum256};
  double least[] = {INFINITY, INFINITY};

  for (int k = 0; k < 10; k++) {
    const double t0 = glia_time_s();
    *checksum += one[k % 2](data, bytes);
    const double took = glia_time_s() - t0;
    if (took < least[k % 2]) least[k % 2] = took;
  }
  return one[least[1] < least[0]];
}

double bench_read(size_t bytes)
{
  static char *a; /* kept for the next call, as is how to read so many */
  static size_t held, last;
  static reader chosen;
  uint64_t checksum = 0;

  if (held < bytes) {
    free(a);
    a = aligned_alloc(64, (bytes / 64 + 1) * 64);
    held = a != NULL ? bytes : 0;
    if (a == NULL) return NAN;
    memset(a, 1, (bytes / 64 + 1) * 64); /* pages of its own */
  }
  if (chosen == NULL || last != bytes) chosen = faster(a, bytes, &checksum);
  last = bytes;
  return (double)(checksum + chosen(a, bytes));
}

double bench_large_product(void)
{
  enum { N = 1536 };
  static float *a; /* kept: benches call this between their own measurements */
  const size_t count = (size_t)N * N;

  if (a == NULL) {
    a = malloc(3 * count * sizeof *a);
    if (a == NULL) return NAN;
    for (size_t i = 0; i < 2 * count; i++) a[i] = (float)glia_random_uniform(1, 0, i);
  }
  const double t0 = glia_time_s();
  glia_kernels_gemm_f32(N, a, a + count, a + 2 * count);
  return 2.0 * N * N * N / (glia_time_s() - t0);
}
