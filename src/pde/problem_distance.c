/* What is zero on the outline of a domain with shapes and positive inside: a product of the simplest functions that are.
 *
 * A line, or a circle, whose zeros do not enter the domain is a factor as it stands. The two sides of a re-entrant corner go on as lines into
 * the domain; there the real part of z^(pi/w) takes their place, which is zero on both (corner.c). What neither covers has no
 * such function here, and its conditions stay penalties.  Source: lagaris1998, kondratiev1967.
 */
#include "problem_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ADD(a, b) glia_expr_binary(p->pool, GLIA_EXPR_ADD, a, b)
#define SUB(a, b) glia_expr_binary(p->pool, GLIA_EXPR_SUB, a, b)
#define MUL(a, b) glia_expr_binary(p->pool, GLIA_EXPR_MUL, a, b)
#define NUMBER(v) glia_expr_number(p->pool, v)

enum { INSIDE = 4096, EACH = 16, OUTLINE = 16 * 1024, CORNERS = 8, SIDES = 64 };

static const double ZERO = 1e-9; /* of a factor, in units of its largest value inside */

struct distance {
  struct glia_problem *p;
  int axis[2];
  double *inside, *outline; /* [INSIDE, coords], [n, coords] */
  int64_t n, left;
  bool *covered; /* [n] */
  int product;
};

static double at(const struct distance *s, int e, const double *x)
{
  const struct glia_expr_values v = {.coord = x, .parameter = s->p->parameter_start};

  return glia_expr_value(s->p->pool, e, &v);
}

/* Take a factor that is of one sign inside and zero on a part of the outline which nothing covers yet. */
static void offer(struct distance *s, int e)
{
  struct glia_problem *p = s->p;
  const int d = p->n_coords;
  double lo = (double)INFINITY, hi = (double)-INFINITY;
  int64_t fresh = 0;

  if (e == GLIA_EXPR_NONE || s->left == 0) return;
  for (int i = 0; i < INSIDE; i++) {
    const double v = at(s, e, s->inside + i * d);
    lo = fmin(lo, v);
    hi = fmax(hi, v);
  }
  const double size = fmax(fabs(lo), fabs(hi));
  if (!(lo > 0.0 || hi < 0.0) || !isfinite(size)) return;
  for (int64_t i = 0; i < s->n; i++) {
    if (s->covered[i] || !(fabs(at(s, e, s->outline + i * d)) <= ZERO * size)) continue;
    s->covered[i] = true;
    fresh++;
  }
  if (fresh == 0) return;
  s->left -= fresh;
  s->product = MUL(s->product, MUL(NUMBER((lo > 0.0 ? 1.0 : -1.0) / size), e));
}

static void line(struct distance *s, const double a[2], const double b[2])
{
  struct glia_problem *p = s->p;
  const double dx = b[0] - a[0], dy = b[1] - a[1];

  offer(s, SUB(MUL(NUMBER(dx), SUB(glia_expr_coord(p->pool, s->axis[1]), NUMBER(a[1]))),
               MUL(NUMBER(dy), SUB(glia_expr_coord(p->pool, s->axis[0]), NUMBER(a[0])))));
}

static void box(struct distance *s, const double b[4])
{
  const double four[4][2] = {{b[0], b[2]}, {b[1], b[2]}, {b[1], b[3]}, {b[0], b[3]}};

  for (int i = 0; i < 4; i++) line(s, four[i], four[(i + 1) % 4]);
}

static void shape(struct distance *s, const struct glia_shape *g)
{
  struct glia_problem *p = s->p;
  int square = NUMBER(-g->radius * g->radius);

  switch (g->kind) {
  case GLIA_SHAPE_BOX:
    box(s, g->box);
    break;
  case GLIA_SHAPE_POLYGON:
    /* a product of more lines than that is no distance, but all of it rounding */
    for (int i = 0; i < g->n && g->n <= SIDES; i++)
      line(s, g->corner[i], g->corner[(i + 1) % g->n]);
    break;
  default:
    for (int c = 0; c < 2; c++) {
      const int x = SUB(glia_expr_coord(p->pool, s->axis[c]), NUMBER(g->centre[c]));
      square = ADD(square, MUL(x, x));
    }
    offer(s, square);
  }
}

static void factors(struct distance *s)
{
  struct glia_problem *p = s->p;
  struct glia_corner_ corner[CORNERS];
  double all[4];

  for (int c = 0, k = 0; c < p->n_coords && k < 2; c++)
    if (c != p->time) s->axis[k++] = c;
  for (int i = 0; i < 2; i++) {
    all[2 * i] = p->lo[s->axis[i]];
    all[2 * i + 1] = p->hi[s->axis[i]];
  }
  box(s, all);
  for (int i = 0; i < p->n_within; i++) shape(s, &p->within[i]);
  for (int i = 0; i < p->n_without; i++) shape(s, &p->without[i]);
  const int n = glia_problem_corners_(p, CORNERS, corner);
  for (int i = 0; i < n; i++) offer(s, glia_corner_unfolded_(p->pool, &corner[i], 0));
}

int glia_problem_distance_(struct glia_problem *p)
{
  struct distance s = {.p = p, .product = NUMBER(1.0)};
  const size_t row = (size_t)p->n_coords * sizeof *s.inside;

  s.inside = malloc(INSIDE * row);
  s.outline = malloc(OUTLINE * row);
  s.covered = calloc(OUTLINE, sizeof *s.covered);
  int out = GLIA_EXPR_NONE;
  if (s.inside != NULL && s.outline != NULL && s.covered != NULL &&
      glia_problem_interior(p, GLIA_POINTS_SOBOL, 1, INSIDE, s.inside) == GLIA_OK) {
    s.n = s.left = glia_problem_outline_(p, EACH, OUTLINE, s.outline);
    factors(&s);
    if (s.n > 0 && s.left == 0) out = s.product;
  }
  glia_trace_clear();
  free(s.inside);
  free(s.outline);
  free(s.covered);
  return out;
}
