/* The oracle of the compiled program. */
#include "interpret.h"

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
  default:
    abort();
  }
}

static void run_node(const struct glia_graph *g, const struct glia_node *n, void **at)
{
  struct glia_operand in[GLIA_MAX_IN];

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
  const struct glia_call c = {n->n_in, in, out, &n->attr, NULL};
  n->op->reference[key](&c);
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
    if (!needed[v]) continue;
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
