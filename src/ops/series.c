/* Truncated series: how powers split, and constructors; see glia_series.h. */
#include "series_priv.h"

uint16_t glia_series_power(int n_variables, const uint8_t *order)
{
  unsigned power = 0;
  int total = 0;

  for (int i = 0; i < n_variables; i++) {
    total += order[i];
    if (total > GLIA_SERIES_ORDER || (order[i] > 0 && i >= GLIA_SERIES_VARIABLES))
      return GLIA_SERIES_NO_POWER;
    for (int k = 0; k < order[i]; k++) power = power << 4 | (unsigned)(i + 1);
  }
  return (uint16_t)power;
}

/* Its order; -1: not as glia_series_power gives it. */
static int order_of(unsigned power)
{
  int order = 0;

  for (unsigned before = GLIA_SERIES_VARIABLES; power != 0; before = power & 15, power >>= 4) {
    if ((power & 15) < 1 || (power & 15) > before) return -1;
    order++;
  }
  return order;
}

/* Its place among the first n; -1: none. */
static int place_of(const struct glia_series *s, int n, unsigned power)
{
  for (int k = 0; k < n; k++)
    if (s->power[k] == power) return k;
  return -1;
}

/* Whether power k has a place behind those before it: once, by rising order, with all below it. */
static bool follows(const struct glia_series *s, int k)
{
  const unsigned power = s->power[k];
  const int order = order_of(power);

  if (order < 0 || place_of(s, k, power) >= 0) return false;
  if (k == 0) return order == 0;
  if (order < order_of(s->power[k - 1])) return false;
  for (int i = 0; i < order; i++) { /* one digit left out */
    const unsigned low = power & ((1U << (4 * i)) - 1);
    if (place_of(s, k, power >> (4 * i + 4) << (4 * i) | low) < 0) return false;
  }
  return true;
}

glia_value glia_series_node_(struct glia_graph *g, const struct glia_op *op,
                             const struct glia_series *s, int what, glia_value a, glia_value b)
{
  struct glia_attr attr = {.i = {s->n, what}};

  if (a == GLIA_NONE || b == GLIA_NONE) return GLIA_NONE;
  if (s->n < 1 || s->n > GLIA_SERIES_MOST)
    return glia_graph_fail(g, GLIA_E_SHAPE, "%s of %d coefficients, expected 1 to %d", op->name,
                           s->n, GLIA_SERIES_MOST);
  for (int k = 0; k < s->n; k++) {
    if (!follows(s, k))
      return glia_graph_fail(g, GLIA_E_SHAPE,
                             "%s: power %d, %#x, in a set by rising order that is closed downwards",
                             op->name, k, s->power[k]);
    attr.i[SERIES_POWERS + k / 4] |= (int64_t)((uint64_t)s->power[k] << (k % 4 * 16));
  }
  return glia_node_add(g, op, 2, (glia_value[]){a, b}, &attr);
}

void glia_series_of_(const struct glia_attr *attr, struct glia_series *s)
{
  s->n = (int)attr->i[SERIES_N];
  for (int k = 0; k < s->n; k++)
    s->power[k] = (uint16_t)((uint64_t)attr->i[SERIES_POWERS + k / 4] >> (k % 4 * 16));
}

/* Exponents of a power, four bits a variable. */
static uint32_t exponents(uint16_t power)
{
  uint32_t e = 0;

  for (unsigned p = power; p != 0; p >>= 4) e += UINT32_C(1) << (((p & 15) - 1) * 4);
  return e;
}

static unsigned exponent(uint32_t e, int variable) { return e >> (4 * variable) & 15; }

static void add_term(struct glia_series_list_ *list, int *at, int k, int b, int c, double weight)
{
  list->term[(*at)++] = (struct glia_series_term_){(uint8_t)k, (uint8_t)b, (uint8_t)c, weight};
}

/* Exponents are at most 4, so a bit above each catches what would have gone below 0. */
static int rest_of(const uint32_t *e, int n, int k, int b)
{
  static const uint32_t guard = UINT32_C(0x88888888);
  const uint32_t left = (e[k] | guard) - e[b];

  if ((left & guard) != guard) return -1;
  for (int c = 0; c < n; c++)
    if (e[c] == (left & ~guard)) return c;
  return -1;
}

/* What k splits into. */
static void split(const uint32_t *e, int k, int lists, struct glia_series_table_ *t, int *at)
{
  int v = 0;

  while (v < GLIA_SERIES_VARIABLES - 1 && exponent(e[k], v) == 0) v++;
  t->all.first[k] = at[0];
  t->twice.first[k] = at[1];
  t->slope.first[k] = at[2];
  for (int b = 0; b <= k; b++) {
    const int c = rest_of(e, t->n, k, b);
    if (c < 0) continue;
    if ((lists & SERIES_ALL) != 0) add_term(&t->all, &at[0], k, b, c, 1.0);
    if ((lists & SERIES_TWICE) != 0 && b <= c)
      add_term(&t->twice, &at[1], k, b, c, b < c ? 2.0 : 1.0);
    if ((lists & SERIES_SLOPE) != 0 && k > 0 && exponent(e[b], v) > 0) {
      if (c >= t->lower) t->lower = c + 1;
      add_term(&t->slope, &at[2], k, b, c, (double)exponent(e[b], v) / (double)exponent(e[k], v));
    }
  }
}

