/* Conditions made exact: u = g + d N, where g has the values asked for and d vanishes on their faces.
 *
 * What a condition says on whole faces of the box, as c u = ... or c u_t = ... at the face t = lo, becomes part of the formula for u;
 * its rows then vanish whatever the weights, and weights of conditions need no choosing. g is built coordinate by coordinate: to
 * what is there, Lagrange's polynomials across the faces add what is missing on them; faces that were right before stay right
 * where the conditions agree on their common edges.  Source: lagaris1998, coons1967.
 */
#include "problem_priv.h"

#include <math.h>
#include <stdlib.h>

#define ADD(a, b) glia_expr_binary(p->pool, GLIA_EXPR_ADD, a, b)
#define SUB(a, b) glia_expr_binary(p->pool, GLIA_EXPR_SUB, a, b)
#define MUL(a, b) glia_expr_binary(p->pool, GLIA_EXPR_MUL, a, b)
#define NUMBER(v) glia_expr_number(p->pool, v)

enum { FACES = 8, SEEN = 16, PROBES = 64 };

/* What is asked of an unknown across one coordinate. */
struct sides {
  int n;
  double at[FACES];
  int value[FACES]; /* expression of the coordinates */
  int slope;        /* derivative across the only face, or GLIA_EXPR_NONE */
};

/* See problem_priv.h. */
int glia_problem_solved_for_(struct glia_problem *p, const struct glia_pde_condition *c, int leaf)
{
  int node[SEEN], zero[GLIA_PDE_UNKNOWNS];

  if (glia_expr_unknowns(p->pool, c->residual, SEEN, node) != 1 || node[0] != leaf ||
      glia_expr_reads(p->pool, c->residual, GLIA_EXPR_PARAMETER, -1))
    return GLIA_EXPR_NONE;
  const int slope = glia_expr_partial(p->pool, c->residual, leaf);
  if (slope == GLIA_EXPR_NONE || glia_expr_at(p->pool, slope)->kind != GLIA_EXPR_NUMBER ||
      glia_expr_at(p->pool, slope)->number == 0.0)
    return GLIA_EXPR_NONE;
  for (int i = 0; i < GLIA_PDE_UNKNOWNS; i++) zero[i] = NUMBER(0.0);
  const int rest = glia_expr_substitute(p->pool, c->residual, p->n_unknowns, zero);
  return MUL(NUMBER(-1.0 / glia_expr_at(p->pool, slope)->number), rest);
}

/* The only coordinate that a face fixes; -1: several. */
static int across(const struct glia_problem *p, const struct glia_face *f)
{
  int out = -1;

  for (int c = 0; c < p->n_coords; c++) {
    if (!f->fixed[c]) continue;
    if (out >= 0) return -1;
    out = c;
  }
  return out;
}

static bool add_side(struct sides *s, double at, int value)
{
  for (int i = 0; i < s->n; i++)
    if (s->at[i] == at) return s->value[i] == value;
  if (s->n == FACES || value == GLIA_EXPR_NONE) return false;
  s->at[s->n] = at;
  s->value[s->n++] = value;
  return true;
}

/* Values of unknown i on whole faces. false: two conditions contradict each other. */
static bool collect_values(struct glia_problem *p, int i, struct sides *s)
{
  const uint8_t order[GLIA_EXPR_COORDS] = {0};
  const int leaf = glia_expr_unknown(p->pool, i, order);
  bool ok = true;

  for (int k = 0; k < p->n_conditions && ok; k++) {
    const struct glia_pde_condition *c = &p->condition[k];
    const int g = glia_problem_solved_for_(p, c, leaf);
    if (g == GLIA_EXPR_NONE) continue;
    for (int f = 0; f < c->n_faces && ok; f++) {
      const int a = across(p, &c->face[f]);
      if (a >= 0) ok = add_side(&s[a], c->face[f].at[a], g);
    }
    for (int a = 0; c->n_faces == 0 && a < p->n_coords && ok; a++)
      if (a != p->time && !p->periodic[a])
        ok = add_side(&s[a], p->lo[a], g) && add_side(&s[a], p->hi[a], g);
  }
  return ok;
}

