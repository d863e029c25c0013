/* The canonical tree: whoever adds, in however many pieces, gets the bits of the plain recursion. */
#include "glia_exchange.h"
#include "tap.h"

#include <string.h>

enum { V_MAX = 70, W_MAX = 9, N = 19 };

/* A number that needs all its bits, with exponents far apart, so that another order of sums shows. */
static double noise(uint64_t key)
{
  key = (key + 1) * 0x9e3779b97f4a7c15u;
  key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
  key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
  key ^= key >> 31;
  const double x = (double)(int64_t)(key >> 11) / 4503599627370496.0 - 1.0;
  return x * (double)(1 << (key % 13));
}

static int64_t oracle_split(int64_t lo, int64_t hi)
{
  int64_t p = 1;

  while (2 * p < hi - lo) p *= 2;
  return lo + p;
}

/* Maximal nodes of [at, to) inside [lo, hi), by walking the tree from its root. */
static int oracle_parts(int64_t at, int64_t to, int64_t lo, int64_t hi, struct glia_part *out)
{
  if (at >= hi || to <= lo) return 0;
  if (at >= lo && to <= hi) {
    *out = (struct glia_part){.lo = at, .hi = to};
    return 1;
  }
  const int64_t mid = oracle_split(at, to);
  const int n = oracle_parts(at, mid, lo, hi, out);
  return n + oracle_parts(mid, to, lo, hi, out + n);
}

static float oracle_sum_f32(int64_t lo, int64_t hi, int e)
{
  if (hi - lo == 1) return (float)noise((uint64_t)lo * N + (uint64_t)e);
  const int64_t mid = oracle_split(lo, hi);
  return oracle_sum_f32(lo, mid, e) + oracle_sum_f32(mid, hi, e);
}

static double oracle_sum_f64(int64_t lo, int64_t hi, int e)
{
  if (hi - lo == 1) return noise((uint64_t)lo * N + (uint64_t)e);
  const int64_t mid = oracle_split(lo, hi);
  return oracle_sum_f64(lo, mid, e) + oracle_sum_f64(mid, hi, e);
}

static float leaf_f32[V_MAX][N];
static double leaf_f64[V_MAX][N];

static void *fill_leaf(glia_dtype dtype, int64_t i)
{
  for (int e = 0; e < N; e++) {
    leaf_f64[i][e] = noise((uint64_t)i * N + (uint64_t)e);
    leaf_f32[i][e] = (float)leaf_f64[i][e];
  }
  return dtype == GLIA_F32 ? (void *)leaf_f32[i] : (void *)leaf_f64[i];
}

/* What a worker does: make its micro-batches one after the other and join as it goes. Returns its number of parts. */
static int work(glia_dtype dtype, int64_t v, int64_t lo, int64_t hi, struct glia_part *parts)
{
  int n = 0;

  for (int64_t i = lo; i < hi; i++) {
    parts[n++] = (struct glia_part){.lo = i, .hi = i + 1, .data = fill_leaf(dtype, i)};
    n = glia_tree_join(v, dtype, N, n, parts);
  }
  return n;
}

static bool same_bits(glia_dtype dtype, int64_t v, const void *sum)
{
  for (int e = 0; e < N; e++) {
    const float f = oracle_sum_f32(0, v, e);
    const double d = oracle_sum_f64(0, v, e);
    if (dtype == GLIA_F32 ? memcmp((const float *)sum + e, &f, sizeof f) != 0
                          : memcmp((const double *)sum + e, &d, sizeof d) != 0)
      return false;
  }
  return true;
}

static void ranges_deal_out_all_micro_batches(void)
{
  for (int64_t v = 0; v <= V_MAX; v++)
    for (int64_t w = 1; w <= W_MAX; w++) {
      CU_ASSERT_EQUAL(glia_tree_range(v, w, 0), 0);
      CU_ASSERT_EQUAL(glia_tree_range(v, w, w), v);
      for (int64_t i = 0; i < w; i++) {
        CU_ASSERT_EQUAL(glia_tree_range(v, w, i), v * i / w);
        CU_ASSERT(glia_tree_range(v, w, i + 1) - glia_tree_range(v, w, i) <= (v + w - 1) / w);
      }
    }
  CU_ASSERT_EQUAL(glia_tree_range(INT64_C(1) << 62, 8, 3), 3 * (INT64_C(1) << 59));
}

