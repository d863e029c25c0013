/* What glia discover leaves: a problem that glia pinn solves, and a picture. */
#include "discover.h"

#include "glia_figure.h"
#include "glia_file.h"
#include "glia_whole_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int discover_equation(const struct glia_discovery *d, int which, const struct glia_found *found)
{
  struct glia_discovery *pool = (struct glia_discovery *)(uintptr_t)d;
  int with[GLIA_PDE_UNKNOWNS + GLIA_DISCOVER_HIDDEN];

  for (int i = 0; i < d->names.n_unknowns; i++) with[i] = GLIA_EXPR_NONE;
  with[d->p.n_unknowns + which] = glia_found_expression(pool, which, &found->fit, true);
  return glia_expr_substitute(d->p.pool, d->hidden[which].equation, d->names.n_unknowns, with);
}

static void print_list(FILE *f, const char *key, int n, const char *const *name, const bool *take)
{
  bool any = false;

  for (int i = 0; i < n; i++) {
    if (take != NULL && !take[i]) continue;
    fprintf(f, "%s%s", any ? ", " : "", any ? "" : key);
    if (!any) fprintf(f, ": [");
    fprintf(f, "%s", name[i]);
    any = true;
  }
  if (any) fprintf(f, "]\n");
}

static void print_problem(FILE *f, const struct glia_discovery *d, const struct glia_found *found,
                          const char *csv)
{
  const struct glia_problem *p = &d->p;
  char text[GLIA_EXPR_TEXT];

  fprintf(f, "# found by glia discover in %s\n", p->data.file);
  print_list(f, "unknowns", p->n_unknowns, p->unknown, NULL);
  fprintf(f, "domain: {");
  for (int c = 0; c < p->n_coords; c++)
    fprintf(f, "%s%s: [%.17g, %.17g]", c > 0 ? ", " : "", p->coord[c], p->lo[c], p->hi[c]);
  fprintf(f, "}\n");
  print_list(f, "periodic", p->n_coords, p->coord, p->periodic);
  fprintf(f, "equations:\n");
  for (int h = 0; h < d->n_hidden; h++)
    fprintf(
        f, "  - \"%s = 0\"\n",
        glia_expr_print(p->pool, &d->names, discover_equation(d, h, &found[h]), text, sizeof text));
  fprintf(f, "data: {file: %s}\n", d->network ? p->data.file : csv);
}

/* Does node i of the grid lie at the first time, or on a side that is no period? */
static bool on_side(const struct glia_problem *p, const struct glia_grid_data *g, int64_t i)
{
  bool side = false;

  for (int c = p->n_coords - 1; c >= 0; c--) {
    const int64_t k = i % g->dim[c];
    i /= g->dim[c];
    if (c == p->time)
      side = side || k == 0;
    else if (!p->periodic[c])
      side = side || k == 0 || k == g->dim[c] - 1;
  }
  return side;
}

static void print_sides(FILE *f, const struct glia_problem *p, const struct glia_grid_data *g)
{
  for (int c = 0; c < p->n_coords; c++) fprintf(f, "%s%s", c > 0 ? "," : "", p->coord[c]);
  for (int k = 0; k < p->n_unknowns; k++) fprintf(f, ",%s", p->unknown[k]);
  fprintf(f, "\n");
  for (int64_t i = 0; i < g->n; i++) {
    int64_t at[GLIA_PDE_COORDS], rest = i;
    if (!on_side(p, g, i)) continue;
    for (int c = p->n_coords - 1; c >= 0; c--) {
      at[c] = rest % g->dim[c];
      rest /= g->dim[c];
    }
    for (int c = 0; c < p->n_coords; c++)
      fprintf(f, "%s%.17g", c > 0 ? "," : "", g->lo[c] + (double)at[c] * g->step[c]);
    for (int k = 0; k < p->n_unknowns; k++) fprintf(f, ",%.17g", g->u[k * g->n + i]);
    fprintf(f, "\n");
  }
}

/* Samples at the sides: FOUND-conditions.csv of FOUND.yaml. */
static glia_status name_csv(const char *path, char *csv, size_t size)
{
  const char *dot = strrchr(path, '.'), *slash = strrchr(path, '/');
  const size_t stem =
      dot != NULL && (slash == NULL || dot > slash) ? (size_t)(dot - path) : strlen(path);
  const int n = snprintf(csv, size, "%.*s-conditions.csv", (int)stem, path);

  GLIA_CHECK(n >= 0 && (size_t)n < size, GLIA_E_USAGE, "a path of %zu bytes", strlen(path));
  GLIA_CHECK(dot == NULL || strcmp(dot, ".csv") != 0, GLIA_E_USAGE,
             "%s: what is found is a configuration: give -o FOUND.yaml", path);
  return GLIA_OK;
}

glia_status discover_may_write(const struct glia_discovery *d, const char *path)
{
  char csv[4096];

  if (path == NULL) return GLIA_OK;
  GLIA_TRY(name_csv(path, csv, sizeof csv));
  GLIA_CHECK(
      !glia_file_same(d->p.data.file, path) && (d->network || !glia_file_same(d->p.data.file, csv)),
      GLIA_E_USAGE, "%s is the data, and would be written over: give -o another name than %s",
      d->p.data.file, path);
  return d->network ? GLIA_OK : glia_file_may_make(csv, true);
}

