/* Leaves of the graph (input, state, full) and batch_sum, the door from the micro-batch region to the epilogue. */
#include "glia_bf16.h"
#include "glia_engine.h"
#include "graph_priv.h"

#include <stdlib.h>
#include <string.h>

static glia_status infer_input(const struct glia_graph *g, struct glia_node *n)
{
  n->type = g->input[n->attr.i[0]].type;
  return GLIA_OK;
}

static glia_status infer_state(const struct glia_graph *g, struct glia_node *n)
{
  n->type = g->state[n->attr.i[0]].type;
  return GLIA_OK;
}

/* attr.i: dtype, rank, extents; attr.f[0]: the number */
static glia_status infer_full(const struct glia_graph *g, struct glia_node *n)
{
  (void)g;
  n->type = glia_type_make((glia_dtype)n->attr.i[0], (int)n->attr.i[1], &n->attr.i[2]);
  return GLIA_OK;
}

static glia_status infer_batch_sum(const struct glia_graph *g, struct glia_node *n)
{
  n->type = g->node[n->in[0]]->type;
  GLIA_CHECK(n->type.dtype == GLIA_F32 || n->type.dtype == GLIA_F64, GLIA_E_SHAPE,
             "batch_sum of %s: f32 and f64 only", glia_dtype_name(n->type.dtype));
  return GLIA_OK;
}

/* Whether v differs from one micro-batch to the next. */
static bool varies(struct glia_graph *g, glia_value v)
{
  bool *micro = calloc((size_t)v + 1, sizeof *micro);

  if (micro == NULL) return glia_graph_fail(g, GLIA_E_MEMORY, "batch_sum") != GLIA_NONE;
  for (glia_value u = 0; u <= v; u++) {
    const struct glia_node *n = g->node[u];
    if (n->op == &glia_op_input_) micro[u] = g->input[n->attr.i[0]].per == GLIA_PER_MICRO_BATCH;
    for (int i = 0; n->op != &glia_op_batch_sum_ && i < n->n_in; i++) micro[u] |= micro[n->in[i]];
  }
  const bool yes = micro[v];
  free(micro);
  return yes;
}

/* The sum s of x over micro-batches is read by all of them: what reaches x is the sum of their cotangents of s. */
static void vjp_batch_sum(struct glia_graph *g, const struct glia_node *y, glia_value dy,
                          glia_value *dx)
{
  if (varies(g, dy))
    dx[0] = glia_batch_sum(g, dy);
  else
    glia_graph_fail(g, GLIA_E_UNSUPPORTED,
                    "batch_sum has no reverse rule for the derivative of a value that is common to "
                    "all micro-batches (value %d): derive what a micro-batch adds to it",
                    y->id);
}

static glia_value vmap_batch_sum(struct glia_graph *g, const struct glia_node *y, int64_t size,
                                 const glia_value *in, const bool *batched)
{
  (void)y;
  (void)size;
  (void)batched;
  return glia_batch_sum(g, in[0]);
}

#define FILL(NAME, name, ctype, bytes, is_float)                                                   \
  static void fill_##name(const struct glia_call *c)                                               \
  {                                                                                                \
    ctype *y = c->out.data;                                                                        \
    const ctype v = (ctype)c->attr->f[0];                                                          \
    for (int64_t i = 0; i < c->out.n; i++) y[i] = v;                                               \
  }
GLIA_DTYPE_LIST(FILL)
#undef FILL

static void fill_bf16(const struct glia_call *c)
{
  uint16_t *y = c->out.data;
  const uint16_t v = glia_bf16_round_f64(c->attr->f[0]);

  for (int64_t i = 0; i < c->out.n; i++) y[i] = v;
}

/* attr.i: dtype, rank, extents, number; attr.f: none */
static glia_status infer_hole(const struct glia_graph *g, struct glia_node *n)
{
  return infer_full(g, n);
}

const struct glia_op glia_op_hole_ = {.name = "hole", .infer = infer_hole, .key = -1};
const struct glia_op glia_op_input_ = {.name = "input", .infer = infer_input, .key = -1};
const struct glia_op glia_op_state_ = {.name = "state", .infer = infer_state, .key = -1};
const struct glia_op glia_op_full_ = {
    .name = "full",
    .infer = infer_full,
    .key = -1,
    .derivative = GLIA_DERIVATIVE_NONE,
    .reference =
        {
#define X(NAME, name, ctype, bytes, is_float) [GLIA_##NAME] = fill_##name,
            GLIA_DTYPE_LIST(X) GLIA_STORAGE_LIST(X)
#undef X
        },
};
const struct glia_op glia_op_batch_sum_ = {
    .name = "batch_sum",
    .n_in = 1,
    .infer = infer_batch_sum,
    .linear = true,
    .vjp = vjp_batch_sum,
    .vmap = vmap_batch_sum,
};

