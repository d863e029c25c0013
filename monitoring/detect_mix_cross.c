/* Judging a fit by rows that it has not seen. Where there are few rows for each input of the forecast, its errors on its own rows say little,
 * and levels that wander (memory in use, load averages) were elsewhere in the little time there was. The rows are cut into blocks of time;
 * what is usual in each comes from the others, and so do deviations, errors, members and scores. Where the cuts fall is chance, and a block
 * that alone has something is far from the others: the rows are cut WAYS times, each time elsewhere. See detect_mix.h.
 * Source: stone1974; burman1989 for cutting again. */
#include "detect_mix.h"
#include "glia_linear.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 5, WAYS = 2, FOLDS = WAYS * BLOCKS + WAYS - 1 };
static const double MOST_FULL = 0.825; /* see docs/adr/0047 */

/* One block of rows and the mix that does not know them. */
struct fold {
  struct glia_mix mix;
  int way; /* of cutting */
  int64_t lo, hi;
  int64_t first, n; /* of what was gathered: its rows */
};

struct cross {
  struct glia_mix *mix; /* of all rows: takes the sizes */
  const struct glia_mix_rows *rows;
  const double *floor;
  struct fold fold[FOLDS];
  uint8_t *keep;    /* [rows->n] without a block */
  double *squares;  /* [columns] */
  double *seen;     /* [columns] */
  double *usual;    /* [WAYS, rows->n, columns] deviations, unscaled */
  double *products; /* [columns, columns] */
  double *member;   /* [MEMBERS, WAYS, rows->n] */
  uint8_t *times;   /* [rows->n] a row was judged */
  int64_t n;        /* rows gathered, of all ways */
  int64_t full;     /* scores that a mean needs to count for the threshold */
  int64_t judged;   /* rows whose mean had them, of the first way */
  int way;          /* that is walked */
  int ways;         /* whose scores count */
  double *log_score;
};

static struct glia_mix_rows others(struct cross *c, const struct fold *f)
{
  memcpy(c->keep, c->rows->keep, (size_t)c->rows->n);
  memset(c->keep + f->lo, 0, (size_t)(f->hi - f->lo));
  return (struct glia_mix_rows){c->rows->n, c->rows->x, c->rows->time_ns, c->keep, c->rows->judge};
}

/* Walk all blocks, each by its own mix from the first row to its last; at each row of the block in `which`, call with the stream that
 * has seen it. What came before the block does not count in its scores. */
static glia_status walk(struct cross *c, int window, const uint8_t *which,
                        void (*each)(struct cross *c, const struct glia_mix_stream *s, int64_t row,
                                     double score))
{
  const struct glia_mix_rows *r = c->rows;

  c->n = 0;
  memset(c->squares, 0, (size_t)c->mix->n * sizeof *c->squares);
  memset(c->seen, 0, (size_t)c->mix->n * sizeof *c->seen);
  for (int k = 0; k < FOLDS; k++) {
    struct fold *f = &c->fold[k];
    struct glia_mix_stream s;
    f->first = c->n;
    c->way = f->way;
    GLIA_TRY(glia_mix_stream_open_(&s, &f->mix));
    s.judging = true;
    for (int64_t i = 0; i < f->hi; i++) {
      if (i == f->lo) s.scores = 0;
      const double score =
          glia_mix_stream_push_(&s, r->time_ns[i], r->x + i * f->mix.n, !r->keep[i], window);
      if (i < f->lo || !which[i]) continue;
      each(c, &s, i, score);
      c->n++;
    }
    glia_mix_stream_close_(&s);
    f->n = c->n - f->first;
  }
  return GLIA_OK;
}

/* Add up v * unit, per column. */
static void add(struct cross *c, const double *v, const double *unit)
{
  for (int j = 0; j < c->mix->n; j++) {
    if (isnan(v[j])) continue;
    c->squares[j] += v[j] * v[j] * unit[j] * unit[j];
    c->seen[j] += 1.0;
  }
}

