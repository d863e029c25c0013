/* What glia pinn leaves: solution on a grid as HDF5 with XDMF beside it, and a picture. docs/formats/solution.md */
#include "pinn.h"

#include "glia_archive.h"
#include "glia_figure.h"
#include "glia_file.h"
#include "glia_whole_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GATHERED "fit/gathered"
#define REDRAWN  "fit/redrawn"
#define STAGE    "fit/stage"

void pinn_history_add(struct pinn_history *h, double step, double loss, double error)
{
  if (h->n == h->room) {
    const int64_t room = h->room > 0 ? 2 * h->room : 256;
    double *more = calloc(3 * (size_t)room, sizeof *more);
    if (more == NULL) return; /* a picture with fewer points */
    for (int k = 0; k < 3 && h->step != NULL; k++)
      memcpy(more + k * room, h->step + k * h->room, (size_t)h->n * sizeof *more);
    free(h->step);
    h->step = more;
    h->loss = more + room;
    h->error = more + 2 * room;
    h->room = room;
  }
  h->step[h->n] = step;
  h->loss[h->n] = loss;
  h->error[h->n++] = error;
}

void pinn_history_free(struct pinn_history *h)
{
  free(h->step);
  *h = (struct pinn_history){0};
}

/* Coordinates that vary on the grid: three at most. */
static int64_t extent(const struct glia_problem *p, int c, int64_t side)
{
  if (side > 0) return c < 3 ? side : 1;
  return c >= 3 ? 1 : p->n_coords <= 2 ? 101 : 41;
}

glia_status pinn_grid_make(struct glia_solver *s, const struct glia_problem *p, int64_t side,
                           struct pinn_grid *g)
{
  const int d = p->n_coords, m = p->n_unknowns;

  *g = (struct pinn_grid){.n = 1};
  for (int c = 0; c < d; c++) {
    g->dim[c] = extent(p, c, side);
    g->n *= g->dim[c];
    g->axis[c] = malloc((size_t)g->dim[c] * sizeof(double));
    GLIA_CHECK(g->axis[c] != NULL, GLIA_E_MEMORY, "an axis of %lld", (long long)g->dim[c]);
    for (int64_t i = 0; i < g->dim[c]; i++)
      g->axis[c][i] = g->dim[c] == 1
                          ? 0.5 * (p->lo[c] + p->hi[c])
                          : p->lo[c] + (p->hi[c] - p->lo[c]) * (double)i / (double)(g->dim[c] - 1);
  }
  g->x = malloc((size_t)(g->n * d) * sizeof *g->x);
  g->u = malloc((size_t)(g->n * m) * sizeof *g->u);
  GLIA_CHECK(g->x != NULL && g->u != NULL, GLIA_E_MEMORY, "a grid of %lld points", (long long)g->n);
  for (int64_t k = 0; k < g->n; k++) {
    int64_t rest = k;
    for (int c = d - 1; c >= 0; c--, rest /= g->dim[c + 1])
      g->x[k * d + c] = g->axis[c][rest % g->dim[c]];
  }
  GLIA_TRY(glia_pinn_fields(glia_solver_pinn(s), g->n, g->x, g->u));
  for (int64_t k = 0; k < g->n; k++)
    for (int i = 0; i < m && !glia_problem_inside(p, g->x + k * d); i++)
      g->u[k * m + i] = (double)NAN;
  return GLIA_OK;
}

void pinn_grid_free(struct pinn_grid *g)
{
  for (int c = 0; c < GLIA_PDE_COORDS; c++) free(g->axis[c]);
  free(g->x);
  free(g->u);
  *g = (struct pinn_grid){0};
}

static glia_status put_fields(struct glia_archive_writer *w, const struct glia_problem *p,
                              const struct pinn_grid *g)
{
  const int d = p->n_coords, m = p->n_unknowns;
  double *one = malloc((size_t)g->n * sizeof *one);
  glia_status st = GLIA_OK;

  GLIA_CHECK(one != NULL, GLIA_E_MEMORY, "a grid of %lld points", (long long)g->n);
  for (int c = 0; c < d && st == GLIA_OK; c++) {
    const struct glia_array a = {p->coord[c], glia_type_make(GLIA_F64, 1, &g->dim[c]), g->axis[c]};
    st = glia_archive_put(w, &a);
  }
  for (int i = 0; i < m && st == GLIA_OK; i++) {
    const struct glia_array a = {p->unknown[i], glia_type_make(GLIA_F64, d, g->dim), one};
    for (int64_t k = 0; k < g->n; k++) one[k] = g->u[k * m + i];
    st = glia_archive_put(w, &a);
  }
  free(one);
  return st;
}

