/* Networks that are no chain of dense layers: derivatives by the coordinates from the graph's forward rules, one after the other; those of each
 * row by the weights from the reverse rule of one row, batched. See pinn_priv.h. */
#include "pinn_priv.h"

#include "glia_ops.h"

#include <string.h>

/* a with one order more (step 1) or less (-1) in a coordinate; -1: not in the set. */
static int beside(const struct glia_jet_set *s, int a, int coord, int step)
{
  uint8_t order[GLIA_JET_COORDS];

  memcpy(order, s->order[a], sizeof order);
  order[coord] = (uint8_t)(order[coord] + step);
  return glia_jet_set_find(s, order);
}

static int first_coord(const struct glia_jet_set *s, int a)
{
  int c = 0;

  while (s->order[a][c] == 0) c++;
  return c;
}

static bool listed(int n, const glia_value *list, glia_value v)
{
  for (int i = 0; i < n; i++)
    if (list[i] == v) return true;
  return false;
}

/* The derivative of y by a coordinate. y reads derivatives of the features, and each of those that is no constant moves by the next one, which
 * is known by formula. */
static glia_value derive(struct glia_graph *g, const struct glia_pinn_rules_ *net, glia_value y,
                         int coord)
{
  glia_value x[GLIA_JET_MOST], t[GLIA_JET_MOST], dy = GLIA_NONE;
  int n = 0;

  for (int a = 0; a < net->set->n; a++) {
    const int next = beside(net->set, a, coord, 1);
    if (next < 0 || net->in[a] == GLIA_NONE || net->in[next] == GLIA_NONE) continue;
    if (listed(n, x, net->in[a])) continue; /* equal functions have equal slopes */
    x[n] = net->in[a];
    t[n++] = net->in[next];
  }
  if (y != GLIA_NONE) glia_jvp(g, n, x, t, 1, &y, &dy);
  return dy;
}

glia_status glia_pinn_rules_forward_(struct glia_pinn *p, const struct glia_jet_set *s,
                                     int64_t rows, struct glia_pinn_rules_ *net)
{
  net->set = s;
  net->rows = rows;
  GLIA_TRY(glia_network_apply(p->model, net->in[0], p->problem->n_unknowns, &net->out[0]));
  for (int a = 1; a < s->n; a++) { /* by rising order: what is below is there */
    const int c = first_coord(s, a);
    net->out[a] = derive(p->graph, net, net->out[beside(s, a, c, -1)], c);
    GLIA_TRY(glia_graph_status(p->graph));
  }
  return GLIA_OK;
}

/* Column of a matrix [rows, n] as [rows]: a node of its own, whose cotangent has nothing of what other derivatives read of the matrix. */
static glia_value column_of(struct glia_graph *g, glia_value m, int64_t rows, int64_t c)
{
  const int64_t from[] = {0, c}, to[] = {rows, c + 1}, by[] = {1, 1};

  return glia_reshape(g, glia_slice(g, m, from, to, by), 1, &rows);
}

glia_value glia_pinn_rules_derivative_(struct glia_pinn *p, const struct glia_pinn_rules_ *net,
                                       int a, int column)
{
  if (net->out[a] == GLIA_NONE)
    return glia_full(p->graph, glia_type_make(GLIA_F64, 1, &net->rows), 0.0);
  return column_of(p->graph, net->out[a], net->rows, column);
}

