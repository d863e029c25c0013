/* Formulas found by brute force: known ones, constants snapped, the same front
 * whatever is asked twice; noise finds no short formula. */
#include "glia_random.h"
#include "glia_search.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 40 };

static double x[2 * N], y[N];
static const char *const name[] = {"x", "y"};
static struct glia_formula front[GLIA_SEARCH_FRONT];
static int n_front;

static void draw(void)
{
  const uint64_t key = glia_random_stream(3, "test/search");

  for (int i = 0; i < 2 * N; i++) x[i] = 0.5 + 2.0 * glia_random_uniform(key, 0, (uint64_t)i);
}

static void search(const char *operators, int longest)
{
  const struct glia_search_options o = {.longest = longest, .operators = operators};

  CU_ASSERT_EQUAL_FATAL(glia_search(N, 2, x, y, name, &o, NULL, front, &n_front), GLIA_OK);
  for (int i = 0; i < n_front; i++)
    tap_note("%5.1f bits, error %5.2f bits: %s", front[i].complexity_bits, front[i].error_bits,
             front[i].text);
}

/* The simplest formula of the front that is exact. */
static const char *exact(void)
{
  for (int i = 0; i < n_front; i++)
    if (front[i].rms < 1e-12) return front[i].text;
  return "none";
}

static void a_product_and_its_constant_are_found(void)
{
  draw();
  for (int i = 0; i < N; i++) y[i] = -4.0 / 3.0 * x[2 * i] * x[2 * i + 1];
  search(NULL, 5);
  CU_ASSERT_STRING_EQUAL(exact(), "(-4/3)*(x * y)");
}

static void functions_and_pi_are_found(void)
{
  draw();
  for (int i = 0; i < N; i++) y[i] = M_PI * exp(-x[2 * i]) * x[2 * i + 1];
  search("*~E", 5);
  CU_ASSERT(strstr(exact(), "pi") != NULL && strstr(exact(), "exp") != NULL);
}

static void the_front_falls(void)
{
  draw();
  for (int i = 0; i < N; i++) y[i] = x[2 * i] - x[2 * i] * x[2 * i];
  search(NULL, 5);
  CU_ASSERT(front[n_front - 1].rms < 1e-12);
  for (int i = 1; i < n_front; i++) {
    CU_ASSERT(front[i].complexity_bits > front[i - 1].complexity_bits);
    CU_ASSERT(front[i].error_bits < front[i - 1].error_bits);
  }
}

static void noise_has_no_exact_formula(void)
{
  draw();
  for (int i = 0; i < N; i++) y[i] = glia_random_normal(5, 0, (uint64_t)i);
  search(NULL, 5);
  for (int i = 0; i < n_front; i++) CU_ASSERT(front[i].rms > 0.5);
}

static void numbers_snap_to_what_is_short(void)
{
  char text[32];
  double bits;

  CU_ASSERT(glia_snap(1.3330, 0.01, &bits, text) == 4.0 / 3.0);
  CU_ASSERT_STRING_EQUAL(text, "(4/3)");
  CU_ASSERT(glia_snap(1.002, 0.01, &bits, text) == 1.0 &&
            fabs(bits - 1.0) < 1e-12); /* log2 (1 + 1) */
  CU_ASSERT(fabs(glia_snap(3.14, 0.01, &bits, text) - M_PI) < 1e-15);
  CU_ASSERT(glia_snap(0.6180, 1e-6, &bits, text) == 0.6180 && bits > 40.0);
}

static void bad_tables_are_refused(void)
{
  const struct glia_search_options o = {.operators = "+?"};

  draw();
  CU_ASSERT_EQUAL(glia_search(N, 2, x, y, name, &o, NULL, front, &n_front), GLIA_E_ARGUMENT);
  x[3] = (double)NAN;
  CU_ASSERT_EQUAL(
      glia_search(N, 2, x, y, name, &(struct glia_search_options){0}, NULL, front, &n_front),
      GLIA_E_DATA);
}

TAP_MAIN("search", TAP(a_product_and_its_constant_are_found), TAP(functions_and_pi_are_found),
         TAP(the_front_falls), TAP(noise_has_no_exact_formula), TAP(numbers_snap_to_what_is_short),
         TAP(bad_tables_are_refused))
