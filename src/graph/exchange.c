/* The canonical tree over micro-batches, addition along it, and the exchange of one process.
 *
 * Nodes of the tree over [0, v), with s = hi - lo and up(s) the smallest power of two that is not below s: [lo, hi) is
 * a node exactly when up(s) divides lo and either s = up(s) (a full block) or hi = v (the ragged right edge).
 */
#include "glia_exchange.h"

#include <assert.h>
#include <string.h>

static int64_t power_not_below(int64_t n)
{
  int64_t p = 1;

  while (p < n) p *= 2;
  return p;
}

static bool is_node(int64_t v, int64_t lo, int64_t hi)
{
  const int64_t p = power_not_below(hi - lo);

  return lo % p == 0 && (p == hi - lo || hi == v);
}

int64_t glia_tree_range(int64_t v, int64_t n_workers, int64_t w)
{
  assert(v >= 0 && n_workers > 0 && w >= 0 && w <= n_workers);
  /* floor(v w / n) without the product v w, which may overflow */
  const int64_t each = v / n_workers;
  const int64_t rest = v % n_workers;
  return each * w + rest * w / n_workers;
}

int64_t glia_tree_split(int64_t lo, int64_t hi)
{
  assert(hi - lo >= 2);
  return lo + power_not_below(hi - lo) / 2;
}

int glia_tree_parts(int64_t v, int64_t lo, int64_t hi, struct glia_part parts[GLIA_TREE_MAX_PARTS])
{
  int n = 0;

  /* Sizes first rise, then fall, each a power of two but the last: fewer than 2 * 63 parts. */
  for (int64_t at = lo; at < hi; n++) {
    int64_t to = at + 1;
    if (is_node(v, at, hi))
      to = hi;
    else
      for (int64_t s = 2; s <= hi - at && at % s == 0; s *= 2) to = at + s;
    assert(n < GLIA_TREE_MAX_PARTS);
    parts[n] = (struct glia_part){.lo = at, .hi = to, .data = NULL};
    at = to;
  }
  return n;
}

/* Is a + b a node whose halves are a and b? */
static bool siblings(int64_t v, const struct glia_part *a, const struct glia_part *b)
{
  return a->hi == b->lo && is_node(v, a->lo, b->hi) && glia_tree_split(a->lo, b->hi) == b->lo;
}

GLIA_CLONES static void add_f32(float *restrict left, const float *restrict right, int64_t n)
{
  for (int64_t i = 0; i < n; i++) left[i] += right[i];
}

GLIA_CLONES static void add_f64(double *restrict left, const double *restrict right, int64_t n)
{
  for (int64_t i = 0; i < n; i++) left[i] += right[i];
}

int glia_tree_join(int64_t v, glia_dtype dtype, int64_t n_elements, int n, struct glia_part *parts)
{
  int top = 0; /* parts[0 .. top) is a stack: nothing in it can be joined */

  assert(dtype == GLIA_F32 || dtype == GLIA_F64);
  for (int i = 0; i < n; i++) {
    parts[top++] = parts[i];
    for (; top >= 2 && siblings(v, &parts[top - 2], &parts[top - 1]); top--) {
      struct glia_part *a = &parts[top - 2];
      const struct glia_part *b = &parts[top - 1];
      if (dtype == GLIA_F32)
        add_f32(a->data, b->data, n_elements);
      else
        add_f64(a->data, b->data, n_elements);
      a->hi = b->hi;
    }
  }
  return top;
}

GLIA_CLONES static void sum_f32(float *restrict to, const float *restrict a,
                                const float *restrict b, int64_t n)
{
  for (int64_t i = 0; i < n; i++) to[i] = a[i] + b[i];
}

GLIA_CLONES static void sum_f64(double *restrict to, const double *restrict a,
                                const double *restrict b, int64_t n)
{
  for (int64_t i = 0; i < n; i++) to[i] = a[i] + b[i];
}

static void add(glia_dtype dtype, int64_t n, void *left, const void *right)
{
  if (dtype == GLIA_F32)
    add_f32(left, right, n);
  else
    add_f64(left, right, n);
}

void glia_tree_total(int64_t v, glia_dtype dtype, int64_t n_elements, int n,
                     struct glia_part *parts, void *to)
{
  const size_t bytes = (size_t)n_elements * glia_dtype_size(dtype);
  int top =
      n; /* all but the last are joined as far as they go: then they lie behind one another like the digits of a number */

  if (n > 1) top = glia_tree_join(v, dtype, n_elements, n - 1, parts);
  if (n > 1) parts[top++] = parts[n - 1];
  for (; top > 2; top--) { /* the last one completes the one before it, and so on up to the root */
    add(dtype, n_elements, parts[top - 2].data, parts[top - 1].data);
    parts[top - 2].hi = parts[top - 1].hi;
  }
  if (top == 0)
    memset(to, 0, bytes);
  else if (top == 1 && to != parts[0].data)
    memcpy(to, parts[0].data, bytes);
  else if (top == 2 && to == parts[0].data)
    add(dtype, n_elements, to, parts[1].data);
  else if (top == 2 && to == parts[1].data)
    add(dtype, n_elements, to, parts[0].data); /* a sum of two has no order */
  else if (top == 2 && dtype == GLIA_F32)
    sum_f32(to, parts[0].data, parts[1].data, n_elements);
  else if (top == 2)
    sum_f64(to, parts[0].data, parts[1].data, n_elements);
}

static glia_status loopback_start(void *self, const struct glia_bucket *bucket, int64_t v,
                                  int n_parts, const struct glia_part *parts, void *total)
{
  struct glia_part stack[2 * GLIA_TREE_MAX_PARTS];
  const size_t bytes = glia_dtype_size(bucket->dtype) * (size_t)bucket->n;
  int n = 0;

  (void)self;
  if (v == 0) {
    memset(total, 0, bytes);
    return GLIA_OK;
  }
  for (int i = 0; i < n_parts; i++) {
    if (n == (int)GLIA_COUNT(stack)) break; /* parts that leave gaps: refused below */
    stack[n++] = parts[i];
    n = glia_tree_join(v, bucket->dtype, bucket->n, n, stack);
  }
  GLIA_CHECK(n == 1 && stack[0].lo == 0 && stack[0].hi == v, GLIA_E_ARGUMENT,
             "bucket %d: parts do not cover micro-batches 0 to %lld once each", bucket->index,
             (long long)v - 1);
  if (total != stack[0].data) memmove(total, stack[0].data, bytes);
  return GLIA_OK;
}

static void loopback_poll(void *self) { (void)self; }

static glia_status loopback_wait(void *self, const struct glia_bucket *bucket)
{
  (void)self;
  (void)bucket;
  return GLIA_OK;
}

static bool loopback_test(void *self, const struct glia_bucket *bucket)
{
  (void)self;
  (void)bucket;
  return true;
}

const struct glia_exchange *glia_exchange_loopback(void)
{
  static const struct glia_exchange loopback = {.rank = 0,
                                                .size = 1,
                                                .start = loopback_start,
                                                .poll = loopback_poll,
                                                .wait = loopback_wait,
                                                .test = loopback_test};

  return &loopback;
}
