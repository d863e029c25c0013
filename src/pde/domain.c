/* Domains: boxes, less or within other shapes; points inside and on their boundary. */
#include "glia_problem.h"
#include "glia_random.h"
#include "problem_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The two coordinates that shapes live in. */
static void plane(const struct glia_problem *p, int axis[2])
{
  int n = 0;

  axis[0] = axis[1] = 0;
  for (int c = 0; c < p->n_coords && n < 2; c++)
    if (c != p->time) axis[n++] = c;
}

static bool in_polygon(const struct glia_shape *s, double x, double y)
{
  bool in = false;

  for (int i = 0, j = s->n - 1; i < s->n; j = i++) {
    const double *a = s->corner[i], *b = s->corner[j];
    if ((a[1] > y) != (b[1] > y) && x < (b[0] - a[0]) * (y - a[1]) / (b[1] - a[1]) + a[0]) in = !in;
  }
  return in;
}

static bool in_shape(const struct glia_shape *s, double x, double y)
{
  switch (s->kind) {
  case GLIA_SHAPE_BOX:
    return x > s->box[0] && x < s->box[1] && y > s->box[2] && y < s->box[3];
  case GLIA_SHAPE_DISK:
    return hypot(x - s->centre[0], y - s->centre[1]) < s->radius;
  default:
    return in_polygon(s, x, y);
  }
}

bool glia_problem_inside(const struct glia_problem *p, const double *x)
{
  int axis[2];

  for (int c = 0; c < p->n_coords; c++)
    if (!(x[c] >= p->lo[c] && x[c] <= p->hi[c])) return false;
  plane(p, axis);
  bool in = p->n_within == 0;
  for (int i = 0; i < p->n_within && !in; i++) in = in_shape(&p->within[i], x[axis[0]], x[axis[1]]);
  for (int i = 0; i < p->n_without && in; i++)
    in = !in_shape(&p->without[i], x[axis[0]], x[axis[1]]);
  return in;
}

bool glia_problem_holds(const struct glia_problem *p, const double *x)
{
  enum { WAYS = 64 }; /* a corner as sharp as a tenth has one of them inside */
  double at[GLIA_PDE_COORDS], near[GLIA_PDE_COORDS];
  int axis[2];

  for (int c = 0; c < p->n_coords; c++) {
    const double slack = 1e-9 * (p->hi[c] - p->lo[c]);
    if (!(x[c] >= p->lo[c] - slack && x[c] <= p->hi[c] + slack)) return false;
    at[c] = fmin(fmax(x[c], p->lo[c]), p->hi[c]);
  }
  if (glia_problem_inside(p, at)) return true;
  if (p->n_within + p->n_without == 0) return false;
  plane(p, axis);
  memcpy(near, at, sizeof near);
  for (int k = 0; k < WAYS; k++) {
    const double turn = 2.0 * M_PI * k / WAYS;
    for (int i = 0; i < 2; i++) {
      const int c = axis[i];
      near[c] = at[c] + 1e-9 * (p->hi[c] - p->lo[c]) * (i == 0 ? cos(turn) : sin(turn));
    }
    if (glia_problem_inside(p, near)) return true;
  }
  return false;
}

/* Polygon i of a list of shapes as "key.i.polygon=[[x, y], ...]". */
static glia_status settle(struct glia_yaml_doc *doc, const char *key, int i,
                          const struct glia_shape *s)
{
  const size_t room = 64 + (size_t)s->n * 64;
  char *text = malloc(room);

  GLIA_CHECK(text != NULL, GLIA_E_MEMORY, "%d corners", s->n);
  int at = snprintf(text, room, "%s.%d.polygon=[", key, i);
  for (int k = 0; k < s->n; k++)
    at += snprintf(text + at, room - (size_t)at, "%s[%.17g, %.17g]", k > 0 ? ", " : "",
                   s->corner[k][0], s->corner[k][1]);
  snprintf(text + at, room - (size_t)at, "]");
  const glia_status st = glia_yaml_override(doc, text);
  free(text);
  return st;
}

