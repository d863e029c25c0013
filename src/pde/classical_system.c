/* A problem as equations on the nodes of a grid: which values each of them reads, and its derivatives by them. */
#include "classical_priv.h"
#include "problem_priv.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const uint8_t zero[GLIA_EXPR_COORDS];

/* Where a leaf is found. false: in no field. */
static bool place(const struct glia_system_ *s, const struct glia_expr_node *u,
                  struct glia_form_leaf_ *out)
{
  const struct glia_problem *p = s->p;
  const int t = p->time >= 0 ? u->order[p->time] : 0, rate = s->rate_of[u->index];

  *out = (struct glia_form_leaf_){.field = u->index};
  for (int a = 0; a < s->n_space; a++) out->order[a] = u->order[s->axis[a]];
  if (t == 0) return true;
  if (rate >= 0) out->field = t == 1 || t == 2 ? rate : -1;
  out->rate = t == (rate >= 0 ? 2 : 1);
  /* the change of a derivative in space: no field has it */
  return out->field >= 0 && t <= (rate >= 0 ? 2 : 1) &&
         !(out->rate && (out->order[0] > 0 || out->order[1] > 0));
}

static glia_status make_form(struct glia_system_ *s, int e, struct glia_form_ *f, char *why)
{
  struct glia_expr_pool *pool = s->p->pool;

  f->n = glia_expr_unknowns(pool, e, GLIA_FORM_LEAVES_, f->node);
  if (f->n > GLIA_FORM_LEAVES_) {
    snprintf(why, 256, "an equation reads more than %d derivatives", GLIA_FORM_LEAVES_);
    f->n = 0;
    return GLIA_OK;
  }
  for (int i = 0; i < f->n; i++) {
    const int slope = glia_expr_partial(pool, e, f->node[i]);
    if (!place(s, glia_expr_at(pool, f->node[i]), &f->leaf[i])) {
      snprintf(why, 256, "derivatives in time other than u_t, u_tt and those of u_t in space");
      return GLIA_OK;
    }
    GLIA_CHECK(slope != GLIA_EXPR_NONE, GLIA_E_MEMORY, "an expression");
    GLIA_TRY(glia_expr_tape_create(pool, slope, &f->slope[i]));
    const int order = f->leaf[i].order[0] + f->leaf[i].order[1];
    if (order > s->order) s->order = order;
    if (f->leaf[i].order[0] > 0 && f->leaf[i].order[1] > 0) s->mixed = true;
  }
  return glia_expr_tape_create(pool, e, &f->value);
}

/* Fields: unknowns, and u_t where u_tt is read. */
static void count_fields(struct glia_system_ *s)
{
  struct glia_problem *p = s->p;
  int node[64];

  s->n_fields = p->n_unknowns;
  for (int i = 0; i < p->n_unknowns; i++) s->rate_of[i] = -1;
  for (int k = 0; k < p->n_equations && p->time >= 0; k++) {
    const int n = glia_expr_unknowns(p->pool, p->equation[k], 64, node);
    for (int j = 0; j < n && j < 64; j++) {
      const struct glia_expr_node *u = glia_expr_at(p->pool, node[j]);
      if (u->order[p->time] > 1 && s->rate_of[u->index] < 0) s->rate_of[u->index] = s->n_fields++;
    }
  }
}

/* A condition at the first time, as an initial value. */
static bool take_start(struct glia_system_ *s, const struct glia_pde_condition *c)
{
  struct glia_problem *p = s->p;
  uint8_t order[GLIA_EXPR_COORDS] = {0};

  if (p->time < 0 || c->n_faces != 1 || !c->face[0].fixed[p->time] ||
      c->face[0].at[p->time] != p->lo[p->time])
    return false;
  for (int i = 0; i < p->n_unknowns; i++) {
    int g = glia_problem_solved_for_(p, c, glia_expr_unknown(p->pool, i, zero));
    if (g != GLIA_EXPR_NONE) s->start[i] = g;
    order[p->time] = 1;
    g = glia_problem_solved_for_(p, c, glia_expr_unknown(p->pool, i, order));
    if (g != GLIA_EXPR_NONE && s->rate_of[i] >= 0) s->start[s->rate_of[i]] = g;
  }
  return true;
}

static glia_status take_side(struct glia_system_ *s, int k, char *why)
{
  struct glia_problem *p = s->p;
  const struct glia_pde_condition *c = &p->condition[k];

  for (int i = 0; i < p->n_unknowns && s->row[k] < 0; i++)
    if (glia_expr_reads(p->pool, c->residual, GLIA_EXPR_UNKNOWN, i)) s->row[k] = i;
  GLIA_TRY(make_form(s, c->residual, &s->side[k], why));
  if (why[0] != '\0' || s->row[k] < 0 || s->rate_of[s->row[k]] < 0) return GLIA_OK;
  const int rate = glia_expr_derive(p->pool, c->residual, p->time);
  GLIA_CHECK(rate != GLIA_EXPR_NONE, GLIA_E_MEMORY, "an expression");
  return make_form(s, rate, &s->side_rate[k], why);
}