/* size [columns] becomes at least what was added up, and all folds take it. */
static void take(struct cross *c, double *size, size_t of_mix)
{
  for (int j = 0; j < c->mix->n; j++)
    if (c->seen[j] > 0.0) size[j] = fmax(sqrt(c->squares[j] / c->seen[j]), size[j]);
  for (int k = 0; k < FOLDS; k++) {
    double *const *to = (double *const *)(const void *)((const char *)&c->fold[k].mix + of_mix);
    memcpy(*to, size, (size_t)c->mix->n * sizeof *size);
  }
}

static void add_usual(struct cross *c, const struct glia_mix_stream *s, int64_t row, double score)
{
  double *to = c->usual + c->n * c->mix->n;

  (void)row;
  (void)score;
  add(c, s->usual, s->mix->scale);
  for (int j = 0; j < c->mix->n; j++)
    to[j] = isnan(s->usual[j]) ? 0.0 : s->usual[j] * s->mix->scale[j];
}

static void add_slow(struct cross *c, const struct glia_mix_stream *s, int64_t row, double score)
{
  (void)row;
  (void)score;
  add(c, s->slow, s->mix->slow_scale);
}

static void add_next(struct cross *c, const struct glia_mix_stream *s, int64_t row, double score)
{
  (void)row;
  (void)score;
  add(c, s->next, s->mix->residual);
}

static void add_members(struct cross *c, const struct glia_mix_stream *s, int64_t row, double score)
{
  (void)row;
  (void)score;
  for (int k = 0; k < GLIA_MIX_MEMBERS; k++) c->member[k * WAYS * c->rows->n + c->n] = s->member[k];
}

static void put_score(struct cross *c, const struct glia_mix_stream *s, int64_t row, double score)
{
  if (s->scores < c->full || c->way >= c->ways) return;
  c->log_score[row] += log(score);
  c->times[row]++;
  c->judged += c->way == 0;
}

/* How columns go together, into `to`: from deviations of all blocks but one that were cut with it; NULL: of all. */
static glia_status invert(struct cross *c, struct glia_mix *to, const struct fold *but)
{
  const int n = to->n;
  int64_t rows = 0;

  memset(c->products, 0, (size_t)n * (size_t)n * sizeof *c->products);
  for (int k = 0; k < FOLDS; k++) {
    const struct fold *f = &c->fold[k];
    const double *u = c->usual + f->first * n;
    if (but != NULL && (f == but || f->way != but->way)) continue;
    glia_linear_gather(f->n, n, n, u, u, c->products);
    rows += f->n;
  }
  return glia_mix_invert_(to, rows, c->products);
}

/* What is usual without the block; the sizes of deviations and how columns go together, from all blocks. */
static glia_status judge_usual(struct cross *c)
{
  struct glia_mix *m = c->mix;

  for (int k = 0; k < FOLDS; k++) {
    struct fold *f = &c->fold[k];
    const struct glia_mix_rows rest = others(c, f);
    GLIA_TRY(glia_mix_room_(&f->mix, m->n, &rest));
    f->mix.lags = m->lags;
    f->mix.inputs = m->inputs;
    f->mix.daily = m->daily;
    GLIA_TRY(glia_mix_fit_levels_(&f->mix, &rest, c->floor));
    f->mix.daily = m->daily; /* columns may lose their profile, the forecast keeps its inputs */
  }
  GLIA_TRY(walk(c, 1, c->rows->keep, add_usual));
  take(c, m->scale, offsetof(struct glia_mix, scale));
  for (int64_t i = 0; i < c->n * m->n; i++)
    c->usual[i] = fmin(fmax(c->usual[i] / m->scale[i % m->n], -GLIA_MIX_CLIP), GLIA_MIX_CLIP);
  GLIA_TRY(invert(c, m, NULL));
  for (int k = 0; k < FOLDS; k++) GLIA_TRY(invert(c, &c->fold[k].mix, &c->fold[k]));
  return GLIA_OK;
}

/* Scores of rows since whose block or last gap there are `full` samples at least: means over fewer are larger than those that will be watched.
 * Of a row that has several, the mean of the logarithms. */
