/* bench gemm: products as the engine runs them, beside the same BLAS call alone, against one large product. */
#include "bench.h"

#include "glia_engine.h"
#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_ops.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>

enum { REPEATS = 15 };

struct shape {
  int m, n, k;
  bool ta, tb;
  const char *what;
};

struct product {
  struct glia_graph *g;
  struct glia_program *p;
  struct glia_engine *e;
};

static void close_product(struct product *x)
{
  glia_engine_destroy(&x->e);
  glia_program_destroy(&x->p);
  glia_graph_destroy(&x->g);
}

static glia_status open_product(struct product *x, const struct shape *s)
{
  const int64_t a[2] = {s->ta ? s->k : s->m, s->ta ? s->m : s->k};
  const int64_t b[2] = {s->tb ? s->n : s->k, s->tb ? s->k : s->n};

  GLIA_TRY(glia_graph_new(&x->g));
  const glia_value va = glia_state(x->g, "a", glia_type_make(GLIA_F32, 2, a));
  const glia_value vb = glia_state(x->g, "b", glia_type_make(GLIA_F32, 2, b));
  struct glia_entry *entry = glia_graph_entry(x->g, "product");
  glia_entry_output(x->g, entry, "y", glia_matmul(x->g, va, vb, s->ta, s->tb));
  GLIA_TRY(glia_program_compile(x->g, glia_kernels_default(), &x->p));
  GLIA_TRY(glia_engine_create(x->p, 1, NULL, 0, &x->e));
  for (int i = 0; i < 2; i++) {
    float *w = glia_engine_state(x->e, i);
    const int64_t n = i == 0 ? a[0] * a[1] : b[0] * b[1];
    for (int64_t j = 0; j < n; j++) w[j] = (float)(j % 17) / 17.0F;
  }
  return GLIA_OK;
}

static glia_status measure(struct product *x, const struct shape *s, struct bench_report *r)
{
  double ours[REPEATS], alone[REPEATS], large[REPEATS];
  const double flops = 2.0 * s->m * s->n * s->k;
  const int inner = 1 + (int)(2e8 / flops);
  const float *a = glia_engine_state(x->e, 0), *b = glia_engine_state(x->e, 1);
  float *y = malloc((size_t)s->m * (size_t)s->n * sizeof *y);

  GLIA_CHECK(y != NULL, GLIA_E_MEMORY, "a product of %d x %d", s->m, s->n);
  for (int i = 0; i < REPEATS; i++) {
    const double t0 = glia_time_s();
    for (int j = 0; j < inner; j++)
      if (glia_engine_step(x->e, "product", 0, NULL) != GLIA_OK) break;
    const double t1 = glia_time_s();
    for (int j = 0; j < inner; j++)
      cblas_sgemm(CblasRowMajor, s->ta ? CblasTrans : CblasNoTrans,
                  s->tb ? CblasTrans : CblasNoTrans, s->m, s->n, s->k, 1.0F, a, s->ta ? s->m : s->k,
                  b, s->tb ? s->k : s->n, 0.0F, y, s->n);
    const double t2 = glia_time_s();
    ours[i] = inner * flops / (t1 - t0) / 1e9;
    alone[i] = inner * flops / (t2 - t1) / 1e9;
    large[i] = i < 3 ? bench_large_product() / 1e9 : large[i - 3];
  }
  free(y);
  const double value = bench_median(ours, REPEATS);
  bench_add(r, "GFLOP/s", value, "the BLAS call alone", bench_median(alone, REPEATS),
            value / bench_median(large, 3), "%s %dx%dx%d f32", s->what, s->m, s->n, s->k);
  return GLIA_OK;
}

static glia_status run(struct bench_report *r, double seconds)
{
  static const struct shape shape[] = {
      {64, 512, 784, false, true, "forward"},
      {128, 512, 784, false, true, "forward"},
      {512, 784, 64, true, false, "weight gradient"},
      {512, 784, 128, true, false, "weight gradient"},
      {128, 784, 512, false, false, "input gradient"},
      {32, 1660, 166, false, true, "forward"},
      {512, 512, 512, false, false, "square"},
  };

  (void)seconds;
  for (size_t i = 0; i < GLIA_COUNT(shape); i++) {
    struct product x = {0};
    r->progress(r->self, shape[i].what);
    glia_status st = open_product(&x, &shape[i]);
    if (st == GLIA_OK) st = measure(&x, &shape[i], r);
    close_product(&x);
    GLIA_TRY(st);
  }
  return GLIA_OK;
}

const struct bench bench_gemm_ = {
    .name = "gemm",
    .what = "float32 products of training's shapes, one thread, beside BLAS alone",
    .run = run,
};
