/* Is a problem posed well enough to be solved, and on which scale do its unknowns live? */
#include "problem_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEEN = 256, PROBES = 256 };

/* Highest derivative of unknown i by coordinate c in the equations. */
static int order_of(const struct glia_problem *p, int i, int c)
{
  int node[SEEN], order = 0;

  for (int k = 0; k < p->n_equations; k++) {
    const int n = glia_expr_unknowns(p->pool, p->equation[k], SEEN, node);
    for (int j = 0; j < n; j++) {
      const struct glia_expr_node *u = glia_expr_at(p->pool, node[j]);
      if (u->index == i && u->order[c] > order) order = u->order[c];
    }
  }
  return order;
}

/* Faces across coordinate c on which a condition speaks of unknown i. */
static int faces_of(const struct glia_problem *p, int i, int c)
{
  int n = 0;

  for (int k = 0; k < p->n_conditions; k++) {
    const struct glia_pde_condition *s = &p->condition[k];
    if (!glia_expr_reads(p->pool, s->residual, GLIA_EXPR_UNKNOWN, i)) continue;
    if (s->n_faces == 0 && c != p->time) n += 2;
    for (int f = 0; f < s->n_faces; f++) n += s->face[f].fixed[c];
  }
  return n;
}

/* Is an unknown itself in an equation or a condition, and not derivatives alone? Of several one is enough: pressure stands in
 * Stokes' equations by its slopes alone, and any constant of it will do. */
static bool told(const struct glia_problem *p)
{
  const uint8_t value[GLIA_EXPR_COORDS] = {0};
  bool found = false;

  for (int k = 0; k < p->n_equations + p->n_conditions; k++) {
    int node[SEEN];
    const int e = k < p->n_equations ? p->equation[k] : p->condition[k - p->n_equations].residual;
    const int n = glia_expr_unknowns(p->pool, e, SEEN, node);
    found = found || n == SEEN;
    for (int j = 0; j < n; j++) {
      const struct glia_expr_node *u = glia_expr_at(p->pool, node[j]);
      found = found || memcmp(u->order, value, sizeof value) == 0;
    }
  }
  return found;
}

/* The coefficient of u_(c..c) in equation k where it is a number; 0 where it is not there, NaN where it varies. */
static double coefficient(const struct glia_problem *p, int k, int i, int c, int order)
{
  uint8_t by[GLIA_EXPR_COORDS] = {0};

  by[c] = (uint8_t)order;
  const int slope = glia_expr_partial(p->pool, p->equation[k], glia_expr_unknown(p->pool, i, by));
  const struct glia_expr_node *n = slope != GLIA_EXPR_NONE ? glia_expr_at(p->pool, slope) : NULL;
  return n != NULL && n->kind == GLIA_EXPR_NUMBER ? n->number : (double)NAN;
}

static int order_in_all(const struct glia_expr_node *u)
{
  int n = 0;

  for (int c = 0; c < GLIA_EXPR_COORDS; c++) n += u->order[c];
  return n;
}

/* Equation k as a u_(t..t) + b u_(c..c) + lower ones by t and by c, of unknown i alone, without derivatives by both: *m and *n are
 * their orders. Where a derivative of such an order is by another coordinate too, waves along c alone say nothing. */
static bool leads(const struct glia_problem *p, int k, int i, int c, int *m, int *n)
{
  int node[SEEN];
  const int seen = glia_expr_unknowns(p->pool, p->equation[k], SEEN, node);
  bool plain = seen < SEEN;

  *m = *n = 0;
  for (int j = 0; j < seen; j++) {
    const struct glia_expr_node *u = glia_expr_at(p->pool, node[j]);
    plain = plain && u->index == i && (u->order[p->time] == 0 || u->order[c] == 0);
    if (u->order[p->time] > *m) *m = u->order[p->time];
    if (u->order[c] > *n) *n = u->order[c];
  }
  for (int j = 0; j < seen && plain; j++) {
    const struct glia_expr_node *u = glia_expr_at(p->pool, node[j]);
    const int all = order_in_all(u);
    plain = (u->order[p->time] < *m || all == *m) && (u->order[c] < *n || all == *n);
  }
  return plain && *m > 0 && *n > 0 && *n % 2 == 0;
}

