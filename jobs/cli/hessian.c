/* glia hessian: curvature of the loss at a checkpoint. */
#include "glia_figure.h"
#include "glia_hessian.h"
#include "glia_log.h"
#include "glia_petsc.h"
#include "inspect.h"
#include "passes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DRAWN = 400 };

/* The density smeared by Gaussians of a hundredth of its range, on a logarithmic axis: the bulk holds nearly all. Less than a tenth
 * of one eigenvalue of `size` is the tail of a Gaussian, and not drawn. */
static void density_line(const struct glia_curvature_density *d, int64_t size, double *x, double *y)
{
  const double range = d->hi > d->lo ? d->hi - d->lo : 1.0, width = 0.01 * range;

  for (int i = 0; i < DRAWN; i++) {
    x[i] = d->lo - 0.05 * range + 1.1 * range * i / (DRAWN - 1);
    y[i] = 0.0;
    for (int64_t k = 0; k < d->n; k++) {
      const double z = (x[i] - d->node[k]) / width;
      y[i] += d->weight[k] * exp(-0.5 * z * z) / (width * sqrt(2.0 * acos(-1.0)));
    }
    if (y[i] < 0.1 / ((double)size * width * sqrt(2.0 * acos(-1.0)))) y[i] = (double)NAN;
  }
}

static glia_status draw(const struct glia_curvature_density *d,
                        const struct glia_curvature_top *top, int64_t size, const char *what,
                        const char *path)
{
  char title[96];
  double x[DRAWN], y[DRAWN], low[GLIA_CURVATURE_TOP_MAX];
  struct glia_figure *fig;
  double floor = (double)INFINITY;

  density_line(d, size, x, y);
  for (int i = 0; i < DRAWN; i++)
    if (y[i] < floor) floor = y[i];
  for (int i = 0; i < top->found; i++) low[i] = floor;
  GLIA_TRY(glia_figure_create(3.6, 2.6, 1, 1, &fig));
  struct glia_panel *p = glia_figure_panel(fig, 0, 0);
  snprintf(title, sizeof title, "%s of %lld parameters",
           strcmp(what, "hessian") == 0 ? "Hessian" : "Gauss-Newton matrix", (long long)size);
  glia_panel_title(p, title);
  glia_panel_xlabel(p, "eigenvalue");
  glia_panel_ylabel(p, "density");
  glia_panel_log_y(p);
  glia_panel_line(
      p, DRAWN, x, y,
      &(struct glia_style){.label = d->probes == 0 ? "all eigenvalues" : "Lanczos quadrature"});
  glia_panel_points(p, top->found, top->value, low,
                    &(struct glia_style){.label = "largest", .mark = GLIA_MARK_TRIANGLE});
  const glia_status st = glia_figure_write(fig, path);
  glia_figure_destroy(&fig);
  return st;
}

static json_t *top_json(const struct glia_curvature_top *top)
{
  json_t *list = json_array();

  for (int i = 0; i < top->found; i++)
    json_array_append_new(
        list, json_pack("{s:f, s:f}", "value", top->value[i], "relative_residual", top->error[i]));
  return list;
}

static json_t *density_json(const struct glia_curvature_density *d)
{
  json_t *x = json_array(), *share = json_array(), *error = json_array();

  for (int i = 0; i <= 64; i++) {
    double e;
    const double at = d->lo + (d->hi - d->lo) * i / 64.0;
    json_array_append_new(x, json_real(at));
    json_array_append_new(share, glia_json_real(glia_curvature_share_below(d, at, &e)));
    json_array_append_new(error, glia_json_real(e));
  }
  return json_pack("{s:o, s:o, s:o}", "eigenvalue", x, "share_below", share, "standard_error",
                   error);
}

