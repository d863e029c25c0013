/* compare: y = a relation b, as bool; false where one is NaN, except for !=. Any element type, the same on both sides. */
#include "op_priv.h"

/* attr.i[0]: the relation */
static glia_status infer(const struct glia_graph *g, struct glia_node *n)
{
  GLIA_CHECK(n->attr.i[0] >= GLIA_LT && n->attr.i[0] <= GLIA_GT, GLIA_E_ARGUMENT,
             "compare: unknown relation");
  GLIA_TRY(glia_infer_same_(g, n));
  n->type.dtype = GLIA_BOOL;
  return GLIA_OK;
}

#define LOOP(relation)                                                                             \
  for (int64_t i = 0; i < n; i++) y[i] = a[i] relation b[i];                                       \
  break
#define KERNEL(NAME, name, T, bytes, is_float)                                                     \
  GLIA_CLONES static void reference_##name(const struct glia_call *c)                              \
  {                                                                                                \
    const T *a = c->in[0].data, *b = c->in[1].data;                                                \
    uint8_t *y = c->out.data;                                                                      \
    const int64_t n = c->out.n;                                                                    \
    switch ((glia_relation)c->attr->i[0]) {                                                        \
    case GLIA_LT:                                                                                  \
      LOOP(<);                                                                                     \
    case GLIA_LE:                                                                                  \
      LOOP(<=);                                                                                    \
    case GLIA_EQ:                                                                                  \
      LOOP(==);                                                                                    \
    case GLIA_NE:                                                                                  \
      LOOP(!=);                                                                                    \
    case GLIA_GE:                                                                                  \
      LOOP(>=);                                                                                    \
    case GLIA_GT:                                                                                  \
      LOOP(>);                                                                                     \
    }                                                                                              \
  }
GLIA_DTYPE_LIST(KERNEL)

static glia_value sample(struct glia_sample *s, int k)
{
  const int64_t dim[] = {3, 5};

  if (k > GLIA_GT) return GLIA_NONE;
  if (k == GLIA_EQ || k == GLIA_NE) { /* where ties occur */
    const glia_value a = glia_sample_int(s, GLIA_I32, 2, dim, 0, 2);
    return glia_compare(s->g, (glia_relation)k, a, glia_sample_int(s, GLIA_I32, 2, dim, 0, 2));
  }
  const glia_value a = glia_sample_real(s, 2, dim, -1.0, 1.0);
  return glia_compare(s->g, (glia_relation)k, a, glia_sample_real(s, 2, dim, -1.0, 1.0));
}

const struct glia_op glia_op_compare_ = {
    .name = "compare",
    .n_in = 2,
    .elementwise = true,
    .infer = infer,
    .vmap = glia_vmap_elementwise_,
    .derivative = GLIA_DERIVATIVE_NONE,
    .reference = GLIA_EVERY_TYPE(reference),
    .flops_per_element = 1.0,
    .sample = sample,
};

glia_value glia_compare(struct glia_graph *g, glia_relation relation, glia_value a, glia_value b)
{
  const struct glia_attr attr = {.i = {relation}};

  return glia_binary_(g, &glia_op_compare_, a, b, &attr);
}