/* Is that all of t = at, and no edge or point of it? */
static bool moment(const struct glia_problem *p, const struct glia_face *f, double at)
{
  int fixed = 0;

  for (int c = 0; c < p->n_coords; c++) fixed += f->fixed[c];
  return fixed == 1 && f->fixed[p->time] && f->at[p->time] == at;
}

/* Faces t = at on which a condition speaks of unknown i. */
static int times(const struct glia_problem *p, int i, double at)
{
  int n = 0;

  for (int k = 0; k < p->n_conditions; k++) {
    const struct glia_pde_condition *s = &p->condition[k];
    if (!glia_expr_reads(p->pool, s->residual, GLIA_EXPR_UNKNOWN, i)) continue;
    for (int f = 0; f < s->n_faces; f++) n += moment(p, &s->face[f], at);
  }
  return n;
}

/* A wave exp(i q c + r t) has r^m = -b/a (i q)^n: does it grow without limit with q from what is given? */
static bool explodes(const struct glia_problem *p, int k, int i, int c)
{
  int m, n;

  if (!leads(p, k, i, c, &m, &n)) return false;
  const double by_time = coefficient(p, k, i, p->time, m);
  if (by_time == 0.0) return false;
  const double rate = -coefficient(p, k, i, c, n) / by_time * (n % 4 == 2 ? -1.0 : 1.0);
  const int first = times(p, i, p->lo[p->time]), last = times(p, i, p->hi[p->time]);
  if (m == 1)
    return (rate > 0.0 && first > 0 && last == 0) || (rate < 0.0 && first == 0 && last > 0);
  return m == 2 &&
         ((rate > 0.0 && (first > 1 || last > 1)) || (rate < 0.0 && first == 1 && last == 1));
}

/* Heat backwards in time, Laplace's equation from one side, waves between two times. */
static glia_status check_growth(const struct glia_problem *p, const struct glia_yaml *root, int i)
{
  for (int k = 0; k < p->n_equations && p->time >= 0; k++)
    for (int c = 0; c < p->n_coords; c++)
      if (c != p->time && explodes(p, k, i, c))
        return glia_yaml_error(
            root,
            "ill-posed: with what is given of '%s' across %s, the solutions of '%s' change without "
            "limit when it is given a little otherwise, in short waves along %s: is a sign wrong, "
            "or the side where it is given? From measurements, use data",
            p->unknown[i], p->coord[p->time], p->equation_text[k], p->coord[c]);
  return GLIA_OK;
}

/* The face that c of n conditions stands for: face f of a list, or side f of the box. */
static bool whole_face(const struct glia_problem *p, const struct glia_pde_condition *s, int f,
                       int *across, double *at)
{
  int fixed = 0;

  if (s->n_faces == 0) {
    *across = f / 2;
    *at = f % 2 == 0 ? p->lo[*across] : p->hi[*across];
    return *across != p->time && !p->periodic[*across] && p->n_within + p->n_without == 0;
  }
  for (int c = 0; c < p->n_coords; c++)
    if (s->face[f].fixed[c]) {
      fixed++;
      *across = c;
      *at = s->face[f].at[c];
    }
  return fixed == 1;
}

static int faces_in(const struct glia_problem *p, const struct glia_pde_condition *s)
{
  return s->n_faces == 0 ? 2 * p->n_coords : s->n_faces;
}

/* Do two formulas differ where c = at, and by more than they are rounded? sin(pi) is 1.2e-16 in the middle of ones. */
static bool differ(const struct glia_problem *p, int c, double at, int one, int other)
{
  double x[GLIA_PDE_COORDS], off = 0.0, size = 0.0, around = 0.0;

  for (int j = 0; j < PROBES; j++) {
    glia_sobol(p->n_coords, 1, (uint64_t)j, x);
    for (int k = 0; k < p->n_coords; k++) x[k] = p->lo[k] + x[k] * (p->hi[k] - p->lo[k]);
    const struct glia_expr_values v = {.coord = x, .parameter = p->parameter_start};
    around = fmax(around, fmax(fabs(glia_expr_value(p->pool, one, &v)),
                               fabs(glia_expr_value(p->pool, other, &v))));
    x[c] = at;
    const double a = glia_expr_value(p->pool, one, &v), b = glia_expr_value(p->pool, other, &v);
    off = fmax(off, fabs(a - b));
    size = fmax(size, fmax(fabs(a), fabs(b)));
  }
  return off > 1e-6 * size && (off > 1e-9 * around || !isfinite(around));
}

