/* See products.h. */
#include "products.h"

#include "glia_conv.h"
#include "glia_log.h"

#include <cblas.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

enum { REPEATS = 7 };

static bool fill(struct product_call *c, int slot, size_t bytes, glia_dtype dtype,
                 struct glia_operand *out)
{
  c->memory[slot] = aligned_alloc(64, (bytes / 64 + 1) * 64);
  if (c->memory[slot] == NULL) return false;
  memset(c->memory[slot], 0, bytes);
  for (size_t i = 0; dtype == GLIA_F32 && i < bytes / sizeof(float); i++)
    ((float *)c->memory[slot])[i] = (float)(i % 17) / 17.0F;
  for (size_t i = 0; dtype == GLIA_F64 && i < bytes / sizeof(double); i++)
    ((double *)c->memory[slot])[i] = (double)(i % 17) / 17.0;
  if (out != NULL) out->data = c->memory[slot];
  return true;
}

void product_drop(struct product_call *c)
{
  for (size_t i = 0; i < GLIA_COUNT(c->memory); i++) free(c->memory[i]);
}

bool product_prepare(const struct glia_graph *g, const struct glia_node *n,
                     const struct glia_kernel_choice *choice, struct product_call *c)
{
  bool ok = true;

  *c = (struct product_call){0};
  for (int i = 0; i < 2; i++) {
    const struct glia_type *t = &glia_graph_node(g, n->in[i])->type;
    c->in[i] = (struct glia_operand){.n = glia_type_count(t), .type = t};
    ok = ok && fill(c, i, glia_type_bytes(t), t->dtype, &c->in[i]);
  }
  c->call = (struct glia_call){.n_in = 2,
                               .in = c->in,
                               .out = {.n = glia_type_count(&n->type), .type = &n->type},
                               .attr = &n->attr,
                               .plan = choice->plan};
  ok = ok && fill(c, 2, glia_type_bytes(&n->type), n->type.dtype, &c->call.out);
  ok = ok && fill(c, 3, choice->scratch_bytes, GLIA_U8, NULL);
  c->call.scratch = c->memory[3];
  return ok;
}

void product_by_blas(const struct glia_call *c)
{
  const struct glia_type *a = c->in[0].type, *b = c->in[1].type, *y = c->out.type;
  const int r = y->rank, m = (int)y->dim[r - 2], n = (int)y->dim[r - 1];
  const bool ta = c->attr->i[0] != 0, tb = c->attr->i[1] != 0;
  const int k = (int)a->dim[ta ? r - 2 : r - 1];
  const CBLAS_TRANSPOSE oa = ta ? CblasTrans : CblasNoTrans, ob = tb ? CblasTrans : CblasNoTrans;
  const int64_t batches = c->out.n / ((int64_t)m * n);

  for (int64_t i = 0; i < batches; i++) {
    const int64_t x = i * m * k, w = i * k * n, to = i * m * n;
    if (y->dtype == GLIA_F32)
      cblas_sgemm(CblasRowMajor, oa, ob, m, n, k, 1.0F, (const float *)c->in[0].data + x,
                  (int)a->dim[r - 1], (const float *)c->in[1].data + w, (int)b->dim[r - 1], 0.0F,
                  (float *)c->out.data + to, n);
    else
      cblas_dgemm(CblasRowMajor, oa, ob, m, n, k, 1.0, (const double *)c->in[0].data + x,
                  (int)a->dim[r - 1], (const double *)c->in[1].data + w, (int)b->dim[r - 1], 0.0,
                  (double *)c->out.data + to, n);
  }
}

double product_best_s(void (*run)(const struct glia_call *), const struct glia_call *c)
{
  double best = 1e30;

  run(c);
  for (int i = 0; i < REPEATS; i++) {
    const double t0 = glia_time_s();
    run(c);
    const double took = glia_time_s() - t0;
    if (took < best) best = took;
  }
  return best;
}

bool product_is(const struct glia_unit_info *u)
{
  return u->members == 1 &&
         (strcmp(u->node->op->name, "matmul") == 0 || strcmp(u->node->op->name, "conv") == 0) &&
         (u->node->type.dtype == GLIA_F32 || u->node->type.dtype == GLIA_F64);
}

bool product_same(const struct glia_graph *g, const struct glia_node *a, const struct glia_node *b)
{
  bool same = a->op == b->op && glia_type_equal(&a->type, &b->type) &&
              memcmp(&a->attr, &b->attr, sizeof a->attr) == 0;

  for (int i = 0; same && i < 2; i++)
    same =
        glia_type_equal(&glia_graph_node(g, a->in[i])->type, &glia_graph_node(g, b->in[i])->type);
  return same;
}

/* dnnl_sgemm of oneDNN's C interface: row by row. */
typedef int onednn_sgemm(char ta, char tb, int64_t m, int64_t n, int64_t k, float alpha,
                         const float *a, int64_t lda, const float *b, int64_t ldb, float beta,
                         float *c, int64_t ldc);
static onednn_sgemm *sgemm;

static void by_onednn(const struct glia_call *c)
{
  const struct glia_type *a = c->in[0].type, *b = c->in[1].type, *y = c->out.type;
  const int r = y->rank;
  const int64_t m = y->dim[r - 2], n = y->dim[r - 1];
  const bool ta = c->attr->i[0] != 0, tb = c->attr->i[1] != 0;
  const int64_t k = a->dim[ta ? r - 2 : r - 1], batches = c->out.n / (m * n);

  for (int64_t i = 0; i < batches; i++)
    (void)sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, 1.0F,
                (const float *)c->in[0].data + i * m * k, a->dim[r - 1],
                (const float *)c->in[1].data + i * k * n, b->dim[r - 1], 0.0F,
                (float *)c->out.data + i * m * n, n);
}

void (*product_onednn(void))(const struct glia_call *)
{
  void *library = dlopen("libdnnl.so.2", RTLD_NOW | RTLD_LOCAL);

  if (library == NULL) return NULL;
  void *threads = dlsym(library, "omp_set_num_threads"), *found = dlsym(library, "dnnl_sgemm");
  if (found == NULL) return NULL;
  if (threads != NULL) {
    void (*set)(int);
    memcpy(&set, &threads, sizeof set);
    set(1);
  }
  memcpy(&sgemm, &found, sizeof sgemm);
  return by_onednn;
}

double product_flops(const struct glia_graph *g, const struct glia_node *n)
{
  const struct glia_type *a = &glia_graph_node(g, n->in[0])->type,
                         *b = &glia_graph_node(g, n->in[1])->type;

  if (strcmp(n->op->name, "matmul") == 0)
    return 2.0 * (double)glia_type_count(&n->type) *
           (double)a->dim[n->attr.i[0] != 0 ? a->rank - 2 : a->rank - 1];
  const struct glia_conv c = glia_conv_of(&n->attr, a, b, &n->type);
  double flops = 2.0 * (double)(c.n * c.ci / c.groups * c.co);
  for (int i = 0; i < 3; i++) flops *= (double)(c.k[i] * c.o[i]);
  return flops;
}
