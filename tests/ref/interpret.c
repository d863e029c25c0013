/* The oracle of the compiled program. */
#include "interpret.h"

#include "control_priv.h"
#include "glia_bf16.h"

#include <stdlib.h>
#include <string.h>

void *array_of(const struct glia_type *t)
{
  void *p = calloc(1, glia_type_bytes(t) + 1);

  if (p == NULL) abort();
  return p;
}

double element(const struct glia_type *t, const void *data, int64_t i)
{
  switch (t->dtype) {
#define X(NAME, name, T, bytes, is_float)                                                          \
  case GLIA_##NAME:                                                                                \
    return (double)((const T *)data)[i];
    GLIA_DTYPE_LIST(X)
#undef X
  case GLIA_BF16:
    return (double)glia_bf16_wide(((const uint16_t *)data)[i]);
  default:
    abort();
  }
}

void set_element(const struct glia_type *t, void *data, int64_t i, double v)
{
  switch (t->dtype) {
#define X(NAME, name, T, bytes, is_float)                                                          \
  case GLIA_##NAME:                                                                                \
    ((T *)data)[i] = (T)v;                                                                         \
    break;
    GLIA_DTYPE_LIST(X)
#undef X
  case GLIA_BF16:
    ((uint16_t *)data)[i] = glia_bf16_round_f64(v);
    break;
  default:
    abort();
  }
}

/* Add x to y, element by element. */
static void accumulate(const struct glia_type *t, void *y, const void *x)
{
  for (int64_t i = 0; i < glia_type_count(t); i++)
    set_element(t, y, i, element(t, y, i) + element(t, x, i));
}

/* One step of a loop that has run `step` of them before, on row `row`: false when it was the last. carry [carries] is moved on. */
static bool run_step(const struct glia_graph *g, const struct glia_node *n,
                     const struct glia_body *f, int64_t step, int64_t row, void **carry, void **at)
{
  glia_value roots[3 * GLIA_MAX_IN];
  void *input[GLIA_MAX_IN];
  int n_roots = 0;

  for (int i = 0; i < f->n_in; i++) {
    input[i] = f->in[i].role == ROLE_CARRY ? carry[f->in[i].carry] : at[n->in[i]];
    if (f->in[i].role == ROLE_EACH)
      input[i] = (char *)input[i] + (size_t)row * glia_type_bytes(&f->g->input[i].type);
  }
  for (int j = 0; j < f->n_carries; j++) {
    const size_t bytes = glia_type_bytes(&f->g->input[f->carry[j].in].type);
    memcpy((char *)at[result_of(n, loop_history(f, j))] + (size_t)row * bytes, carry[j], bytes);
    roots[n_roots++] = f->carry[j].next;
  }
  for (int o = 0; o < f->n_out; o++) roots[n_roots++] = f->out[o].value;
  if (f->stop != GLIA_NONE) roots[n_roots++] = f->stop;
  struct interpretation p = interpret(f->g, input, NULL, n_roots, roots);
  for (int o = 0; o < f->n_out; o++) {
    const struct glia_type *t = &glia_graph_node(f->g, f->out[o].value)->type;
    char *y = at[result_of(n, loop_out(f, o))];
    if (f->out[o].sum && step > 0)
      accumulate(t, y, p.at[f->out[o].value]);
    else
      memcpy(y + (f->out[o].sum ? 0 : (size_t)row * glia_type_bytes(t)), p.at[f->out[o].value],
             glia_type_bytes(t));
  }
  for (int j = 0; j < f->n_carries; j++)
    memcpy(carry[j], p.at[f->carry[j].next],
           glia_type_bytes(&glia_graph_node(g, result_of(n, loop_final(f, j)))->type));
  const bool more = f->stop == GLIA_NONE || *(const uint8_t *)p.at[f->stop] == 0;
  interpretation_free(&p);
  return more;
}

