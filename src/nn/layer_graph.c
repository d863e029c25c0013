/* Layers over graphs. A row of the data is a graph: nodes x [nodes, numbers] and fields of the row that give its edges as CSR,
 * ptr [nodes + 1] and idx [entries], val [entries] where there are weights. Entries behind ptr[nodes] are padding. */
#include "nn_priv.h"

#include "glia_sparse.h"

#include <math.h>
#include <string.h>

/* Edges of all rows of a micro-batch as one graph: node i of row r is r nodes + i; -1: no edge. */
struct edges {
  glia_value to, from; /* i64 [b entries]: rows of the CSR, and its columns */
  glia_value weight;   /* float [b entries] */
  int64_t rows;        /* of one row's CSR */
  int64_t entries;     /* of one row, loops included */
};

static glia_status field_of(struct glia_model *m, const struct nn_layer *l, const char *name,
                            glia_value *out)
{
  int ref = 0;

  GLIA_TRY(glia_ref_find_(m, l->at, name, 0, &ref));
  const struct nn_field *f = &m->field[-1 - ref];
  if (glia_dtype_is_float(f->row.dtype) || f->row.rank != 1)
    return glia_layer_error_(l, "field %s gives edges: a list of whole numbers in each row", name);
  *out = glia_cast(m->g, f->value, GLIA_I64);
  return GLIA_OK;
}

/* index [b, entries] of things of which a row has n -> of those of the whole micro-batch; -1 where `there` is not. */
static glia_value stacked(struct glia_model *m, glia_value index, int64_t n, glia_value there)
{
  struct glia_graph *g = m->g;
  const struct glia_type type = *glia_value_type_(m, index);
  const glia_value row = glia_mul(g, glia_iota(g, type, 0), glia_constant(g, (double)n));

  return glia_select(g, there, glia_add(g, index, row), glia_constant(g, -1.0));
}

/* loops: each node is its own neighbour besides, with weight 1. columns: nodes, of which idx tells. */
static glia_status edges_of(struct glia_model *m, const struct nn_layer *l, const char *ptr_name,
                            const char *idx_name, int64_t columns, bool loops, struct edges *e)
{
  struct glia_graph *g = m->g;
  const int64_t b = m->micro_batch;
  glia_value ptr, idx, there;
  int val = -1;

  GLIA_TRY(field_of(m, l, ptr_name, &ptr));
  GLIA_TRY(field_of(m, l, idx_name, &idx));
  e->rows = glia_value_type_(m, ptr)->dim[1] - 1;
  e->entries = glia_value_type_(m, idx)->dim[1];
  glia_value to = glia_csr_rows(g, ptr, e->entries), from = idx;
  there = glia_compare(g, GLIA_GE, to, glia_constant(g, 0.0));
  e->weight = glia_full(g, glia_type_make(m->dtype, 2, (int64_t[]){b, e->entries}), 1.0);
  for (int i = 0; i < m->n_fields && val < 0; i++)
    if (loops && strcmp(m->field[i].name, "val") == 0) val = i;
  if (val >= 0) {
    e->weight = glia_rows_flat_(m, glia_ref_value_(m, -1 - val, true));
    if (glia_value_type_(m, e->weight)->dim[1] != e->entries)
      return glia_layer_error_(l, "field val has another number of entries than %s", idx_name);
  }
  if (loops) {
    const struct glia_type own = glia_type_make(GLIA_I64, 2, (int64_t[]){b, columns});
    const glia_value self = glia_iota(g, own, 1);
    const glia_value yes = glia_compare(g, GLIA_GE, self, glia_constant(g, 0.0));
    const glia_value one = glia_full(g, glia_type_make(m->dtype, 2, own.dim), 1.0);
    to = glia_concat(g, 2, (glia_value[]){to, self}, 1);
    from = glia_concat(g, 2, (glia_value[]){from, self}, 1);
    there = glia_concat(g, 2, (glia_value[]){there, yes}, 1);
    e->weight = glia_concat(g, 2, (glia_value[]){e->weight, one}, 1);
    e->entries += columns;
  }
  const int64_t all = b * e->entries;
  e->to = glia_reshape(g, stacked(m, to, e->rows, there), 1, &all);
  e->from = glia_reshape(g, stacked(m, from, columns, there), 1, &all);
  e->weight = glia_reshape(g, e->weight, 1, &all);
  return glia_graph_status(g);
}

