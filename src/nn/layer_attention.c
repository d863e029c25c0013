/* attention: multi-head attention over rows [places, d], and transformer_block, which wraps it.
 *
 * Parameters: in_weight [3 d, d] and in_bias (queries, keys, values below one another; Glorot's uniform, zeros), out_weight [d, d] and
 * out_bias (PyTorch's linear weight, zeros), as in PyTorch's MultiheadAttention.  Source: vaswani2017 (arXiv:1706.03762). */
#include "nn_priv.h"

#include <math.h>

struct attention {
  int64_t heads;
  bool causal;
  double dropout;
};

/* Part k of `of` of the projections stacked in in_weight, applied to x: parts side by side. */
static glia_value project(struct glia_model *m, struct nn_layer *l, const char *prefix,
                          glia_value x, int64_t d, int first, int last)
{
  struct glia_graph *g = m->g;
  const int64_t all[] = {3 * d, d}, from[] = {first * d, 0}, to[] = {last * d, d}, by[] = {1, 1};
  char name[NN_MAX_NAME];
  const glia_value w = glia_layer_parameter_(m, l, glia_joined_(name, prefix, "in_weight"), 2, all,
                                             glia_glorot_(d, 3 * d));
  const glia_value b = glia_layer_parameter_(m, l, glia_joined_(name, prefix, "in_bias"), 1, all,
                                             (struct nn_init){0});
  const glia_value rows = glia_slice(g, w, from, to, by), shift = glia_slice(g, b, from, to, by);

  return glia_add(g, glia_times_(m, x, rows), shift);
}

/* x [b, n, parts d] -> part k, [b, heads, n, d / heads]. */
static glia_value heads_of(struct glia_model *m, glia_value x, int64_t d, int64_t heads, int k)
{
  struct glia_graph *g = m->g;
  const struct glia_type *type = glia_value_type_(m, x);
  const int64_t b = type->dim[0], n = type->dim[1];
  const int64_t from[] = {0, 0, k * d}, to[] = {b, n, (k + 1) * d}, by[] = {1, 1, 1};
  const glia_value part = glia_slice(g, x, from, to, by);

  return glia_permute(g, glia_reshape(g, part, 4, (int64_t[]){b, n, heads, d / heads}),
                      (int[]){0, 2, 1, 3});
}

/* mask: bool [b, 1, 1, keys], or GLIA_NONE. */
static glia_value attend(struct glia_model *m, struct nn_layer *l, const char *prefix,
                         const struct attention *o, glia_value x, glia_value context,
                         glia_value mask, bool training)
{
  struct glia_graph *g = m->g;
  const struct glia_type type = *glia_value_type_(m, x);
  const int64_t d = type.dim[2], keys = glia_value_type_(m, context)->dim[1];
  const double scale = 1.0 / sqrt((double)(d / o->heads));
  const struct nn_init zero = {0};
  char name[NN_MAX_NAME];
  glia_value q, k, v, y;

  if (x == context) {
    const glia_value all = project(m, l, prefix, x, d, 0, 3);
    q = heads_of(m, all, d, o->heads, 0);
    k = heads_of(m, all, d, o->heads, 1);
    v = heads_of(m, all, d, o->heads, 2);
  } else {
    const glia_value both = project(m, l, prefix, context, d, 1, 3);
    q = heads_of(m, project(m, l, prefix, x, d, 0, 1), d, o->heads, 0);
    k = heads_of(m, both, d, o->heads, 0);
    v = heads_of(m, both, d, o->heads, 1);
  }
  if (o->causal) {
    const glia_value past = glia_causal_mask(g, type.dim[1], keys);
    const int64_t dim[] = {1, 1, type.dim[1], keys};
    const glia_value shaped = glia_reshape(g, past, 4, dim);
    mask = mask == GLIA_NONE ? shaped : glia_and(g, mask, shaped);
  }
  if ((training || m->smooth) && o->dropout > 0.0) {
    const glia_value scores =
        glia_matmul(g, glia_mul(g, q, glia_constant(g, scale)), k, false, true);
    const glia_value weight =
        glia_dropout_(m, l, glia_joined_(name, prefix, "weights"),
                      glia_masked_softmax(g, scores, mask), o->dropout, training);
    y = glia_matmul(g, weight, v, false, false);
  } else {
    y = glia_attention(g, q, k, v, mask, scale);
  }
  y = glia_reshape(g, glia_permute(g, y, (int[]){0, 2, 1, 3}), 3, type.dim);
  return glia_dense_(m, l, glia_joined_(name, prefix, "out_"), y, d, glia_uniform_(d), &zero);
}

