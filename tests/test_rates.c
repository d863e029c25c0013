/* Counters to rates: wrap, reset, missing, irregular intervals. */
#include "glia_rates.h"
#include "tap.h"

#include <math.h>
#include <string.h>

static const int64_t second = 1000000000;
static const glia_metric_kind kinds[2] = {GLIA_METRIC_COUNTER, GLIA_METRIC_GAUGE};

/* One row (counter, gauge) in, both out. */
static float out[2];

static void row(struct glia_rates *r, int64_t ns, int64_t epoch, double counter, double gauge)
{
  glia_rates_convert(r, ns, epoch, (const double[2]){counter, gauge}, out);
}

static struct glia_rates *make(void)
{
  struct glia_rates *r = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_rates_create(2, kinds, &r), GLIA_OK);
  return r;
}

static void the_first_row_has_gauges_only(void)
{
  struct glia_rates *r = make();

  row(r, 5 * second, 0, 100.0, -2.5);
  CU_ASSERT(isnan(out[0]));
  CU_ASSERT_EQUAL(out[1], -2.5f);
  row(r, 6 * second, 0, 107.0, 3.0);
  CU_ASSERT_EQUAL(out[0], 7.0f);
  CU_ASSERT_EQUAL(out[1], 3.0f);
  glia_rates_reset(r);
  row(r, 7 * second, 0, 110.0, 3.0);
  CU_ASSERT(isnan(out[0]));
  glia_rates_destroy(&r);
  CU_ASSERT_PTR_NULL(r);
}

static void the_true_interval_counts(void)
{
  struct glia_rates *r = make();

  row(r, 0, 0, 0.0, 0.0);
  row(r, second / 4, 0, 1.0, 0.0);
  CU_ASSERT_EQUAL(out[0], 4.0f);
  row(r, 10 * second + second / 4, 0, 31.0, 0.0); /* a late one */
  CU_ASSERT_EQUAL(out[0], 3.0f);
  row(r, 11 * second, 0, 31.0, 0.0);
  CU_ASSERT_EQUAL(out[0], 0.0f); /* no event is zero, not missing */
  glia_rates_destroy(&r);
}

static void wrap_and_reset_are_missing_never_negative(void)
{
  struct glia_rates *r = make();

  row(r, 1 * second, 0, 4294967290.0, 0.0);
  row(r, 2 * second, 0, 5.0, 0.0); /* 32 bits were full */
  CU_ASSERT(isnan(out[0]));
  row(r, 3 * second, 0, 25.0, 0.0); /* and it goes on from there */
  CU_ASSERT_EQUAL(out[0], 20.0f);
  row(r, 4 * second, 0, 0.0, 0.0); /* reset */
  CU_ASSERT(isnan(out[0]));
  glia_rates_destroy(&r);
}

/* After a restart a counter may already stand higher than before. */
static void another_epoch_is_missing_even_when_it_rose(void)
{
  struct glia_rates *r = make();

  row(r, 100 * second, 1700000000, 10.0, 0.0);
  row(r, 200 * second, 1700000150, 50.0, 7.0);
  CU_ASSERT(isnan(out[0]));
  CU_ASSERT_EQUAL(out[1], 7.0f);
  row(r, 201 * second, 1700000150, 51.0, 0.0);
  CU_ASSERT_EQUAL(out[0], 1.0f);
  glia_rates_destroy(&r);
}

static void a_clock_that_stands_or_steps_back_gives_no_rate(void)
{
  struct glia_rates *r = make();

  row(r, 100 * second, 0, 10.0, 0.0);
  row(r, 100 * second, 0, 11.0, 0.0);
  CU_ASSERT(isnan(out[0]));
  row(r, 2 * second, 0, 12.0, 0.0); /* the node rebooted: its clock starts anew */
  CU_ASSERT(isnan(out[0]));
  row(r, 3 * second, 0, 13.0, 0.0);
  CU_ASSERT_EQUAL(out[0], 1.0f);
  glia_rates_destroy(&r);
}