/* u_t on the only face that t has. */
static void collect_slopes(struct glia_problem *p, int i, struct sides *s)
{
  for (int k = 0; k < p->n_conditions; k++) {
    const struct glia_pde_condition *c = &p->condition[k];
    if (c->n_faces != 1) continue;
    const int a = across(p, &c->face[0]);
    if (a < 0 || s[a].n != 1 || s[a].at[0] != c->face[0].at[a]) continue;
    uint8_t order[GLIA_EXPR_COORDS] = {0};
    order[a] = 1;
    const int g = glia_problem_solved_for_(p, c, glia_expr_unknown(p->pool, i, order));
    if (g != GLIA_EXPR_NONE) s[a].slope = g;
  }
}

/* Lagrange's polynomial of side j across coordinate c. */
static int lagrange(struct glia_problem *p, const struct sides *s, int c, int j)
{
  int out = NUMBER(1.0);

  for (int i = 0; i < s->n; i++)
    if (i != j)
      out = MUL(out, MUL(NUMBER(1.0 / (s->at[j] - s->at[i])),
                         SUB(glia_expr_coord(p->pool, c), NUMBER(s->at[i]))));
  return out;
}

/* g: values and slopes across one coordinate added to what is there. */
static int corrected(struct glia_problem *p, const struct sides *s, int c, int g)
{
  int out = g;

  for (int j = 0; j < s->n; j++) {
    const int missing = SUB(s->value[j], g);
    out = ADD(out, MUL(lagrange(p, s, c, j), glia_expr_fix(p->pool, missing, c, s->at[j])));
  }
  if (s->slope != GLIA_EXPR_NONE) {
    const int missing = SUB(s->slope, glia_expr_derive(p->pool, out, c));
    out = ADD(out, MUL(SUB(glia_expr_coord(p->pool, c), NUMBER(s->at[0])),
                       glia_expr_fix(p->pool, missing, c, s->at[0])));
  }
  return out;
}

/* d: zero on the faces across one coordinate, of size one between them. */
static int distance(struct glia_problem *p, const struct sides *s, int c, int d)
{
  const double length = p->hi[c] - p->lo[c];

  for (int j = 0; j < s->n; j++) {
    const int x = MUL(NUMBER((s->n > 1 ? 2.0 : 1.0) / length),
                      SUB(glia_expr_coord(p->pool, c), NUMBER(s->at[j])));
    d = MUL(d, x);
    if (s->slope != GLIA_EXPR_NONE) d = MUL(d, x);
  }
  return d;
}

/* Does g keep what was asked on each face? Conditions that disagree on an edge have no smooth g. */
static bool keeps(struct glia_problem *p, const struct sides *s, int g, double scale)
{
  double x[GLIA_PDE_COORDS], u[GLIA_PDE_COORDS];

  for (int c = 0; c < p->n_coords; c++)
    for (int j = 0; j < s[c].n; j++) {
      const int error = SUB(g, s[c].value[j]);
      for (int k = 0; k < PROBES; k++) {
        /* the first ones are edges */
        glia_sobol(p->n_coords, 1, (uint64_t)k, u);
        for (int a = 0; a < p->n_coords; a++) {
          const double v = k < 2 << p->n_coords ? (double)(k >> a & 1) : u[a];
          x[a] = p->lo[a] + v * (p->hi[a] - p->lo[a]);
        }
        x[c] = s[c].at[j];
        const struct glia_expr_values v = {.coord = x, .parameter = p->parameter_start};
        const double e = glia_expr_value(p->pool, error, &v);
        if (!(fabs(e) <= 1e-10 * scale)) return false;
      }
    }
  return true;
}