/* The definition of a loop, an interpretation of its body for each step. */
static void run_loop(const struct glia_graph *g, const struct glia_node *n, void **at)
{
  const struct glia_body *f = glia_body_of_(g, n, LOOP_BODY);
  void *carry[GLIA_MAX_IN];
  int64_t most = n->attr.i[LOOP_STEPS], ran = 0;

  for (int k = 0; k <= loop_count(f); k++)
    at[result_of(n, k)] = array_of(&glia_graph_node(g, result_of(n, k))->type);
  if (n->attr.i[LOOP_COUNTED] != 0) {
    const int64_t count = *(const int64_t *)at[n->in[f->n_in]];
    most = count < 0 ? 0 : count < most ? count : most;
  }
  for (int j = 0; j < f->n_carries; j++) {
    const struct glia_type *t = &f->g->input[f->carry[j].in].type;
    carry[j] = array_of(t);
    memcpy(carry[j], at[n->in[f->carry[j].in]], glia_type_bytes(t));
  }
  for (bool more = true; more && ran < most; ran++)
    more = run_step(g, n, f, ran, n->attr.i[LOOP_REVERSE] != 0 ? most - 1 - ran : ran, carry, at);
  for (int j = 0; j < f->n_carries; j++) {
    memcpy(at[result_of(n, loop_final(f, j))], carry[j],
           glia_type_bytes(&f->g->input[f->carry[j].in].type));
    free(carry[j]);
  }
  memcpy(at[result_of(n, loop_count(f))], &ran, sizeof ran);
}

static void run_external(const struct glia_graph *g, const struct glia_node *n, void **at)
{
  struct glia_operand in[GLIA_MAX_IN], out[GLIA_EXTERNAL_MAX_OUT];
  const struct glia_external *e = glia_body_of_(g, n, 0)->external;

  for (int i = 0; i < n->n_in; i++) {
    const struct glia_type *t = &glia_graph_node(g, n->in[i])->type;
    in[i] = (struct glia_operand){at[n->in[i]], glia_type_count(t), t};
  }
  for (int k = 0; k < e->n_out; k++) {
    const struct glia_type *t = &glia_graph_node(g, result_of(n, k))->type;
    at[result_of(n, k)] = array_of(t);
    out[k] = (struct glia_operand){at[result_of(n, k)], glia_type_count(t), t};
  }
  e->run(e->self, n->n_in, in, e->n_out, out);
}

static void run_node(const struct glia_graph *g, const struct glia_node *n, void **at)
{
  struct glia_operand in[GLIA_MAX_IN];

  if (n->op->many != NULL) {
    (glia_is_loop_(n) ? run_loop : run_external)(g, n, at);
    return;
  }
  if (n->op->view || strcmp(n->op->name, "batch_sum") == 0) {
    memcpy(at[n->id], at[n->in[0]], glia_type_bytes(&n->type));
    return;
  }
  for (int i = 0; i < n->n_in; i++) {
    const struct glia_type *t = &glia_graph_node(g, n->in[i])->type;
    in[i] = (struct glia_operand){at[n->in[i]], glia_type_count(t), t};
  }
  const glia_dtype key = n->op->key < 0 ? n->type.dtype : in[n->op->key].type->dtype;
  const struct glia_operand out = {at[n->id], glia_type_count(&n->type), &n->type};
  void *scratch = n->op->scratch == NULL ? NULL : malloc(n->op->scratch(g, n) + 1);
  const struct glia_call c = {
      .n_in = n->n_in, .in = in, .out = out, .attr = &n->attr, .scratch = scratch};
  if (out.n > 0) n->op->reference[key](&c);
  free(scratch);
}

struct interpretation interpret(const struct glia_graph *g, void *const *input, void *const *state,
                                int n, const glia_value *roots)
{
  struct interpretation p = {.n = glia_graph_size(g)};
  bool *needed = calloc((size_t)p.n + 1, sizeof *needed);

  p.at = calloc((size_t)p.n + 1, sizeof *p.at);
  if (needed == NULL || p.at == NULL) abort();
  for (int i = 0; i < n; i++)
    if (roots[i] != GLIA_NONE) needed[roots[i]] = true;
  for (int32_t v = p.n - 1; v >= 0; v--) {
    const struct glia_node *node = glia_graph_node(g, v);
    for (int i = 0; needed[v] && i < node->n_in; i++) needed[node->in[i]] = true;
  }
  for (int32_t v = 0; v < p.n; v++) {
    const struct glia_node *node = glia_graph_node(g, v);
    const void *from = NULL;
    if (!needed[v] || p.at[v] != NULL) continue; /* results come with their node */
    p.at[v] = array_of(&node->type);
    if (strcmp(node->op->name, "input") == 0) from = input[node->attr.i[0]];
    if (strcmp(node->op->name, "state") == 0) from = state[node->attr.i[0]];
    if (from != NULL)
      memcpy(p.at[v], from, glia_type_bytes(&node->type));
    else
      run_node(g, node, p.at);
  }
  free(needed);
  return p;
}

void interpretation_free(struct interpretation *p)
{
  for (int32_t v = 0; v < p->n; v++) free(p->at[v]);
  free(p->at);
  *p = (struct interpretation){0};
}
