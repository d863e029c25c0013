/* glia discover: the missing terms of equations from data. */
#include "discover.h"

#include "glia_agree.h"
#include "glia_log.h"
#include "glia_petsc.h"
#include "glia_progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct job {
  struct glia_args *args;
  struct glia_comm *comm;
  struct glia_yaml_doc *doc;
  struct glia_discovery d;
  struct glia_grid_data g;
  struct glia_found found[GLIA_DISCOVER_HIDDEN];
  struct glia_progress progress;
  char *config_text;
  double wall_s;
  bool stopped;
};

static glia_status configure(struct job *j)
{
  struct glia_args *a = j->args;
  glia_status st = glia_yaml_parse_file(a->word[0], &j->doc);

  for (int i = 0; i < a->n_overrides && st == GLIA_OK; i++)
    st = glia_yaml_override(j->doc, a->override[i]);
  if (st != GLIA_OK) return st;
  const struct glia_yaml *root = glia_yaml_root(j->doc);
  GLIA_TRY(glia_yaml_check_keys(root, glia_discovery_keys()));
  GLIA_TRY(glia_discovery_read(root, &j->d));
  return glia_yaml_print(root, &j->config_text);
}

/* What was found, for people. */

static void tell_term(const struct job *j, int which, int k)
{
  const struct glia_found *f = &j->found[which];
  const int i = f->fit.term[k];

  glia_cli_print(j->args, "    %-16s %12.6g +- %.2g%s\n", j->d.hidden[which].text[i],
                 f->fit.coefficient[k], f->fit.error[k],
                 f->estimated[i] ? "  (from smoothed derivatives)" : "");
}

static void tell(struct job *j, int which)
{
  struct glia_discovery *d = &j->d;
  const struct glia_found *f = &j->found[which];
  char text[GLIA_EXPR_TEXT];
  const int rounded = glia_found_expression(d, which, &f->fit, true);

  glia_cli_print(j->args, "%s\n", d->hidden[which].equation_text);
  glia_cli_print(j->args, "  %s = %s\n", d->hidden[which].name,
                 glia_expr_print(d->p.pool, &d->names, rounded, text, sizeof text));
  glia_cli_print(j->args, "  LaTeX: %s = %s\n", d->hidden[which].name,
                 glia_expr_latex(d->p.pool, &d->names, rounded, text, sizeof text));
  for (int k = 0; k < f->fit.n_terms; k++) tell_term(j, which, k);
  if (f->fit.n_terms == 0)
    glia_cli_print(j->args, "    none of the %d candidates is seen in these data\n",
                   d->hidden[which].n_candidates);
  glia_cli_print(j->args, "  unexplained: %.3g of the term's size, over %lld %s in %lld blocks\n",
                 f->fit.left, (long long)f->rows,
                 d->network ? "states of the surrogate" : "test functions", (long long)f->blocks);
  for (int i = 0; i < f->n_front; i++)
    glia_cli_print(j->args, "  formula: %6.1f bits, leaves %.3g: %s\n", f->front[i].complexity_bits,
                   f->front[i].rms, f->front[i].text);
  glia_cli_print(j->args, "  known where");
  for (int i = 0; i < d->p.n_unknowns; i++) {
    glia_cli_print(j->args, "%s %s in [%.4g, %.4g]", i > 0 ? "," : "", d->p.unknown[i], f->lo[i],
                   f->hi[i]);
    if (!d->network) glia_cli_print(j->args, " (noise about %.2g of its spread)", f->noise[i]);
  }
  glia_cli_print(j->args, "\n");
}

/* The same for scripts. */

static json_t *term_json(const struct job *j, int which, int k)
{
  const struct glia_found *f = &j->found[which];
  const int i = f->fit.term[k];
  char latex[512];

  glia_expr_latex(j->d.p.pool, &j->d.names, j->d.hidden[which].candidate[i], latex, sizeof latex);
  return json_pack("{s:s, s:s, s:s, s:o, s:o, s:b}", "of", j->d.hidden[which].name, "expression",
                   j->d.hidden[which].text[i], "latex", latex, "coefficient",
                   glia_json_real(f->fit.coefficient[k]), "error", glia_json_real(f->fit.error[k]),
                   "smoothed_derivatives", f->estimated[i]);
}