glia_value glia_hole_(struct glia_graph *g, struct glia_type type)
{
  struct glia_attr attr = {.i = {type.dtype, type.rank}};

  for (int i = 0; i < type.rank; i++) attr.i[2 + i] = type.dim[i];
  attr.i[2 + GLIA_MAX_RANK] = g->n;
  return glia_node_add(g, &glia_op_hole_, 0, NULL, &attr);
}

glia_value glia_input(struct glia_graph *g, const char *name, glia_per per, struct glia_type type)
{
  if (g->status != GLIA_OK) return GLIA_NONE;
  if (g->is_body)
    return glia_graph_fail(g, GLIA_E_ARGUMENT, "input %s in a body: make it outside and capture it",
                           name);
  for (int i = 0; i < g->n_inputs; i++)
    if (strcmp(g->input[i].name, name) == 0)
      return glia_graph_fail(g, GLIA_E_ARGUMENT, "two inputs named %s", name);
  const char *own = glia_arena_text(&g->arena, name);
  if (own == NULL ||
      !glia_grow_((void **)&g->input, g->n_inputs, &g->inputs_capacity, sizeof *g->input))
    return glia_graph_fail(g, GLIA_E_MEMORY, "input %s", name);
  const struct glia_attr attr = {.i = {g->n_inputs}};
  struct glia_input *in = &g->input[g->n_inputs++];
  *in = (struct glia_input){own, per, type, GLIA_NONE};
  in->value = glia_node_add(g, &glia_op_input_, 0, NULL, &attr);
  return in->value;
}

glia_value glia_state(struct glia_graph *g, const char *path, struct glia_type type)
{
  if (g->status != GLIA_OK) return GLIA_NONE;
  if (g->is_body)
    return glia_graph_fail(g, GLIA_E_ARGUMENT, "state %s in a body: make it outside and capture it",
                           path);
  for (int i = 0; i < g->n_states; i++)
    if (strcmp(g->state[i].path, path) == 0)
      return glia_graph_fail(g, GLIA_E_ARGUMENT, "two states at %s", path);
  const char *own = glia_arena_text(&g->arena, path);
  if (own == NULL ||
      !glia_grow_((void **)&g->state, g->n_states, &g->states_capacity, sizeof *g->state))
    return glia_graph_fail(g, GLIA_E_MEMORY, "state %s", path);
  const struct glia_attr attr = {.i = {g->n_states}};
  struct glia_state *s = &g->state[g->n_states++];
  *s = (struct glia_state){own, type, GLIA_NONE};
  s->value = glia_node_add(g, &glia_op_state_, 0, NULL, &attr);
  return s->value;
}

glia_value glia_full(struct glia_graph *g, struct glia_type type, double value)
{
  struct glia_attr attr = {.i = {type.dtype, type.rank}, .f = {value}};

  for (int i = 0; i < type.rank; i++) attr.i[2 + i] = type.dim[i];
  return glia_node_add(g, &glia_op_full_, 0, NULL, &attr);
}

glia_value glia_constant(struct glia_graph *g, double value)
{
  return glia_full(g, glia_type_make(GLIA_F64, 0, NULL), value);
}

bool glia_is_full(const struct glia_graph *g, glia_value v, double *out)
{
  if (v == GLIA_NONE || g->node[v]->op != &glia_op_full_) return false;
  if (out != NULL) *out = g->node[v]->attr.f[0];
  return true;
}

glia_value glia_batch_sum(struct glia_graph *g, glia_value x)
{
  if (g->is_body)
    return glia_graph_fail(g, GLIA_E_ARGUMENT, "batch_sum in a body: sum what the loop returns");
  return glia_node_add(g, &glia_op_batch_sum_, 1, &x, NULL);
}

glia_value glia_failed(struct glia_graph *g)
{
  if (g->failed == GLIA_NONE)
    g->failed = glia_input(g, "$failed", GLIA_PER_MICRO_BATCH, glia_type_make(GLIA_F64, 0, NULL));
  return g->failed == GLIA_NONE ? GLIA_NONE : glia_batch_sum(g, g->failed);
}

int glia_graph_states(const struct glia_graph *g, const struct glia_state **out)
{
  *out = g->state;
  return g->n_states;
}

int glia_graph_inputs(const struct glia_graph *g, const struct glia_input **out)
{
  *out = g->input;
  return g->n_inputs;
}