/* dr / d out[a], [rows, unknowns]; GLIA_NONE where zero. Rows do not mix in r. */
static void pull_to_outputs(struct glia_pinn *p, const struct glia_pinn_rules_ *net, glia_value r,
                            glia_value *d)
{
  struct glia_graph *g = p->graph;
  const int m = p->problem->n_unknowns;
  const glia_value one = glia_full(g, glia_type_make(GLIA_F64, 1, &net->rows), 1.0);

  for (int a = 0; a < net->set->n; a++) {
    glia_value y[GLIA_PDE_UNKNOWNS], dy[GLIA_PDE_UNKNOWNS];
    bool any = false;
    d[a] = GLIA_NONE;
    if (net->out[a] == GLIA_NONE) continue;
    for (int k = 0; k < m; k++) y[k] = column_of(g, net->out[a], net->rows, k);
    glia_vjp(g, 1, &r, &one, m, y, dy);
    for (int k = 0; k < m; k++) {
      any = any || dy[k] != GLIA_NONE;
      if (dy[k] == GLIA_NONE) dy[k] = glia_full(g, glia_type_make(GLIA_F64, 1, &net->rows), 0.0);
      dy[k] = glia_reshape(g, dy[k], 2, (int64_t[]){net->rows, 1});
    }
    if (any) d[a] = glia_concat(g, m, dy, 1);
  }
}

/* What one row stands for, and all rows in its place. */
struct batch {
  int n;
  glia_value one[2 * GLIA_JET_MOST], all[2 * GLIA_JET_MOST];
};

/* The first row of m [rows, n], to be any of them in b; a constant stays one. */
static glia_value row_of(struct glia_graph *g, glia_value m, struct batch *b)
{
  double v;

  if (m == GLIA_NONE) return GLIA_NONE;
  const struct glia_type type = glia_graph_node(g, m)->type;
  const int64_t from[] = {0, 0}, to[] = {1, type.dim[1]}, by[] = {1, 1};
  const glia_value row = glia_slice(g, m, from, to, by);
  if (glia_is_full(g, row, &v) || listed(b->n, b->one, row)) return row;
  b->one[b->n] = row;
  b->all[b->n++] = glia_reshape(g, m, 3, (int64_t[]){type.dim[0], 1, type.dim[1]});
  return row;
}

static void weights(const struct glia_pinn *p, glia_value *out)
{
  const struct glia_state *s;

  glia_graph_states(p->graph, &s);
  for (int i = 0; i < p->n_weights; i++) out[i] = s[i].value;
}

glia_status glia_pinn_rules_rows_(struct glia_pinn *p, const struct glia_pinn_rules_ *net,
                                  glia_value r, struct glia_pinn_rules_ *one, glia_value *dw)
{
  struct glia_graph *g = p->graph;
  glia_value w[2 * GLIA_JET_LAYERS], of_one[2 * GLIA_JET_LAYERS], d[GLIA_JET_MOST];
  struct batch b = {.n = 0};

  for (int a = 0; a < net->set->n; a++) {
    const glia_value row = row_of(g, net->in[a], &b);
    if (one->set == NULL) one->in[a] = row;
  }
  if (one->set == NULL) GLIA_TRY(glia_pinn_rules_forward_(p, net->set, 1, one));
  pull_to_outputs(p, net, r, d);
  for (int a = 0; a < net->set->n; a++) d[a] = row_of(g, d[a], &b);
  weights(p, w);
  glia_vjp(g, net->set->n, one->out, d, p->n_weights, w, of_one);
  for (int i = 0; i < p->n_weights; i++)
    if (of_one[i] == GLIA_NONE) of_one[i] = glia_full(g, glia_graph_node(g, w[i])->type, 0.0);
  glia_vmap(g, net->rows, b.n, b.one, b.all, p->n_weights, of_one, dw);
  for (int i = 0; i < p->n_weights; i++) {
    const int64_t n = glia_type_count(&glia_graph_node(g, w[i])->type);
    dw[i] = glia_reshape(g, dw[i], 2, (int64_t[]){net->rows, n});
  }
  return glia_graph_status(g);
}

void glia_pinn_rules_gradient_(struct glia_pinn *p, glia_value loss, glia_value *dw)
{
  struct glia_graph *g = p->graph;
  glia_value w[2 * GLIA_JET_LAYERS];

  weights(p, w);
  glia_grad(g, loss, p->n_weights, w, dw);
  for (int i = 0; i < p->n_weights; i++) {
    const int64_t n = glia_type_count(&glia_graph_node(g, w[i])->type);
    dw[i] = glia_reshape(g, dw[i], 1, &n);
  }
}
