/* glia theory --data: load, SNR and best time of a data set. */
#include "inspect.h"
#include "theory.h"

#include "glia_agree.h"
#include "glia_dataset.h"
#include "glia_theory_fit.h"

#include <math.h>
#include <stdlib.h>

enum { CLASSES_MAX = 1000 };

struct set {
  struct glia_source *source;
  int x, y;
  bool labels;
  int64_t inputs, outputs;
};

/* Rows of one field, as stored. Ownership: free(*out). */
static glia_status stored(const struct set *s, int field, int64_t first, int64_t n, void **out)
{
  int64_t *row = malloc((size_t)n * sizeof *row);
  glia_status st = GLIA_OK;

  *out = malloc((size_t)n * glia_type_bytes(&s->source->field[field].row) + 1);
  if (row == NULL || *out == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)n);
  for (int64_t i = 0; st == GLIA_OK && i < n; i++) row[i] = first + i;
  if (st == GLIA_OK) st = s->source->read(s->source->self, field, n, row, *out);
  free(row);
  return st;
}

static glia_status read_rows(void *self, int64_t first, int64_t n, double *out)
{
  const struct set *s = self;
  const struct glia_field *x = &s->source->field[s->x], *y = &s->source->field[s->y];
  const int64_t cols = s->inputs + s->outputs;
  void *data = NULL, *target = NULL;

  glia_status st = stored(s, s->x, first, n, &data);
  if (st == GLIA_OK) st = stored(s, s->y, first, n, &target);
  for (int64_t i = 0; st == GLIA_OK && i < n; i++) {
    for (int64_t k = 0; k < s->inputs; k++)
      out[i * cols + k] =
          inspect_number(data, x->row.dtype, i * s->inputs + k) * x->scale + x->offset;
    for (int64_t k = 0; k < s->outputs; k++)
      out[i * cols + s->inputs + k] =
          s->labels
              ? (inspect_number(target, y->row.dtype, i) == (double)k ? 1.0 : 0.0)
              : inspect_number(target, y->row.dtype, i * s->outputs + k) * y->scale + y->offset;
  }
  free(data);
  free(target);
  return st;
}

static glia_status count_classes(struct set *s)
{
  void *target = NULL;
  double last = 0.0;

  glia_status st = stored(s, s->y, 0, s->source->n, &target);
  for (int64_t i = 0; st == GLIA_OK && i < s->source->n; i++)
    last = fmax(last, inspect_number(target, s->source->field[s->y].row.dtype, i));
  free(target);
  GLIA_TRY(st);
  GLIA_CHECK(last < CLASSES_MAX, GLIA_E_UNSUPPORTED, "%s: labels up to %.0f, at most %d classes",
             s->source->name, last, CLASSES_MAX);
  s->outputs = last < 1.5 ? 1 : (int64_t)last + 1; /* two classes are one output */
  return GLIA_OK;
}

static glia_status look_at(struct set *s)
{
  s->x = glia_source_field(s->source, "x");
  s->y = glia_source_field(s->source, "y");
  GLIA_CHECK(s->x >= 0 && s->y >= 0, GLIA_E_MISSING, "%s has no fields x and y", s->source->name);
  const struct glia_type *y = &s->source->field[s->y].row;
  s->inputs = glia_type_count(&s->source->field[s->x].row);
  s->outputs = glia_type_count(y);
  s->labels = y->rank == 0 && !glia_dtype_is_float(y->dtype);
  return s->labels ? count_classes(s) : GLIA_OK;
}

static glia_status answer(struct glia_args *a, const struct glia_theory_fit *f, json_t **out)
{
  struct glia_theory lo = f->theory, hi = f->theory, twice = f->theory;
  const double rate = glia_args_real(a, "rate", (double)NAN);
  double best, doubled;

  lo.snr = f->snr_lo;
  hi.snr = f->snr_hi;
  twice.alpha *= 2.0;
  const bool sure = !isnan(f->snr_lo);
  const double t_all = glia_theory_best_time(&f->theory, &best), t = sure ? t_all : (double)NAN;
  const double t_lo = sure ? glia_theory_best_time(&lo, NULL) : (double)NAN;
  const double t_hi = sure ? glia_theory_best_time(&hi, NULL) : (double)NAN;
  glia_theory_best_time(&twice, &doubled);
  const double gain = sure ? 1.0 - doubled / best : (double)NAN;
  glia_cli_print(a, "your data: alpha = %.3g (%lld rows over %.3g effective of %lld inputs)",
                 f->theory.alpha, (long long)f->rows, f->inputs_effective, (long long)f->inputs);
  if (sure)
    glia_cli_print(a,
                   ", SNR %.3g [%.3g, %.3g]\nstop at t = %.3g [%.3g, %.3g]; doubling the data buys "
                   "%.1f %%",
                   f->theory.snr, f->snr_lo, f->snr_hi, t, t_lo, t_hi, 100.0 * gain);
  glia_cli_print(a, "\n");
  if (!isnan(rate) && sure)
    glia_cli_print(a, "that is %.0f steps [%.0f, %.0f] of full-batch gradient descent at %g\n",
                   glia_theory_steps(f, t, rate), glia_theory_steps(f, t_lo, rate),
                   glia_theory_steps(f, t_hi, rate), rate);
  if (f->note[0] != '\0') glia_cli_print(a, "%s\n", f->note);
  *out =
      json_pack("{s:I, s:I, s:f, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "rows", (json_int_t)f->rows,
                "inputs", (json_int_t)f->inputs, "inputs_effective", f->inputs_effective, "snr_lo",
                glia_json_real(f->snr_lo), "snr_hi", glia_json_real(f->snr_hi), "t_opt_lo",
                glia_json_real(t_lo), "t_opt_hi", glia_json_real(t_hi), "best_steps",
                glia_json_real(glia_theory_steps(f, t, rate)), "gain_of_twice_the_data",
                glia_json_real(gain), "note", f->note);
  return *out != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "an estimate");
}

glia_status theory_fit_source(struct glia_comm *comm, struct glia_source *source,
                              struct glia_theory_fit *out)
{
  struct set s = {.source = source};

  GLIA_TRY(glia_agree(comm, look_at(&s)));
  const struct glia_rows rows = {&s, source->n, s.inputs + s.outputs, read_rows};
  return glia_agree(comm, glia_theory_fit(comm, &rows, s.inputs, out));
}

glia_status theory_from_data(struct glia_args *a, struct glia_theory *th, json_t **out)
{
  struct glia_source *source = NULL;
  struct glia_comm *comm = NULL;
  struct glia_theory_fit fit;

  GLIA_TRY(glia_comm_world(&comm));
  glia_status st =
      glia_agree(comm, glia_dataset_open(glia_args_text(a, "data", NULL), "train", 0, &source));
  if (st == GLIA_OK) st = theory_fit_source(comm, source, &fit);
  if (st == GLIA_OK) st = answer(a, &fit, out);
  if (st == GLIA_OK) {
    fit.theory.inr = th->inr;
    *th = fit.theory;
    if (isnan(fit.snr_lo)) th->snr = (double)NAN;
  }
  glia_source_close(&source);
  glia_comm_destroy(&comm);
  return st;
}
