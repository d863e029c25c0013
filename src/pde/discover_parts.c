/* Terms made ready for integration by parts: sums of derivatives of functions of the fields.
 *
 *     0.1*u_xx        0.1 D_xx [u]                    sin(x)*u_x     D_x [sin(x) u] - [cos(x) u]
 *     u*u_x           D_x [integral of v dv]          u^2 - u        [u^2 - u]
 *     u_x^2           [u_x^2] of smoothed data: it is no derivative of anything without one
 */
#include "discover_priv.h"

#include "glia_random.h"

#include <math.h>
#include <string.h>

enum { SEEN = 64, PROBES = 3 };

static int total(const uint8_t *order)
{
  int n = 0;

  for (int i = 0; i < GLIA_EXPR_COORDS; i++) n += order[i];
  return n;
}

static glia_status add(struct glia_weak_part_ *out, int *n, struct glia_weak_part_ part)
{
  GLIA_CHECK(*n < GLIA_WEAK_PARTS_, GLIA_E_CONFIG, "a term with more than %d parts",
             GLIA_WEAK_PARTS_);
  GLIA_CHECK(part.expression != GLIA_EXPR_NONE, GLIA_E_MEMORY, "an expression");
  out[(*n)++] = part;
  return GLIA_OK;
}

/* Does e vanish with that leaf? Told at a few places. */
static bool vanishes_with(const struct glia_discovery *d, int e, int n, const int *node, int leaf)
{
  const uint64_t key = glia_random_stream(7, "discover/probe");

  for (int k = 0; k < PROBES; k++) {
    double u[SEEN], x[GLIA_EXPR_COORDS];
    for (int i = 0; i < n; i++)
      u[i] = node[i] == leaf ? 0.0 : glia_random_uniform(key, (uint64_t)k, (uint64_t)i);
    for (int c = 0; c < d->p.n_coords; c++)
      x[c] = d->p.lo[c] +
             (d->p.hi[c] - d->p.lo[c]) * glia_random_uniform(key, (uint64_t)k, 1000 + (uint64_t)c);
    const struct glia_expr_values v = {
        .coord = x, .n_unknown = n, .unknown_node = node, .unknown = u};
    if (glia_expr_value(d->p.pool, e, &v) != 0.0) return false;
  }
  return true;
}

static bool reads_derivative(const struct glia_discovery *d, int e)
{
  int node[SEEN];
  const int n = glia_expr_unknowns(d->p.pool, e, SEEN, node);

  for (int i = 0; i < n; i++)
    if (total(glia_expr_at(d->p.pool, node[i])->order) > 0) return true;
  return false;
}

static double binomial(int n, int k)
{
  double v = 1.0;

  for (int i = 0; i < k; i++) v = v * (n - i) / (i + 1);
  return v;
}

/* c(x) D^a v = sum over b <= a of (-1)^|b| (a over b) D^(a-b) [(D^b c) v]. */
static glia_status leibniz(struct glia_discovery *d, double factor, int c,
                           const struct glia_expr_node *leaf, struct glia_weak_part_ *out, int *n)
{
  struct glia_expr_pool *pool = d->p.pool;
  const uint8_t none[GLIA_EXPR_COORDS] = {0};
  const int v = glia_expr_unknown(pool, leaf->index, none);
  uint8_t b[GLIA_EXPR_COORDS] = {0};

  for (;;) {
    double f = factor;
    int slope = c;
    struct glia_weak_part_ part = {.unknown = -1};
    for (int i = 0; i < d->p.n_coords; i++) {
      f *= binomial(leaf->order[i], b[i]) * (b[i] % 2 == 0 ? 1.0 : -1.0);
      part.order[i] = (uint8_t)(leaf->order[i] - b[i]);
      for (int k = 0; k < b[i]; k++) slope = glia_expr_derive(pool, slope, i);
    }
    part.factor = f;
    part.expression = glia_expr_binary(pool, GLIA_EXPR_MUL, slope, v);
    if (slope != glia_expr_number(pool, 0.0)) GLIA_TRY(add(out, n, part));
    int i = 0;
    while (i < d->p.n_coords && b[i] == leaf->order[i]) b[i++] = 0;
    if (i == d->p.n_coords) return GLIA_OK;
    b[i]++;
  }
}