glia_status glia_problem_settle(const struct glia_problem *p, struct glia_yaml_doc *doc)
{
  const struct {
    const char *key;
    const struct glia_shape *shape;
  } list[] = {{"within", p->within}, {"without", p->without}};

  for (size_t k = 0; k < GLIA_COUNT(list); k++) {
    const struct glia_yaml *node = glia_yaml_get(glia_yaml_root(doc), list[k].key);
    const struct glia_yaml *c = node != NULL ? node->child : NULL;
    for (int i = 0; c != NULL; c = c->next, i++)
      if (list[k].shape[i].kind == GLIA_SHAPE_POLYGON && c->child->kind == GLIA_YAML_SCALAR)
        GLIA_TRY(settle(doc, list[k].key, i, &list[k].shape[i]));
  }
  return GLIA_OK;
}

/* Where numbers in the unit cube come from. */
struct draw {
  glia_points_kind kind;
  uint64_t seed;
  int d;
  int64_t n; /* wanted: a grid has about as many */
};

static int64_t side(const struct draw *w)
{
  int64_t m = (int64_t)floor(pow((double)w->n, 1.0 / w->d) + 1e-9);

  return m < 1 ? 1 : m;
}

static void unit(const struct draw *w, int64_t i, double *u)
{
  if (w->d == 0) return;
  if (w->kind == GLIA_POINTS_SOBOL) {
    glia_sobol(w->d, w->seed, (uint64_t)i, u);
  } else if (w->kind == GLIA_POINTS_RANDOM) {
    const uint64_t key = glia_random_stream(w->seed, "points");
    for (int c = 0; c < w->d; c++) u[c] = glia_random_uniform(key, (uint64_t)c, (uint64_t)i);
  } else { /* cell centres; what exceeds the grid is drawn */
    const int64_t m = side(w);
    int64_t cells = 1, rest = i;
    for (int c = 0; c < w->d; c++) cells *= m;
    if (i >= cells) {
      glia_sobol(w->d, w->seed, (uint64_t)i, u);
      return;
    }
    for (int c = w->d - 1; c >= 0; c--, rest /= m) u[c] = ((double)(rest % m) + 0.5) / (double)m;
  }
}

/* Where points along a coordinate end. */
static double end_of(const struct glia_problem *p, int c)
{
  return c == p->time ? p->horizon : p->hi[c];
}

glia_status glia_problem_interior(const struct glia_problem *p, glia_points_kind kind,
                                  uint64_t seed, int64_t n, double *x)
{
  const struct draw w = {kind, seed, p->n_coords, n};
  double u[GLIA_PDE_COORDS];
  int64_t found = 0;

  for (int64_t i = 0; found < n; i++) {
    GLIA_CHECK(i < 1000 * (found + 100), GLIA_E_CONFIG,
               "domain: hardly any of the box lies inside (%lld of %lld points): do the shapes "
               "leave anything?",
               (long long)found, (long long)i);
    double *at = x + found * p->n_coords;
    unit(&w, i, u);
    for (int c = 0; c < p->n_coords; c++) at[c] = p->lo[c] + u[c] * (end_of(p, c) - p->lo[c]);
    found += glia_problem_inside(p, at);
  }
  return GLIA_OK;
}

/* On faces: coordinates fixed, the others drawn; points outside the domain's closure are left out. */
static glia_status on_faces(const struct glia_problem *p, int n_faces, const struct glia_face *face,
                            struct draw w, int64_t n, double *x)
{
  double u[GLIA_PDE_COORDS];
  int64_t found = 0;