static glia_status judge_scores(struct cross *c, int window, int full, int ways)
{
  c->full = full;
  c->ways = ways;
  c->judged = 0;
  memset(c->times, 0, (size_t)c->rows->n);
  memset(c->log_score, 0, (size_t)c->rows->n * sizeof *c->log_score);
  GLIA_TRY(walk(c, window, c->rows->judge, put_score));
  for (int64_t i = 0; i < c->rows->n; i++)
    c->log_score[i] = c->times[i] > 0 ? c->log_score[i] / c->times[i] : (double)NAN;
  return GLIA_OK;
}

/* Where short blocks or gaps leave full windows to few of the rows, all count, of one way: rows are few, and means of two ways are too sure of them. */
static glia_status judge(struct cross *c, int window)
{
  struct glia_mix *m = c->mix;

  GLIA_TRY(judge_usual(c));
  for (int k = 0; k < FOLDS; k++) {
    const struct glia_mix_rows rest = others(c, &c->fold[k]);
    GLIA_TRY(glia_mix_fit_views_(&c->fold[k].mix, &rest, c->floor));
  }
  GLIA_TRY(walk(c, 1, c->rows->keep, add_slow));
  take(c, m->slow_scale, offsetof(struct glia_mix, slow_scale));
  GLIA_TRY(walk(c, 1, c->rows->keep, add_next));
  take(c, m->residual, offsetof(struct glia_mix, residual));
  GLIA_TRY(walk(c, 1, c->rows->keep, add_members));
  glia_mix_fit_members_(m, c->n, WAYS * c->rows->n, c->member);
  for (int k = 0; k < FOLDS; k++) {
    memcpy(c->fold[k].mix.middle, m->middle, sizeof m->middle);
    memcpy(c->fold[k].mix.width, m->width, sizeof m->width);
  }
  GLIA_TRY(judge_scores(c, window, window, WAYS));
  return (double)(WAYS * c->judged) >= MOST_FULL * (double)c->n ? GLIA_OK
                                                                : judge_scores(c, window, 1, 1);
}

/* Blocks with as many kept rows each, wherever those are: the rest of each has rows to fit on. The w-th way cuts w / WAYS of a block earlier, and has
 * the parts of a block at both ends. */
static void cut(struct cross *c)
{
  const struct glia_mix_rows *r = c->rows;
  int64_t kept = 0;
  struct fold *f = c->fold;

  for (int64_t i = 0; i < r->n; i++) kept += r->keep[i] != 0;
  for (int w = 0; w < WAYS; w++, f++) {
    int64_t seen = 0;
    int cuts = 1;
    f->way = w;
    for (int64_t i = 0; i < r->n; i++) {
      for (; cuts < BLOCKS + (w > 0) && seen >= kept * (cuts * WAYS - w) / (BLOCKS * WAYS);
           cuts++) {
        f->hi = i;
        *++f = (struct fold){.way = w, .lo = i};
      }
      seen += r->keep[i] != 0;
    }
    f->hi = r->n;
  }
}

glia_status glia_mix_cross_(struct glia_mix *m, const struct glia_mix_rows *r, const double *floor,
                            int window, double *log_score)
{
  const size_t n = (size_t)m->n + 1, rows = (size_t)r->n + 1;
  struct cross c = {.mix = m, .rows = r, .floor = floor, .log_score = log_score};
  glia_status st = GLIA_OK;

  c.keep = malloc(rows);
  c.squares = malloc(n * sizeof *c.squares);
  c.seen = malloc(n * sizeof *c.seen);
  c.usual = malloc(WAYS * rows * n * sizeof *c.usual);
  c.products = calloc(n * n, sizeof *c.products);
  c.member = malloc(WAYS * GLIA_MIX_MEMBERS * rows * sizeof *c.member);
  c.times = malloc(rows);
  GLIA_CHECK_TO(out, st,
                c.keep != NULL && c.squares != NULL && c.seen != NULL && c.usual != NULL &&
                    c.products != NULL && c.member != NULL && c.times != NULL,
                GLIA_E_MEMORY, "%lld rows", (long long)r->n);
  cut(&c);
  st = judge(&c, window);
out:
  for (int k = 0; k < FOLDS; k++) glia_mix_free_(&c.fold[k].mix);
  free(c.keep);
  free(c.squares);
  free(c.seen);
  free(c.usual);
  free(c.products);
  free(c.member);
  free(c.times);
  return st;
}