static glia_status put_state(struct glia_archive_writer *w, const struct pinn_state *state)
{
  const struct glia_attribute attribute[] = {glia_attribute_int("seed", state->seed),
                                             glia_attribute_int("step", state->step),
                                             glia_attribute_real("damping", state->damping)};

  for (size_t i = 0; i < GLIA_COUNT(attribute); i++)
    GLIA_TRY(glia_archive_put_attribute(w, "fit", &attribute[i]));
  return GLIA_OK;
}

/* By which weights points were placed: fits whose points stayed have none. */
static glia_status put_points(struct glia_archive_writer *w, struct glia_solver *s)
{
  const int64_t n = glia_pinn_size(glia_solver_pinn(s));
  const struct glia_solve_points points = glia_solver_points(s);
  const struct glia_array a = {points.gathered ? GATHERED : REDRAWN,
                               glia_type_make(GLIA_F64, 1, &n), (void *)(uintptr_t)points.theta};
  const struct glia_attribute step = glia_attribute_int("redrawn", points.step);

  if (points.theta == NULL) return GLIA_OK;
  GLIA_TRY(glia_archive_put(w, &a));
  return points.gathered ? GLIA_OK : glia_archive_put_attribute(w, "fit", &step);
}

/* Among which stages the fit stands: fits without any have none. */
static glia_status put_stage(struct glia_archive_writer *w, const struct glia_solver *s)
{
  const struct glia_solve_stage stage = glia_solver_stage(s);
  const double value[] = {stage.of, stage.number, (double)stage.since, stage.value};
  const int64_t n = GLIA_COUNT(value);
  const struct glia_array a = {STAGE, glia_type_make(GLIA_F64, 1, &n), (void *)(uintptr_t)value};

  return stage.of > 0 ? glia_archive_put(w, &a) : GLIA_OK;
}

static glia_status has(struct glia_archive *a, const char *path, bool *out)
{
  struct glia_type type;
  const glia_status st = glia_archive_type(a, path, &type);

  *out = st == GLIA_OK;
  if (st != GLIA_E_MISSING) return st;
  glia_trace_clear();
  return GLIA_OK;
}

static glia_status get_points(struct glia_archive *a, int64_t n, struct pinn_state *out)
{
  struct glia_solve_points *points = &out->points;
  bool redrawn = false;

  *points = (struct glia_solve_points){0};
  GLIA_TRY(has(a, GATHERED, &points->gathered));
  if (!points->gathered) GLIA_TRY(has(a, REDRAWN, &redrawn));
  if (!points->gathered && !redrawn) return GLIA_OK;
  const struct glia_array array = {points->gathered ? GATHERED : REDRAWN,
                                   glia_type_make(GLIA_F64, 1, &n), out->placed};
  GLIA_TRY(glia_archive_get(a, &array));
  for (int64_t i = 0; i < n; i++)
    GLIA_CHECK(isfinite(out->placed[i]), GLIA_E_DATA, "a weight is %g", out->placed[i]);
  if (redrawn) GLIA_TRY(glia_archive_get_int(a, "fit", "redrawn", &points->step));
  points->theta = out->placed;
  return GLIA_OK;
}

static glia_status get_stage(struct glia_archive *a, struct glia_solve_stage *out)
{
  double value[4];
  const int64_t n = GLIA_COUNT(value);
  const struct glia_array array = {STAGE, glia_type_make(GLIA_F64, 1, &n), value};
  bool staged;

  *out = (struct glia_solve_stage){0};
  GLIA_TRY(has(a, STAGE, &staged));
  if (!staged) return GLIA_OK;
  GLIA_TRY(glia_archive_get(a, &array));
  GLIA_CHECK(value[0] >= 1.0 && value[0] <= GLIA_SOLVE_STAGES && value[1] >= 0.0 &&
                 value[1] <= value[0] && value[2] >= 0.0 && value[2] < 1e15 && isfinite(value[3]),
             GLIA_E_DATA, "stage %g of %g", value[1], value[0]);
  out->of = (int)value[0];
  out->number = (int)value[1];
  out->since = (int64_t)value[2];
  out->value = value[3];
  return GLIA_OK;
}

