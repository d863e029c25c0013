/* Hidden terms from few scattered samples: two networks, then formulas from their table. See glia_discover.h. */
#include "glia_surrogate.h"

#include "glia_agree.h"
#include "glia_fields.h"
#include "glia_random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 400, BLOCKS = 8 };

/* Samples of the file inside the domain, some of them drawn, with the noise that was asked for: *row [n, coords + unknowns]. */
static glia_status read_samples(const struct glia_discovery *d, int64_t *n, double **row)
{
  const struct glia_problem *p = &d->p;
  const char *name[GLIA_PDE_COORDS + GLIA_PDE_UNKNOWNS];
  const int cols = p->n_coords + p->n_unknowns;
  int64_t all, kept = 0;

  for (int i = 0; i < p->n_coords; i++) name[i] = p->coord[i];
  for (int i = 0; i < p->n_unknowns; i++) name[p->n_coords + i] = p->unknown[i];
  GLIA_TRY(glia_fields_read(p->data.file, p->n_coords, p->n_unknowns, name, &all, row));
  for (int64_t i = 0; i < all; i++) {
    bool in = true;
    for (int c = 0; c < p->n_coords; c++) {
      const double x = (*row)[i * cols + c], slack = 1e-9 * (p->hi[c] - p->lo[c]);
      in = in && x >= p->lo[c] - slack && x <= p->hi[c] + slack;
    }
    if (in) memmove(*row + kept++ * cols, *row + i * cols, (size_t)cols * sizeof **row);
  }
  GLIA_CHECK(kept > 0, GLIA_E_DATA, "%s: no sample lies in the domain", p->data.file);
  *n = p->data.points > 0 && p->data.points < kept ? p->data.points : kept;
  if (*n == kept) return GLIA_OK;
  const uint64_t key = glia_random_stream(d->seed, "discover/points");
  double *some = malloc((size_t)(*n * cols) * sizeof *some);
  GLIA_CHECK(some != NULL, GLIA_E_MEMORY, "%lld samples", (long long)*n);
  for (int64_t i = 0; i < *n; i++)
    memcpy(some + i * cols, *row + glia_random_permute(key, kept, i) * cols,
           (size_t)cols * sizeof *some);
  free(*row);
  *row = some;
  return GLIA_OK;
}

static void add_noise(const struct glia_discovery *d, int64_t n, double *row)
{
  const uint64_t key = glia_random_stream(d->seed, "discover/noise");
  const int first = d->p.n_coords, cols = first + d->p.n_unknowns;

  for (int k = first; k < cols && d->p.data.noise > 0.0; k++) {
    double mean = 0.0, square = 0.0;
    for (int64_t i = 0; i < n; i++) mean += row[i * cols + k] / (double)n;
    for (int64_t i = 0; i < n; i++)
      square += (row[i * cols + k] - mean) * (row[i * cols + k] - mean) / (double)n;
    for (int64_t i = 0; i < n; i++)
      row[i * cols + k] += d->p.data.noise * sqrt(square) *
                           glia_random_normal(key, (uint64_t)(k - first), (uint64_t)i);
  }
}

/* Sparse regression of hidden term h on the table's candidates. */
static glia_status read_formula(struct glia_discovery *d, int h, const int *column, int width,
                                const double *table, struct glia_found *out)
{
  const int n = d->hidden[h].n_candidates, target = d->p.n_unknowns + d->n_hidden + h;
  double a[(ROWS / BLOCKS) * (GLIA_DISCOVER_CANDIDATES + 1)];
  struct glia_regression s;
  glia_status st = glia_regression_init(n, BLOCKS, &s);

  out->target = malloc(2 * ROWS * sizeof *out->target);
  if (st == GLIA_OK && out->target == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "a table");
  for (int b = 0; b < BLOCKS && st == GLIA_OK; b++) {
    for (int i = 0; i < ROWS / BLOCKS; i++) {
      const double *row = table + (b * (ROWS / BLOCKS) + i) * width;
      for (int k = 0; k < n; k++) a[i * (n + 1) + k] = row[column[k]];
      a[i * (n + 1) + n] = row[target];
    }
    st = glia_regression_block(&s, b, ROWS / BLOCKS, a);
  }
  if (st == GLIA_OK) st = glia_regression_fit(&s, &d->options, &out->fit);
  glia_regression_fini(&s);
  GLIA_TRY(st);
  out->rows = ROWS;
  out->blocks = BLOCKS;
  out->fitted = out->target + ROWS;
  for (int i = 0; i < ROWS; i++) {
    out->target[i] = table[i * width + target];
    out->fitted[i] = 0.0;
    for (int k = 0; k < out->fit.n_terms; k++)
      out->fitted[i] += out->fit.coefficient[k] * table[i * width + column[out->fit.term[k]]];
  }
  out->expression = glia_found_expression(d, h, &out->fit, false);
  return GLIA_OK;
}

/* Where the surrogate went, and brute-force formulas in the inputs of the hidden network. */
static glia_status look(struct glia_discovery *d, int width, const double *table,
                        struct glia_comm *comm, struct glia_found *out)
{
  const int first = d->p.n_unknowns + 2 * d->n_hidden;
  const struct glia_search_options o = {.longest = d->longest};
  const char *name[GLIA_SEARCH_VARIABLES];
  double *x = malloc((size_t)(ROWS * d->n_inputs) * sizeof *x);

