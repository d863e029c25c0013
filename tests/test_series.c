/* Truncated series against dense polynomials, the C library and formulas; sets that are none. */
#include "by_hand.h"
#include "glia_jet.h"
#include "glia_random.h"
#include "tap.h"

#include <math.h>
#include <string.h>

enum { SIDE = GLIA_SERIES_ORDER + 1, CUBE = SIDE * SIDE * SIDE };

static const struct glia_series line = {3, {0, 1, 0x11}}; /* 1, x, x^2 */

/* Every multi-index up to `most`. */
static struct glia_jet_set full_set(int n_coords, int most)
{
  struct glia_jet_set s;
  uint8_t order[GLIA_JET_COORDS] = {0};

  glia_jet_set_begin(&s, n_coords);
  for (bool more = true; more;) {
    int total = 0, at = 0;
    for (int i = 0; i < n_coords; i++) total += order[i];
    if (total <= most) CU_ASSERT(glia_jet_set_add(&s, order));
    while (at < n_coords && order[at] == GLIA_JET_ORDER) order[at++] = 0;
    more = at < n_coords;
    if (more) order[at]++;
  }
  return s;
}

static struct glia_series series_of(const struct glia_jet_set *s)
{
  struct glia_series out = {.n = s->n};

  for (int a = 0; a < s->n; a++) out.power[a] = glia_series_power(s->n_coords, s->order[a]);
  return out;
}

/* f and its derivatives, over k!. */
static void taylor(glia_series_function f, double x, double *term)
{
  if (f == GLIA_SERIES_TANH) {
    const double t = tanh(x), s = 1.0 - t * t;
    const double all[SIDE] = {t, s, -t * s, s * (t * t - 1.0 / 3.0), t * s * (2.0 / 3.0 - t * t)};
    memcpy(term, all, sizeof all);
    return;
  }
  const double turn[4] = {sin(x), cos(x), -sin(x), -cos(x)};
  double factorial = 1.0;
  for (int k = 0; k < SIDE; factorial *= ++k)
    term[k] = turn[(k + (f == GLIA_SERIES_COS ? 1 : 0)) % 4] / factorial;
}

/* c = a b of dense polynomials in three variables, what is past a side cut off. */
static void dense_times(const double *a, const double *b, double *c)
{
  memset(c, 0, CUBE * sizeof *c);
  for (int i = 0; i < CUBE; i++)
    for (int j = 0; j < CUBE; j++)
      if (i % SIDE + j % SIDE < SIDE && i / SIDE % SIDE + j / SIDE % SIDE < SIDE &&
          i / SIDE / SIDE + j / SIDE / SIDE < SIDE)
        c[i + j] += a[i] * b[j];
}

static int place(const uint8_t *order)
{
  return order[0] + SIDE * order[1] + SIDE * SIDE * order[2];
}

/* y = sum of f_k (z - z_0)^k, by powers of a dense polynomial. */
static void meets_dense_polynomials(int order, int count)
{
  const struct glia_jet_set set = full_set(3, order);
  const struct glia_series s = series_of(&set);
  double z[GLIA_SERIES_MOST], expected[GLIA_SERIES_MOST];

  CU_ASSERT_EQUAL_FATAL(s.n, count);
  for (int f = 0; f < 3; f++) {
    double term[SIDE], rest[CUBE] = {0}, power[CUBE] = {1.0}, next[CUBE], y[CUBE] = {0};
    begin();
    for (int a = 0; a < s.n; a++) {
      z[a] = glia_random_normal(5, (uint64_t)f, (uint64_t)a);
      if (a > 0) rest[place(set.order[a])] = z[a];
    }
    taylor((glia_series_function)f, z[0] + 0.25, term);
    for (int k = 0; k < SIDE; k++) {
      for (int i = 0; i < CUBE; i++) y[i] += term[k] * power[i];
      dense_times(power, rest, next);
      memcpy(power, next, sizeof power);
    }
    for (int a = 0; a < s.n; a++) expected[a] = y[place(set.order[a])];
    const glia_value x = given(GLIA_F64, DIMS(s.n, 1), z);
    expect_near(__LINE__, glia_series_apply(g, &s, (glia_series_function)f, x, ROW(0.25)), 1e-12,
                s.n, expected); /* numbers up to some 30: rounding gives some 1e-14 */
    end();
  }
}

static void three_variables_meet_dense_polynomials(void)
{
  meets_dense_polynomials(4, 35);
  meets_dense_polynomials(2, 10);
  meets_dense_polynomials(1, 4);
}

