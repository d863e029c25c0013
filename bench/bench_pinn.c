/* bench pinn: a physics-informed network for Burgers' equation (four layers of 16, 10,000 points, float64, one thread) beside the same in
 * PyTorch: loss and gradient, alternating with double backward; then the time to a relative error of 1e-4, Levenberg-Marquardt
 * steps beside L-BFGS from the same weights and points. The peer is given up after eleven times our time.
 * Errors are against Cole and Hopf's integral at points that no fit has seen.  Source: raissi2019, cole1951, hopf1950. */
#include "bench.h"
#include "peer.h"

#include "glia_log.h"
#include "glia_petsc.h"
#include "glia_solve.h"

#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char program[] = {
#include "bench/pinn_torch.inc"
    0};

static const char text[] =
    "unknowns: [u]\ndomain: {t: [0, 1], x: [-1, 1]}\nequations: [\"u_t + u*u_x = 0.01/pi*u_xx\"]\n"
    "conditions: [{at: {t: 0}, equation: \"u = -sin(pi*x)\"}, {at: {x: [-1, 1]}, equation: \"u = "
    "0\"}]\n"
    "points: {interior: 10000}\nsteps: 2000\n";

enum { ROUNDS = 11, TEST = 2000, LOOK = 5 };
static const double TARGET = 1e-4, GIVE_UP = 11.0, block_s = 0.12;

struct work {
  struct glia_yaml_doc *doc;
  struct glia_problem problem;
  struct glia_solve_config config;
  struct glia_solver *solver;
  struct glia_pinn_points points; /* of the equation, once it was solved */
  double *theta, *gradient;       /* [size] */
  double x[2 * TEST], u[TEST], found[TEST];
  double error; /* at the last look */
  bool race;
};

/* Trapezoidal rule over Gauss's weight: converged to 1e-14 at this step. */
static double cole_hopf(double t, double x)
{
  const double nu = 0.01 / M_PI, spread = sqrt(4.0 * nu * t), step = 0.01;
  double most = (double)-INFINITY, above = 0.0, below = 0.0;

  for (int pass = 0; pass < 2; pass++)
    for (int i = -1800; i <= 1800; i++) {
      const double s = i * step, y = x - spread * s;
      const double e = -cos(M_PI * y) / (2.0 * M_PI * nu) - s * s;
      if (pass == 0) {
        most = fmax(most, e);
        continue;
      }
      above += sin(M_PI * y) * exp(e - most);
      below += exp(e - most);
    }
  return -above / below;
}

static void make_test(struct work *w)
{
  for (int i = 0; i < TEST; i++) {
    glia_sobol(2, 99, (uint64_t)i, w->x + 2 * i);
    w->x[2 * i + 1] = 2.0 * w->x[2 * i + 1] - 1.0;
    w->u[i] = cole_hopf(w->x[2 * i], w->x[2 * i + 1]);
  }
}

static void watch(void *self, const struct glia_fit_state *state, double relative_l2, bool *stop)
{
  struct work *w = self;
  double square = 0.0, size = 0.0;

  (void)relative_l2;
  *stop = !w->race;
  if (state->step % LOOK != 0) return;
  if (glia_pinn_fields(glia_solver_pinn(w->solver), TEST, w->x, w->found) != GLIA_OK) return;
  for (int i = 0; i < TEST; i++) {
    square += (w->found[i] - w->u[i]) * (w->found[i] - w->u[i]);
    size += w->u[i] * w->u[i];
  }
  w->error = sqrt(square / size);
  *stop = *stop || w->error <= TARGET;
}