/* No two conditions may give unknown i other values on one face. */
static glia_status check_faces(struct glia_problem *p, const struct glia_yaml *root, int i)
{
  const uint8_t value[GLIA_EXPR_COORDS] = {0};
  const int leaf = glia_expr_unknown(p->pool, i, value);

  for (int k = 0; k < p->n_conditions; k++)
    for (int l = 0; l < k; l++) {
      const struct glia_pde_condition *a = &p->condition[k], *b = &p->condition[l];
      const int one = glia_problem_solved_for_(p, a, leaf),
                other = glia_problem_solved_for_(p, b, leaf);
      if (one == GLIA_EXPR_NONE || other == GLIA_EXPR_NONE) continue;
      for (int f = 0; f < faces_in(p, a); f++)
        for (int g = 0; g < faces_in(p, b); g++) {
          int c, d;
          double at, too;
          if (whole_face(p, a, f, &c, &at) && whole_face(p, b, g, &d, &too) && c == d &&
              at == too && differ(p, c, at, one, other))
            return glia_yaml_error(root,
                                   "conditions contradict each other at %s = %g: '%s' and '%s'",
                                   p->coord[c], at, b->text, a->text);
        }
    }
  return GLIA_OK;
}

glia_status glia_problem_check_(struct glia_problem *p, const struct glia_yaml *root)
{
  for (int i = 0; i < p->n_unknowns; i++) {
    bool read = false;
    for (int k = 0; k < p->n_equations; k++)
      read = read || glia_expr_reads(p->pool, p->equation[k], GLIA_EXPR_UNKNOWN, i);
    if (!read) return glia_yaml_error(root, "no equation contains the unknown '%s'", p->unknown[i]);
  }
  if (glia_problem_curves_(p) > GLIA_PDE_CURVES_)
    return glia_yaml_error(root, "the box and its shapes have %d sides and circles, %d at most",
                           glia_problem_curves_(p), GLIA_PDE_CURVES_);
  bool known = p->data.file != NULL;
  for (int i = 0; i < p->n_unknowns; i++) {
    known = known || p->ansatz_given[i];
    if (p->data.file != NULL || p->ansatz_given[i]) continue;
    for (int c = 0; c < p->n_coords; c++) {
      if (p->periodic[c] && c != p->time) continue;
      const int order = order_of(p, i, c), faces = faces_of(p, i, c);
      /* a first derivative in space may be given at either end, or be free of choice by the others */
      if (order > faces && (c == p->time || order > 1))
        return glia_yaml_error(
            root,
            "the equations have derivatives of '%s' by %s up to order %d, but conditions fix it "
            "across %s on %d side%s: give %d, as in {at: {%s: %g}, equation: \"%s = 0\"}, or make "
            "%s periodic",
            p->unknown[i], p->coord[c], order, p->coord[c], faces, faces == 1 ? "" : "s", order,
            p->coord[c], p->lo[c], p->unknown[i], p->coord[c]);
    }
    GLIA_TRY(check_faces(p, root, i));
    GLIA_TRY(check_growth(p, root, i));
  }
  if (!known && !told(p))
    return glia_yaml_error(root,
                           "nothing tells '%s' itself, only its derivatives: any constant may be "
                           "added to it. Give it somewhere, as in {at: {%s: %g}, equation: \"%s = "
                           "0\"} with a value for each coordinate",
                           p->unknown[0], p->coord[0], p->lo[0], p->unknown[0]);
  return GLIA_OK;
}

