/* Equations as text: values, derivatives, printing, errors that point. */
#include "glia_expr.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const coords[] = {"t", "x", "y"};
static const char *const unknowns[] = {"u", "h_re"};
static const char *const parameters[] = {"nu"};
static const char *const constants[] = {"half"};
static const double constant_values[] = {0.5};
static const struct glia_expr_names names = {.n_coords = 3,
                                             .n_unknowns = 2,
                                             .n_parameters = 1,
                                             .coord = coords,
                                             .unknown = unknowns,
                                             .parameter = parameters,
                                             .n_constants = 1,
                                             .constant = constants,
                                             .constant_value = constant_values};

static struct glia_expr_pool *pool(void)
{
  struct glia_expr_pool *p;

  CU_ASSERT_EQUAL_FATAL(glia_expr_pool_create(&p), GLIA_OK);
  return p;
}

static int parsed(struct glia_expr_pool *p, const char *text)
{
  int e;

  if (glia_expr_parse(p, &names, text, true, &e, NULL) != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT_NOT_EQUAL_FATAL(e, GLIA_EXPR_NONE);
  return e;
}

/* Value at a point of a text without unknowns. */
static double value(const char *text, double t, double x, double y)
{
  struct glia_expr_pool *p = pool();
  const double coord[] = {t, x, y}, nu = 0.25;
  const double v = glia_expr_value(p, parsed(p, text),
                                   &(struct glia_expr_values){.coord = coord, .parameter = &nu});

  glia_expr_pool_destroy(&p);
  return v;
}

static void numbers_and_operators_bind_as_in_mathematics(void)
{
  CU_ASSERT_EQUAL(value("1 + 2*3^2", 0, 0, 0), 19.0);
  CU_ASSERT_EQUAL(value("-2^2", 0, 0, 0), -4.0);
  CU_ASSERT_EQUAL(value("2^3^2", 0, 0, 0), 512.0);
  CU_ASSERT_EQUAL(value("2**-1", 0, 0, 0), 0.5);
  CU_ASSERT_EQUAL(value("8/4/2 - 3 - 1", 0, 0, 0), -3.0);
  CU_ASSERT_EQUAL(value("1e-3*1e3", 0, 0, 0), 1.0);
  CU_ASSERT_EQUAL(value("(0.01/pi)", 0, 0, 0), 0.01 / 3.14159265358979323846);
  CU_ASSERT_EQUAL(value("half*nu + x - y*t", 2, 3, 4), 0.125 + 3.0 - 8.0);
  CU_ASSERT_EQUAL(value("x = y", 0, 3, 1), 2.0);
  /* the compiler may fold by another library: an ulp or two */
  CU_ASSERT_DOUBLE_EQUAL(value("exp(sin(x))*tanh(y)", 0, 0.3, 0.7), exp(sin(0.3)) * tanh(0.7),
                         1e-15);
}

static void suffixes_are_derivatives(void)
{
  struct glia_expr_pool *p = pool();
  const struct {
    const char *text;
    int index;
    uint8_t order[3];
  } known[] = {{"u", 0, {0, 0, 0}},       {"u_t", 0, {1, 0, 0}},
               {"u_txx", 0, {1, 2, 0}},   {"h_re", 1, {0, 0, 0}},
               {"h_re_xy", 1, {0, 1, 1}}, {"d(u, x, t, x)", 0, {1, 2, 0}},
               {"d(u_x,x)", 0, {0, 2, 0}}};

  for (size_t i = 0; i < GLIA_COUNT(known); i++) {
    const struct glia_expr_node *n = glia_expr_at(p, parsed(p, known[i].text));
    CU_ASSERT_EQUAL(n->kind, GLIA_EXPR_UNKNOWN);
    CU_ASSERT_EQUAL(n->index, known[i].index);
    CU_ASSERT_EQUAL(memcmp(n->order, known[i].order, 3), 0);
  }
  /* equal expressions are one node */
  CU_ASSERT_EQUAL(parsed(p, "u_xx*u"), parsed(p, "d(u, x, x) * u"));
  glia_expr_pool_destroy(&p);
}

/* Every function's derivative against a central difference: h^2 for the rule and 1e-16/h for rounding meet at 1e-9. */
static void formulas_are_differentiated_exactly(void)
{
  static const char *const text[] = {"sin(x)*cos(t*x)", "tan(x)",    "exp(-x^2)",  "log(1 + x^2)",
                                     "sqrt(2 + x)",     "tanh(3*x)", "sinh(x)",    "cosh(x)",
                                     "atan(x)",         "erf(x)",    "abs(x - 2)", "x^3/(1 + x)",
                                     "(2 + x)^x",       "x*sign(x)"};
  const double h = 1e-5;

  for (size_t i = 0; i < GLIA_COUNT(text); i++) {
    struct glia_expr_pool *p = pool();
    const int e = parsed(p, text[i]), d = glia_expr_derive(p, e, 1);
    double c[3] = {0.7, 0.4, 0.0};
    const struct glia_expr_values v = {.coord = c};
    const double exact = glia_expr_value(p, d, &v);
    c[1] = 0.4 + h;
    const double up = glia_expr_value(p, e, &v);
    c[1] = 0.4 - h;
    const double slope = (up - glia_expr_value(p, e, &v)) / (2.0 * h);
    if (!(fabs(exact - slope) < 1e-8))
      tap_note("%s: %.12g, difference %.12g", text[i], exact, slope);
    CU_ASSERT(fabs(exact - slope) < 1e-8);
    glia_expr_pool_destroy(&p);
  }
}

static void derivatives_of_products_of_unknowns(void)
{
  struct glia_expr_pool *p = pool();

  CU_ASSERT_EQUAL(parsed(p, "d(u*u_x, x)"), parsed(p, "u_x*u_x + u*u_xx"));
  CU_ASSERT_EQUAL(parsed(p, "d(x, x)"), parsed(p, "1"));
  CU_ASSERT_EQUAL(parsed(p, "d(u, y, y, y, y)"), parsed(p, "u_yyyy"));
  const int e = parsed(p, "u_t + u*u_x - nu*u_xx"), ux = parsed(p, "u_x");
  CU_ASSERT_EQUAL(glia_expr_partial(p, e, ux), parsed(p, "u"));
  const int with[2] = {parsed(p, "x*h_re"), GLIA_EXPR_NONE};
  CU_ASSERT_EQUAL(glia_expr_substitute(p, ux, 2, with), parsed(p, "h_re + x*h_re_x"));
  CU_ASSERT(glia_expr_reads(p, e, GLIA_EXPR_PARAMETER, 0));
  CU_ASSERT_FALSE(glia_expr_reads(p, e, GLIA_EXPR_COORD, -1));
  glia_expr_pool_destroy(&p);
}

static void what_is_printed_parses_to_the_same(void)
{
  static const char *const text[] = {"u_t + u*u_x - 0.0031830988618379067*u_xx",
                                     "-(x - (t - y))",
                                     "x/(t*y)",
                                     "x/t/y",
                                     "(x^2)^3",
                                     "-x^2",
                                     "sin(x + 1)*u",
                                     "2^(-x)",
                                     "-(-x)",
                                     "h_re_xy*1e-30",
                                     "(x + t)*(x - t)",
                                     "(-x)^2",
                                     "1 - (-x)"};
  char out[512];

  for (size_t i = 0; i < GLIA_COUNT(text); i++) {
    struct glia_expr_pool *p = pool();
    const int e = parsed(p, text[i]);
    glia_expr_print(p, &names, e, out, sizeof out);
    const int again = parsed(p, out);
    if (again != e) tap_note("%s printed as %s", text[i], out);
    CU_ASSERT_EQUAL(again, e);
    glia_expr_pool_destroy(&p);
  }
}

static void errors_point_at_the_character(void)
{
  static const struct {
    const char *text;
    int column;
    const char *said;
  } bad[] = {{"u_t + v*u_x", 6, "'v'"},
             {"u_t + u*u_z", 10, "'z'"},
             {"u_t + nuu*u_xx", 6, "'nu'"},
             {"sim(x)", 0, "'sin'"},
             {"u_xxxxx", 0, "order 4"},
             {"u_t +", 5, "ends"},
             {"(u_t + 1", 8, "')'"},
             {"u_t + 2x", 7, "operator"},
             {"u = 1 = 2", 6, "second '='"},
             {"u $ 1", 2, "'$'"},
             {"1/0", 1, "zero"},
             {"sin x", 4, "'('"},
             {"d(u, q)", 5, "coordinate"},
             {"", 0, "ends"},
             {"u(0)", 1, "operator"},
             {"1e999", 0, "large"}};

  for (size_t i = 0; i < GLIA_COUNT(bad); i++) {
    struct glia_expr_pool *p = pool();
    struct glia_expr_fault fault = {0};
    int e;
    CU_ASSERT_EQUAL(glia_expr_parse(p, &names, bad[i].text, true, &e, &fault), GLIA_E_CONFIG);
    if (fault.column != bad[i].column || strstr(fault.text, bad[i].said) == NULL)
      tap_note("'%s': column %d: %s", bad[i].text, fault.column, fault.text);
    CU_ASSERT_EQUAL(fault.column, bad[i].column);
    CU_ASSERT_PTR_NOT_NULL(strstr(fault.text, bad[i].said));
    glia_expr_pool_destroy(&p);
  }
}

static void hostile_texts_come_back(void)
{
  struct glia_expr_pool *p = pool();
  char *text = malloc(GLIA_EXPR_TEXT + 100);
  int e;

  memset(text, '(', 3000);
  text[3000] = '\0';
  CU_ASSERT_EQUAL(glia_expr_parse(p, &names, text, true, &e, NULL), GLIA_E_CONFIG);
  memset(text, '-', 3000);
  CU_ASSERT_EQUAL(glia_expr_parse(p, &names, text, true, &e, NULL), GLIA_E_CONFIG);
  memset(text, '1', GLIA_EXPR_TEXT + 50);
  text[GLIA_EXPR_TEXT + 50] = '\0';
  CU_ASSERT_EQUAL(glia_expr_parse(p, &names, text, true, &e, NULL), GLIA_E_CONFIG);
  /* derivatives share their parts: no explosion */
  strcpy(text, "x");
  for (int i = 0; i < 60; i++) {
    memmove(text + 4, text, strlen(text) + 1);
    memcpy(text, "exp(", 4);
    strcat(text, ")");
  }
  CU_ASSERT_EQUAL(glia_expr_parse(p, &names, text, false, &e, NULL), GLIA_OK);
  for (int k = 0; k < 3 && e != GLIA_EXPR_NONE; k++) e = glia_expr_derive(p, e, 1);
  char out[256];
  if (e != GLIA_EXPR_NONE) {
    glia_expr_print(p, &names, e, out, sizeof out);
    CU_ASSERT_EQUAL(strlen(out), sizeof out - 1);
  }
  free(text);
  glia_expr_pool_destroy(&p);
}

TAP_MAIN("pde_text", TAP(numbers_and_operators_bind_as_in_mathematics),
         TAP(suffixes_are_derivatives), TAP(formulas_are_differentiated_exactly),
         TAP(derivatives_of_products_of_unknowns), TAP(what_is_printed_parses_to_the_same),
         TAP(errors_point_at_the_character), TAP(hostile_texts_come_back))