static glia_status get_state(struct glia_archive *a, struct glia_solver *s, struct pinn_state *out)
{
  const struct glia_pinn *pinn = glia_solver_pinn(s);

  GLIA_TRY(glia_pinn_load(pinn, a, out->theta));
  GLIA_TRY(glia_archive_get_int(a, "fit", "seed", &out->seed));
  GLIA_TRY(glia_archive_get_int(a, "fit", "step", &out->step));
  GLIA_TRY(glia_archive_get_real(a, "fit", "damping", &out->damping));
  GLIA_CHECK(out->seed >= 0 && out->step >= 0 && out->damping >= 0.0 && isfinite(out->damping),
             GLIA_E_DATA, "step %lld of seed %lld, damping %g", (long long)out->step,
             (long long)out->seed, out->damping);
  GLIA_TRY(get_stage(a, &out->stage));
  return get_points(a, glia_pinn_size(pinn), out);
}

glia_status pinn_read(struct glia_solver *s, const char *path, struct pinn_state *out)
{
  struct glia_archive *a = NULL;

  GLIA_TRY(glia_archive_open(path, "solution", 1, &a));
  const glia_status st = get_state(a, s, out);
  glia_archive_close(&a);
  return st;
}

static glia_status put_all(struct glia_archive_writer *w, const struct glia_problem *p,
                           struct glia_solver *s, const struct pinn_grid *g,
                           const struct pinn_state *state, const char *config)
{
  struct glia_array array[GLIA_PINN_ARRAYS];
  const int n = glia_pinn_arrays(glia_solver_pinn(s), GLIA_PINN_ARRAYS, array);

  GLIA_TRY(put_fields(w, p, g));
  for (int i = 0; i < n; i++) GLIA_TRY(glia_archive_put(w, &array[i]));
  GLIA_TRY(put_state(w, state));
  GLIA_TRY(put_points(w, s));
  GLIA_TRY(put_stage(w, s));
  return glia_archive_put_texts(w, "config", -1, &config);
}

/* The grid as XDMF sees it: axes fastest first, at most three. */
static void xdmf(FILE *f, const struct glia_problem *p, const struct pinn_grid *g, const char *file)
{
  const int d = p->n_coords < 3 ? p->n_coords : 3;
  char dim[96] = "";

  for (int c = 0; c < d; c++)
    snprintf(dim + strlen(dim), sizeof dim - strlen(dim), "%s%lld", c > 0 ? " " : "",
             (long long)g->dim[c]);
  fprintf(f,
          "<?xml version=\"1.0\"?>\n<Xdmf Version=\"3.0\"><Domain><Grid Name=\"solution\" "
          "GridType=\"Uniform\">\n<Topology TopologyType=\"%dDRectMesh\" Dimensions=\"%s\"/>\n"
          "<Geometry GeometryType=\"%s\">\n",
          d, dim, d == 2 ? "VXVY" : "VXVYVZ");
  for (int c = d - 1; c >= 0; c--)
    fprintf(f,
            "<DataItem Name=\"%s\" Format=\"HDF\" NumberType=\"Float\" Precision=\"8\" "
            "Dimensions=\"%lld\">%s:/%s</DataItem>\n",
            p->coord[c], (long long)g->dim[c], file, p->coord[c]);
  fprintf(f, "</Geometry>\n");
  for (int i = 0; i < p->n_unknowns; i++)
    fprintf(f,
            "<Attribute Name=\"%s\" AttributeType=\"Scalar\" Center=\"Node\"><DataItem "
            "Format=\"HDF\" NumberType=\"Float\" Precision=\"8\" "
            "Dimensions=\"%s\">%s:/%s</DataItem></Attribute>\n",
            p->unknown[i], dim, file, p->unknown[i]);
  fprintf(f, "</Grid></Domain></Xdmf>\n");
}

/* Beside the solution: F.xdmf of F.h5. */
static void name_xdmf(const char *path, char *name, size_t size)
{
  const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
  const bool ends = dot != NULL && dot > path && (slash == NULL || dot > slash + 1);

  snprintf(name, size, "%.*s.xdmf", ends ? (int)(dot - path) : (int)strlen(path), path);
}

static glia_status open_xdmf(const struct glia_problem *p, const struct pinn_grid *g,
                             const char *path, struct glia_whole_file *w)
{
  char name[4096 + 8];
  const char *slash = strrchr(path, '/');

  if (p->n_coords < 2) return GLIA_OK; /* a line is a picture */
  name_xdmf(path, name, sizeof name);
  GLIA_TRY(glia_whole_open(name, w));
  xdmf(w->f, p, g, slash != NULL ? slash + 1 : path);
  return glia_whole_flush(w);
}

