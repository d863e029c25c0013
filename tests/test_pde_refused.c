/* Problems that are refused, with the reason: ill-formed, ill-posed, or of too many sides; and their neighbours that are not. */
#include "pde_problem.h"
#include "scratch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define HEAT "unknowns: [u]\ndomain: {t: [0, 1], x: [-1, 1]}\nequations: [\"u_t = u_xx\"]\n"

static void bad_problems_are_refused_with_the_reason(void)
{
  refused(HEAT, "order 1");
  refused(HEAT
          "conditions: [{at: {t: 0}, equation: \"u = 0\"}, {at: {x: 1}, equation: \"u = 0\"}]\n",
          "on 1 side");
  refused("unknowns: [u]\ndomain: {x: [0, 1]}\nequations: [\"v_x = 1\"]\n", "'v_x'");
  refused("unknowns: [u]\ndomain: {x: [1, 0]}\nequations: [\"u_x = 1\"]\n", "empty");
  refused("unknowns: [u]\nequations: [\"u_x = 1\"]\n", "domain");
  refused("unknowns: [u, v]\ndomain: {x: [0, 1]}\nequations: [\"u_x = 1\"]\n", "'v'");
  refused("unknowns: [x]\ndomain: {x: [0, 1]}\nequations: [\"u_x = 1\"]\n", "taken");
  refused(HEAT "conditions: [{at: {z: 0}, equation: \"u = 0\"}]\n", "'z'");
  refused(HEAT "conditions: [{at: {x: 3}, equation: \"u = 0\"}]\n", "outside");
  refused(HEAT "conditions: [{at: border, equation: \"u = 0\"}]\n", "boundary");
  refused(HEAT "conditions: [{at: {t: 0}, equation: \"u = log(x)\"}, {at: {x: [-1, 1]}, equation: "
               "\"u = 0\"}]\n",
          "finite");
}

#define TWO(more)                                                                                  \
  "unknowns: [u]\ndomain: {x: [0, 1], y: [0, 1]}\nequations: [\"u_xx + u_yy = 1\"]\nconditions: "  \
  "[" more "]\n"
#define CONE(equation, at, value)                                                                  \
  "unknowns: [u]\ndomain: {t: [0, 1], x: [0, 1]}\nequations: [\"" equation                         \
  "\"]\nconditions: [{at: {x: [0, 1]}, equation: [\"u = 0\", \"u_xx = 0\"]}, {at: {t: " at         \
  "}, equation: " value "}]\n"

#define SPACE(equation, conditions)                                                                \
  "unknowns: [u]\ndomain: {t: [0, 1], z: [0, 1], x: [0, 1]}\nperiodic: x\nequations: "             \
  "[\"" equation "\"]\nconditions: [" conditions "]\n"
#define STOKES                                                                                     \
  "unknowns: [u, v, p]\ndomain: {x: [0, 1], y: [0, 1]}\nequations: [\"p_x = u_xx + u_yy + 1\", "   \
  "\"p_y = v_xx + v_yy\", \"u_x + v_y = 0\"]\n"                                                    \
  "conditions: [{at: boundary, equation: [\"u = 0\", \"v = 0\"]}]\n"

/* Problems whose solution is none, or any, or another one for the slightest reason; each beside one that differs by a sign or a side. */
static void ill_posed_problems_are_refused(void)
{
  static const char *const well[] = {
      CONE("u_t = u_xx", "0", "\"u = 0\""),
      CONE("u_t = -u_xx", "1", "\"u = 0\""),
      CONE("u_t = -u_xx - 0.1*u_xxxx", "0", "\"u = 0\""),
      CONE("u_tt = 4*u_xx", "0", "[\"u = 0\", \"u_t = 0\"]"),
      CONE("u_tt = -u_xx", "[0, 1]", "\"u = 0\""),
      TWO("{at: {x: [0, 1]}, equation: \"u_x = 0\"}, {at: {y: [0, 1]}, equation: \"u_y = 0\"}, "
          "{at: {x: 0, y: 0}, equation: \"u = 0\"}"),
      TWO("{at: boundary, equation: \"u = x\"}, {at: {x: 1}, equation: \"u = 1\"}"),
      TWO("{at: {x: [0, 1]}, equation: \"u = 0\"}, {at: {y: [0, 1]}, equation: \"u = 1\"}"),
      TWO("{at: boundary, equation: \"u = sin(pi*x)*sin(pi*y)\"}, {at: {x: [0, 1]}, equation: "
          "\"u = 0\"}"),
      STOKES,
      SPACE("u_tz + u_xx = 0", "{at: {t: 0}, equation: \"u = 0\"}, {at: {z: 0}, equation: \"u = "
                               "0\"}"),
      SPACE("d(u,t,t,z,z) + u_xx = 0",
            "{at: {t: 0}, equation: [\"u = 0\", \"u_t = 0\"]}, {at: {z: [0, 1]}, equation: \"u = "
            "0\"}"),
      SPACE("u_tx + u_xxxx + 3*u_zz = 0", "{at: {t: 0}, equation: \"u = 0\"}, {at: {z: [0, 1]}, "
                                          "equation: \"u = 0\"}"),
      CONE("u_tt + u_xx = 0", "[0, 1]",
           "\"u = 0\"}, {at: {t: 0, x: 0}, equation: \"u = 0\"}, {at: {t: 0, x: 0}, equation: \"u "
           "= 0\"")};

  refused(CONE("u_t = -u_xx", "0", "\"u = 0\""), "ill-posed");
  refused(CONE("u_t = u_xx", "1", "\"u = 0\""), "ill-posed");
  refused(CONE("2*u_t = u_xx + u_xxxx", "0", "\"u = 0\""), "short waves along x");
  refused(CONE("u_tt + 4*u_xx = 0", "0", "[\"u = 0\", \"u_t = 0\"]"), "ill-posed");
  refused(CONE("u_tt = u_xx", "[0, 1]", "\"u = 0\""), "ill-posed");
  refused(TWO("{at: {x: [0, 1]}, equation: \"u_x = 0\"}, {at: {y: [0, 1]}, equation: \"u_y = 0\"}"),
          "nothing tells 'u' itself");
  refused(TWO("{at: boundary, equation: \"u = x\"}, {at: {x: 1}, equation: \"u = 2\"}"),
          "contradict each other at x = 1");
  refused(
      TWO("{at: {x: [0, 1]}, equation: \"u = y\"}, {at: {y: [0, 1]}, equation: \"u = 0\"}, {at: "
          "{x: 0}, equation: \"u = 0\"}"),
      "contradict each other at x = 0");
  for (size_t i = 0; i < GLIA_COUNT(well); i++) {
    must_read(well[i]);
    forget();
  }
  /* a file that an older version solved is read all the same */
  const char *old = CONE("u_t = -u_xx", "0", "\"u = 0\"");
  CU_ASSERT_EQUAL_FATAL(glia_yaml_parse_text("p.yaml", old, strlen(old), &doc), GLIA_OK);
  CU_ASSERT_EQUAL(glia_problem_read_solved(glia_yaml_root(doc), &q), GLIA_OK);
  CU_ASSERT(!q.ansatz_given[0] && q.ansatz[0] != GLIA_EXPR_NONE);
  forget();
}