static void print_precision(const struct glia_args *a, const struct glia_curvature_density *d)
{
  if (d->probes == 0)
    glia_cli_print(a, "density: all %lld eigenvalues\n", (long long)d->n);
  else if (d->probes == 1)
    glia_cli_print(a,
                   "density: one probe of %d products, which does not tell its own error, nor that "
                   "of the trace; over the "
                   "range it is off by about "
                   "%.1e for want of products\n",
                   d->steps, d->error_steps);
  else
    glia_cli_print(a,
                   "density: %d probes of %d products; over the range it is off by about %.1e for "
                   "want of probes and %.1e for want of products\n",
                   d->probes, d->steps, d->error_probes, d->error_steps);
}

static glia_status answer(struct glia_args *a, struct inspection *in, struct glia_curvature *c,
                          const char *kind, struct passes *passes)
{
  static struct glia_curvature_top top;
  struct glia_curvature_density d;
  const glia_curvature_kind k =
      strcmp(kind, "hessian") == 0 ? GLIA_CURVATURE_HESSIAN : GLIA_CURVATURE_GAUSS_NEWTON;
  const double t0 = glia_time_s();

  /* who says how many wants so many */
  const bool exactly =
      !glia_args_has(a, "error") && (glia_args_has(a, "probes") || glia_args_has(a, "steps"));
  const double error = exactly ? (double)INFINITY : glia_args_real(a, "error", 1e-3);
  const int probes = (int)glia_args_int(a, "probes", 4), steps = (int)glia_args_int(a, "steps", 40);
  passes->note = "largest eigenvalues";
  passes->later = (int64_t)probes * steps;
  GLIA_TRY(glia_curvature_top(c, k, (int)glia_args_int(a, "top", 10), &top));
  passes->note = exactly ? "density" : "density, more where its error wants more";
  passes->later = 0;
  glia_status st = glia_curvature_density_to(c, k, &top, error, probes, steps,
                                             (uint64_t)glia_args_int(a, "seed", 1), &d);
  passes_end(passes, in->s.engine);
  glia_curvature_top_free(&top);
  GLIA_TRY(st);
  glia_cli_print(a, "%s of %lld parameters on %lld rows\n", kind, (long long)glia_curvature_size(c),
                 (long long)in->rows->n);
  for (int i = 0; i < top.found; i++)
    glia_cli_print(a, "%4d  %14.8g  +- %.1g\n", i + 1, top.value[i],
                   top.error[i] * fabs(top.value[i]));
  if (top.found < top.asked)
    glia_cli_print(a, "the bulk begins below these %d: more are not told apart\n", top.found);
  glia_cli_print(a, "trace %.6g", d.trace);
  if (d.probes != 1)
    glia_cli_print(a, " +- %.2g, of the square %.6g +- %.2g", d.trace_error, d.square,
                   d.square_error);
  glia_cli_print(a, ", range [%.4g, %.4g], %.1f s\n", d.lo, d.hi, glia_time_s() - t0);
  print_precision(a, &d);
  if (glia_args_has(a, "output") && a->rank == 0)
    st = draw(&d, &top, glia_curvature_size(c), kind, glia_args_text(a, "output", NULL));
  if (st == GLIA_OK)
    st = glia_cli_json(
        a, json_pack(
               "{s:s, s:I, s:I, s:i, s:o, s:f, s:o, s:f, s:o, s:f, s:f, s:i, s:i, s:o, s:o, s:o}",
               "kind", kind, "parameters", (json_int_t)glia_curvature_size(c), "rows",
               (json_int_t)in->rows->n, "asked", top.asked, "top", top_json(&top), "trace", d.trace,
               "trace_standard_error", glia_json_real(d.trace_error), "trace_of_square", d.square,
               "trace_of_square_standard_error", glia_json_real(d.square_error), "eigenvalue_min",
               d.lo, "eigenvalue_max", d.hi, "probes", d.probes, "steps", d.steps,
               "density_error_probes", glia_json_real(d.error_probes), "density_error_steps",
               glia_json_real(d.error_steps), "density", density_json(&d)));
  glia_curvature_density_free(&d);
  return st;
}