glia_status pinn_may_write(const struct glia_problem *p, const char *solution, const char *picture,
                           bool force)
{
  char beside[4096 + 8] = "";

  if (solution == NULL) return GLIA_OK;
  if (p->n_coords > 1) name_xdmf(solution, beside, sizeof beside);
  GLIA_CHECK(strcmp(beside, solution) != 0, GLIA_E_USAGE,
             "%s is what is written beside a solution: name that one, say, F.h5", solution);
  if (beside[0] != '\0') GLIA_TRY(glia_cli_made(glia_file_may_make(beside, force), beside));
  GLIA_CHECK(picture == NULL || (strcmp(picture, solution) != 0 && strcmp(picture, beside) != 0),
             GLIA_E_USAGE, "%s would be the solution's file and the picture's", picture);
  return GLIA_OK;
}

glia_status pinn_write(const struct glia_problem *p, struct glia_solver *s,
                       const struct pinn_grid *g, const struct pinn_state *state,
                       const char *config, const char *path, bool force)
{
  struct glia_archive_writer *w = NULL;
  struct glia_whole_file beside = {0};
  glia_status st;

  GLIA_TRY(glia_archive_create(path, "solution", 1, force, &w));
  GLIA_TRY_TO(out, st, put_all(w, p, s, g, state, config));
  GLIA_TRY_TO(out, st, open_xdmf(p, g, path, &beside));
  GLIA_TRY_TO(out, st, glia_archive_commit(&w));
  if (beside.to != NULL) GLIA_TRY_TO(out, st, glia_whole_commit(&beside));
out:
  glia_archive_abort(&w);
  glia_whole_abort(&beside);
  return st;
}

/* Pictures. */

/* Edges of cells around the points of an axis. */
static void edges(int64_t n, const double *at, double *out)
{
  const double step = (at[n - 1] - at[0]) / (double)(n - 1);

  for (int64_t i = 0; i <= n; i++) out[i] = at[0] + ((double)i - 0.5) * step;
}

/* Values on the plane of the first two coordinates, time to the right. */
static void plane(struct glia_panel *panel, const struct glia_problem *p, const struct pinn_grid *g,
                  const double *value, const char *label, bool log)
{
  const int64_t rows = g->dim[1], cols = g->dim[0];
  int64_t inner = 1;
  double *v = malloc((size_t)(rows * cols) * sizeof *v);
  double *x = malloc((size_t)(rows + cols + 2) * sizeof *x);

  for (int c = 2; c < p->n_coords; c++) inner *= g->dim[c];
  if (v != NULL && x != NULL) {
    for (int64_t i = 0; i < cols; i++)
      for (int64_t j = 0; j < rows; j++) /* the middle of what lies behind */
        v[j * cols + i] = value[(i * rows + j) * inner + inner / 2];
    edges(cols, g->axis[0], x);
    edges(rows, g->axis[1], x + cols + 1);
    glia_panel_xlabel(panel, p->coord[0]);
    glia_panel_ylabel(panel, p->coord[1]);
    glia_panel_heatmap(panel, &(struct glia_heatmap){.rows = rows,
                                                     .cols = cols,
                                                     .value = v,
                                                     .x_edge = x,
                                                     .y_edge = x + cols + 1,
                                                     .log = log,
                                                     .label = label});
  }
  free(v);
  free(x);
}

static void history(struct glia_panel *panel, const struct pinn_history *h)
{
  double *x = malloc(2 * (size_t)(h->n + 1) * sizeof *x);
  int64_t n = 0;

  if (x == NULL) return;
  double *y = x + h->n + 1;
  glia_panel_xlabel(panel, "step");
  glia_panel_ylabel(panel, "loss, relative error");
  glia_panel_log_y(panel);
  glia_panel_line(panel, h->n, h->step, h->loss, &(struct glia_style){.label = "loss"});
  for (int64_t i = 0; i < h->n; i++) {
    if (isnan(h->error[i])) continue;
    x[n] = h->step[i];
    y[n++] = h->error[i];
  }
  if (n > 0) glia_panel_line(panel, n, x, y, &(struct glia_style){.label = "relative error"});
  free(x);
}

/* |residual| of all equations at the points of the grid. */
static glia_status residual(struct glia_solver *s, const struct pinn_grid *g, int width,
                            double *out)
{
  struct glia_pinn *pinn = glia_solver_pinn(s);
  const int m = glia_pinn_residuals(pinn, 0);
  const struct glia_pinn_points points = {.n = g->n, .x = g->x};
  double *r = malloc((size_t)(g->n * m) * sizeof *r);

  GLIA_CHECK(r != NULL, GLIA_E_MEMORY, "%lld residuals", (long long)g->n);
  const glia_status st = glia_pinn_rows(pinn, 0, &points, r, NULL);
  for (int64_t i = 0; i < g->n && st == GLIA_OK; i++) {
    double square = 0.0;
    for (int k = 0; k < m; k++) square += r[i * m + k] * r[i * m + k];
    out[i] = isnan(g->u[i * width]) ? (double)NAN : sqrt(square);
  }
  free(r);
  return st;
}

