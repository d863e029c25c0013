/* A hidden term from fields on a grid: rows of weak form, sparse regression on them. See glia_discover.h. */
#include "discover_priv.h"

#include "glia_agree.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SEEN = 64, GAUSS = 8 };

/* Nodes and weights of Gauss and Legendre on [0, 1]. */
static const double gauss_x[GAUSS] = {
    0.019855071751231884, 0.10166676129318664, 0.23723379504183550, 0.40828267875217510,
    0.59171732124782490,  0.76276620495816450, 0.89833323870681336, 0.98014492824876812};
static const double gauss_w[GAUSS] = {
    0.050614268145188130, 0.11119051722668724, 0.15685332293894364, 0.18134189168918099,
    0.18134189168918099,  0.15685332293894364, 0.11119051722668724, 0.050614268145188130};

/* Derivatives of smoothed data, each made once. */
struct smoothed {
  int n, node[SEEN];
  double *field[SEEN]; /* [grid] */
};

/* What is needed to table one part. */
struct tabling {
  const struct glia_weak_ *w;
  struct smoothed *smoothed;
  const struct glia_weak_part_ *part;
  struct glia_expr_tape *tape;
  int n, node[SEEN];
  const double *field[SEEN]; /* [grid] of each node */
};

static void place(const struct glia_weak_ *w, int64_t i, double *x)
{
  for (int c = w->d->p.n_coords - 1; c >= 0; c--) {
    x[c] = w->g->lo[c] + (double)(i % w->g->dim[c]) * w->g->step[c];
    i /= w->g->dim[c];
  }
}

static glia_status smooth(const struct glia_weak_ *w, struct smoothed *s, int node,
                          const double **out)
{
  const struct glia_expr_node *u = glia_expr_at(w->d->p.pool, node);

  for (int i = 0; i < s->n; i++)
    if (s->node[i] == node) {
      *out = s->field[i];
      return GLIA_OK;
    }
  GLIA_CHECK(s->n < SEEN, GLIA_E_CONFIG, "more than %d derivatives in the candidates", SEEN);
  double *field = malloc((size_t)w->g->n * sizeof *field);
  GLIA_CHECK(field != NULL, GLIA_E_MEMORY, "%lld samples", (long long)w->g->n);
  s->node[s->n] = node;
  s->field[s->n++] = field;
  *out = field;
  return glia_weak_smooth_(w, w->g->u + u->index * w->g->n, u->order, field);
}

static glia_status fields(struct tabling *t)
{
  const struct glia_weak_ *w = t->w;

  t->n = glia_expr_unknowns(w->d->p.pool, t->part->expression, SEEN, t->node);
  for (int i = 0; i < t->n; i++)
    if (t->part->estimated)
      GLIA_TRY(smooth(w, t->smoothed, t->node[i], &t->field[i]));
    else
      t->field[i] = w->g->u + glia_expr_at(w->d->p.pool, t->node[i])->index * w->g->n;
  return glia_expr_tape_create(w->d->p.pool, t->part->expression, &t->tape);
}

static double value_at(const struct tabling *t, int64_t i)
{
  double x[GLIA_EXPR_COORDS], u[SEEN], sum = 0.0;
  const struct glia_expr_values v = {
      .coord = x, .n_unknown = t->n, .unknown_node = t->node, .unknown = u};

  place(t->w, i, x);
  for (int k = 0; k < t->n; k++) u[k] = t->field[k][i];
  if (t->part->unknown < 0) return glia_expr_tape_value(t->tape, &v);
  const double end = t->w->g->u[t->part->unknown * t->w->g->n + i];
  for (int q = 0; q < GAUSS; q++) {
    for (int k = 0; k < t->n; k++) u[k] = gauss_x[q] * end; /* c reads that unknown alone */
    sum += gauss_w[q] * glia_expr_tape_value(t->tape, &v);
  }
  return end * sum;
}

/* Add one part's integrals to column [rows]. */
static glia_status add_part(const struct glia_weak_ *w, struct smoothed *smoothed,
                            const struct glia_weak_part_ *part, double *column)
{
  struct tabling t = {.w = w, .smoothed = smoothed, .part = part};
  double *value = malloc((size_t)w->g->n * sizeof *value);
  double *row = malloc((size_t)w->rows * sizeof *row);
  glia_status st = GLIA_OK;

  if (value == NULL || row == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "%lld samples", (long long)w->g->n);
  if (st == GLIA_OK) st = fields(&t);
  for (int64_t i = 0; i < w->g->n && st == GLIA_OK; i++) value[i] = value_at(&t, i);
  if (st == GLIA_OK) st = glia_weak_integrate_(w, value, part->order, row);
  for (int64_t i = 0; i < w->rows && st == GLIA_OK; i++) column[i] += part->factor * row[i];
  glia_expr_tape_destroy(&t.tape);
  free(value);
  free(row);
  return st;
}