  for (int64_t i = 0; found < n; i++) {
    GLIA_CHECK(i < 1000 * (found + 100), GLIA_E_CONFIG,
               "conditions: hardly any point of a face lies on the domain");
    const struct glia_face *f = &face[i % n_faces];
    double *at = x + found * p->n_coords;
    w.d = 0;
    for (int c = 0; c < p->n_coords; c++) w.d += !f->fixed[c];
    w.n = n / n_faces;
    unit(&w, i / n_faces, u);
    for (int c = 0, k = 0; c < p->n_coords; c++)
      at[c] = f->fixed[c] ? f->at[c] : p->lo[c] + u[k++] * (end_of(p, c) - p->lo[c]);
    found += glia_problem_inside(p, at);
  }
  return GLIA_OK;
}

/* Curves that bound shapes, and the box, in the plane. */

enum { CURVES = GLIA_PDE_CURVES_ };

struct curve {
  double a[2], b[2]; /* a segment; or, with a radius, the circle around a */
  double radius, length;
};

static int corners(const struct glia_shape *s, double (*out)[2])
{
  if (s->kind == GLIA_SHAPE_POLYGON) {
    memcpy(out, s->corner, (size_t)s->n * sizeof *out);
    return s->n;
  }
  const double *b = s->box;
  const double four[4][2] = {{b[0], b[2]}, {b[1], b[2]}, {b[1], b[3]}, {b[0], b[3]}};
  memcpy(out, four, sizeof four);
  return 4;
}

static int add_curves(const struct glia_shape *s, int n, struct curve *curve)
{
  double at[GLIA_PDE_CORNERS][2];

  if (s->kind == GLIA_SHAPE_DISK) {
    if (n < CURVES) {
      curve[n] = (struct curve){.radius = s->radius, .length = 2.0 * M_PI * s->radius};
      memcpy(curve[n++].a, s->centre, sizeof s->centre);
    }
    return n;
  }
  const int k = corners(s, at);
  for (int i = 0; i < k && n < CURVES; i++) {
    struct curve *c = &curve[n++];
    *c = (struct curve){0};
    memcpy(c->a, at[i], sizeof c->a);
    memcpy(c->b, at[(i + 1) % k], sizeof c->b);
    c->length = hypot(c->b[0] - c->a[0], c->b[1] - c->a[1]);
  }
  return n;
}

/* The point at arc length t of a curve, and the normal there. */
static void point_on(const struct curve *c, double t, double at[2], double normal[2])
{
  if (c->radius > 0.0) {
    normal[0] = cos(t / c->radius);
    normal[1] = sin(t / c->radius);
    for (int i = 0; i < 2; i++) at[i] = c->a[i] + c->radius * normal[i];
    return;
  }
  const double f = t / c->length;
  for (int i = 0; i < 2; i++) at[i] = c->a[i] + f * (c->b[i] - c->a[i]);
  normal[0] = (c->b[1] - c->a[1]) / c->length;
  normal[1] = -(c->b[0] - c->a[0]) / c->length;
}

/* A curve bounds the domain where one side of it is inside and the other is not. */
static bool bounds(const struct glia_problem *p, const double *x, const int axis[2],
                   const double normal[2])
{
  const double step = 1e-7 * (p->hi[axis[0]] - p->lo[axis[0]] + p->hi[axis[1]] - p->lo[axis[1]]);
  double side[GLIA_PDE_COORDS];
  bool in[2];

  for (int k = 0; k < 2; k++) {
    memcpy(side, x, sizeof side);
    for (int i = 0; i < 2; i++) side[axis[i]] += (k == 0 ? step : -step) * normal[i];
    in[k] = glia_problem_inside(p, side);
  }
  return in[0] != in[1];
}

static int curves_of(const struct glia_shape *s)
{
  return s->kind == GLIA_SHAPE_DISK ? 1 : s->kind == GLIA_SHAPE_BOX ? 4 : s->n;
}

/* See problem_priv.h. */
int glia_problem_curves_(const struct glia_problem *p)
{
  int n = 4;

  for (int i = 0; i < p->n_within; i++) n += curves_of(&p->within[i]);
  for (int i = 0; i < p->n_without; i++) n += curves_of(&p->without[i]);
  return n;
}