enum { WIDTH = 70, FAR = 3 };
static const int far_at[FAR] = {5, 20, 66}; /* in a whole stretch, and in what is left over */

/* sin or cos of z_0 + x near z_0, alone or with some that are far between; y [3, WIDTH]. */
static void waves(glia_dtype dtype, glia_series_function f, const double *far, double *y)
{
  double z[3 * WIDTH] = {0};

  for (int i = 0; i < WIDTH; i++) {
    z[i] = 3.0 * glia_random_normal(7, 1, (uint64_t)i);
    z[WIDTH + i] = 1.0;
  }
  for (int i = 0; far != NULL && i < FAR; i++) z[far_at[i]] = far[i];
  begin();
  const glia_value x = given(dtype, DIMS(3, WIDTH), z);
  const glia_value v = glia_series_apply(g, &line, f, x, GLIA_NONE);
  struct interpretation p = interpret(g, data, NULL, 1, &v);
  for (int i = 0; i < 3 * WIDTH; i++) y[i] = element(type_of(v), p.at[v], i);
  interpretation_free(&p);
  end();
}

static void what_is_far_leaves_its_neighbours_alone(void)
{
  const double far[FAR] = {2097153.0, (double)INFINITY, -3145729.0}; /* float32 holds them too */
  double near[3 * WIDTH], mixed[3 * WIDTH];

  for (int k = 0; k < 4; k++) {
    const glia_dtype dtype = k < 2 ? GLIA_F64 : GLIA_F32;
    const bool is_sin = k % 2 == 0;
    const glia_series_function f = is_sin ? GLIA_SERIES_SIN : GLIA_SERIES_COS;
    waves(dtype, f, NULL, near);
    waves(dtype, f, far, mixed);
    int differ = 0;
    for (int i = 0; i < 3 * WIDTH; i++)
      if (i % WIDTH != far_at[0] && i % WIDTH != far_at[1] && i % WIDTH != far_at[2])
        differ += memcmp(&near[i], &mixed[i], sizeof *near) != 0;
    CU_ASSERT_EQUAL(differ, 0);
    CU_ASSERT(isnan(mixed[far_at[1]]));
    for (int i = 0; i < FAR; i += 2) { /* the C library's own, and the slope beside it */
      const double x = far[i], value = is_sin ? sin(x) : cos(x), slope = is_sin ? cos(x) : -sin(x);
      const double a = dtype == GLIA_F64 ? value : (double)(float)value;
      const double b = dtype == GLIA_F64 ? slope : (double)(float)slope;
      CU_ASSERT_EQUAL(mixed[far_at[i]], a);
      CU_ASSERT_EQUAL(mixed[WIDTH + far_at[i]], b);
    }
    for (int i = 0; i < WIDTH; i++) { /* and near ones are waves at all */
      const double x = 3.0 * glia_random_normal(7, 1, (uint64_t)i);
      CU_ASSERT_DOUBLE_EQUAL(near[i], is_sin ? sin(x) : cos(x), k < 2 ? 4e-16 : 2e-6);
    }
  }
}

/* Backwards through tanh is a correlation with 1 - y^2: by formulas to order 2, by lists of terms behind, a stretch and what is left over. */
static void the_adjoint_of_tanh_correlates_with_its_slope(void)
{
  enum { MOST = 20 };
  double z[MOST * WIDTH], d[MOST * WIDTH], unit[MOST * WIDTH];

  for (int i = 0; i < MOST * WIDTH; i++) {
    z[i] = glia_random_normal(11, 1, (uint64_t)i);
    d[i] = glia_random_normal(11, 2, (uint64_t)i);
    unit[i] = i < WIDTH ? 1.0 : 0.0;
  }
  for (int order = 1; order <= 3; order++) {
    const struct glia_jet_set set = full_set(3, order);
    const struct glia_series s = series_of(&set);
    begin();
    const glia_value x = given(GLIA_F64, DIMS(s.n, WIDTH), z),
                     dy = given(GLIA_F64, DIMS(s.n, WIDTH), d),
                     one = given(GLIA_F64, DIMS(s.n, WIDTH), unit),
                     y = glia_series_apply(g, &s, GLIA_SERIES_TANH, x, GLIA_NONE);
    glia_value both[2];
    glia_vjp(g, 1, &y, &dy, 1, &x, &both[0]);
    both[1] = glia_series_correlate(g, &s, glia_sub(g, one, glia_series_times(g, &s, y, y)), dy);
    struct interpretation p = interpret(g, data, NULL, 2, both);
    double worst = 0.0;
    for (int64_t i = 0; i < s.n * WIDTH; i++)
      worst = fmax(worst, fabs(element(type_of(both[0]), p.at[both[0]], i) -
                               element(type_of(both[1]), p.at[both[1]], i)));
    CU_ASSERT(worst < 1e-13); /* numbers up to some 50, of up to 40 products */
    if (!(worst < 1e-13)) tap_note("order %d: %.2g apart", order, worst);
    interpretation_free(&p);
    end();
  }
}