static glia_status open_work(struct work *w)
{
  const struct glia_yaml *root;

  make_test(w);
  GLIA_TRY(glia_yaml_parse_text("bench pinn", text, strlen(text), &w->doc));
  root = glia_yaml_root(w->doc);
  GLIA_TRY(glia_problem_read(root, &w->problem));
  GLIA_TRY(glia_solve_config_read(root, &w->problem, &w->config));
  GLIA_TRY(glia_solver_create(&w->problem, &w->config, NULL, &w->solver));
  w->theta = calloc(2 * (size_t)glia_pinn_size(glia_solver_pinn(w->solver)), sizeof *w->theta);
  GLIA_CHECK(w->theta != NULL, GLIA_E_MEMORY, "weights");
  w->gradient = w->theta + glia_pinn_size(glia_solver_pinn(w->solver));
  return GLIA_OK;
}

static void close_work(struct work *w)
{
  glia_solver_destroy(&w->solver);
  glia_problem_fini(&w->problem);
  glia_yaml_destroy(&w->doc);
  free(w->theta);
}

/* Points and first weights of seed 1 to both. */
static glia_status hand_over(struct work *w, struct peer *p)
{
  const struct glia_type pair = glia_type_make(GLIA_F64, 1, (int64_t[]){2});
  const struct glia_type one = glia_type_make(GLIA_F64, 1, (int64_t[]){1});
  struct glia_pinn *pinn = glia_solver_pinn(w->solver);
  struct glia_array array[2 * GLIA_JET_LAYERS];
  char answer[PEER_ANSWER];

  glia_pinn_initialize(pinn, 1, w->theta);
  glia_pinn_set(pinn, w->theta);
  w->points = glia_solver_cloud(w->solver)->points[0];
  if (p->pid == 0) return GLIA_OK;
  GLIA_TRY(peer_array(p, "x", &pair, w->points.n, w->points.x));
  GLIA_TRY(peer_array(p, "test_x", &pair, TEST, w->x));
  GLIA_TRY(peer_array(p, "test_u", &one, TEST, w->u));
  const int n = glia_pinn_arrays(pinn, 2 * GLIA_JET_LAYERS, array);
  for (int i = 0; i < n; i++)
    GLIA_TRY(peer_array(p, array[i].path, &array[i].type, 0, array[i].data));
  return peer_ask(p, answer, "build %.17g", w->problem.scale[0]);
}

static glia_status ours(struct work *w, int n, double *took_s, double *loss)
{
  const double t0 = glia_time_s();

  for (int i = 0; i < n; i++)
    GLIA_TRY(glia_pinn_sum(glia_solver_pinn(w->solver), 0, &w->points, loss, w->gradient));
  *took_s = glia_time_s() - t0;
  return GLIA_OK;
}

/* Loss and gradient: rounds by turns, after a look whether both compute the same. */
static glia_status gradients(struct bench_report *r, struct work *w, struct peer *p)
{
  double t[ROUNDS], peer_t[ROUNDS], loss = 0.0, peer_loss = 0.0, took_s;

  GLIA_TRY(ours(w, 2, &took_s, &loss));
  const int n = 1 + (int)(block_s / (took_s / 2.0));
  if (p->pid > 0) {
    GLIA_TRY(peer_run(p, 2, &took_s, &peer_loss));
    GLIA_CHECK(fabs(loss - peer_loss) <= 1e-9 * loss, GLIA_E_INTERNAL,
               "the loss is %.15g, PyTorch's %.15g: not the same network", loss, peer_loss);
  }
  for (int i = 0; i < ROUNDS; i++) {
    GLIA_TRY(ours(w, n, &took_s, &loss));
    t[i] = took_s / n;
    if (p->pid == 0) continue;
    GLIA_TRY(peer_run(p, 2, &took_s, &peer_loss));
    peer_t[i] = took_s / 2;
  }
  const double mine = bench_median(t, ROUNDS);
  struct bench_row *row = bench_add(r, "s", mine, NULL, (double)NAN, (double)NAN,
                                    "loss and gradient at %lld points", (long long)w->points.n);
  if (row == NULL) return GLIA_OK;
  row->spread = bench_spread(t, ROUNDS);
  if (p->pid == 0) return GLIA_OK;
  snprintf(row->peer_text, sizeof row->peer_text, "PyTorch %.40s double backward", p->version);
  row->peer = row->peer_text;
  row->peer_value = bench_median(peer_t, ROUNDS);
  row->peer_spread = bench_spread(peer_t, ROUNDS);
  row->ratio = row->peer_value / mine;
  return GLIA_OK;
}

