/* Seams: where a start condition does not go on across a period, its slope jumps there. Diffusion rounds such a kink off at once, to a
 * width of sqrt(D t) that points hardly see; a condition made exact as it stands would keep the kink for ever, and be a source that
 * the equation does not have. So what is made exact is the kink as the heat equation rounds it,
 *
 *     H(q, t) = q erf(q/s) + s/sqrt(pi) exp(-(q/s)^2),  s = 2 sqrt(D (t - t0)),  H(q, 0) = |q|,  H_t = D H_qq,
 *
 * q the distance from the seam along a circle of the period's length; and the network sees H among its inputs, since the rest of the
 * equation acts on the rounded kink as well. Where no diffusion rounds it, the condition stays a penalty.  Source: carslaw1959.
 */
#include "problem_priv.h"

#include <math.h>

#define ADD(a, b)  glia_expr_binary(p->pool, GLIA_EXPR_ADD, a, b)
#define SUB(a, b)  glia_expr_binary(p->pool, GLIA_EXPR_SUB, a, b)
#define MUL(a, b)  glia_expr_binary(p->pool, GLIA_EXPR_MUL, a, b)
#define DIV(a, b)  glia_expr_binary(p->pool, GLIA_EXPR_DIV, a, b)
#define CALL(f, a) glia_expr_call(p->pool, GLIA_EXPR_##f, a)
#define NUMBER(v)  glia_expr_number(p->pool, v)

enum { SEEN = 256, PROBES = 64 };

static const double ROUNDING = 1e-8; /* jumps that are none, in units of the unknown's scale */
static const double GRAIN = 1e-9;    /* of the time: so that the kink itself has derivatives */

/* The coefficient of a derivative in equation k where it is a number; 0 where it is not there, NaN where it varies. */
static double coefficient(const struct glia_problem *p, int k, int leaf)
{
  const int slope = glia_expr_partial(p->pool, p->equation[k], leaf);
  const struct glia_expr_node *n = slope != GLIA_EXPR_NONE ? glia_expr_at(p->pool, slope) : NULL;

  return n != NULL && n->kind == GLIA_EXPR_NUMBER ? n->number : (double)NAN;
}

/* Does equation k go beyond one derivative by time and two by coordinate c? */
static bool higher(const struct glia_problem *p, int k, int c)
{
  int node[SEEN];
  const int n = glia_expr_unknowns(p->pool, p->equation[k], SEEN, node);
  bool out = n == SEEN;

  for (int j = 0; j < n; j++) {
    const uint8_t *order = glia_expr_at(p->pool, node[j])->order;
    out = out || order[p->time] > 1 || order[c] > 2;
  }
  return out;
}

/* D of u_t = D u_cc + ... for unknown i; 0: no equation is of that form. */
static double diffusion(struct glia_problem *p, int i, int c)
{
  uint8_t by_time[GLIA_EXPR_COORDS] = {0}, twice[GLIA_EXPR_COORDS] = {0};

  if (p->time < 0) return 0.0;
  by_time[p->time] = 1;
  twice[c] = 2;
  const int u_t = glia_expr_unknown(p->pool, i, by_time),
            u_cc = glia_expr_unknown(p->pool, i, twice);
  for (int k = 0; k < p->n_equations; k++) {
    const double d = -coefficient(p, k, u_cc) / coefficient(p, k, u_t);
    if (isfinite(d) && d > 0.0 && !higher(p, k, c)) return d;
  }
  return 0.0;
}

/* The largest |e| at points of the box. */
static double largest(const struct glia_problem *p, int e)
{
  double x[GLIA_PDE_COORDS], most = 0.0;

  for (int k = 0; k < PROBES; k++) {
    glia_sobol(p->n_coords, 1, (uint64_t)k, x);
    for (int c = 0; c < p->n_coords; c++) x[c] = p->lo[c] + x[c] * (p->hi[c] - p->lo[c]);
    const struct glia_expr_values v = {.coord = x, .parameter = p->parameter_start};
    const double value = fabs(glia_expr_value(p->pool, e, &v));
    if (!(value <= most)) most = value;
  }
  return most;
}

/* What e gains from the end of the period to its beginning. */
static int jump(struct glia_problem *p, int e, int c)
{
  return SUB(glia_expr_fix(p->pool, e, c, p->lo[c]), glia_expr_fix(p->pool, e, c, p->hi[c]));
}

/* q: minus the distance from the seam. */
static int away(struct glia_problem *p, int c)
{
  const double turn = M_PI / (p->hi[c] - p->lo[c]);
  const int middle = SUB(glia_expr_coord(p->pool, c), NUMBER(0.5 * (p->lo[c] + p->hi[c])));

  return MUL(NUMBER(-1.0 / turn), CALL(COS, MUL(NUMBER(turn), middle)));
}

int glia_seam_rounded_(struct glia_problem *p, const struct glia_seam *s)
{
  const double first = p->lo[p->time], length = p->hi[p->time] - first;
  const int since = SUB(glia_expr_coord(p->pool, p->time), NUMBER(first - GRAIN * length));
  const int width = CALL(SQRT, MUL(NUMBER(4.0 * s->diffusion), since)), q = away(p, s->coord);
  const int part = DIV(q, width), minus = MUL(NUMBER(-1.0), MUL(part, part));

  return ADD(MUL(q, CALL(ERF, part)), MUL(NUMBER(1.0 / sqrt(M_PI)), MUL(width, CALL(EXP, minus))));
}

bool glia_seam_round_(struct glia_problem *p, int i, int *g)
{
  for (int c = 0; c < p->n_coords; c++) {
    const double length = p->hi[c] - p->lo[c];
    struct glia_seam s = {.coord = c};
    if (!p->periodic[c] || c == p->time) continue;
    if (!(largest(p, jump(p, *g, c)) <= ROUNDING * p->scale[i])) return false;
    const int kink = jump(p, glia_expr_derive(p->pool, *g, c), c);
    if (largest(p, kink) * length <= ROUNDING * p->scale[i]) continue;
    s.diffusion = diffusion(p, i, c);
    if (!(s.diffusion > 0.0) || p->n_seams == GLIA_PDE_SEAMS) return false;
    /* |q| = -q */
    *g = ADD(*g, MUL(MUL(NUMBER(0.5), kink), ADD(glia_seam_rounded_(p, &s), away(p, c))));
    bool known = false;
    for (int k = 0; k < p->n_seams; k++)
      known = known || (p->seam[k].coord == c && p->seam[k].diffusion == s.diffusion);
    if (!known) p->seam[p->n_seams++] = s;
  }
  return true;
}