static void refuse(const struct glia_system_ *s, char *why)
{
  const struct glia_problem *p = s->p;

  if (s->n_space < 1 || s->n_space > (p->time >= 0 ? 1 : 2))
    snprintf(why, 256, "%d coordinates: it takes one with t, one or two without", s->n_space);
  else if (p->n_equations != p->n_unknowns)
    snprintf(why, 256, "%d equations for %d unknowns", p->n_equations, p->n_unknowns);
  else if (p->n_parameters > 0)
    snprintf(why, 256, "parameters are to be found");
  else if (p->n_within > 0)
    snprintf(why, 256, "shapes that the domain is made of");
  for (int i = 0; i < p->n_without && why[0] == '\0'; i++)
    if (p->without[i].kind != GLIA_SHAPE_BOX || p->time >= 0)
      snprintf(why, 256, "shapes other than boxes taken away");
  if (p->time >= 0 && p->periodic[p->time] && why[0] == '\0')
    snprintf(why, 256, "periodic in time");
}

glia_status glia_system_make_(struct glia_problem *p, struct glia_system_ *s, char *why)
{
  *s = (struct glia_system_){.p = p};
  why[0] = '\0';
  for (int k = 0; k < GLIA_PDE_CONDITIONS; k++) s->row[k] = -1;
  for (int i = 0; i < GLIA_FORM_FIELDS_; i++) s->start[i] = GLIA_EXPR_NONE;
  for (int c = 0; c < p->n_coords; c++) {
    if (c == p->time) continue;
    if (s->n_space < 2) s->axis[s->n_space] = c;
    s->n_space++;
  }
  refuse(s, why);
  if (why[0] != '\0') return GLIA_OK;
  count_fields(s);
  for (int k = 0; k < p->n_equations && why[0] == '\0'; k++)
    GLIA_TRY(make_form(s, p->equation[k], &s->equation[k], why));
  for (int k = 0; k < p->n_conditions && why[0] == '\0'; k++)
    if (!take_start(s, &p->condition[k])) GLIA_TRY(take_side(s, k, why));
  for (int i = 0; i < s->n_fields && p->time >= 0 && why[0] == '\0'; i++)
    if (s->start[i] == GLIA_EXPR_NONE)
      snprintf(why, 256, "initial values that are not given as u = ... at the first time");
  if (why[0] == '\0' && s->order + 3 > GLIA_FORM_WINDOW_)
    snprintf(why, 256, "derivatives of order %d in space", s->order);
  for (int a = 0; a < s->n_space && why[0] == '\0'; a++)
    if (s->order > 2 && !p->periodic[s->axis[a]])
      snprintf(why, 256, "order %d in space is taken on periodic domains alone", s->order);
  return GLIA_OK;
}

static void form_fini(struct glia_form_ *f)
{
  glia_expr_tape_destroy(&f->value);
  for (int i = 0; i < GLIA_FORM_LEAVES_; i++) glia_expr_tape_destroy(&f->slope[i]);
}

void glia_system_fini_(struct glia_system_ *s)
{
  for (int i = 0; i < GLIA_PDE_UNKNOWNS; i++) form_fini(&s->equation[i]);
  for (int i = 0; i < GLIA_PDE_CONDITIONS; i++) {
    form_fini(&s->side[i]);
    form_fini(&s->side_rate[i]);
  }
}

bool glia_system_on_(const struct glia_problem *p, const struct glia_pde_condition *c,
                     const double *x, bool boundary)
{
  if (c->n_faces == 0) return boundary;
  for (int f = 0; f < c->n_faces; f++) {
    bool on = true;
    for (int a = 0; a < p->n_coords && on; a++)
      on = !c->face[f].fixed[a] || fabs(c->face[f].at[a] - x[a]) <= 1e-9 * (p->hi[a] - p->lo[a]);
    if (on) return true;
  }
  return false;
}

void glia_difference_(int n, int at, int order, double h, double *weight)
{
  double c[GLIA_FORM_WINDOW_][GLIA_EXPR_ORDER + 1] = {{1.0}}, c1 = 1.0, c4 = (double)-at;

  for (int i = 1; i < n; i++) {
    const int most = i < order ? i : order;
    const double c5 = c4;
    double c2 = 1.0;
    c4 = (double)(i - at);
    for (int j = 0; j < i; j++) {
      const double c3 = (double)(i - j);
      c2 *= c3;
      if (j == i - 1) {
        for (int k = most; k > 0; k--) c[i][k] = c1 * (k * c[i - 1][k - 1] - c5 * c[i - 1][k]) / c2;
        c[i][0] = -c1 * c5 * c[i - 1][0] / c2;
      }
      for (int k = most; k > 0; k--) c[j][k] = (c4 * c[j][k] - k * c[j][k - 1]) / c3;
      c[j][0] = c4 * c[j][0] / c3;
    }
    c1 = c2;
  }
  for (int i = 0; i < n; i++) weight[i] = c[i][order] / pow(h, order);
}