static glia_status inspect(struct glia_args *a, struct inspection *in)
{
  struct glia_comm *comm = NULL;
  struct glia_curvature *c = NULL;
  struct passes passes;

  GLIA_TRY(glia_comm_world(&comm));
  const glia_status begun = glia_petsc_begin(comm);
  if (begun != GLIA_OK) {
    glia_comm_destroy(&comm);
    return begun;
  }
  GLIA_TRY(inspect_open(in, &comm, a->word[0], glia_args_text(a, "data", NULL),
                        glia_args_text(a, "split", "train"), glia_curvature_extend));
  const struct glia_curvature_job job = {.model = in->s.model,
                                         .engine = in->s.engine,
                                         .source = in->rows,
                                         .micro_batch = in->s.config.micro_batch,
                                         .micro_batches = in->s.eval_micro_batches,
                                         .meeting = &in->s.meeting,
                                         .planned = &passes.planned};
  GLIA_TRY(glia_curvature_open(&job, &c));
  passes_begin(&passes, "hessian", "products");
  passes_watch(&passes, job.engine, job.source->n, job.micro_batch, job.micro_batches);
  const glia_status st = answer(a, in, c, glia_args_text(a, "kind", "hessian"), &passes);
  passes_end(&passes, job.engine);
  glia_curvature_close(&c);
  return st;
}

static glia_status run(struct glia_args *a)
{
  struct inspection in = {0};
  const glia_status st = inspect(a, &in);

  inspect_close(&in);
  glia_petsc_end();
  return st;
}

static const char *const splits[] = {"train", "valid", "test", NULL};
static const char *const kinds[] = {"hessian", "gauss_newton", NULL};

static const struct glia_option options[] = {
    {.name = "data",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.h5",
     .help = "data set; else the one it was trained on",
     .input = true},
    {.name = "split",
     .kind = GLIA_OPTION_TEXT,
     .argument = "SPLIT",
     .choices = splits,
     .help = "train, valid or test (train)"},
    {.name = "kind",
     .kind = GLIA_OPTION_TEXT,
     .argument = "KIND",
     .choices = kinds,
     .help = "hessian or gauss_newton (hessian)"},
    {.name = "top",
     .kind = GLIA_OPTION_INT,
     .argument = "K",
     .lo = 1,
     .hi = GLIA_CURVATURE_TOP_MAX,
     .help = "eigenvalues largest in magnitude (10)"},
    {.name = "probes",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 1,
     .hi = 10000,
     .help = "random vectors for trace and density, to begin with (4)"},
    {.name = "steps",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 1,
     .hi = 10000,
     .help = "products per random vector, to begin with (40)"},
    {.name = "error",
     .kind = GLIA_OPTION_REAL,
     .argument = "E",
     .lo = 0.0,
     .hi = 1.0,
     .help =
         "of the density, as Wasserstein distance over its range: goes on until then (1e-3; with "
         "--probes or --steps: just those)"},
    {.name = "seed",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 0,
     .hi = 9e15,
     .help = "of the random vectors (1)"},
    {.name = "output",
     .letter = 'o',
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.svg",
     .help = "draw the density: .svg, .pdf, .png or .html",
     .output = GLIA_OUTPUT_FIGURE},
    {0}};

const struct glia_command glia_command_hessian_ = {
    .name = "hessian",
    .summary = "curvature of the loss at a checkpoint: eigenvalues, trace, spectral density",
    .usage = "CHECKPOINT",
    .options = options,
    .details =
        "The loss is that of evaluation, averaged over the rows, in float64; no matrix is formed. "
        "Errors of trace and density are standard errors over the random vectors.\n\nThe largest "
        "eigenvalues often stand apart and the rest fills a bulk: where fewer are told apart than "
        "were asked for, that is the answer.",
    .example = "glia hessian run --data fashion.h5 --top 20 -o density.svg\n"
               "mpirun -n 2 glia hessian run/step-0000002345.h5 --kind gauss_newton --json",
    .run = run,
    .min_words = 1,
    .max_words = 1,
    .parallel = true,
};
