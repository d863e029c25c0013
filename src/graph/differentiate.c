/* Derivatives as functions graph -> graph: reverse, forward, batching. All loops follow the order of appending. */
#include "control_priv.h"

#include <stdlib.h>
#include <string.h>

static glia_value sum(struct glia_graph *g, glia_value a, glia_value b)
{
  if (a == GLIA_NONE) return b;
  if (b == GLIA_NONE) return a;
  return g->basis->add(g, a, b);
}

/* Whether any of n values is there. */
static bool any_of(int n, const glia_value *v)
{
  for (int i = 0; i < n; i++)
    if (v[i] != GLIA_NONE) return true;
  return false;
}

/* Results of y: none of its own, or those that follow it. */
static int n_results(const struct glia_graph *g, const struct glia_node *y)
{
  return y->op->many != NULL ? y->op->many->count(g, y) : 0;
}

/* What was stored in bf16 (glia_through_bf16) is widened again for reverse mode instead of being kept wide in between: v as it
 * is once `then` is there. copy [values]: those made. */
static glia_value widen_again(struct glia_graph *g, glia_value v, glia_value then, glia_value *copy)
{
  const struct glia_node *n = g->node[v];
  glia_value in[GLIA_MAX_IN];

  if (n->op != &glia_op_custom_) return v;
  const struct glia_node *wide = g->node[n->in[0]];
  if (wide->n_in != 1 || !wide->op->elementwise || g->node[wide->in[0]]->type.dtype != GLIA_BF16)
    return v;
  if (copy[v] != GLIA_NONE) return copy[v];
  const glia_value late =
      glia_node_add(g, &glia_op_after_, 2, (glia_value[]){wide->in[0], then}, NULL);
  in[0] = glia_node_add(g, wide->op, 1, &late, &wide->attr);
  for (int i = 1; i < n->n_in; i++) in[i] = n->in[i];
  copy[v] = glia_node_add(g, n->op, n->n_in, in, &n->attr);
  return copy[v];
}

/* y as its reverse rule sees it. in [inputs]: of it. */
static struct glia_node seen_again(struct glia_graph *g, const struct glia_node *y,
                                   const glia_value *dy, glia_value *copy, glia_value *in)
{
  struct glia_node seen = *y;

  while (*dy == GLIA_NONE) dy++; /* one of them is there */
  for (int i = 0; i < y->n_in; i++) in[i] = widen_again(g, y->in[i], *dy, copy);
  seen.in = in;
  return seen;
}

/* Cotangents of y's inputs, added to what others brought. d [y's id]: y's own, or those of its results behind it. */
static void pull_back(struct glia_graph *g, const struct glia_node *y, const bool *reach,
                      glia_value *d, glia_value *copy)
{
  glia_value dx[GLIA_MAX_IN], in[GLIA_MAX_IN];
  const glia_value *dy = y->op->many != NULL ? &d[result_of(y, 0)] : &d[y->id];

  if (y->op == &glia_op_result_ || y->op->derivative == GLIA_DERIVATIVE_NONE) return;
  if (y->op->many != NULL ? !any_of(n_results(g, y), dy) : *dy == GLIA_NONE) return;
  if (y->op->many != NULL ? y->op->many->vjp == NULL : y->op->vjp == NULL) {
    glia_graph_fail(g, GLIA_E_UNSUPPORTED, "%s has no reverse rule", y->op->name);
    return;
  }
  for (int i = 0; i < y->n_in; i++) dx[i] = GLIA_NONE;
  const struct glia_node seen = seen_again(g, y, dy, copy, in);
  if (g->status != GLIA_OK) return;
  if (y->op->many != NULL)
    y->op->many->vjp(g, &seen, dy, dx);
  else
    y->op->vjp(g, &seen, *dy, dx);
  for (int i = 0; i < y->n_in; i++)
    if (dx[i] != GLIA_NONE && reach[y->in[i]]) d[y->in[i]] = sum(g, d[y->in[i]], dx[i]);
}

