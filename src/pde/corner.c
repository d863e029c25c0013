/* Re-entrant corners: where the domain fills an angle w > pi, solutions go like r^(pi/w), and a smooth network can only approach them
 * slowly: their second derivatives are infinite. With z^(pi/w) of the complex number z = r e^(i phi) beside its coordinates, which
 * unfolds the corner to a half plane, the network sees a domain in which they are smooth.
 * Source: kondratiev1967.
 */
#include "problem_priv.h"

#include <math.h>

enum { DIRECTIONS = 720, HALVINGS = 40, RAY = 400 };

static const double CIRCLE = 1e-4; /* around a corner, relative to the box */
static const double LEAST = 0.02;  /* an angle above pi that is worth it */

/* The two coordinates of shapes, and the size of the box. */
struct plane {
  const struct glia_problem *p;
  int axis[2];
  double size;
};

static bool inside(const struct plane *s, const double at[2], double angle, double r)
{
  double x[GLIA_PDE_COORDS];

  for (int c = 0; c < s->p->n_coords; c++) x[c] = 0.5 * (s->p->lo[c] + s->p->hi[c]);
  x[s->axis[0]] = at[0] + r * cos(angle);
  x[s->axis[1]] = at[1] + r * sin(angle);
  return glia_problem_inside(s->p, x);
}

/* The angle between lo and hi at which the domain begins or ends. */
static double edge(const struct plane *s, const double at[2], double lo, double hi)
{
  const bool in = inside(s, at, lo, CIRCLE * s->size);

  for (int i = 0; i < HALVINGS; i++) {
    const double mid = 0.5 * (lo + hi);
    if (inside(s, at, mid, CIRCLE * s->size) == in)
      lo = mid;
    else
      hi = mid;
  }
  return 0.5 * (lo + hi);
}

/* The cut opposite to the middle of the angle must not meet the domain: the angle phi jumps there. */
static bool cut_is_outside(const struct plane *s, const struct glia_corner_ *c)
{
  for (int i = 1; i <= RAY; i++)
    if (inside(s, c->at, c->middle + M_PI, 2.0 * s->size * i / RAY)) return false;
  return true;
}

static bool reentrant(const struct plane *s, const double at[2], struct glia_corner_ *c)
{
  const double step = 2.0 * M_PI / DIRECTIONS, first = 0.5 * step;
  double begin = 0.0, end = 0.0;
  int changes = 0;

  for (int i = 0; i < DIRECTIONS; i++) {
    const double a = first + i * step, b = a + step;
    const bool here = inside(s, at, a, CIRCLE * s->size), next = inside(s, at, b, CIRCLE * s->size);
    if (here == next) continue;
    *(next ? &begin : &end) = edge(s, at, a, b);
    changes++;
  }
  if (changes != 2) return false;
  *c = (struct glia_corner_){.at = {at[0], at[1]}, .angle = end - begin};
  if (c->angle < 0.0) c->angle += 2.0 * M_PI;
  c->middle = begin + 0.5 * c->angle;
  return c->angle > M_PI + LEAST && cut_is_outside(s, c);
}

static int of_shape(const struct plane *s, const struct glia_shape *shape, int n, int most,
                    struct glia_corner_ *out)
{
  const double *b = shape->box;
  const double four[4][2] = {{b[0], b[2]}, {b[1], b[2]}, {b[1], b[3]}, {b[0], b[3]}};
  const bool box = shape->kind == GLIA_SHAPE_BOX;
  const int k = box ? 4 : shape->kind == GLIA_SHAPE_POLYGON ? shape->n : 0;

  for (int i = 0; i < k && n < most; i++) {
    const double *at = box ? four[i] : shape->corner[i];
    bool known = false;
    for (int j = 0; j < n; j++) known = known || (out[j].at[0] == at[0] && out[j].at[1] == at[1]);
    if (!known) n += reentrant(s, at, &out[n]);
  }
  return n;
}

int glia_problem_corners_(const struct glia_problem *p, int most, struct glia_corner_ *out)
{
  struct plane s = {.p = p};
  int n = 0;

  if (p->n_within + p->n_without == 0) return 0;
  for (int c = 0, k = 0; c < p->n_coords && k < 2; c++)
    if (c != p->time) s.axis[k++] = c;
  for (int i = 0; i < 2; i++) s.size = fmax(s.size, p->hi[s.axis[i]] - p->lo[s.axis[i]]);
  for (int i = 0; i < p->n_within; i++) n = of_shape(&s, &p->within[i], n, most, out);
  for (int i = 0; i < p->n_without; i++) n = of_shape(&s, &p->without[i], n, most, out);
  for (int i = 0; i < n; i++) {
    out[i].axis[0] = s.axis[0];
    out[i].axis[1] = s.axis[1];
    out[i].size = s.size;
  }
  return n;
}

#define NUMBER(v) glia_expr_number(pool, v)
#define ADD(a, b) glia_expr_binary(pool, GLIA_EXPR_ADD, a, b)
#define MUL(a, b) glia_expr_binary(pool, GLIA_EXPR_MUL, a, b)

/* Along the middle of the angle (0) and across it (1), in units of half the box. */
static int turned(struct glia_expr_pool *pool, const struct glia_corner_ *c, int which)
{
  const double f = 2.0 / c->size, co = f * cos(c->middle), si = f * sin(c->middle);
  int x[2];

  for (int i = 0; i < 2; i++) x[i] = ADD(glia_expr_coord(pool, c->axis[i]), NUMBER(-c->at[i]));
  return which == 0 ? ADD(MUL(NUMBER(co), x[0]), MUL(NUMBER(si), x[1]))
                    : ADD(MUL(NUMBER(-si), x[0]), MUL(NUMBER(co), x[1]));
}

int glia_corner_unfolded_(struct glia_expr_pool *pool, const struct glia_corner_ *c, int which)
{
  const double a = M_PI / c->angle;
  const int x = turned(pool, c, 0), y = turned(pool, c, 1);
  /* a grain of sand, so that the corner itself has a value */
  const int square = ADD(ADD(MUL(x, x), MUL(y, y)), NUMBER(1e-30));
  const int r = glia_expr_call(pool, GLIA_EXPR_SQRT, square);
  const int half =
      glia_expr_call(pool, GLIA_EXPR_ATAN, glia_expr_binary(pool, GLIA_EXPR_DIV, y, ADD(r, x)));
  const int turn =
      glia_expr_call(pool, which == 0 ? GLIA_EXPR_COS : GLIA_EXPR_SIN, MUL(NUMBER(2.0 * a), half));

  return MUL(glia_expr_binary(pool, GLIA_EXPR_POW, square, NUMBER(0.5 * a)), turn);
}