/* Columns of all candidates and of the target, dealt over the ranks: column [n + 1, rows]. */
static glia_status make_columns(struct glia_discovery *d, int which, const struct glia_weak_ *w,
                                struct glia_comm *comm, bool *estimated, double *column)
{
  const struct glia_hidden *h = &d->hidden[which];
  const int rank = glia_comm_rank(comm), size = glia_comm_size(comm);
  struct glia_weak_part_ part[GLIA_WEAK_PARTS_];
  struct smoothed smoothed = {0};
  glia_status st = GLIA_OK;

  for (int k = 0; k <= h->n_candidates && st == GLIA_OK; k++) {
    const bool target = k == h->n_candidates;
    int n;
    st = glia_weak_parts_(d, target ? h->target : h->candidate[k], part, &n);
    for (int i = 0; i < n && st == GLIA_OK; i++) {
      if (!target) estimated[k] = estimated[k] || part[i].estimated;
      if (k % size == rank) st = add_part(w, &smoothed, &part[i], column + k * w->rows);
    }
    for (int64_t i = 0; i < w->rows && st == GLIA_OK; i++)
      if (!isfinite(column[k * w->rows + i]))
        st = GLIA_FAIL(GLIA_E_DATA, "'%s' is not finite on the data",
                       target ? h->equation_text : h->text[k]);
  }
  for (int i = 0; i < smoothed.n; i++) free(smoothed.field[i]);
  GLIA_TRY(glia_agree(comm, st));
  if (size == 1) return GLIA_OK;
  for (int k = 0; k <= h->n_candidates; k++) /* the others hold zeros: sums are exact */
    GLIA_TRY(glia_comm_reduce_f64(comm, GLIA_COMM_SUM, column + k * w->rows, (int)w->rows));
  return GLIA_OK;
}

/* Blocks of neighbouring rows, a half width long at least, so that few test functions reach over two of them: 16 along a single
 * coordinate at most, else 8 along the first and 4 along the second. */
static void divide(const struct glia_weak_ *w, int64_t *along)
{
  const int64_t most[2] = {w->d->p.n_coords == 1 ? 16 : 8, 4};

  for (int c = 0; c < 2; c++) {
    along[c] = 1;
    if (c >= w->d->p.n_coords) continue;
    const int64_t fit = w->count[c] * w->stride[c] / w->m[c];
    along[c] = fit < 2 ? 2 : fit < most[c] ? fit : most[c];
    if (along[c] > w->count[c]) along[c] = w->count[c];
  }
}

static int64_t block_of(const struct glia_weak_ *w, const int64_t *along, int64_t row)
{
  int64_t at[GLIA_PDE_COORDS] = {0};

  for (int c = w->d->p.n_coords - 1; c >= 0; c--) {
    at[c] = row % w->count[c];
    row /= w->count[c];
  }
  const int64_t second = w->d->p.n_coords > 1 ? at[1] * along[1] / w->count[1] : 0;
  return at[0] * along[0] / w->count[0] * along[1] + second;
}

static glia_status fill_blocks(const struct glia_weak_ *w, int n, const double *column,
                               struct glia_regression *s)
{
  int64_t along[2];
  double *a = malloc((size_t)(w->rows * (n + 1)) * sizeof *a);
  glia_status st = GLIA_OK;

  if (a == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)w->rows);
  divide(w, along);
  for (int b = 0; b < s->blocks && st == GLIA_OK; b++) {
    int64_t rows = 0;
    for (int64_t i = 0; i < w->rows; i++) {
      if (block_of(w, along, i) != b) continue;
      for (int k = 0; k <= n; k++) a[rows * (n + 1) + k] = column[k * w->rows + i];
      rows++;
    }
    st = glia_regression_block(s, b, rows, a);
  }
  free(a);
  return st;
}