void glia_vjp(struct glia_graph *g, int n_y, const glia_value *y, const glia_value *dy, int n_x,
              const glia_value *x, glia_value *dx)
{
  const int32_t n = g->n;
  bool *reach = glia_reach_(g, n_x, x);
  glia_value *d = glia_values_(n), *copy = glia_values_(n);

  for (int i = 0; i < n_x; i++) dx[i] = GLIA_NONE;
  if (g->status != GLIA_OK || reach == NULL || d == NULL || copy == NULL) {
    if (g->status == GLIA_OK) glia_graph_fail(g, GLIA_E_MEMORY, "reverse mode over %d nodes", n);
    goto out;
  }
  for (int j = 0; j < n_y; j++)
    if (y[j] != GLIA_NONE && dy[j] != GLIA_NONE && reach[y[j]]) d[y[j]] = sum(g, d[y[j]], dy[j]);
  const char *own = g->building;
  for (int32_t v = n - 1; v >= 0 && g->status == GLIA_OK; v--) {
    if (!reach[v] || g->node[v]->n_in == 0) continue;
    g->building = g->scope[v] != NULL ? g->scope[v] : own;
    pull_back(g, g->node[v], reach, d, copy);
  }
  g->building = own;
  for (int i = 0; i < n_x && g->status == GLIA_OK; i++)
    dx[i] = x[i] == GLIA_NONE ? GLIA_NONE : d[x[i]];
out:
  free(reach);
  free(d);
  free(copy);
}

void glia_grad(struct glia_graph *g, glia_value y, int n_x, const glia_value *x, glia_value *dx)
{
  for (int i = 0; i < n_x; i++) dx[i] = GLIA_NONE;
  if (y == GLIA_NONE || g->status != GLIA_OK) return;
  if (g->node[y]->type.rank != 0 || !glia_dtype_is_float(g->node[y]->type.dtype)) {
    char text[128];
    glia_graph_fail(g, GLIA_E_SHAPE, "gradient of %s: a float scalar is needed",
                    glia_type_text(&g->node[y]->type, text, sizeof text));
    return;
  }
  const glia_value one = glia_full(g, g->node[y]->type, 1.0);
  glia_vjp(g, 1, &y, &one, n_x, x, dx);
  for (int i = 0; i < n_x && g->status == GLIA_OK; i++)
    if (dx[i] == GLIA_NONE && x[i] != GLIA_NONE) dx[i] = glia_full(g, g->node[x[i]]->type, 0.0);
}

static glia_value push_forward(struct glia_graph *g, const struct glia_node *y, const glia_value *t)
{
  glia_value in[GLIA_MAX_IN];

  if (y->op->derivative == GLIA_DERIVATIVE_NONE) return GLIA_NONE;
  if (y->op->jvp != NULL) return y->op->jvp(g, y, t);
  if (!y->op->linear)
    return glia_graph_fail(g, GLIA_E_UNSUPPORTED, "%s has no forward rule", y->op->name);
  for (int i = 0; i < y->n_in; i++) {
    const struct glia_type *type = &g->node[y->in[i]]->type;
    in[i] =
        t[i] != GLIA_NONE || !glia_dtype_is_float(type->dtype) ? t[i] : glia_full(g, *type, 0.0);
    if (!glia_dtype_is_float(type->dtype)) in[i] = y->in[i]; /* indices are not differentiated */
  }
  return glia_node_add(g, y->op, y->n_in, in, &y->attr);
}

static void push_forward_many(struct glia_graph *g, const struct glia_node *y, const glia_value *t,
                              glia_value *ty)
{
  if (y->op->derivative == GLIA_DERIVATIVE_NONE) return;
  if (y->op->many->jvp == NULL)
    glia_graph_fail(g, GLIA_E_UNSUPPORTED, "%s has no forward rule", y->op->name);
  const int n = n_results(g, y);
  glia_value *own = glia_values_(n);
  if (own == NULL) glia_graph_fail(g, GLIA_E_MEMORY, "forward mode through %s", y->op->name);
  if (g->status == GLIA_OK) y->op->many->jvp(g, y, t, own);
  for (int k = 0; k < n && g->status == GLIA_OK; k++) ty[k] = sum(g, ty[k], own[k]);
  free(own);
}