glia_status discover_write_yaml(const struct glia_discovery *d, const struct glia_grid_data *g,
                                const struct glia_found *found, const char *path)
{
  struct glia_whole_file yaml = {0}, sides = {0};
  char csv[4096];
  glia_status st;

  GLIA_TRY(name_csv(path, csv, sizeof csv));
  GLIA_TRY_TO(out, st, glia_whole_open(path, &yaml));
  print_problem(yaml.f, d, found, csv);
  GLIA_TRY_TO(out, st, glia_whole_flush(&yaml));
  if (!d->network) { /* of networks the samples are few: all of them are told */
    GLIA_TRY_TO(out, st, glia_whole_open(csv, &sides));
    print_sides(sides.f, &d->p, g);
    GLIA_TRY_TO(out, st, glia_whole_close(&sides));
  }
  GLIA_TRY_TO(out, st, glia_whole_commit(&yaml));
out:
  glia_whole_abort(&sides);
  glia_whole_abort(&yaml);
  return st;
}

/* Pictures: a row of panels for each hidden term. */

static void draw_front(struct glia_panel *panel, const struct glia_regression_result *r)
{
  double x[GLIA_REGRESSION_MOST + 1], left[GLIA_REGRESSION_MOST + 1],
      held[GLIA_REGRESSION_MOST + 1];

  for (int k = 0; k < r->n_steps; k++) {
    x[k] = __builtin_popcountll(r->step[k].support);
    left[k] = fmax(r->step[k].error, 1e-16);
    held[k] = fmax(r->step[k].held_out, 1e-16);
  }
  glia_panel_title(panel, "front");
  glia_panel_xlabel(panel, "terms");
  glia_panel_ylabel(panel, "unexplained share");
  glia_panel_log_y(panel);
  glia_panel_line(panel, r->n_steps, x, left, &(struct glia_style){.label = "fitted"});
  glia_panel_points(panel, r->n_steps, x, held, &(struct glia_style){.label = "held out"});
  glia_panel_vline(panel, r->n_terms, "chosen");
}

/* Bits of formulas against what they leave. */
static void draw_formulas(struct glia_panel *panel, const struct glia_found *f)
{
  double x[GLIA_SEARCH_FRONT], y[GLIA_SEARCH_FRONT];

  for (int k = 0; k < f->n_front; k++) {
    x[k] = f->front[k].complexity_bits;
    y[k] = fmax(f->front[k].rms, 1e-16);
  }
  glia_panel_title(panel, "formulas");
  glia_panel_xlabel(panel, "complexity (bits)");
  glia_panel_ylabel(panel, "unexplained share");
  glia_panel_log_y(panel);
  glia_panel_points(panel, f->n_front, x, y, NULL);
}

static void draw_coefficients(struct glia_panel *panel, const struct glia_found *f)
{
  double lo[GLIA_REGRESSION_MOST], hi[GLIA_REGRESSION_MOST];

  for (int k = 0; k < f->fit.n_terms; k++) {
    lo[k] = f->fit.coefficient[k] - 2.0 * f->fit.error[k];
    hi[k] = f->fit.coefficient[k] + 2.0 * f->fit.error[k];
  }
  glia_panel_title(panel, "coefficients, two errors");
  glia_panel_xlabel(panel, "term");
  glia_panel_hline(panel, 0.0, NULL);
  if (f->fit.n_terms > 0)
    glia_panel_errorbars(panel, f->fit.n_terms, NULL, f->fit.coefficient, lo, hi, NULL);
}

static glia_status draw_rows(struct glia_panel *fit, struct glia_panel *rest,
                             const struct glia_found *f)
{
  double *left = malloc((size_t)f->rows * sizeof *left);

  GLIA_CHECK(left != NULL, GLIA_E_MEMORY, "%lld rows", (long long)f->rows);
  for (int64_t i = 0; i < f->rows; i++) left[i] = f->target[i] - f->fitted[i];
  glia_panel_title(fit, "fit");
  glia_panel_xlabel(fit, f->samples > 0 ? "hidden network" : "weak form of the hidden term");
  glia_panel_ylabel(fit, "of what was found");
  glia_panel_points(fit, f->rows, f->target, f->fitted, &(struct glia_style){.size_pt = 1.5});
  glia_panel_title(rest, "residual");
  glia_panel_xlabel(rest, "difference");
  glia_panel_histogram(rest, f->rows, left, 0, false, NULL);
  free(left);
  return GLIA_OK;
}

glia_status discover_draw(const struct glia_discovery *d, const struct glia_found *found,
                          const char *path)
{
  struct glia_figure *fig;
  const int cols = d->network && d->longest > 0 ? 5 : 4;
  glia_status st = glia_figure_create(3.4 * cols, 2.6 * d->n_hidden, d->n_hidden, cols, &fig);

  for (int h = 0; h < d->n_hidden && st == GLIA_OK; h++) {
    draw_front(glia_figure_panel(fig, h, 0), &found[h].fit);
    draw_coefficients(glia_figure_panel(fig, h, 1), &found[h]);
    if (cols == 5) draw_formulas(glia_figure_panel(fig, h, 4), &found[h]);
    st = draw_rows(glia_figure_panel(fig, h, 2), glia_figure_panel(fig, h, 3), &found[h]);
  }
  if (st == GLIA_OK) st = glia_figure_write(fig, path);
  glia_figure_destroy(&fig);
  return st;
}