static glia_status race(struct bench_report *r, struct work *w, struct peer *p, double mine)
{
  struct bench_row *row = bench_add(r, "s", mine, NULL, (double)NAN, (double)NAN,
                                    "until %.0e off, %.1e at the end", TARGET, w->error);
  char answer[PEER_ANSWER];
  double took_s, error;
  long calls;

  if (row == NULL || p->pid == 0) return GLIA_OK;
  r->progress(r->self, "PyTorch's L-BFGS");
  GLIA_TRY(peer_ask(p, answer, "race %.3f %.17g", GIVE_UP * mine, TARGET));
  GLIA_CHECK(sscanf(answer, "ok %lf %lf %ld", &took_s, &error, &calls) == 3, GLIA_E_IO,
             "PyTorch answers '%s'", answer);
  snprintf(row->peer_text, sizeof row->peer_text, "PyTorch L-BFGS%s: %.1e after %ld",
           error <= TARGET ? "" : ", given up", error, calls);
  row->peer = row->peer_text;
  row->peer_value = took_s;
  row->ratio = took_s / mine;
  return GLIA_OK;
}

static bool wanted(const struct bench_report *r, const char *part)
{
  for (int i = 0; i < r->n_words; i++)
    if (strcmp(r->word[i], part) == 0) return true;
  return r->n_words == 0;
}

static glia_status compare(struct bench_report *r, struct work *w, struct peer *p)
{
  const struct glia_solve_watch look = {.self = w, .step = watch};
  struct glia_solve_result result;

  w->race = wanted(r, "race");
  GLIA_TRY(open_work(w));
  if (w->race) r->progress(r->self, "Levenberg-Marquardt steps");
  GLIA_TRY(glia_solver_run(w->solver, 1, NULL, &look, &result));
  GLIA_CHECK(!w->race || w->error <= TARGET, GLIA_E_INTERNAL, "our own fit ended %.1e off",
             w->error);
  GLIA_TRY(hand_over(w, p));
  r->progress(r->self, "loss and gradient");
  if (wanted(r, "gradient")) GLIA_TRY(gradients(r, w, p));
  return w->race ? race(r, w, p, result.wall_s) : GLIA_OK;
}

static glia_status run(struct bench_report *r, double seconds)
{
  struct work *w = calloc(1, sizeof *w);
  struct peer p = {0};
  int started;

  (void)seconds;
  for (int i = 0; i < r->n_words; i++)
    if (strcmp(r->word[i], "gradient") != 0 && strcmp(r->word[i], "race") != 0) {
      free(w);
      return GLIA_FAIL(GLIA_E_USAGE, "no part named %s: there are gradient, race", r->word[i]);
    }
  GLIA_CHECK(w != NULL, GLIA_E_MEMORY, "a bench");
  MPI_Initialized(&started);
  if (!started) MPI_Init(NULL, NULL);
  glia_status st = glia_petsc_begin(NULL);
  if (st == GLIA_OK) st = peer_open(&p, program);
  if (st == GLIA_OK && p.pid == 0)
    r->progress(r->self, "no Python with PyTorch and NumPy: only our own times (apt-get install "
                         "python3-torch, or set PYTHON3)");
  if (st == GLIA_OK) st = compare(r, w, &p);
  peer_close(&p);
  close_work(w);
  free(w);
  glia_petsc_end();
  if (!started) MPI_Finalize();
  return st;
}

const struct bench bench_pinn_ = {
    .name = "pinn",
    .what = "Burgers' equation by a network: gradients, and time to 1e-4, beside PyTorch's",
    .run = run,
    .parts = true,
};