/* Sets of order 2 at most: what each coefficient of order 2 is of. */
static void pair_up(const struct glia_series *s, struct glia_series_table_ *t)
{
  t->firsts = -1;
  if (order_of(s->power[s->n - 1]) > 2) return;
  t->firsts = 0;
  while (t->firsts + 1 < s->n && s->power[t->firsts + 1] < 16) t->square[++t->firsts] = 0;
  for (int k = t->firsts + 1; k < s->n; k++) {
    const int i = place_of(s, k, s->power[k] >> 4), j = place_of(s, k, s->power[k] & 15);
    t->pair[k][0] = (uint8_t)i;
    t->pair[k][1] = (uint8_t)j;
    if (i == j) t->square[i] = (uint8_t)k;
  }
}

void glia_series_tabulate_(const struct glia_attr *attr, int lists, struct glia_series_table_ *t)
{
  struct glia_series s = {0};
  uint32_t e[GLIA_SERIES_MOST];
  int at[3] = {0}, into = 0;

  glia_series_of_(attr, &s);
  t->n = s.n;
  pair_up(&s, t);
  if ((lists & SERIES_SECOND) != 0 && t->firsts >= 0) return;
  t->lower = 0;
  for (int k = 0; k < s.n; k++) e[k] = exponents(s.power[k]);
  for (int k = 0; k < s.n; k++) split(e, k, lists, t, at);
  t->all.first[s.n] = at[0];
  t->twice.first[s.n] = at[1];
  t->slope.first[s.n] = at[2];
  for (int b = 0; b < s.n && (lists & SERIES_INTO) != 0; b++) {
    t->into.first[b] = into;
    for (int k = b; k < s.n; k++) {
      const int c = rest_of(e, s.n, k, b);
      if (c >= 0) add_term(&t->into, &into, b, k, c, 1.0);
    }
  }
  t->into.first[s.n] = into;
}

struct glia_series_shape_ glia_series_shape_(const struct glia_call *c)
{
  const struct glia_type *t = c->out.type;
  const int64_t rows = t->dim[t->rank - 2] / c->attr->i[SERIES_N], width = t->dim[t->rank - 1];
  struct glia_series_shape_ s = {1, rows * width, width};

  for (int k = 0; k < t->rank - 2; k++) s.batches *= t->dim[k];
  return s;
}

size_t glia_series_scratch_(const struct glia_graph *g, const struct glia_node *n)
{
  const int64_t numbers =
      (4 * n->attr.i[SERIES_N] + 1) * SERIES_LANES + n->type.dim[n->type.rank - 1];

  (void)g;
  return sizeof(struct glia_series_table_) + (size_t)numbers * sizeof(double);
}

glia_status glia_series_infer_(const struct glia_graph *g, struct glia_node *n)
{
  const struct glia_type *x = glia_type_of_(g, n->in[0]);
  const int64_t parts = n->attr.i[SERIES_N];
  char a[GLIA_TEXT_];

  GLIA_CHECK(parts >= 1 && parts <= GLIA_SERIES_MOST && glia_dtype_is_float(x->dtype) &&
                 x->rank >= 2 && x->dim[x->rank - 2] % parts == 0,
             GLIA_E_SHAPE, "%s of %s: [..., %lld rows, width] of 1 to %d coefficients is needed",
             n->op->name, glia_type_text(x, a, sizeof a), (long long)parts, GLIA_SERIES_MOST);
  n->type = *x;
  return GLIA_OK;
}

glia_value glia_series_embed_(struct glia_graph *g, const struct glia_series *s, glia_value first)
{
  if (s->n == 1 || first == GLIA_NONE) return first;
  struct glia_type t = *glia_type_of_(g, first);
  const int axis = t.rank - 2;
  t.dim[axis] *= s->n - 1;
  const glia_value part[2] = {first, glia_full(g, t, 0.0)};
  return glia_concat(g, 2, part, axis);
}

glia_value glia_series_tanh_slope_(struct glia_graph *g, const struct glia_series *s, glia_value y)
{
  if (y == GLIA_NONE) return GLIA_NONE;
  struct glia_type t = *glia_type_of_(g, y);
  t.dim[t.rank - 2] /= s->n;
  return glia_sub(g, glia_series_embed_(g, s, glia_full(g, t, 1.0)), glia_series_times(g, s, y, y));
}