static void a_node_splits_at_the_largest_power_of_two_below_its_length(void)
{
  for (int64_t lo = 0; lo < 4; lo++)
    for (int64_t n = 2; n <= 300; n++)
      CU_ASSERT_EQUAL(glia_tree_split(lo, lo + n), oracle_split(lo, lo + n));
}

/* Every contiguous range, so every way to deal to any number of workers. */
static void parts_are_the_maximal_nodes_of_any_range(void)
{
  for (int64_t v = 1; v <= V_MAX; v++)
    for (int64_t lo = 0; lo <= v; lo++)
      for (int64_t hi = lo; hi <= v; hi++) {
        struct glia_part got[GLIA_TREE_MAX_PARTS];
        struct glia_part want[2 * V_MAX];
        const int n = glia_tree_parts(v, lo, hi, got);
        const int n_want = oracle_parts(0, v, lo, hi, want);
        bool same = n == n_want;
        for (int i = 0; same && i < n; i++)
          same = got[i].lo == want[i].lo && got[i].hi == want[i].hi && got[i].data == NULL;
        if (!same) CU_FAIL("parts differ from the walk down the tree");
      }
}

static void parts_of_huge_ranges_fit(void)
{
  const int64_t v = INT64_C(1) << 62;
  struct glia_part parts[GLIA_TREE_MAX_PARTS];
  const int n = glia_tree_parts(v, 1, v - 1, parts);

  CU_ASSERT_EQUAL(n, 2 * 61); /* 1, 2, 4 .. 2^60 and back */
  CU_ASSERT(n <= GLIA_TREE_MAX_PARTS);
  CU_ASSERT_EQUAL(parts[0].hi, 2);
  CU_ASSERT_EQUAL(parts[n - 1].hi, v - 1);
}

static void a_worker_ends_with_the_parts_of_its_range(void)
{
  for (int64_t v = 1; v <= V_MAX; v++)
    for (int64_t w = 0; w < W_MAX; w++) {
      struct glia_part mine[GLIA_TREE_MAX_PARTS + 1];
      struct glia_part want[GLIA_TREE_MAX_PARTS];
      const int64_t lo = glia_tree_range(v, W_MAX, w);
      const int64_t hi = glia_tree_range(v, W_MAX, w + 1);
      const int n = work(GLIA_F32, v, lo, hi, mine);
      CU_ASSERT_EQUAL(n, glia_tree_parts(v, lo, hi, want));
      for (int i = 0; i < n; i++) CU_ASSERT(mine[i].lo == want[i].lo && mine[i].hi == want[i].hi);
    }
}

static void any_number_of_workers_gives_the_bits_of_the_recursion(void)
{
  for (int d = 0; d < 2; d++)
    for (int64_t v = 1; v <= V_MAX; v++)
      for (int64_t n_workers = 1; n_workers <= W_MAX; n_workers++) {
        const glia_dtype dtype = d == 0 ? GLIA_F32 : GLIA_F64;
        struct glia_part all[2 * V_MAX];
        int n = 0;
        for (int64_t w = 0; w < n_workers; w++)
          n += work(dtype, v, glia_tree_range(v, n_workers, w),
                    glia_tree_range(v, n_workers, w + 1), all + n);
        n = glia_tree_join(v, dtype, N, n, all);
        CU_ASSERT_EQUAL(n, 1);
        CU_ASSERT(all[0].lo == 0 && all[0].hi == v && same_bits(dtype, v, all[0].data));
      }
}