/* One layer of sines: D^a u_j = w_j^a sin(z_j + |a| pi/2). 70 coefficients go through the kernel, 126 part by part. */
static void sets_on_both_sides_of_the_limit_meet_the_formula(void)
{
  for (int n = 4; n <= 5; n++) {
    const struct glia_jet_set set = full_set(n, GLIA_JET_ORDER);
    struct glia_jet input;
    struct glia_jet_net net;
    double x[5], w[10], unit[5];
    begin();
    for (int i = 0; i < 10; i++) w[i] = glia_random_normal(9, 1, (uint64_t)i);
    for (int i = 0; i < 5; i++) x[i] = glia_random_normal(9, 2, (uint64_t)i);
    for (int a = 0; a < set.n; a++) {
      int total = 0;
      for (int i = 0; i < n; i++) {
        unit[i] = set.order[a][i];
        total += set.order[a][i];
      }
      input.part[a] = total > 1 ? GLIA_NONE : given(GLIA_F64, DIMS(1, n), total == 0 ? x : unit);
    }
    const struct glia_jet_layer layer = {given(GLIA_F64, DIMS(2, n), w), ROW(0.5, -0.5),
                                         GLIA_JET_SIN};
    glia_jet_forward(g, &set, 1, &input, 1, &layer, &net);
    CU_ASSERT_EQUAL(set.n, n == 4 ? 70 : 126);
    CU_ASSERT_EQUAL(net.stacked[0], n == 4);
    struct interpretation p = interpret(g, data, NULL, set.n, net.y[0].part);
    double worst = 0.0;
    for (int a = 0; a < set.n; a++)
      for (int j = 0; j < 2; j++) {
        double z = j == 0 ? 0.5 : -0.5, factor = 1.0 / glia_jet_factorial(&set, a);
        int total = 0;
        for (int i = 0; i < n; i++) {
          z += w[j * n + i] * x[i];
          factor *= pow(w[j * n + i], set.order[a][i]);
          total += set.order[a][i];
        }
        const double wave[] = {sin(z), cos(z), -sin(z), -cos(z)};
        const glia_value y = net.y[0].part[a];
        worst = fmax(worst, fabs(element(type_of(y), p.at[y], j) - factor * wave[total % 4]));
      }
    tap_note("%d coefficients: largest error %.2g", set.n, worst);
    CU_ASSERT(worst < 1e-12); /* numbers up to some 10 */
    interpretation_free(&p);
    end();
  }
}

/* Every constructor says no to a set that is none. */
static void sets_that_are_none_are_refused(void)
{
  static const struct {
    struct glia_series set;
    const char *why;
  } bad[] = {
      {{0, {0}}, "no coefficient"},
      {{GLIA_SERIES_MOST + 1, {0}}, "too many"},
      {{-1, {0}}, "fewer than none"},
      {{2, {0, 0x9}}, "a ninth variable"},
      {{2, {0, 0x10}}, "variable 0"},
      {{3, {0, 1, 0x101}}, "variable 0 between"},
      {{4, {0, 1, 2, 0x21}}, "variables that fall"},
      {{2, {1, 0x11}}, "no 1"},
      {{2, {0, 0x11}}, "no x below x^2"},
      {{3, {0, 2, 0x12}}, "no x below x y"},
      {{3, {0, 1, 0x12}}, "no y below x y"},
      {{3, {0, 1, 1}}, "twice"},
      {{4, {0, 1, 0x11, 2}}, "order that falls"},
      {{2, {0, GLIA_SERIES_NO_POWER}}, "no power"},
  };

  for (size_t k = 0; k < GLIA_COUNT(bad); k++)
    for (int way = 0; way < 4; way++) {
      begin();
      const glia_value x = glia_input(
          g, "x", GLIA_PER_STEP, glia_type_make(GLIA_F64, DIMS(12 * (GLIA_SERIES_MOST + 1), 2)));
      const struct glia_series *s = &bad[k].set;
      const glia_value y = way == 0   ? glia_series_apply(g, s, GLIA_SERIES_TANH, x, ROW(1, 2))
                           : way == 1 ? glia_series_apply(g, s, GLIA_SERIES_SIN, x, GLIA_NONE)
                           : way == 2 ? glia_series_times(g, s, x, x)
                                      : glia_series_correlate(g, s, x, x);
      if (y != GLIA_NONE || glia_graph_status(g) != GLIA_E_SHAPE)
        tap_note("%s, way %d: taken", bad[k].why, way);
      CU_ASSERT(y == GLIA_NONE && glia_graph_status(g) == GLIA_E_SHAPE);
      glia_graph_destroy(&g);
      begin();
      end(); /* gives ROW back */
    }
}