static void missing_now_or_before_is_missing(void)
{
  struct glia_rates *r = make();

  row(r, 1 * second, 0, 10.0, (double)NAN);
  CU_ASSERT(isnan(out[1]));
  row(r, 2 * second, 0, (double)NAN, 1.0);
  CU_ASSERT(isnan(out[0]));
  row(r, 3 * second, 0, 30.0, 1.0);
  CU_ASSERT(isnan(out[0])); /* what happened between 2 and 3 is not known */
  row(r, 4 * second, 0, 31.0, 1.0);
  CU_ASSERT_EQUAL(out[0], 1.0f);
  glia_rates_destroy(&r);
}

/* A source read every 10 s in rows of every second: its rate is that between its readings, and stands in between. */
static void a_slow_source_has_rates_of_its_own_interval(void)
{
  static const glia_metric_kind both[2] = {GLIA_METRIC_COUNTER, GLIA_METRIC_COUNTER};
  struct glia_rates *r = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_rates_create(2, both, &r), GLIA_OK);
  glia_rates_set_clock(r, 0, 1); /* column 1 says when column 0 was read, and when itself was */
  glia_rates_set_clock(r, 1, 1);
  row(r, 11 * second, 0, 100.0, 10.5);
  CU_ASSERT(isnan(out[0]));
  row(r, 12 * second, 0, 100.0, 10.5); /* the same reading: no rate is known yet */
  CU_ASSERT(isnan(out[0]));
  row(r, 21 * second, 0, 150.0, 20.5);
  CU_ASSERT_EQUAL(out[0], 5.0f);
  CU_ASSERT_EQUAL(out[1], 1.0f); /* time passes at one second a second */
  row(r, 22 * second, 0, 150.0, 20.5);
  CU_ASSERT_EQUAL(out[0], 5.0f);
  row(r, 31 * second, 0, 170.0, 30.5);
  CU_ASSERT_EQUAL(out[0], 2.0f);
  row(r, 32 * second, 0, (double)NAN, (double)NAN); /* it does not answer any more */
  CU_ASSERT(isnan(out[0]));
  glia_rates_destroy(&r);
}

/* float32 would lose this: one byte a second on a counter of 2^52. */
static void large_counters_keep_small_rates(void)
{
  struct glia_rates *r = make();

  row(r, 1 * second, 0, 4503599627370496.0, 0.0);
  row(r, 2 * second, 0, 4503599627370497.0, 0.0);
  CU_ASSERT_EQUAL(out[0], 1.0f);
  glia_rates_destroy(&r);
}

static void units_follow_the_kind(void)
{
  static const struct glia_metric counter = {"a", "B", GLIA_METRIC_COUNTER, "x"};
  static const struct glia_metric gauge = {"b", "B", GLIA_METRIC_GAUGE, "x"};
  char unit[16];

  CU_ASSERT_STRING_EQUAL(glia_rates_unit(&counter, unit, sizeof unit), "B/s");
  CU_ASSERT_STRING_EQUAL(glia_rates_unit(&gauge, unit, sizeof unit), "B");
}

static void no_metrics_and_bad_counts(void)
{
  struct glia_rates *r = NULL;

  CU_ASSERT_EQUAL(glia_rates_create(-1, kinds, &r), GLIA_E_ARGUMENT);
  CU_ASSERT_PTR_NULL(r);
  CU_ASSERT_EQUAL(glia_rates_create(0, NULL, &r), GLIA_OK);
  glia_rates_convert(r, 1, 0, (const double[1]){0.0}, out);
  glia_rates_destroy(&r);
  glia_rates_destroy(&r);
}

TAP_MAIN("rates", TAP(the_first_row_has_gauges_only), TAP(the_true_interval_counts),
         TAP(wrap_and_reset_are_missing_never_negative),
         TAP(another_epoch_is_missing_even_when_it_rose),
         TAP(a_clock_that_stands_or_steps_back_gives_no_rate),
         TAP(missing_now_or_before_is_missing), TAP(a_slow_source_has_rates_of_its_own_interval),
         TAP(large_counters_keep_small_rates), TAP(units_follow_the_kind),
         TAP(no_metrics_and_bad_counts))