/* Nodes [b, nodes, numbers], as many as the CSR has rows where it is square. */
static glia_status check_nodes(struct glia_model *m, const struct nn_layer *l, glia_value x)
{
  char text[128];

  if (glia_value_type_(m, x)->rank != 3)
    return glia_layer_error_(l, "input has rows of shape %s, expected [nodes, numbers]",
                             glia_row_text_(m, x, text, sizeof text));
  return GLIA_OK;
}

static glia_status check_square(const struct nn_layer *l, const struct edges *e, int64_t nodes)
{
  if (e->rows != nodes)
    return glia_layer_error_(l, "field ptr has %lld numbers, expected one more than the %lld nodes",
                             (long long)e->rows + 1, (long long)nodes);
  return GLIA_OK;
}

/* x W^T: [b nodes, units], with Glorot's uniform weight as the graph libraries have it. */
static glia_value mapped(struct glia_model *m, struct nn_layer *l, glia_value x, int64_t units)
{
  const struct glia_type type = *glia_value_type_(m, x);
  const glia_value y = glia_dense_(m, l, "", x, units, glia_glorot_(type.dim[2], units), NULL);

  return glia_reshape(m->g, y, 2, (int64_t[]){type.dim[0] * type.dim[1], units});
}

/* With bias, and rows apart again. */
static glia_value finished(struct glia_model *m, struct nn_layer *l, glia_value y, int64_t nodes,
                           int64_t units, bool bias)
{
  const glia_value rows = glia_reshape(m->g, y, 3, (int64_t[]){m->micro_batch, nodes, units});

  if (!bias) return rows;
  return glia_add(m->g, rows, glia_layer_parameter_(m, l, "bias", 1, &units, (struct nn_init){0}));
}

/* Numbers [n] as a column beside rows [n, ...]. */
static glia_value column(struct glia_graph *g, glia_value x, int64_t n)
{
  return glia_reshape(g, x, 2, (int64_t[]){n, 1});
}

/* Sums of weights that arrive at each of n things, at least `least`. */
static glia_value degrees(struct glia_model *m, glia_value to, glia_value weight, int64_t n,
                          double least)
{
  return glia_max(m->g, glia_segment_sum(m->g, weight, to, n), glia_constant(m->g, least));
}

static glia_value inverse_root(struct glia_graph *g, glia_value x)
{
  return glia_div(g, glia_constant(g, 1.0), glia_sqrt(g, x));
}

/* graph_conv: y = D^-1/2 (A + I) D^-1/2 x W^T + b with D the row sums of A + I.  Source: kipf2016 (arXiv:1609.02907). */
enum { UNITS, BIAS };