static json_t *steps_json(const struct job *j, int which)
{
  const struct glia_regression_result *r = &j->found[which].fit;
  json_t *list = json_array();

  for (int k = 0; k < r->n_steps; k++)
    json_array_append_new(list, json_pack("{s:i, s:o, s:o}", "terms",
                                          __builtin_popcountll(r->step[k].support), "unexplained",
                                          glia_json_real(r->step[k].error), "held_out",
                                          glia_json_real(r->step[k].held_out)));
  return list;
}

static json_t *formulas_json(const struct glia_found *f)
{
  json_t *list = json_array();

  for (int i = 0; i < f->n_front; i++)
    json_array_append_new(list,
                          json_pack("{s:s, s:f, s:f, s:f}", "formula", f->front[i].text,
                                    "complexity_bits", f->front[i].complexity_bits, "error_bits",
                                    f->front[i].error_bits, "unexplained", f->front[i].rms));
  return list;
}

static json_t *hidden_json(const struct job *j, int which)
{
  const struct glia_discovery *d = &j->d;
  const struct glia_found *f = &j->found[which];
  char text[GLIA_EXPR_TEXT], latex[GLIA_EXPR_TEXT];
  json_t *range = json_object();

  glia_expr_print(d->p.pool, &d->names, f->expression, text, sizeof text);
  glia_expr_latex(d->p.pool, &d->names, f->expression, latex, sizeof latex);
  for (int i = 0; i < d->p.n_unknowns; i++)
    json_object_set_new(range, d->p.unknown[i],
                        json_pack("[o, o]", glia_json_real(f->lo[i]), glia_json_real(f->hi[i])));
  return json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:o, s:o, s:o}", "name", d->hidden[which].name,
                   "formula", text, "latex", latex, "unexplained", glia_json_real(f->fit.left),
                   "rows", (json_int_t)f->rows, "blocks", (json_int_t)f->blocks, "known_where",
                   range, "front", steps_json(j, which), "formulas", formulas_json(f));
}

static glia_status answer(struct job *j)
{
  json_t *terms = json_array(), *hidden = json_array();
  double worst = 0.0;

  for (int h = 0; h < j->d.n_hidden; h++) {
    worst = fmax(worst, j->found[h].fit.left);
    for (int k = 0; k < j->found[h].fit.n_terms; k++)
      json_array_append_new(terms, term_json(j, h, k));
    json_array_append_new(hidden, hidden_json(j, h));
  }
  return glia_cli_json(j->args, json_pack("{s:o, s:f, s:i, s:i, s:i, s:o, s:o}", "relative_l2",
                                          glia_json_real(worst), "wall_s", j->wall_s, "seeds", 1,
                                          "successes", json_array_size(terms) > 0, "ranks",
                                          j->args->size, "terms", terms, "hidden", hidden));
}

static glia_status files(struct job *j)
{
  struct glia_args *a = j->args;
  const char *yaml = glia_args_text(a, "output", NULL), *picture = glia_args_text(a, "plot", NULL);

  if (a->rank != 0) return GLIA_OK;
  if (yaml != NULL) GLIA_TRY(discover_write_yaml(&j->d, &j->g, j->found, yaml));
  if (picture != NULL) GLIA_TRY(discover_draw(&j->d, j->found, picture));
  return GLIA_OK;
}

static void watch(void *self, double share, double loss, bool *stop)
{
  struct job *j = self;
  int64_t asked = glia_stop_requested() != 0;
  char text[48];

  if (glia_comm_reduce_i64(j->comm, GLIA_COMM_MAX, &asked, 1) != GLIA_OK) asked = 1;
  *stop = j->stopped = asked != 0;
  snprintf(text, sizeof text, "loss %.2e", loss);
  glia_progress_update(&j->progress, 100.0 * share, text);
}