  for (int i = 0; i < d->p.n_unknowns; i++) {
    out->noise[i] = (double)NAN;
    out->lo[i] = (double)INFINITY;
    out->hi[i] = -(double)INFINITY;
    for (int k = 0; k < ROWS; k++) {
      out->lo[i] = fmin(out->lo[i], table[k * width + i]);
      out->hi[i] = fmax(out->hi[i], table[k * width + i]);
    }
  }
  glia_status st = glia_agree(comm, x != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "a table"));
  for (int k = 0; k < ROWS && st == GLIA_OK; k++)
    memcpy(x + k * d->n_inputs, table + k * width + first, (size_t)d->n_inputs * sizeof *x);
  for (int i = 0; i < d->n_inputs; i++) name[i] = d->input_text[i];
  if (st == GLIA_OK && d->longest > 0)
    st = glia_search(ROWS, d->n_inputs, x, out->target, name, &o, comm, out->front, &out->n_front);
  free(x);
  return st;
}

/* Candidates as columns of the table; those of several terms are there once. column [hidden, candidate]: their places. */
static glia_status choose_columns(const struct glia_discovery *d, struct glia_surrogate_options *o,
                                  int (*column)[GLIA_DISCOVER_CANDIDATES])
{
  const int first = d->p.n_unknowns + 2 * d->n_hidden + o->n_inputs;

  for (int h = 0; h < d->n_hidden; h++)
    for (int k = 0; k < d->hidden[h].n_candidates; k++) {
      int at = 0;
      while (at < o->n_columns && o->column[at] != d->hidden[h].candidate[k]) at++;
      GLIA_CHECK(at < GLIA_SURROGATE_COLUMNS, GLIA_E_CONFIG,
                 "method: network: more than %d candidates", GLIA_SURROGATE_COLUMNS);
      o->column[at] = d->hidden[h].candidate[k];
      if (at == o->n_columns) o->n_columns++;
      column[h][k] = first + at;
    }
  return GLIA_OK;
}

static glia_status read_table(struct glia_discovery *d, struct glia_surrogate *s,
                              int (*column)[GLIA_DISCOVER_CANDIDATES], struct glia_comm *comm,
                              struct glia_found *out)
{
  const int width = glia_surrogate_width(s);
  double *x = malloc((size_t)(ROWS * d->p.n_coords) * sizeof *x);
  double *table = malloc((size_t)(ROWS * width) * sizeof *table);
  glia_status st = GLIA_OK;

  if (x == NULL || table == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "a table");
  /* points of neighbouring times are neighbours, as blocks want it; of one coordinate they are a grid */
  for (int i = 0; i < ROWS && st == GLIA_OK; i++) {
    double at[GLIA_PDE_COORDS];
    glia_sobol(d->p.n_coords, 0, (uint64_t)i, at);
    at[0] = (i + 0.5) / ROWS;
    for (int c = 0; c < d->p.n_coords; c++)
      x[i * d->p.n_coords + c] = d->p.lo[c] + at[c] * (d->p.hi[c] - d->p.lo[c]);
  }
  if (st == GLIA_OK) st = glia_surrogate_table(s, ROWS, x, table);
  st = glia_agree(comm, st);
  for (int h = 0; h < d->n_hidden && st == GLIA_OK; h++) {
    st = glia_agree(comm, read_formula(d, h, column[h], width, table, &out[h]));
    if (st == GLIA_OK) st = look(d, width, table, comm, &out[h]);
  }
  free(x);
  free(table);
  return st;
}

glia_status glia_discover_network(struct glia_discovery *d, struct glia_comm *comm,
                                  const struct glia_discover_watch *watch, struct glia_found *out)
{
  struct glia_surrogate_options o = {.n_inputs = d->n_inputs, .physics = 1.0, .seed = d->seed};
  int column[GLIA_DISCOVER_HIDDEN][GLIA_DISCOVER_CANDIDATES];
  struct glia_surrogate *s = NULL;
  double *row = NULL, loss;
  int64_t n = 0;

  memcpy(o.input, d->input, sizeof o.input);
  if (watch != NULL) {
    o.self = watch->self;
    o.watch = watch->step;
  }
  for (int h = 0; h < d->n_hidden; h++) out[h] = (struct glia_found){.expression = GLIA_EXPR_NONE};
  glia_status st = choose_columns(d, &o, column);
  if (st == GLIA_OK) st = read_samples(d, &n, &row);
  if (st == GLIA_OK) add_noise(d, n, row);
  o.noise = hypot(d->p.data.noise, d->p.data.error);
  st = glia_agree(comm, st);
  if (st == GLIA_OK)
    st = glia_agree_data(comm, "the data", row,
                         (size_t)(n * (d->p.n_coords + d->p.n_unknowns)) * sizeof *row);
  if (st == GLIA_OK) st = glia_surrogate_create(d, n, row, &o, comm, &s);
  if (st == GLIA_OK) st = glia_surrogate_train(s, &loss);
  if (st == GLIA_OK) st = read_table(d, s, column, comm, out);
  for (int h = 0; h < d->n_hidden; h++) out[h].samples = n;
  glia_surrogate_destroy(&s);
  free(row);
  return st;
}