static glia_status build_conv(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                              bool training, glia_value *y)
{
  struct glia_graph *g = m->g;
  const int64_t units = (int64_t)l->v[UNITS];
  struct edges e;

  (void)training;
  GLIA_TRY(check_nodes(m, l, x[0]));
  const int64_t nodes = glia_value_type_(m, x[0])->dim[1], n = m->micro_batch * nodes;
  GLIA_TRY(edges_of(m, l, "ptr", "idx", nodes, true, &e));
  GLIA_TRY(check_square(l, &e, nodes));
  const glia_value root = column(g, inverse_root(g, degrees(m, e.to, e.weight, n, 1e-12)), n);
  const glia_value h = glia_mul(g, mapped(m, l, x[0], units), root);
  const glia_value sum = glia_spmm(g, e.to, e.from, e.weight, h, n);
  *y = finished(m, l, glia_mul(g, sum, root), nodes, units, l->v[BIAS] != 0.0);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_graph_conv_ = {
    .name = "graph_conv",
    .source = "kipf2016",
    .min_in = 1,
    .max_in = 1,
    .shorthand = true,
    .option =
        (const struct nn_option[]){
            {.name = "units", .type = NN_COUNT, .lo = 1, .hi = INT32_MAX, .value = NAN},
            {.name = "bias", .type = NN_FLAG, .value = 1},
            {.name = NULL},
        },
    .build = build_conv,
};

/* graph_attention: for each head, y_i = sum over neighbours j and i itself of a_ij W x_j, a_i = softmax of
 * leaky_relu(p . W x_i + q . W x_j, 0.2); heads side by side, or their mean.  Source: velickovic2017 (arXiv:1710.10903). */
enum { A_UNITS, A_HEADS, A_CONCAT, A_BIAS, A_DROPOUT };

/* <vector of each head, h>: h [n, heads, units] -> [n, heads]. */
static glia_value scores(struct glia_model *m, struct nn_layer *l, const char *name, glia_value h)
{
  const struct glia_type type = *glia_value_type_(m, h);
  const glia_value a =
      glia_layer_parameter_(m, l, name, 2, &type.dim[1], glia_glorot_(type.dim[1], type.dim[2]));

  return glia_reduce_sum(m->g, glia_mul(m->g, h, a), 1, (int[]){2}, false);
}

static glia_status build_attention(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                                   bool training, glia_value *y)
{
  struct glia_graph *g = m->g;
  const int64_t units = (int64_t)l->v[A_UNITS], heads = (int64_t)l->v[A_HEADS];
  const bool concat = l->v[A_CONCAT] != 0.0;
  struct edges e;

  GLIA_TRY(check_nodes(m, l, x[0]));
  const int64_t nodes = glia_value_type_(m, x[0])->dim[1], n = m->micro_batch * nodes;
  GLIA_TRY(edges_of(m, l, "ptr", "idx", nodes, true, &e));
  GLIA_TRY(check_square(l, &e, nodes));
  const glia_value h =
      glia_reshape(g, mapped(m, l, x[0], heads * units), 3, (int64_t[]){n, heads, units});
  const glia_value at = glia_gather(g, scores(m, l, "to_weight", h), e.to);
  const glia_value of = glia_gather(g, scores(m, l, "from_weight", h), e.from);
  glia_value a = glia_segment_softmax(g, glia_leaky_relu(g, glia_add(g, at, of), 0.2), e.to, n);
  const int64_t shaped[] = {m->micro_batch, e.entries, heads};
  a = glia_dropout_(m, l, "coefficients", glia_reshape(g, a, 3, shaped), l->v[A_DROPOUT], training);
  a = glia_reshape(g, a, 2, (int64_t[]){m->micro_batch * e.entries, heads});
  glia_value sum = glia_spmm(g, e.to, e.from, a, h, n);
  if (!concat) sum = glia_reduce_mean(g, sum, 1, (int[]){1}, false);
  *y = finished(m, l, sum, nodes, concat ? heads * units : units, l->v[A_BIAS] != 0.0);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_graph_attention_ = {
    .name = "graph_attention",
    .source = "velickovic2017",
    .min_in = 1,
    .max_in = 1,
    .shorthand = true,
    .option =
        (const struct nn_option[]){
            {.name = "units", .type = NN_COUNT, .lo = 1, .hi = INT32_MAX, .value = NAN},
            {.name = "heads", .type = NN_COUNT, .lo = 1, .hi = 65536, .value = 1},
            {.name = "concat", .type = NN_FLAG, .value = 1},
            {.name = "bias", .type = NN_FLAG, .value = 1},
            {.name = "dropout", .type = NN_REAL, .lo = 0.0, .hi = NN_BELOW_ONE, .value = 0.0},
            {.name = NULL},
        },
    .build = build_attention,
};

/* hypergraph_conv: y = Dv^-1/2 H De^-1 H^T Dv^-1/2 x W^T + b, with H [nodes, hyperedges] from fields edge_ptr [hyperedges + 1] and
 * edge_idx (the nodes of each hyperedge), all of weight 1.  Source: feng2018 (arXiv:1809.09401). */
static glia_status build_hyper(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                               bool training, glia_value *y)
{
  struct glia_graph *g = m->g;
  const int64_t units = (int64_t)l->v[UNITS];
  struct edges e;

  (void)training;
  GLIA_TRY(check_nodes(m, l, x[0]));
  const int64_t nodes = glia_value_type_(m, x[0])->dim[1], n = m->micro_batch * nodes;
  GLIA_TRY(edges_of(m, l, "edge_ptr", "edge_idx", nodes, false, &e));
  const int64_t groups = m->micro_batch * e.rows;
  const glia_value root = column(g, inverse_root(g, degrees(m, e.from, e.weight, n, 1.0)), n);
  const glia_value size = column(g, degrees(m, e.to, e.weight, groups, 1.0), groups);
  const glia_value h = glia_mul(g, mapped(m, l, x[0], units), root);
  const glia_value mean = glia_div(g, glia_spmm(g, e.to, e.from, e.weight, h, groups), size);
  const glia_value back = glia_spmm(g, e.from, e.to, e.weight, mean, n);
  *y = finished(m, l, glia_mul(g, back, root), nodes, units, l->v[BIAS] != 0.0);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_hypergraph_conv_ = {
    .name = "hypergraph_conv",
    .source = "feng2018",
    .min_in = 1,
    .max_in = 1,
    .shorthand = true,
    .option =
        (const struct nn_option[]){
            {.name = "units", .type = NN_COUNT, .lo = 1, .hi = INT32_MAX, .value = NAN},
            {.name = "bias", .type = NN_FLAG, .value = 1},
            {.name = NULL},
        },
    .build = build_hyper,
};