/* A polygon's corners are the same from the configuration and from a file. */
static void corners_come_from_files(void)
{
  static const char head[] =
      "unknowns: [u]\ndomain: {t: [0, 1], x: [-1, 1], y: [-1, 1]}\n"
      "equations: [\"u_t = u_xx + u_yy\"]\n"
      "conditions: [{at: boundary, equation: \"u = 0\"}, {at: {t: 0}, equation: "
      "\"u = 0\"}]\nwithin: [{polygon: ";
  const char *path = scratch("corners.csv");
  char text[1024];
  FILE *f = fopen(path, "w");

  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  fputs("y,x\n0,0.5\n0.5,0\n-0.25,-0.5\n0,0.5\n", f);
  fclose(f);
  snprintf(text, sizeof text, "%s'%s'}]\n", head, path);
  must_read(text);
  CU_ASSERT_EQUAL(q.within[0].n, 3);
  CU_ASSERT(q.within[0].corner[2][0] == -0.5 && q.within[0].corner[2][1] == -0.25);
  CU_ASSERT(glia_problem_inside(&q, (const double[]){0.5, 0.0, 0.1}));
  CU_ASSERT(!glia_problem_inside(&q, (const double[]){0.5, 0.4, 0.4}));
  CU_ASSERT_EQUAL_FATAL(glia_problem_settle(&q, doc), GLIA_OK);
  char *all = NULL;
  CU_ASSERT_EQUAL_FATAL(glia_yaml_print(glia_yaml_root(doc), &all), GLIA_OK);
  CU_ASSERT_PTR_NULL(strstr(all, path));
  forget();
  must_read(all);
  CU_ASSERT_EQUAL(q.within[0].n, 3);
  CU_ASSERT(q.within[0].corner[2][0] == -0.5 && q.within[0].corner[2][1] == -0.25);
  free(all);
  forget();
  f = fopen(path, "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  fputs("x,y\n0,0.5\n0.5,0\n", f);
  fclose(f);
  refused(text, "2 corners");
}

/* 4 sides of the box and those of four polygons, 1,024 and one more. */
static void outlines_of_too_many_sides_are_refused(void)
{
  enum { MOST = 256 * 5 * 48 };
  char *text = malloc(MOST + 512);

  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  for (int last = 0; last < 2; last++) {
    int n = snprintf(text, 512,
                     "unknowns: [u]\ndomain: {x: [-1, 1], y: [-1, 1]}\nequations: [\"u_xx + u_yy = "
                     "1\"]\nconditions: [{at: boundary, equation: \"u = 0\"}]\nwithin: [");
    for (int k = 0; k < 4; k++) {
      const int sides = k > 0 ? 256 : 252 + last;
      n += snprintf(text + n, 64, "%s{polygon: [", k > 0 ? ", " : "");
      for (int i = 0; i < sides; i++)
        n += snprintf(text + n, 64, "%s[%.6f, %.6f]", i > 0 ? ", " : "",
                      0.9 * cos(2.0 * M_PI * i / sides), 0.9 * sin(2.0 * M_PI * i / sides));
      n += snprintf(text + n, 64, "]}");
    }
    snprintf(text + n, 64, "]\n");
    if (last == 1)
      refused(text, "1025 sides");
    else {
      must_read(text);
      forget();
    }
  }
  free(text);
}

static void faults_show_a_caret_below_the_text(void)
{
  CU_ASSERT_EQUAL(read_text("unknowns: [u]\ndomain: {x: [0, 1]}\nequations: [\"u_xx = uu\"]\n"),
                  GLIA_E_CONFIG);
  CU_ASSERT_STRING_EQUAL(q.fault, "  u_xx = uu\n         ^");
  forget();
}

TAP_MAIN("pde_refused", TAP(bad_problems_are_refused_with_the_reason),
         TAP(ill_posed_problems_are_refused), TAP(corners_come_from_files),
         TAP(outlines_of_too_many_sides_are_refused), TAP(faults_show_a_caret_below_the_text))