/* The largest |u| that a condition asks for, where it is of the form c u + ... = 0 with c a number. */
static glia_status asked_for(struct glia_problem *p, int k, int i, double *most)
{
  const uint8_t value[GLIA_EXPR_COORDS] = {0};
  struct glia_pde_condition *s = &p->condition[k];
  const int u = glia_expr_unknown(p->pool, i, value);
  const int slope = glia_expr_partial(p->pool, s->residual, u);
  int node[SEEN];

  if (slope == GLIA_EXPR_NONE || glia_expr_at(p->pool, slope)->kind != GLIA_EXPR_NUMBER)
    return GLIA_OK;
  const double c = glia_expr_at(p->pool, slope)->number;
  const int n = glia_expr_unknowns(p->pool, s->residual, SEEN, node);
  if (c == 0.0 || n != 1) return GLIA_OK;
  const double zero = 0.0;
  double *x = malloc((size_t)PROBES * (size_t)p->n_coords * sizeof *x);
  GLIA_CHECK(x != NULL, GLIA_E_MEMORY, "%d points", PROBES);
  glia_status st = glia_problem_on(p, k, GLIA_POINTS_SOBOL, 1, PROBES, x);
  for (int j = 0; j < PROBES && st == GLIA_OK; j++) {
    const struct glia_expr_values v = {.coord = x + j * p->n_coords,
                                       .parameter = p->parameter_start,
                                       .n_unknown = 1,
                                       .unknown_node = node,
                                       .unknown = &zero};
    const double g = -glia_expr_value(p->pool, s->residual, &v) / c;
    if (!isfinite(g))
      st = GLIA_FAIL(GLIA_E_CONFIG, "the condition '%s' is not a finite number at %s = %g", s->text,
                     p->coord[0], x[j * p->n_coords]);
    else if (fabs(g) > *most)
      *most = fabs(g);
  }
  free(x);
  return st;
}

static bool starts_from_zero(struct glia_problem *p, int i)
{
  const uint8_t value[GLIA_EXPR_COORDS] = {0};
  const int leaf = glia_expr_unknown(p->pool, i, value);

  for (int k = 0; k < p->n_conditions && p->time >= 0; k++) {
    const struct glia_pde_condition *s = &p->condition[k];
    if (s->n_faces != 1 || !s->face[0].fixed[p->time]) continue;
    const int g = glia_problem_solved_for_(p, s, leaf);
    const struct glia_expr_node *n = g != GLIA_EXPR_NONE ? glia_expr_at(p->pool, g) : NULL;
    if (n != NULL && n->kind == GLIA_EXPR_NUMBER && n->number == 0.0) return true;
  }
  return false;
}

/* The largest of those scales that the equation for the rate of unknown i reads. */
static double driven_by(const struct glia_problem *p, int i, const double *scale)
{
  int node[SEEN];
  double most = 0.0;

  for (int k = 0; k < p->n_equations; k++) {
    const int n = glia_expr_unknowns(p->pool, p->equation[k], SEEN, node);
    double here = 0.0;
    bool rate = false;
    for (int j = 0; j < n; j++) {
      const struct glia_expr_node *u = glia_expr_at(p->pool, node[j]);
      rate = rate || (u->index == i && u->order[p->time] > 0);
      here = fmax(here, scale[u->index]);
    }
    if (rate) most = fmax(most, here);
  }
  return most;
}

static glia_status choose_scales(struct glia_problem *p)
{
  double asked[GLIA_PDE_UNKNOWNS] = {0.0};

  for (int i = 0; i < p->n_unknowns; i++)
    for (int k = 0; k < p->n_conditions; k++) GLIA_TRY(asked_for(p, k, i, &asked[i]));
  for (int i = 0; i < p->n_unknowns; i++) {
    p->scale[i] = asked[i];
    /* what starts from zero gets the size of what drives it: walls, where it may hardly arrive, do not tell */
    if (starts_from_zero(p, i)) p->scale[i] = fmax(asked[i], driven_by(p, i, asked));
    /* nothing but zeros says nothing about the scale */
    if (p->scale[i] == 0.0) p->scale[i] = 1.0;
  }
  return GLIA_OK;
}

glia_status glia_problem_scale_(struct glia_problem *p)
{
  const uint8_t value[GLIA_EXPR_COORDS] = {0};

  GLIA_TRY(choose_scales(p));
  for (int i = 0; i < p->n_unknowns; i++) {
    int g, d;
    if (p->ansatz_given[i]) continue;
    p->ansatz[i] = glia_expr_binary(p->pool, GLIA_EXPR_MUL, glia_expr_number(p->pool, p->scale[i]),
                                    glia_expr_unknown(p->pool, p->n_unknowns + i, value));
    p->imposed[i] = p->impose && glia_problem_impose_(p, i, &g, &d);
    if (p->imposed[i])
      p->ansatz[i] = glia_expr_binary(p->pool, GLIA_EXPR_ADD, g,
                                      glia_expr_binary(p->pool, GLIA_EXPR_MUL, d, p->ansatz[i]));
    GLIA_CHECK(p->ansatz[i] != GLIA_EXPR_NONE, GLIA_E_MEMORY, "an expression");
  }
  return GLIA_OK;
}