static int by_value(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

static glia_status range(const struct glia_weak_ *w, struct glia_found *out)
{
  const int64_t n = w->g->n;
  double *v = malloc((size_t)n * sizeof *v);

  GLIA_CHECK(v != NULL, GLIA_E_MEMORY, "%lld samples", (long long)n);
  for (int i = 0; i < w->d->p.n_unknowns; i++) {
    memcpy(v, w->g->u + i * n, (size_t)n * sizeof *v);
    qsort(v, (size_t)n, sizeof *v, by_value);
    out->lo[i] = v[n / 100];
    out->hi[i] = v[n - 1 - n / 100];
  }
  free(v);
  return GLIA_OK;
}

/* What was foretold for each row, beside what it is. */
static glia_status keep_rows(const struct glia_weak_ *w, int n, const double *column,
                             struct glia_found *out)
{
  out->target = malloc(2 * (size_t)w->rows * sizeof *out->target);
  GLIA_CHECK(out->target != NULL, GLIA_E_MEMORY, "%lld rows", (long long)w->rows);
  out->fitted = out->target + w->rows;
  memcpy(out->target, column + n * w->rows, (size_t)w->rows * sizeof *column);
  for (int64_t i = 0; i < w->rows; i++) {
    out->fitted[i] = 0.0;
    for (int k = 0; k < out->fit.n_terms; k++)
      out->fitted[i] += out->fit.coefficient[k] * column[out->fit.term[k] * w->rows + i];
  }
  return GLIA_OK;
}

void glia_found_free(struct glia_found *f)
{
  free(f->target);
  f->target = f->fitted = NULL;
}

static glia_status regress(struct glia_discovery *d, int which, const struct glia_weak_ *w,
                           const double *column, struct glia_found *out)
{
  const int n = d->hidden[which].n_candidates;
  int64_t along[2];
  struct glia_regression s;

  divide(w, along);
  glia_status st = glia_regression_init(n, (int)(along[0] * along[1]), &s);
  if (st == GLIA_OK) st = fill_blocks(w, n, column, &s);
  if (st == GLIA_OK) st = glia_regression_fit(&s, &d->options, &out->fit);
  out->rows = s.rows;
  out->blocks = s.blocks;
  glia_regression_fini(&s);
  if (st == GLIA_OK) st = keep_rows(w, n, column, out);
  if (st == GLIA_OK) out->expression = glia_found_expression(d, which, &out->fit, false);
  return st;
}

/* All of it with test functions `scale` times as wide as the spectra say. */
static glia_status with_width(struct glia_discovery *d, int which, const struct glia_grid_data *g,
                              struct glia_comm *comm, double scale, struct glia_found *out)
{
  struct glia_weak_ w = {.d = d, .g = g};
  double *column = NULL;

  *out = (struct glia_found){.expression = GLIA_EXPR_NONE};
  glia_status st = glia_weak_windows_(&w, scale, out->noise);
  if (st == GLIA_OK) {
    memcpy(out->window, w.m, sizeof out->window);
    column = calloc((size_t)(w.rows * (d->hidden[which].n_candidates + 1)), sizeof *column);
    if (column == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "%lld rows", (long long)w.rows);
  }
  st = glia_agree(comm, st);
  if (st == GLIA_OK) st = make_columns(d, which, &w, comm, out->estimated, column);
  if (st == GLIA_OK) st = regress(d, which, &w, column, out);
  if (st == GLIA_OK) st = range(&w, out);
  free(column);
  return glia_agree(comm, st);
}

static double least_held_out(const struct glia_found *f)
{
  double least = (double)INFINITY;

  for (int k = 1; k < f->fit.n_steps; k++) least = fmin(least, f->fit.step[k].held_out);
  return least;
}

/* Wide test functions see less noise, too wide ones less signal: the width that foretells held-out rows best, in their own norm. */
glia_status glia_discover_weak(struct glia_discovery *d, int which, const struct glia_grid_data *g,
                               struct glia_comm *comm, struct glia_found *out)
{
  static const double scale[] = {1.0, 1.4, 2.0, 2.8};
  bool given = true;

  for (int c = 0; c < d->p.n_coords; c++) given = given && d->window[c] > 0;
  GLIA_TRY(
      glia_agree_data(comm, "the data", g->u, (size_t)(g->n * d->p.n_unknowns) * sizeof *g->u));
  GLIA_TRY(with_width(d, which, g, comm, scale[0], out));
  for (size_t k = 1; k < GLIA_COUNT(scale) && !given; k++) {
    struct glia_found f;
    const glia_status st = with_width(d, which, g, comm, scale[k], &f);
    if (st == GLIA_OK && least_held_out(&f) < 0.9 * least_held_out(out)) {
      struct glia_found t = *out;
      *out = f;
      f = t;
    }
    glia_found_free(&f);
    GLIA_TRY(st);
  }
  return GLIA_OK;
}

/* A coefficient to two digits of its error. */
static double rounded(double v, double error)
{
  char text[64];

  if (!(error > 0.0) || !isfinite(error)) return v;
  const int decimals = 1 - (int)floor(log10(error));
  if (decimals <= 0 || decimals > 17) return v;
  snprintf(text, sizeof text, "%.*f", decimals, v);
  return strtod(text, NULL);
}

int glia_found_expression(struct glia_discovery *d, int which,
                          const struct glia_regression_result *r, bool round_it)
{
  struct glia_expr_pool *pool = d->p.pool;
  const struct glia_hidden *h = &d->hidden[which];
  int sum = glia_expr_number(pool, 0.0);

  for (int k = 0; k < r->n_terms; k++) {
    const double v = round_it ? rounded(r->coefficient[k], r->error[k]) : r->coefficient[k];
    const int term = glia_expr_binary(pool, GLIA_EXPR_MUL, glia_expr_number(pool, fabs(v)),
                                      h->candidate[r->term[k]]);
    sum = glia_expr_binary(pool, v < 0.0 ? GLIA_EXPR_SUB : GLIA_EXPR_ADD, sum, term);
  }
  return sum;
}