static void wrong_operands_are_refused(void)
{
  for (int k = 0; k < 6; k++) {
    begin();
    const glia_value flat = glia_input(g, "f", GLIA_PER_STEP, glia_type_make(GLIA_F64, DIMS(6))),
                     one = glia_input(g, "o", GLIA_PER_STEP, glia_type_make(GLIA_F64, 0, NULL)),
                     x = glia_input(g, "x", GLIA_PER_STEP, glia_type_make(GLIA_F64, DIMS(6, 2))),
                     odd = glia_input(g, "y", GLIA_PER_STEP, glia_type_make(GLIA_F64, DIMS(4, 2)));
    const glia_value y = k == 0   ? glia_series_apply(g, &line, GLIA_SERIES_SIN, flat, GLIA_NONE)
                         : k == 1 ? glia_series_apply(g, &line, GLIA_SERIES_SIN, one, GLIA_NONE)
                         : k == 2 ? glia_series_apply(g, &line, GLIA_SERIES_SIN, odd, GLIA_NONE)
                         : k == 3 ? glia_series_apply(g, &line, GLIA_SERIES_SIN, x, flat)
                         : k == 4
                             ? glia_series_times(g, &line, flat, flat)
                             : glia_series_apply(g, &line, (glia_series_function)7, x, GLIA_NONE);
    CU_ASSERT(y == GLIA_NONE);
    CU_ASSERT_EQUAL(glia_graph_status(g), k < 5 ? GLIA_E_SHAPE : GLIA_E_ARGUMENT);
    if (k < 2) CU_ASSERT(strstr(glia_trace_message(), "axes, expected 2") != NULL);
    glia_graph_destroy(&g);
  }
}

static void powers_past_the_limits_are_none(void)
{
  const uint8_t fifth[] = {3, 2}, ninth[] = {0, 0, 0, 0, 0, 0, 0, 0, 1},
                last[] = {1, 0, 0, 0, 0, 0, 0, 3, 0};

  CU_ASSERT_EQUAL(glia_series_power(2, fifth), GLIA_SERIES_NO_POWER);
  CU_ASSERT_EQUAL(glia_series_power(9, ninth), GLIA_SERIES_NO_POWER);
  CU_ASSERT_EQUAL(glia_series_power(9, last), 0x1888);
}

static void nothing_makes_nothing(void)
{
  begin();
  for (int k = 0; k < 2; k++) {
    const int64_t dim[] = {k == 0 ? 3 : 0, k == 0 ? 0 : 3};
    const glia_value x = given(GLIA_F64, 2, dim, NULL),
                     b = given(GLIA_F64, 1, &dim[1], (double[3]){0});
    const glia_value y = glia_series_apply(g, &line, GLIA_SERIES_TANH, x, b);
    expect_near(__LINE__, y, 0.0, 0, NULL);
    expect_near(__LINE__, glia_series_times(g, &line, x, x), 0.0, 0, NULL);
    expect_near(__LINE__, glia_series_correlate(g, &line, x, y), 0.0, 0, NULL);
  }
  end();
}

TAP_MAIN("series", TAP(three_variables_meet_dense_polynomials),
         TAP(the_adjoint_of_tanh_correlates_with_its_slope),
         TAP(what_is_far_leaves_its_neighbours_alone),
         TAP(sets_on_both_sides_of_the_limit_meet_the_formula), TAP(sets_that_are_none_are_refused),
         TAP(wrong_operands_are_refused), TAP(powers_past_the_limits_are_none),
         TAP(nothing_makes_nothing))