/* The value asked for on the whole outline of a domain with shapes; GLIA_EXPR_NONE: none, or not only there. */
static int on_outline(struct glia_problem *p, int i)
{
  const uint8_t order[GLIA_EXPR_COORDS] = {0};
  const int leaf = glia_expr_unknown(p->pool, i, order);
  int out = GLIA_EXPR_NONE;

  for (int k = 0; k < p->n_conditions; k++) {
    const struct glia_pde_condition *c = &p->condition[k];
    if (!glia_expr_reads(p->pool, c->residual, GLIA_EXPR_UNKNOWN, i)) continue;
    if (c->n_faces == 1 && p->time >= 0 && across(p, &c->face[0]) == p->time) continue;
    if (c->n_faces > 0 || out != GLIA_EXPR_NONE) return GLIA_EXPR_NONE;
    out = glia_problem_solved_for_(p, c, leaf);
  }
  return out;
}

/* Is g what was asked for on the outline, at all times? */
static bool keeps_outline(struct glia_problem *p, int value, int g, double scale)
{
  enum { EACH = 8, MOST = 2048, TIMES = 5 };
  double *x = malloc(sizeof(double[MOST]) * (size_t)p->n_coords);
  const int error = SUB(g, value);
  bool ok = x != NULL;
  const int64_t n = ok ? glia_problem_outline_(p, EACH, MOST, x) : 0;

  for (int64_t k = 0; k < n && ok; k++)
    for (int t = 0; t < TIMES && ok; t++) {
      double *at = x + k * p->n_coords;
      if (p->time >= 0)
        at[p->time] = p->lo[p->time] + (p->hi[p->time] - p->lo[p->time]) * t / (TIMES - 1);
      const struct glia_expr_values v = {.coord = at, .parameter = p->parameter_start};
      ok = fabs(glia_expr_value(p->pool, error, &v)) <= 1e-10 * scale;
    }
  free(x);
  return ok;
}

/* In a domain with shapes: the value on its outline, and what is said of the first time. */
static bool impose_on_shapes(struct glia_problem *p, int i, int *g, int *d)
{
  struct sides s[GLIA_PDE_COORDS] = {0};
  const int value = on_outline(p, i);

  if (value == GLIA_EXPR_NONE) return false;
  for (int c = 0; c < p->n_coords; c++) s[c].slope = GLIA_EXPR_NONE;
  *g = value;
  *d = glia_problem_distance_(p);
  if (*d == GLIA_EXPR_NONE) return false;
  if (p->time >= 0) {
    if (!collect_values(p, i, s)) return false;
    collect_slopes(p, i, s);
    if (s[p->time].n > 0) {
      *g = corrected(p, &s[p->time], p->time, *g);
      *d = distance(p, &s[p->time], p->time, *d);
    }
  }
  return *g != GLIA_EXPR_NONE && *d != GLIA_EXPR_NONE && keeps_outline(p, value, *g, p->scale[i]);
}

bool glia_problem_impose_(struct glia_problem *p, int i, int *g, int *d)
{
  struct sides s[GLIA_PDE_COORDS] = {0};
  bool any = false;

  if (p->n_within + p->n_without > 0) return impose_on_shapes(p, i, g, d);
  for (int c = 0; c < p->n_coords; c++) s[c].slope = GLIA_EXPR_NONE;
  if (!collect_values(p, i, s)) return false;
  collect_slopes(p, i, s);
  *g = NUMBER(0.0);
  *d = NUMBER(1.0);
  for (int c = 0; c < p->n_coords; c++) {
    if (s[c].n == 0) continue;
    any = true;
    *g = corrected(p, &s[c], c, *g);
    *d = distance(p, &s[c], c, *d);
  }
  if (!any || *g == GLIA_EXPR_NONE || *d == GLIA_EXPR_NONE || !keeps(p, s, *g, p->scale[i]))
    return false;
  return glia_seam_round_(p, i, g) && *g != GLIA_EXPR_NONE;
}
