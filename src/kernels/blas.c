/* The table of kernels, and products by OpenBLAS, one thread each. */
#include "kernels_priv.h"

#include <cblas.h>
#include <string.h>

/* What the matmul operator asks for: attr.i[0], attr.i[1] = transpose a, b; leading axes are batches. */
struct product {
  int m, n, k, lda, ldb;
  int64_t batches;
  size_t a_step, b_step, c_step; /* elements */
  CBLAS_TRANSPOSE ta, tb;
};

static struct product product_of(const struct glia_call *c)
{
  const struct glia_type *a = c->in[0].type, *b = c->in[1].type, *y = c->out.type;
  const int r = y->rank;
  struct product p = {.m = (int)y->dim[r - 2], .n = (int)y->dim[r - 1], .batches = 1};

  p.ta = c->attr->i[0] != 0 ? CblasTrans : CblasNoTrans;
  p.tb = c->attr->i[1] != 0 ? CblasTrans : CblasNoTrans;
  p.k = (int)a->dim[p.ta == CblasTrans ? r - 2 : r - 1];
  p.lda = (int)a->dim[r - 1];
  p.ldb = (int)b->dim[r - 1];
  for (int i = 0; i < r - 2; i++) p.batches *= y->dim[i];
  p.a_step = (size_t)p.m * (size_t)p.k;
  p.b_step = (size_t)p.k * (size_t)p.n;
  p.c_step = (size_t)p.m * (size_t)p.n;
  return p;
}

static void run_f32(const struct glia_call *c)
{
  const struct product p = product_of(c);
  const float *a = c->in[0].data, *b = c->in[1].data;
  float *y = c->out.data;

  for (int64_t i = 0; i < p.batches; i++, a += p.a_step, b += p.b_step, y += p.c_step)
    cblas_sgemm(CblasRowMajor, p.ta, p.tb, p.m, p.n, p.k, 1.0F, a, p.lda, b, p.ldb, 0.0F, y, p.n);
}

static void run_f64(const struct glia_call *c)
{
  const struct product p = product_of(c);
  const double *a = c->in[0].data, *b = c->in[1].data;
  double *y = c->out.data;

  for (int64_t i = 0; i < p.batches; i++, a += p.a_step, b += p.b_step, y += p.c_step)
    cblas_dgemm(CblasRowMajor, p.ta, p.tb, p.m, p.n, p.k, 1.0, a, p.lda, b, p.ldb, 0.0, y, p.n);
}

/* BLAS counts in int and wants no empty operand: the reference kernel takes what it does not. */
static int product_candidates(const struct glia_graph *g, const struct glia_node *n,
                              struct glia_kernel_choice *out)
{
  const glia_dtype t = n->type.dtype;

  if (t != GLIA_F32 && t != GLIA_F64) return 0;
  for (int i = 0; i < n->n_in; i++) {
    const struct glia_type *in = &glia_graph_node(g, n->in[i])->type;
    if (glia_type_count(in) == 0 || in->dim[in->rank - 1] > INT32_MAX ||
        in->dim[in->rank - 2] > INT32_MAX)
      return 0;
  }
  if (glia_type_count(&n->type) == 0) return 0;
  (void)glia_kernels_level(); /* sets BLAS up */
  const int count = glia_gemm_pick_(t, out) ? 1 : 0;
  out[count] = (struct glia_kernel_choice){.name = t == GLIA_F32 ? "sgemm" : "dgemm",
                                           .run = t == GLIA_F32 ? run_f32 : run_f64};
  return count + 1;
}

int glia_kernels_candidates(const struct glia_graph *g, const struct glia_node *n, int most,
                            struct glia_kernel_choice *out)
{
  struct glia_kernel_choice all[GLIA_MOST_CANDIDATES] = {{0}};
  int count = 0;

  if (strcmp(n->op->name, "conv") == 0) count = glia_conv_candidates_(g, n, all);
  if (strcmp(n->op->name, "matmul") == 0) count = product_candidates(g, n, all);
  for (int i = 0; i < count && i < most; i++) out[i] = all[i];
  return count;
}

static bool pick(const struct glia_graph *g, const struct glia_node *n,
                 struct glia_kernel_choice *out)
{
  if (strcmp(n->op->name, "fft") == 0) return glia_fft_pick_(g, n, out);
  return glia_dense_pick_(g, n, out) || glia_int8_pick_(g, n, out) || glia_pool_pick_(g, n, out) ||
         glia_kernels_candidates(g, n, 1, out) > 0;
}

const struct glia_kernels *glia_kernels_default(void)
{
  static const struct glia_kernels kernels = {
      .level = glia_level_, .pick = pick, .fuse = glia_fuse_, .join = glia_join_};

  (void)glia_kernels_level();
  return &kernels;
}

void glia_kernels_gemm_f32(int n, const float *a, const float *b, float *c)
{
  (void)glia_kernels_level(); /* one thread */
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, n, n, n, 1.0F, a, n, b, n, 0.0F, c, n);
}