/* One term after the other on a grid, all together by networks. */
static glia_status find(struct job *j)
{
  const struct glia_discover_watch w = {j, watch};

  if (j->d.network) {
    GLIA_TRY(glia_petsc_begin(j->comm));
    return glia_discover_network(&j->d, j->comm, &w, j->found);
  }
  GLIA_TRY(glia_agree(j->comm, glia_grid_data_read(&j->d, &j->g)));
  for (int h = 0; h < j->d.n_hidden; h++) {
    GLIA_TRY(glia_discover_weak(&j->d, h, &j->g, j->comm, &j->found[h]));
    glia_progress_update(&j->progress, 100.0 * (h + 1) / j->d.n_hidden, j->d.hidden[h].name);
  }
  return GLIA_OK;
}

static glia_status run_all(struct job *j)
{
  struct glia_args *a = j->args;
  const double start_s = glia_time_s();

  GLIA_TRY(glia_comm_world(&j->comm));
  const glia_status read = configure(j);
  if (read != GLIA_OK && a->rank == 0 && j->d.p.fault[0] != '\0')
    fprintf(stderr, "%s\n", j->d.p.fault);
  GLIA_TRY(glia_agree(j->comm, read));
  GLIA_TRY(glia_agree_setup(j->comm, "the configuration", j->config_text, true));
  GLIA_TRY(glia_agree(j->comm, a->rank == 0
                                   ? discover_may_write(&j->d, glia_args_text(a, "output", NULL))
                                   : GLIA_OK));
  if (j->d.network) glia_stop_catch();
  glia_progress_begin(&j->progress, "discover", "%", 100.0);
  j->progress.silent = j->progress.silent || a->rank != 0;
  const glia_status st = find(j);
  glia_progress_end(&j->progress);
  GLIA_TRY(st);
  j->wall_s = glia_time_s() - start_s;
  for (int h = 0; h < j->d.n_hidden; h++) tell(j, h);
  GLIA_TRY(glia_agree(j->comm, files(j)));
  if (j->stopped) a->exit_code = GLIA_EXIT_REQUEUE;
  return answer(j);
}

static glia_status run(struct glia_args *args)
{
  struct job j = {.args = args};
  const glia_status st = run_all(&j);

  for (int h = 0; h < GLIA_DISCOVER_HIDDEN; h++) glia_found_free(&j.found[h]);
  glia_grid_data_free(&j.g);
  glia_discovery_fini(&j.d);
  glia_yaml_destroy(&j.doc);
  free(j.config_text);
  glia_comm_destroy(&j.comm);
  return st;
}

static const struct glia_option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = GLIA_OPTION_TEXT,
     .argument = "FOUND.yaml",
     .help = "the equations found, as glia pinn solves them; their conditions go to "
             "FOUND-conditions.csv",
     .output = GLIA_OUTPUT_ANEW},
    {.name = "plot",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.svg",
     .help = "draw terms against error, coefficients, fit and residual: .svg, .pdf, .png or .html",
     .output = GLIA_OUTPUT_FIGURE},
    {0}};

const struct glia_command glia_command_discover_ = {
    .name = "discover",
    .summary = "find the missing terms of differential equations from data",
    .usage = "CONFIG.yaml [key=value ...]",
    .options = options,
    .details =
        "CONFIG.yaml names the data, the equations with their hidden terms, and candidates for "
        "them; docs/formats/discover.md lists all keys:\n\n"
        "    unknowns: [u]\n"
        "    domain: {t: [0, 4], x: [0, 2*pi]}\n"
        "    periodic: x\n"
        "    data: {file: u.h5}\n"
        "    hidden: [F]\n"
        "    equations: [\"u_t = F\"]\n"
        "    candidates: {degree: 2, of: [u], times: [\"1\", u_x, u_xx]}\n\n"
        "Terms are compared in weak form: integrated against smooth test functions, so that noisy "
        "data are not differentiated. The fewest candidates that foretell what was held out are "
        "the answer, with one standard error of each coefficient. Where no candidate is seen in "
        "the data, the answer is none.",
    .example = "glia discover burgers.yaml -o found.yaml --plot found.svg && glia pinn found.yaml\n"
               "mpirun -n 2 glia discover lorenz.yaml data.noise=0.01 --json",
    .run = run,
    .min_words = 1,
    .max_words = 1,
    .overrides = true,
    .parallel = true,
};