/* Rows [places, d] that the heads divide; a mask [places] of the keys, as bool [b, 1, 1, keys]. */
static glia_status check(struct glia_model *m, const struct nn_layer *l, glia_value x,
                         int64_t heads)
{
  const struct glia_type *type = glia_value_type_(m, x);
  char text[128];

  if (type->rank != 3 || type->dim[2] % heads != 0)
    return glia_layer_error_(
        l,
        "input has rows of shape %s, expected [places, numbers] with numbers divided by %lld heads",
        glia_row_text_(m, x, text, sizeof text), (long long)heads);
  return GLIA_OK;
}

static glia_status key_mask(struct glia_model *m, const struct nn_layer *l, glia_value mask,
                            int64_t keys, glia_value *out)
{
  const struct glia_type *type = glia_value_type_(m, mask);
  char text[128];

  if (type->rank != 2 || type->dim[1] != keys)
    return glia_layer_error_(l,
                             "mask has rows of shape %s, expected [%lld], one number for each key",
                             glia_row_text_(m, mask, text, sizeof text), (long long)keys);
  *out = glia_reshape(m->g, glia_compare(m->g, GLIA_NE, mask, glia_constant(m->g, 0.0)), 4,
                      (int64_t[]){m->micro_batch, 1, 1, keys});
  return GLIA_OK;
}

enum { HEADS, CAUSAL, DROPOUT, CROSS };