/* One product: by parts where it can be. */
static glia_status product(struct glia_discovery *d, double factor, int e,
                           struct glia_weak_part_ *out, int *n)
{
  struct glia_expr_pool *pool = d->p.pool;
  int node[SEEN], leaf = GLIA_EXPR_NONE, many = 0;
  const int seen = glia_expr_unknowns(pool, e, SEEN, node);
  const struct glia_weak_part_ as_it_is = {.factor = factor, .expression = e, .unknown = -1};
  struct glia_weak_part_ part = as_it_is;

  for (int i = 0; i < seen; i++)
    if (total(glia_expr_at(pool, node[i])->order) > 0) {
      leaf = node[i];
      many++;
    }
  if (many == 0) return add(out, n, part);
  part.estimated = true;
  if (many > 1) return add(out, n, part);
  const int c = glia_expr_partial(pool, e, leaf);
  GLIA_CHECK(c != GLIA_EXPR_NONE, GLIA_E_MEMORY, "an expression");
  if (reads_derivative(d, c) || !vanishes_with(d, e, seen, node, leaf)) return add(out, n, part);
  const struct glia_expr_node l = *glia_expr_at(pool, leaf);
  if (!glia_expr_reads(pool, c, GLIA_EXPR_UNKNOWN, -1)) return leibniz(d, factor, c, &l, out, n);
  bool own = total(l.order) == 1 && !glia_expr_reads(pool, c, GLIA_EXPR_COORD, -1);
  for (int i = 0; i < d->p.n_unknowns; i++)
    if (i != l.index && glia_expr_reads(pool, c, GLIA_EXPR_UNKNOWN, i)) own = false;
  if (!own) return add(out, n, part);
  part = (struct glia_weak_part_){.factor = factor, .expression = c, .unknown = l.index};
  memcpy(part.order, l.order, sizeof part.order);
  return add(out, n, part);
}

static glia_status split(struct glia_discovery *d, double factor, int e,
                         struct glia_weak_part_ *out, int *n)
{
  const struct glia_expr_node x = *glia_expr_at(d->p.pool, e);
  const bool a_number =
      x.a != GLIA_EXPR_NONE && glia_expr_at(d->p.pool, x.a)->kind == GLIA_EXPR_NUMBER;
  const bool b_number =
      x.b != GLIA_EXPR_NONE && glia_expr_at(d->p.pool, x.b)->kind == GLIA_EXPR_NUMBER;

  if (x.kind == GLIA_EXPR_ADD || x.kind == GLIA_EXPR_SUB) {
    GLIA_TRY(split(d, factor, x.a, out, n));
    return split(d, x.kind == GLIA_EXPR_ADD ? factor : -factor, x.b, out, n);
  }
  if (x.kind == GLIA_EXPR_NUMBER && x.number == 0.0) return GLIA_OK;
  if (x.kind == GLIA_EXPR_MUL && a_number)
    return split(d, factor * glia_expr_at(d->p.pool, x.a)->number, x.b, out, n);
  if (x.kind == GLIA_EXPR_MUL && b_number)
    return split(d, factor * glia_expr_at(d->p.pool, x.b)->number, x.a, out, n);
  if (x.kind == GLIA_EXPR_DIV && b_number)
    return split(d, factor / glia_expr_at(d->p.pool, x.b)->number, x.a, out, n);
  return product(d, factor, e, out, n);
}

glia_status glia_weak_parts_(struct glia_discovery *d, int e, struct glia_weak_part_ *out, int *n)
{
  *n = 0;
  return split(d, 1.0, e, out, n);
}