static bool has_exact(const struct glia_problem *p)
{
  bool any = false;

  for (int i = 0; i < p->n_unknowns; i++) any = any || p->exact[i] != GLIA_EXPR_NONE;
  return any;
}

/* |u - exact| of all unknowns that have one, at the points of the grid. */
static glia_status error_of(const struct glia_problem *p, const struct pinn_grid *g, double *out)
{
  for (int64_t k = 0; k < g->n; k++) out[k] = 0.0;
  for (int i = 0; i < p->n_unknowns; i++) {
    struct glia_expr_tape *tape;
    if (p->exact[i] == GLIA_EXPR_NONE) continue;
    GLIA_TRY(glia_expr_tape_create(p->pool, p->exact[i], &tape));
    for (int64_t k = 0; k < g->n; k++) {
      const struct glia_expr_values v = {.coord = g->x + k * p->n_coords,
                                         .parameter = p->parameter_start};
      const double off = g->u[k * p->n_unknowns + i] - glia_expr_tape_value(tape, &v);
      out[k] = isnan(off) || isnan(out[k]) ? (double)NAN : hypot(out[k], off);
    }
    glia_expr_tape_destroy(&tape);
  }
  return GLIA_OK;
}

/* Zeros have no logarithm, and what is below the last bit of the largest value is as good as one: all get the smallest that is more. */
static void lift(int64_t n, double *value)
{
  double most = 0.0, least = HUGE_VAL;

  for (int64_t k = 0; k < n; k++)
    if (isfinite(value[k])) most = fmax(most, value[k]);
  for (int64_t k = 0; k < n; k++)
    if (value[k] > 1e-17 * most) least = fmin(least, value[k]);
  if (!isfinite(least)) least = 1e-17; /* nothing but zeros */
  for (int64_t k = 0; k < n; k++)
    if (value[k] < least) value[k] = least;
}

/* Values on the grid, of many sizes. */
static void sizes(struct glia_panel *panel, const struct glia_problem *p, const struct pinn_grid *g,
                  double *value, const char *label)
{
  lift(g->n, value);
  if (p->n_coords > 1) {
    plane(panel, p, g, value, label, true);
    return;
  }
  glia_panel_xlabel(panel, p->coord[0]);
  glia_panel_ylabel(panel, label);
  glia_panel_log_y(panel);
  glia_panel_line(panel, g->n, g->axis[0], value, NULL);
}

static glia_status fill(struct glia_figure *fig, const struct glia_problem *p,
                        struct glia_solver *s, const struct pinn_grid *g,
                        const struct pinn_history *h, double *value)
{
  const int m = p->n_unknowns;

  for (int i = 0; i < m; i++) {
    for (int64_t k = 0; k < g->n; k++) value[k] = g->u[k * m + i];
    struct glia_panel *panel = glia_figure_panel(fig, 0, i);
    if (p->n_coords == 1) {
      glia_panel_xlabel(panel, p->coord[0]);
      glia_panel_ylabel(panel, p->unknown[i]);
      glia_panel_line(panel, g->n, g->axis[0], value, NULL);
    } else
      plane(panel, p, g, value, p->unknown[i], false);
  }
  int col = m;
  if (has_exact(p)) {
    GLIA_TRY(error_of(p, g, value));
    sizes(glia_figure_panel(fig, 0, col++), p, g, value, "|error|");
  }
  GLIA_TRY(residual(s, g, m, value));
  sizes(glia_figure_panel(fig, 0, col++), p, g, value, "|residual|");
  history(glia_figure_panel(fig, 0, col), h);
  return GLIA_OK;
}

glia_status pinn_draw(const struct glia_problem *p, struct glia_solver *s,
                      const struct pinn_grid *g, const struct pinn_history *h, const char *path)
{
  struct glia_figure *fig;
  const int cols = p->n_unknowns + 2 + has_exact(p);
  double *value = malloc((size_t)g->n * sizeof *value);

  GLIA_CHECK(value != NULL, GLIA_E_MEMORY, "a grid of %lld points", (long long)g->n);
  glia_status st = glia_figure_create(3.4 * cols, 2.6, 1, cols, &fig);
  if (st == GLIA_OK) st = fill(fig, p, s, g, h, value);
  if (st == GLIA_OK) st = glia_figure_write(fig, path);
  glia_figure_destroy(&fig);
  free(value);
  return st;
}
