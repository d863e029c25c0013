/* select: y = a where cond, else b. Linear in a and b. */
#include "op_priv.h"

#include <string.h>

static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *cond = glia_type_of_(g, n->in[0]);
  const struct glia_type *a = glia_type_of_(g, n->in[1]), *b = glia_type_of_(g, n->in[2]);
  char x[GLIA_TEXT_], y[GLIA_TEXT_], z[GLIA_TEXT_];

  GLIA_CHECK(cond->dtype == GLIA_BOOL && glia_type_same_shape(cond, a) && glia_type_equal(a, b),
             GLIA_E_SHAPE, "select by %s of %s and %s", glia_type_text(cond, x, sizeof x),
             glia_type_text(a, y, sizeof y), glia_type_text(b, z, sizeof z));
  n->type = *a;
  return GLIA_OK;
}

static glia_value simplify(struct glia_graph *g, const struct glia_node *n)
{
  double cond;

  if (n->in[1] == n->in[2]) return n->in[1];
  return glia_is_full(g, n->in[0], &cond) ? n->in[cond != 0.0 ? 1 : 2] : GLIA_NONE;
}

static void vjp(struct glia_graph *g, const struct glia_node *y, glia_value dy, glia_value *dx)
{
  const glia_value zero = glia_constant(g, 0.0);

  dx[1] = glia_select(g, y->in[0], dy, zero);
  dx[2] = glia_select(g, y->in[0], zero, dy);
}

/* A condition that is the same throughout, as a guard of a whole step is, asks for a copy alone. */
static bool copies_one_side(const struct glia_call *c, size_t bytes)
{
  const uint8_t *cond = c->in[0].data;
  const size_t n = (size_t)c->out.n;

  if (n == 0 || cond[0] > 1 || memcmp(cond, cond + 1, n - 1) != 0) return false;
  const void *from = c->in[cond[0] != 0 ? 1 : 2].data;
  if (from != c->out.data) memcpy(c->out.data, from, n * bytes);
  return true;
}

#define KERNEL(NAME, name, T, bytes, is_float)                                                     \
  GLIA_CLONES static void reference_##name(const struct glia_call *c)                              \
  {                                                                                                \
    const uint8_t *cond = c->in[0].data;                                                           \
    const T *a = c->in[1].data, *b = c->in[2].data;                                                \
    T *y = c->out.data;                                                                            \
    const int64_t n = c->out.n;                                                                    \
    if (copies_one_side(c, bytes)) return;                                                         \
    for (int64_t i = 0; i < n; i++) { /* both are read: loads under a mask take twice the time */  \
      const T one = a[i], other = b[i];                                                            \
      y[i] = cond[i] != 0 ? one : other;                                                           \
    }                                                                                              \
  }
GLIA_DTYPE_LIST(KERNEL)
GLIA_STORAGE_LIST(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t dim[] = {3, 5};

  if (k > 0) return GLIA_NONE;
  const glia_value cond = glia_sample_int(s, GLIA_BOOL, 2, dim, 0, 1);
  const glia_value a = glia_sample_real(s, 2, dim, -2.0, 2.0);
  return glia_select(s->g, cond, a, glia_sample_real(s, 2, dim, -2.0, 2.0));
}

const struct glia_op glia_op_select_ = {
    .name = "select",
    .n_in = 3,
    .elementwise = true,
    .chooses = true,
    .linear = true,
    .key = 1,
    .infer = infer,
    .simplify = simplify,
    .vjp = vjp,
    .vmap = glia_vmap_elementwise_,
    .reference =
        {
#define X(NAME, name, T, bytes, is_float) [GLIA_##NAME] = reference_##name,
            GLIA_DTYPE_LIST(X) GLIA_STORAGE_LIST(X)
#undef X
        },
    .flops_per_element = 1.0,
    .sample = sample,
};

glia_value glia_select(struct glia_graph *g, glia_value cond, glia_value a, glia_value b)
{
  glia_value in[3] = {cond, a, b};

  return glia_together_(g, "select", 3, 1, in) ? glia_node_add(g, &glia_op_select_, 3, in, NULL)
                                               : GLIA_NONE;
}