void glia_jvp(struct glia_graph *g, int n_x, const glia_value *x, const glia_value *tx, int n_y,
              const glia_value *y, glia_value *ty)
{
  const int32_t n = g->n;
  bool *reach = glia_reach_(g, n_x, x);
  glia_value *t = glia_values_(n);

  for (int j = 0; j < n_y; j++) ty[j] = GLIA_NONE;
  if (g->status != GLIA_OK || reach == NULL || t == NULL) {
    if (g->status == GLIA_OK) glia_graph_fail(g, GLIA_E_MEMORY, "forward mode over %d nodes", n);
    goto out;
  }
  glia_value last = 0;
  for (int j = 0; j < n_y; j++)
    if (y[j] > last) last = y[j];
  for (int i = 0; i < n_x; i++)
    if (x[i] != GLIA_NONE) t[x[i]] = sum(g, t[x[i]], tx[i]);
  for (int32_t v = 0; v <= last && v < n && g->status == GLIA_OK; v++) {
    const struct glia_node *node = g->node[v];
    glia_value in[GLIA_MAX_IN];
    bool any = false;
    if (!reach[v] || node->n_in == 0) continue;
    for (int i = 0; i < node->n_in; i++) {
      in[i] = t[node->in[i]];
      any = any || in[i] != GLIA_NONE;
    }
    if (!any || node->op == &glia_op_result_) continue;
    if (node->op->many == NULL)
      t[v] = sum(g, t[v], push_forward(g, node, in));
    else
      push_forward_many(g, node, in, &t[result_of(node, 0)]);
  }
  for (int j = 0; j < n_y && g->status == GLIA_OK; j++)
    ty[j] = y[j] == GLIA_NONE ? GLIA_NONE : t[y[j]];
out:
  free(reach);
  free(t);
}

/* y on batched inputs. */
static glia_value batch_node(struct glia_graph *g, const struct glia_node *y, int64_t size,
                             glia_value *b)
{
  glia_value in[GLIA_MAX_IN];
  bool batched[GLIA_MAX_IN];

  if (y->op == &glia_op_result_) return GLIA_NONE; /* came with its node */
  if (y->op->many != NULL ? y->op->many->vmap == NULL : y->op->vmap == NULL)
    return glia_graph_fail(g, GLIA_E_UNSUPPORTED, "%s has no batching rule", y->op->name);
  for (int i = 0; i < y->n_in; i++) {
    batched[i] = b[y->in[i]] != GLIA_NONE;
    in[i] = batched[i] ? b[y->in[i]] : y->in[i];
  }
  if (y->op->many == NULL) return y->op->vmap(g, y, size, in, batched);
  const int n = n_results(g, y);
  glia_value *own = glia_values_(n);
  if (own == NULL) return glia_graph_fail(g, GLIA_E_MEMORY, "batching %s", y->op->name);
  y->op->many->vmap(g, y, size, in, batched, own);
  for (int k = 0; k < n; k++)
    if (b[result_of(y, k)] == GLIA_NONE) b[result_of(y, k)] = own[k];
  free(own);
  return GLIA_NONE;
}

void glia_vmap(struct glia_graph *g, int64_t size, int n_x, const glia_value *x,
               const glia_value *xb, int n_y, const glia_value *y, glia_value *yb)
{
  const int32_t n = g->n;
  bool *reach = glia_reach_(g, n_x, x);
  glia_value *b = glia_values_(n);

  for (int j = 0; j < n_y; j++) yb[j] = GLIA_NONE;
  if (g->status != GLIA_OK || reach == NULL || b == NULL) {
    if (g->status == GLIA_OK) glia_graph_fail(g, GLIA_E_MEMORY, "batching over %d nodes", n);
    goto out;
  }
  for (int i = 0; i < n_x; i++) {
    const struct glia_node *was = glia_graph_node(g, x[i]);
    const struct glia_node *is = glia_graph_node(g, xb[i]);
    if (was == NULL || is == NULL || is->type.rank != was->type.rank + 1 ||
        is->type.dim[0] != size || is->type.dtype != was->type.dtype) {
      glia_graph_fail(g, GLIA_E_SHAPE,
                      "vmap: batched input %d must have one more axis of %lld in front", i,
                      (long long)size);
      goto out;
    }
    b[x[i]] = xb[i];
  }
  glia_value last = -1;
  for (int j = 0; j < n_y; j++)
    if (y[j] > last) last = y[j];
  for (int32_t v = 0; v <= last && v < n && g->status == GLIA_OK; v++)
    if (reach[v] && b[v] == GLIA_NONE && g->node[v]->n_in > 0)
      b[v] = batch_node(g, g->node[v], size, b);
  for (int j = 0; j < n_y && g->status == GLIA_OK; j++) {
    yb[j] = b[y[j]];
    if (yb[j] == GLIA_NONE) yb[j] = g->basis->tile(g, y[j], size);
  }
out:
  free(reach);
  free(b);
}