static glia_status build_attention(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                                   bool training, glia_value *y)
{
  const struct attention o = {(int64_t)l->v[HEADS], l->v[CAUSAL] != 0.0, l->v[DROPOUT]};
  const bool cross = l->v[CROSS] != 0.0;
  const glia_value context = cross ? x[1] : x[0];
  glia_value mask = GLIA_NONE;

  if (l->n_in < 1 + cross || l->n_in > 2 + cross)
    return glia_layer_error_(
        l, "reads %s, from: names %d",
        cross ? "queries, context and perhaps a mask" : "rows and perhaps a mask", l->n_in);
  GLIA_TRY(check(m, l, x[0], o.heads));
  GLIA_TRY(check(m, l, context, o.heads));
  if (glia_value_type_(m, context)->dim[2] != glia_value_type_(m, x[0])->dim[2])
    return glia_layer_error_(l, "queries and context differ in the numbers of a place");
  if (l->n_in == 2 + cross)
    GLIA_TRY(key_mask(m, l, x[1 + cross], glia_value_type_(m, context)->dim[1], &mask));
  *y = attend(m, l, "", &o, x[0], context, mask, training);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_attention_ = {
    .name = "attention",
    .source = "vaswani2017",
    .min_in = 1,
    .max_in = 3,
    .shorthand = true,
    .option =
        (const struct nn_option[]){
            {.name = "heads", .type = NN_COUNT, .lo = 1, .hi = 65536, .value = NAN},
            {.name = "causal", .type = NN_FLAG, .value = 0},
            {.name = "dropout", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = 0.0},
            {.name = "cross", .type = NN_FLAG, .value = 0},
            {.name = NULL},
        },
    .build = build_attention,
};

/* transformer_block: pre:  h = x + A(N1(x)),  y = h + F(N2(h));   post:  h = N1(x + A(x)),  y = N2(h + F(h)),
 * F(h) = W2 act(W1 h + b1) + b2. Dropout on attention weights, behind A, inside and behind F: as PyTorch's
 * TransformerEncoderLayer.  Source: vaswani2017; pre: xiong2020 (arXiv:2002.04745). */
enum { B_HEADS, B_HIDDEN, B_NORM, B_CAUSAL, B_DROPOUT, B_ACTIVATION };

static const char *const norms[] = {"pre", "post", NULL};
static const char *const activations[] = {"gelu", "relu", NULL};

static glia_value feed_forward(struct glia_model *m, struct nn_layer *l, glia_value x, int64_t d,
                               bool training)
{
  const int64_t hidden = l->v[B_HIDDEN] > 0.0 ? (int64_t)l->v[B_HIDDEN] : 4 * d;
  const struct nn_init narrow = glia_uniform_(d), wide = glia_uniform_(hidden);
  const glia_value h = glia_dense_(m, l, "linear1_", x, hidden, narrow, &narrow);
  const glia_value a = l->v[B_ACTIVATION] != 0.0 ? glia_relu(m->g, h) : glia_gelu(m->g, h);
  const glia_value kept = glia_dropout_(m, l, "hidden", a, l->v[B_DROPOUT], training);

  return glia_dropout_(m, l, "forward", glia_dense_(m, l, "linear2_", kept, d, wide, &wide),
                       l->v[B_DROPOUT], training);
}

static glia_status build_block(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                               bool training, glia_value *y)
{
  struct glia_graph *g = m->g;
  const struct attention o = {(int64_t)l->v[B_HEADS], l->v[B_CAUSAL] != 0.0, l->v[B_DROPOUT]};
  const bool post = l->v[B_NORM] != 0.0;
  glia_value mask = GLIA_NONE;

  GLIA_TRY(check(m, l, x[0], o.heads));
  if (m->smooth && l->v[B_ACTIVATION] != 0.0) return glia_layer_error_(l, "relu has a kink");
  const int64_t n = glia_value_type_(m, x[0])->dim[1], d = glia_value_type_(m, x[0])->dim[2];
  if (l->n_in == 2) GLIA_TRY(key_mask(m, l, x[1], n, &mask));
  const glia_value in = post ? x[0] : glia_last_norm_(m, l, "norm1_", x[0], 1e-5, false, true);
  const glia_value a =
      glia_dropout_(m, l, "attention", attend(m, l, "attention_", &o, in, in, mask, training),
                    o.dropout, training);
  glia_value h = glia_add(g, x[0], a);
  if (post) {
    h = glia_last_norm_(m, l, "norm1_", h, 1e-5, false, true);
    *y = glia_last_norm_(m, l, "norm2_", glia_add(g, h, feed_forward(m, l, h, d, training)), 1e-5,
                         false, true);
  } else {
    const glia_value inner = glia_last_norm_(m, l, "norm2_", h, 1e-5, false, true);
    *y = glia_add(g, h, feed_forward(m, l, inner, d, training));
  }
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_transformer_block_ = {
    .name = "transformer_block",
    .source = "vaswani2017",
    .min_in = 1,
    .max_in = 2,
    .shorthand = true,
    .option =
        (const struct nn_option[]){
            {.name = "heads", .type = NN_COUNT, .lo = 1, .hi = 65536, .value = NAN},
            {.name = "hidden", .type = NN_COUNT, .lo = 0, .hi = INT32_MAX, .value = 0},
            {.name = "norm", .type = NN_CHOICE, .words = norms, .value = 0},
            {.name = "causal", .type = NN_FLAG, .value = 0},
            {.name = "dropout", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = 0.0},
            {.name = "activation", .type = NN_CHOICE, .words = activations, .value = 0},
            {.name = NULL},
        },
    .build = build_block,
};
