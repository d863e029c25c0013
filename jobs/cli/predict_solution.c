/* glia predict of a solution: the unknowns at points of a file. */
#include "predict.h"

#include "glia_archive.h"
#include "glia_fields.h"
#include "glia_progress.h"
#include "glia_rows_file.h"
#include "glia_solve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 4096 };

/* The problem as it was written down, and its network. */
struct solved {
  struct glia_comm *comm;
  struct glia_archive *archive;
  struct glia_yaml_doc *doc;
  struct glia_problem problem;
  struct glia_pinn *pinn;
  double *theta, *x,
      *row; /* weights; points [n, coords]; rows of the answer [AT_ONCE, coords + unknowns] */
  int64_t n, outside;
};

static glia_status build(struct solved *s, const char *path)
{
  struct glia_solve_config config;
  char **text = NULL;
  int64_t n = 0;

  GLIA_TRY(glia_archive_get_texts(s->archive, "config", &n, &text));
  glia_status st = GLIA_OK;
  if (n == 1)
    st = glia_yaml_parse_text(path, text[0], strlen(text[0]), &s->doc);
  else
    st = GLIA_FAIL(GLIA_E_DATA, "%s has %lld configurations", path, (long long)n);
  glia_texts_free(n, &text);
  GLIA_TRY(st);
  GLIA_TRY(glia_problem_read_solved(glia_yaml_root(s->doc), &s->problem));
  GLIA_TRY(glia_solve_config_read(glia_yaml_root(s->doc), &s->problem, &config));
  return glia_pinn_create(&s->problem, &config.network, false, 1, s->comm, &s->pinn);
}

static glia_status load(struct solved *s)
{
  s->theta = malloc((size_t)glia_pinn_size(s->pinn) * sizeof *s->theta);
  GLIA_CHECK(s->theta != NULL, GLIA_E_MEMORY, "weights");
  GLIA_TRY(glia_pinn_load(s->pinn, s->archive, s->theta));
  glia_pinn_set(s->pinn, s->theta);
  return GLIA_OK;
}

/* Rows of coordinates and unknowns: outside the domain nothing is known. */
static glia_status answer(struct solved *s, int64_t n, const double *x, double *u)
{
  const struct glia_problem *p = &s->problem;
  const int d = p->n_coords, m = p->n_unknowns;

  GLIA_TRY(glia_pinn_fields(s->pinn, n, x, u));
  for (int64_t k = 0; k < n; k++) {
    const bool inside = glia_problem_holds(p, x + k * d);
    s->outside += !inside;
    for (int c = 0; c < d; c++) s->row[k * (d + m) + c] = x[k * d + c];
    for (int i = 0; i < m; i++) s->row[k * (d + m) + d + i] = inside ? u[k * m + i] : (double)NAN;
  }
  return GLIA_OK;
}

static glia_status write_rows(struct solved *s, struct glia_rows_file *f)
{
  const struct glia_problem *p = &s->problem;
  const int d = p->n_coords, cols = d + p->n_unknowns;
  const void *column[GLIA_PDE_COORDS + GLIA_PDE_UNKNOWNS];
  double *u = malloc((size_t)(AT_ONCE * p->n_unknowns) * sizeof *u);
  double *by_column = malloc((size_t)(AT_ONCE * cols) * sizeof *by_column);
  struct glia_progress progress;
  glia_status st = GLIA_OK;

  s->row = malloc((size_t)(AT_ONCE * cols) * sizeof *s->row);
  if (u == NULL || by_column == NULL || s->row == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "%d points", AT_ONCE);
  glia_progress_begin(&progress, "predict", "points", (double)s->n);
  for (int64_t at = 0; at < s->n && st == GLIA_OK; at += AT_ONCE) {
    const int64_t n = s->n - at < AT_ONCE ? s->n - at : AT_ONCE;
    st = answer(s, n, s->x + at * d, u);
    for (int c = 0; c < cols; c++) {
      column[c] = by_column + (int64_t)c * n;
      for (int64_t k = 0; k < n; k++) by_column[(int64_t)c * n + k] = s->row[k * cols + c];
    }
    if (st == GLIA_OK) st = glia_rows_file_append(f, n, column);
    glia_progress_update(&progress, (double)(at + n), NULL);
  }
  glia_progress_end(&progress);
  free(u);
  free(by_column);
  return st;
}

static glia_status write_file(struct solved *s, const struct glia_args *a, const char *out)
{
  const struct glia_problem *p = &s->problem;
  struct glia_field field[GLIA_PDE_COORDS + GLIA_PDE_UNKNOWNS];
  struct glia_rows_file *f = NULL;
  const int n = p->n_coords + p->n_unknowns;

  for (int i = 0; i < n; i++)
    field[i] = (struct glia_field){i < p->n_coords ? p->coord[i] : p->unknown[i - p->n_coords],
                                   glia_type_make(GLIA_F64, 0, NULL), 1.0, 0.0};
  GLIA_TRY(glia_cli_made(
      glia_rows_file_create(out, glia_args_has(a, "force"), "test", n, field, s->n, true, &f),
      out));
  const glia_status st = write_rows(s, f);
  if (st == GLIA_OK) return glia_rows_file_commit(&f);
  glia_rows_file_abort(&f);
  return st;
}

static glia_status run(struct solved *s, struct glia_args *a)
{
  const char *out = glia_args_text(a, "output", NULL), *data = glia_args_text(a, "data", NULL);

  GLIA_CHECK(out != NULL, GLIA_E_USAGE, "-o FILE is missing: where shall the values go?");
  GLIA_CHECK(data != NULL, GLIA_E_USAGE, "--data FILE is missing: at which points?");
  GLIA_TRY(glia_comm_world(&s->comm));
  GLIA_CHECK(glia_comm_size(s->comm) == 1, GLIA_E_USAGE, "predict runs on one rank");
  GLIA_TRY(glia_archive_open(a->word[0], "solution", 1, &s->archive));
  GLIA_TRY(build(s, a->word[0]));
  GLIA_TRY(load(s));
  GLIA_TRY(glia_fields_read(data, s->problem.n_coords, 0, s->problem.coord, &s->n, &s->x));
  GLIA_TRY(write_file(s, a, out));
  glia_cli_print(a, "%s: %lld points%s\n", out, (long long)s->n,
                 s->outside > 0 ? ", NaN outside the domain" : "");
  return glia_cli_json(a, json_pack("{s:o, s:I, s:I, s:I}", "file", glia_json_text(out), "n",
                                    (json_int_t)s->n, "outputs", (json_int_t)s->problem.n_unknowns,
                                    "outside", (json_int_t)s->outside));
}

glia_status predict_solution(struct glia_args *a)
{
  struct solved s = {0};
  const glia_status st = run(&s, a);

  glia_pinn_destroy(&s.pinn);
  glia_problem_fini(&s.problem);
  glia_yaml_destroy(&s.doc);
  glia_archive_close(&s.archive);
  free(s.theta);
  free(s.x);
  free(s.row);
  glia_comm_destroy(&s.comm);
  return st;
}
