/* Discovery has the same bits for any number of ranks: weak form, surrogate, search for formulas. */
#include "glia_petsc.h"
#include "glia_search.h"
#include "glia_surrogate.h"
#include "tap_mpi.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 400, SAMPLES = 12, TABLE = 20 };

static struct glia_comm *world;
static struct glia_yaml_doc *doc;
static struct glia_discovery d;

static void begin(void)
{
  static const char text[] =
      "unknowns: [x]\ndomain: {t: [0, 8]}\nhidden: [F]\ndata: {file: none.csv}\n"
      "equations: [\"x_t = F\"]\ncandidates: [1, x, x^2, x^3, sin(x)]\nbootstrap: 20\n";

  if (world == NULL) CU_ASSERT_EQUAL_FATAL(glia_comm_world(&world), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_yaml_parse_text("d.yaml", text, strlen(text), &doc), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_discovery_read(glia_yaml_root(doc), &d), GLIA_OK);
}

static void end(void)
{
  glia_discovery_fini(&d);
  glia_yaml_destroy(&doc);
}

/* x' = x - x^2 from 0.1. */
static double logistic(double t) { return 1.0 / (1.0 + 9.0 * exp(-t)); }

static void ranks_find_the_terms_of_one(void)
{
  struct glia_grid_data g = {.dim = {N}, .n = N, .step = {8.0 / (N - 1)}};
  struct glia_found alone, together;

  begin();
  g.u = malloc(N * sizeof *g.u);
  for (int i = 0; i < N; i++) g.u[i] = logistic(g.step[0] * i);
  CU_ASSERT_EQUAL_FATAL(glia_discover_weak(&d, 0, &g, NULL, &alone), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_discover_weak(&d, 0, &g, world, &together), GLIA_OK);
  CU_ASSERT_EQUAL(alone.fit.n_terms, 2);
  CU_ASSERT(memcmp(&alone.fit, &together.fit, sizeof alone.fit) == 0);
  CU_ASSERT(fabs(alone.fit.coefficient[0] - 1.0) < 1e-3);
  glia_found_free(&alone);
  glia_found_free(&together);
  free(g.u);
  end();
}

static void ranks_with_other_data_are_refused(void)
{
  struct glia_grid_data g = {.dim = {N}, .n = N, .step = {8.0 / (N - 1)}};
  struct glia_found f = {0};

  begin();
  g.u = malloc(N * sizeof *g.u);
  for (int i = 0; i < N; i++) g.u[i] = logistic(g.step[0] * i);
  if (glia_comm_rank(world) == 1) g.u[N / 2] += 1e-12;
  const glia_status st = glia_discover_weak(&d, 0, &g, world, &f);
  CU_ASSERT_EQUAL(st, glia_comm_size(world) > 1 ? GLIA_E_RANKS : GLIA_OK);
  if (st != GLIA_OK) CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace(), "ranks disagree on the data"));
  glia_trace_clear();
  glia_found_free(&f);
  free(g.u);
  end();
}

static void train(struct glia_comm *comm, double *table)
{
  const uint8_t none[GLIA_EXPR_COORDS] = {0};
  const struct glia_surrogate_options o = {.n_inputs = 1,
                                           .input = {glia_expr_unknown(d.p.pool, 0, none)},
                                           .collocation = 700,
                                           .physics = 1.0,
                                           .adam = 60,
                                           .quasi_newton = 30,
                                           .seed = 2};
  double row[2 * SAMPLES], t[TABLE], loss;
  struct glia_surrogate *s;

  for (int i = 0; i < SAMPLES; i++) {
    row[2 * i] = 8.0 * i / SAMPLES;
    row[2 * i + 1] = logistic(row[2 * i]);
  }
  for (int i = 0; i < TABLE; i++) t[i] = 8.0 * i / TABLE;
  CU_ASSERT_EQUAL_FATAL(glia_surrogate_create(&d, SAMPLES, row, &o, comm, &s), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_surrogate_train(s, &loss), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_surrogate_table(s, TABLE, t, table), GLIA_OK);
  CU_ASSERT(loss < 1.0);
  glia_surrogate_destroy(&s);
}

static void ranks_train_the_networks_of_one(void)
{
  double alone[4 * TABLE], together[4 * TABLE];

  begin();
  CU_ASSERT_EQUAL_FATAL(glia_petsc_begin(world), GLIA_OK);
  train(NULL, alone);
  train(world, together);
  CU_ASSERT(memcmp(alone, together, sizeof alone) == 0);
  end();
}

static void ranks_find_the_front_of_one(void)
{
  static const char *const name[] = {"x"};
  const struct glia_search_options o = {.longest = 6};
  static struct glia_formula alone[GLIA_SEARCH_FRONT], together[GLIA_SEARCH_FRONT];
  double x[TABLE], y[TABLE];
  int n, m;

  if (world == NULL) CU_ASSERT_EQUAL_FATAL(glia_comm_world(&world), GLIA_OK);
  for (int i = 0; i < TABLE; i++) {
    x[i] = 0.1 + 0.05 * i;
    y[i] = 0.75 * x[i] * (1.0 - x[i]);
  }
  CU_ASSERT_EQUAL_FATAL(glia_search(TABLE, 1, x, y, name, &o, NULL, alone, &n), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_search(TABLE, 1, x, y, name, &o, world, together, &m), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(n, m);
  for (int i = 0; i < n; i++) {
    CU_ASSERT_STRING_EQUAL(alone[i].text, together[i].text);
    CU_ASSERT(alone[i].number == together[i].number &&
              alone[i].error_bits == together[i].error_bits);
  }
  CU_ASSERT(alone[n - 1].rms < 1e-12);
}

TAP_MPI_MAIN("surrogate", TAP(ranks_find_the_terms_of_one), TAP(ranks_with_other_data_are_refused),
             TAP(ranks_train_the_networks_of_one), TAP(ranks_find_the_front_of_one))