/* Uneven deals, empty workers among them. */
static void uneven_deals_give_the_same_bits_too(void)
{
  uint64_t key = 7;

  for (int64_t v = 1; v <= V_MAX; v++)
    for (int trial = 0; trial < 20; trial++) {
      struct glia_part all[2 * V_MAX];
      int n = 0;
      for (int64_t at = 0; at < v;) {
        key = key * 6364136223846793005u + 1442695040888963407u;
        int64_t to = at + (int64_t)((key >> 33) % 17);
        if (to > v) to = v;
        n += work(GLIA_F32, v, at, to, all + n);
        at = to;
      }
      n = glia_tree_join(v, GLIA_F32, N, n, all);
      CU_ASSERT(n == 1 && same_bits(GLIA_F32, v, all[0].data));
    }
}

/* The order matters on these numbers: otherwise the tests above prove nothing. */
static void a_plain_loop_gives_other_bits(void)
{
  float plain[N] = {0};

  for (int e = 0; e < N; e++)
    for (int64_t i = 0; i < V_MAX; i++) plain[e] += (float)noise((uint64_t)i * N + (uint64_t)e);
  CU_ASSERT_FALSE(same_bits(GLIA_F32, V_MAX, plain));
}

static void loopback_sums_parts_into_total(void)
{
  const struct glia_exchange *x = glia_exchange_loopback();

  CU_ASSERT(x->rank == 0 && x->size == 1);
  for (int d = 0; d < 2; d++)
    for (int64_t v = 1; v <= V_MAX; v++)
      for (int in_place = 0; in_place < 2; in_place++) {
        const struct glia_bucket b = {.dtype = d == 0 ? GLIA_F32 : GLIA_F64, .n = N};
        struct glia_part parts[V_MAX];
        double room[N];
        for (int64_t i = 0; i < v; i++)
          parts[i] = (struct glia_part){.lo = i, .hi = i + 1, .data = fill_leaf(b.dtype, i)};
        void *total = in_place ? parts[0].data : room;
        CU_ASSERT_EQUAL(x->start(x->self, &b, v, (int)v, parts, total), GLIA_OK);
        x->poll(x->self);
        CU_ASSERT_EQUAL(x->wait(x->self, &b), GLIA_OK);
        CU_ASSERT(same_bits(b.dtype, v, total));
      }
}

static void loopback_refuses_parts_with_gaps(void)
{
  const struct glia_exchange *x = glia_exchange_loopback();
  const struct glia_bucket b = {.index = 3, .dtype = GLIA_F32, .n = N};
  struct glia_part parts[2 * V_MAX];
  float total[N];

  for (int64_t i = 0; i < V_MAX; i++)
    parts[i] = (struct glia_part){.lo = i, .hi = i + 1, .data = fill_leaf(GLIA_F32, i)};
  CU_ASSERT_EQUAL(x->start(x->self, &b, 8, 7, parts, total), GLIA_E_ARGUMENT);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "bucket 3"));
  CU_ASSERT_EQUAL(x->start(x->self, &b, 8, 7, parts + 1, total), GLIA_E_ARGUMENT);
  CU_ASSERT_EQUAL(x->start(x->self, &b, 8, 0, parts, total), GLIA_E_ARGUMENT);
}

static void no_micro_batches_sum_to_zero(void)
{
  const struct glia_exchange *x = glia_exchange_loopback();
  const struct glia_bucket b = {.dtype = GLIA_F64, .n = 2};
  double total[2] = {1.0, 2.0};

  CU_ASSERT_EQUAL(x->start(x->self, &b, 0, 0, NULL, total), GLIA_OK);
  CU_ASSERT(total[0] == 0.0 && total[1] == 0.0);
}

TAP_MAIN("tree", TAP(ranges_deal_out_all_micro_batches),
         TAP(a_node_splits_at_the_largest_power_of_two_below_its_length),
         TAP(parts_are_the_maximal_nodes_of_any_range), TAP(parts_of_huge_ranges_fit),
         TAP(a_worker_ends_with_the_parts_of_its_range),
         TAP(any_number_of_workers_gives_the_bits_of_the_recursion),
         TAP(uneven_deals_give_the_same_bits_too), TAP(a_plain_loop_gives_other_bits),
         TAP(loopback_sums_parts_into_total), TAP(loopback_refuses_parts_with_gaps),
         TAP(no_micro_batches_sum_to_zero))