/* All curves, axis: the plane. Returns their number. */
static int all_curves(const struct glia_problem *p, int axis[2], struct curve *curve)
{
  struct glia_shape box = {.kind = GLIA_SHAPE_BOX};
  int m;

  plane(p, axis);
  for (int i = 0; i < 2; i++) {
    box.box[2 * i] = p->lo[axis[i]];
    box.box[2 * i + 1] = p->hi[axis[i]];
  }
  m = add_curves(&box, 0, curve);
  for (int i = 0; i < p->n_within; i++) m = add_curves(&p->within[i], m, curve);
  for (int i = 0; i < p->n_without; i++) m = add_curves(&p->without[i], m, curve);
  return m;
}

/* See problem_priv.h. */
int64_t glia_problem_outline_(const struct glia_problem *p, int each, int64_t most, double *x)
{
  struct curve curve[CURVES];
  double full[GLIA_PDE_COORDS] = {0}, normal[2], on[2];
  int axis[2];
  const int m = all_curves(p, axis, curve);
  int64_t n = 0;

  if (p->time >= 0) full[p->time] = 0.5 * (p->lo[p->time] + p->hi[p->time]);
  for (int k = 0; k < m; k++)
    for (int i = 0; i < each && n < most; i++) {
      point_on(&curve[k], (i + 0.5) / each * curve[k].length, on, normal);
      for (int c = 0; c < 2; c++) full[axis[c]] = on[c];
      if (!bounds(p, full, axis, normal)) continue;
      memcpy(x + n * p->n_coords, full, (size_t)p->n_coords * sizeof *x);
      n++;
    }
  return n;
}

static glia_status on_curves(const struct glia_problem *p, struct draw w, int64_t n, double *x)
{
  struct curve curve[CURVES];
  double u[GLIA_PDE_COORDS], length = 0.0, normal[2], on[2];
  int axis[2];
  int64_t found = 0;
  const int m = all_curves(p, axis, curve);

  for (int i = 0; i < m; i++) length += curve[i].length;
  w.d = p->time >= 0 ? 2 : 1;
  if (w.kind == GLIA_POINTS_GRID && p->time >= 0) w.kind = GLIA_POINTS_SOBOL;
  for (int64_t i = 0; found < n; i++) {
    GLIA_CHECK(i < 1000 * (found + 100), GLIA_E_CONFIG, "the domain has no boundary to be found");
    double *at = x + found * p->n_coords, full[GLIA_PDE_COORDS] = {0};
    unit(&w, i, u);
    double t = u[0] * length;
    int k = 0;
    while (k < m - 1 && t >= curve[k].length) t -= curve[k++].length;
    point_on(&curve[k], t, on, normal);
    if (p->time >= 0) full[p->time] = p->lo[p->time] + u[1] * (p->horizon - p->lo[p->time]);
    for (int c = 0; c < 2; c++) full[axis[c]] = on[c];
    memcpy(at, full, (size_t)p->n_coords * sizeof *at);
    found += bounds(p, full, axis, normal);
  }
  return GLIA_OK;
}

glia_status glia_problem_on(const struct glia_problem *p, int c, glia_points_kind kind,
                            uint64_t seed, int64_t n, double *x)
{
  const struct glia_pde_condition *condition = &p->condition[c];
  const struct draw w = {kind, seed ^ (uint64_t)(c + 1) << 32, 0, n};
  struct glia_face face[2 * GLIA_PDE_COORDS] = {0};
  int k = 0;

  if (condition->n_faces > 0) return on_faces(p, condition->n_faces, condition->face, w, n, x);
  if (p->n_within + p->n_without > 0) return on_curves(p, w, n, x);
  for (int a = 0; a < p->n_coords; a++)
    for (int end = 0; end < 2 && a != p->time && !p->periodic[a]; end++) {
      face[k].fixed[a] = true;
      face[k++].at[a] = end == 0 ? p->lo[a] : p->hi[a];
    }
  GLIA_CHECK(k > 0, GLIA_E_CONFIG, "conditions: a periodic domain has no boundary");
  return on_faces(p, k, face, w, n, x);
}
