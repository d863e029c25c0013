/* One node: what it says becomes rows of the store. See collect_priv.h. */
#include "collect_priv.h"

#include "glia_log.h"
#include "glia_rows.h"
#include "glia_scrape.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A clock that is off by more than this is taken for wrong, and its times are shifted. */
static const double skew_allowed_s = 1.0;
/* Who gets rows of so long a time at once, on top of some periods of asking, is catching up; how long afterwards its traffic shows. */
static const double catching_up_s = 30.0, catching_up_periods = 4.0, shown_s = 11.0;

void glia_target_free_(struct glia_target *t)
{
  if (t->easy != NULL) curl_easy_cleanup(t->easy);
  glia_intake_destroy(&t->intake);
  glia_buffer_free(&t->body);
  free(t->name);
  free(t->url);
  free(t->column);
  free(t->series);
  free(t->raw);
  free(t->value);
  free(t);
}

void glia_target_fail_(struct glia_collect *c, struct glia_target *t, const char *why)
{
  t->failures++;
  t->in_a_row++;
  c->result.failures++;
  if (t->in_a_row == 1)
    glia_log(GLIA_LOG_WARN, "collect", "scrape-failed", "node=%s reason=\"%s\"", t->name, why);
  snprintf(t->problem, sizeof t->problem, "%s", why);
}

static void saw(struct glia_target *t)
{
  t->seen_s = glia_time_s();
  t->excused_s = 0.0;
}

/* While nobody is asked, for we are behind, a node is what it was when it was asked last. */
static double quiet_since(const struct glia_collect *c, const struct glia_target *t, double since_s)
{
  const double asked_s = t->began_s > c->behind_s ? glia_time_s() : t->began_s;

  return asked_s - since_s - t->excused_s;
}

static double lost_after_s(const struct glia_collect *c)
{
  return 10.0 * c->options.period_s + 20.0;
}

const char *glia_target_state_(const struct glia_collect *c, const struct glia_target *t)
{
  const double age_s = quiet_since(c, t, t->seen_s);

  if (t->seen_s <= 0.0) return "never";
  if (age_s <= 3.0 * c->options.period_s + 1.0) return "up";
  return age_s <= lost_after_s(c) ? "late" : "lost";
}

bool glia_target_silent_(const struct glia_collect *c, const struct glia_target *t)
{
  if (t->first_s <= 0.0) return false;
  return quiet_since(c, t, t->seen_s > 0.0 ? t->seen_s : t->first_s) > lost_after_s(c);
}

/* One name too many is not kept, those that are known are: names that come and go cost the node nothing else. */
static glia_status keep_what_fits(struct glia_target *t, glia_status st, int64_t *which,
                                  int64_t *missed)
{
  if (st != GLIA_E_DATA) return st;
  *which = -1;
  ++*missed;
  snprintf(t->why_no_room, sizeof t->why_no_room, "%s", glia_trace_message());
  glia_trace_clear();
  return GLIA_OK;
}

/* Room for as many series and columns as the intake has, and the columns' numbers in the store. */
static glia_status make_room(struct glia_collect *c, struct glia_target *t)
{
  const int64_t columns = glia_intake_columns(t->intake);
  const int64_t width = glia_intake_width(t->intake);
  const int64_t need = columns > width ? columns : width;

  if (need > t->room) {
    double *raw = realloc(t->raw, (size_t)need * sizeof *raw);
    if (raw != NULL) t->raw = raw;
    float *value = realloc(t->value, (size_t)need * sizeof *value);
    if (value != NULL) t->value = value;
    int64_t *column = realloc(t->column, (size_t)need * sizeof *column);
    if (column != NULL) t->column = column;
    GLIA_CHECK(raw != NULL && value != NULL && column != NULL, GLIA_E_MEMORY, "%lld columns",
               (long long)need);
    t->room = need;
  }
  if (t->n_mapped == columns) return GLIA_OK;
  for (; t->n_mapped < columns; t->n_mapped++)
    GLIA_TRY(keep_what_fits(
        t,
        glia_store_column(c->store, t->node, glia_intake_name(t->intake, t->n_mapped),
                          glia_intake_unit(t->intake, t->n_mapped), &t->column[t->n_mapped]),
        &t->column[t->n_mapped], &t->no_columns));
  return glia_collect_watch_columns_(c, t);
}

/* When a segment ended the store may have forgotten columns that had no value for long: each is asked for again with its first one, so that those
 * that are gone for good do not come back. */
static glia_status number_anew(struct glia_collect *c, struct glia_target *t)
{
  const int64_t generation = glia_store_generation(c->store, t->node);

  if (generation != t->generation) {
    for (int64_t i = 0; i < t->n_mapped; i++) t->column[i] = GLIA_TARGET_ASK_AGAIN;
    t->generation = generation;
    t->no_columns = 0;
  }
  for (int64_t i = 0; i < t->n_mapped; i++)
    if (t->column[i] == GLIA_TARGET_ASK_AGAIN && !isnan(t->value[i]))
      GLIA_TRY(keep_what_fits(t,
                              glia_store_column(c->store, t->node, glia_intake_name(t->intake, i),
                                                glia_intake_unit(t->intake, i), &t->column[i]),
                              &t->column[i], &t->no_columns));
  return GLIA_OK;
}

/* Our own clock was ahead when the last rows came, in this run or in one before: theirs is a time that is yet to come, and nothing would be later until then.
 * Rows are taken again from now on, and whoever looks at the node is told. */
static glia_status look_back(struct glia_collect *c, struct glia_target *t, int64_t received_ns)
{
  const int64_t last_ns = glia_store_mark(c->store, t->node).time_ns;
  const double ahead_s = 1e-9 * (double)(last_ns - received_ns);

  if (ahead_s <= skew_allowed_s) return GLIA_OK;
  t->ahead_until_ns = last_ns;
  GLIA_TRY(glia_store_turn_back(c->store, t->node));
  glia_log(GLIA_LOG_WARN, "collect", "stored-ahead",
           "node=%s ahead_s=%.3f reason=\"the clock was wrong when its last rows came\"", t->name,
           ahead_s);
  return GLIA_OK;
}

/* What is said of a node that answered: nothing, where nothing is wrong. */
static void answered_well(struct glia_target *t, int64_t dropped, int64_t received_ns)
{
  t->in_a_row = 0;
  t->problem[0] = '\0';
  if (t->no_series + t->no_columns > 0)
    snprintf(t->problem, sizeof t->problem, "%lld new names are not kept: %s",
             (long long)(t->no_series + t->no_columns), t->why_no_room);
  else if (dropped > 0)
    snprintf(t->problem, sizeof t->problem,
             "%lld rows of its last answer are not later than the one before: dropped",
             (long long)dropped);
  else if (t->ahead_until_ns > received_ns)
    snprintf(t->problem, sizeof t->problem,
             "a clock was wrong: some of its rows are stored as of up to %.0f s from now",
             1e-9 * (double)(t->ahead_until_ns - received_ns));
}

/* time_ns: on our clock. *taken: is it later than the one before? */
static glia_status put_row(struct glia_collect *c, struct glia_target *t, int64_t time_ns,
                           int64_t monotonic_ns, int64_t number, bool *taken)
{
  const struct glia_store_mark mark = {t->run, number, time_ns};

  GLIA_TRY(glia_intake_row(t->intake, monotonic_ns, (int64_t)t->boot, t->raw, t->value));
  GLIA_TRY(number_anew(c, t));
  GLIA_TRY(glia_store_row(c->store, t->node, mark, t->n_mapped, t->column, t->value, taken));
  t->number = number;
  if (!*taken) return GLIA_OK;
  t->rows++;
  t->last_ns = mark.time_ns;
  c->result.rows++;
  for (int64_t i = 0; i < t->n_mapped; i++) c->result.values += !isnan(t->value[i]);
  glia_collect_watch_row_(c, t, mark.time_ns);
  return GLIA_OK;
}

/* A node's clock against ours: half-way between question and answer it showed now_ns. */
static void judge_clock(struct glia_target *t, int64_t now_ns, int64_t asked_ns,
                        int64_t received_ns)
{
  const double here_s = 0.5e-9 * ((double)asked_ns + (double)received_ns);
  const double doubt_s = 0.5e-9 * (double)(received_ns - asked_ns);

  t->skew_s = 1e-9 * (double)now_ns - here_s;
  const double off_s = fabs(t->skew_s - t->shift_s);
  if (off_s <= skew_allowed_s + doubt_s) return;
  t->shift_s = fabs(t->skew_s) > skew_allowed_s ? t->skew_s : 0.0;
  glia_log(GLIA_LOG_WARN, "collect", "clock-skew", "node=%s skew_s=%.3f", t->name, t->skew_s);
}

/* ---- agents */

static glia_status new_columns(struct glia_target *t, const struct glia_rows *rows)
{
  int64_t *series = realloc(t->series, (size_t)(rows->n_columns + 1) * sizeof *series);

  GLIA_CHECK(series != NULL, GLIA_E_MEMORY, "%lld columns", (long long)rows->n_columns);
  t->series = series;
  t->n_series = rows->n_columns;
  t->no_series = 0;
  for (int64_t i = 0; i < rows->n_columns; i++) {
    const struct glia_rows_column *c = &rows->column[i];
    GLIA_TRY(keep_what_fits(
        t, glia_intake_series(t->intake, c->name, strlen(c->name), c->unit, c->kind, &series[i]),
        &series[i], &t->no_series));
  }
  for (int64_t i = 0; i < rows->n_columns; i++)
    if (rows->column[i].clock >= 0 && series[i] >= 0)
      glia_intake_clock(t->intake, series[i], series[rows->column[i].clock]);
  t->schema = rows->head.schema;
  return GLIA_OK;
}

/* What an agent had kept for us, hundreds of kilobytes at once, is traffic that the node does not see on other days: rows show it from the question
 * on; those of slow sources (five seconds) for two of their periods. span_s: from the first row of the answer to the last. */
static void mark_ours(const struct glia_collect *c, struct glia_target *t, double span_s,
                      int64_t asked_ns, int64_t received_ns)
{
  if (span_s < catching_up_s + catching_up_periods * c->options.period_s) return;
  if (asked_ns > t->ours_until_ns) t->ours_from_ns = asked_ns - (int64_t)(1e9 * skew_allowed_s);
  t->ours_until_ns = received_ns + (int64_t)(1e9 * shown_s);
}

/* How far the node's clock was from its steady one when it answered: as in its newest row, unless it was put right in between. Then the rows do not show
 * it yet, but the answer does: the clock differs by as much from our steady one. Nor do the rows of the answers that follow, where it takes several to
 * catch up, show it: those from before the last answer say nothing newer than that. Of the first answer: no row is from later than it, and those that it has no room for, to_come_s, are from between. */
static int64_t offset_now(struct glia_target *t, const struct glia_rows *rows,
                          const struct glia_sample_time *newest, double to_come_s, int64_t asked_ns,
                          int64_t received_ns)
{
  const double doubt_s = 0.5e-9 * (double)(received_ns - asked_ns);
  const double clock_s = 1e-9 * (double)rows->head.now_ns - (glia_time_s() - doubt_s);
  const double step_s = t->judged ? clock_s - t->judged_s : 0.0;
  const double later_s = 1e-9 * (double)(newest->realtime_ns - rows->head.now_ns);
  const bool stepped = fabs(step_s) > skew_allowed_s + doubt_s + t->judged_doubt_s;
  const bool old = t->judged && rows->head.boot == t->judged_boot &&
                   newest->monotonic_ns <= t->judged_ns - t->offset_ns;
  int64_t offset_ns = old ? t->offset_ns : newest->realtime_ns - newest->monotonic_ns;

  if (stepped && (old || llabs(offset_ns - t->offset_ns) < 500000000))
    offset_ns += (int64_t)(1e9 * step_s);
  else if (!old && later_s > 0.0)
    offset_ns -= (int64_t)(1e9 * (later_s + to_come_s));
  t->judged = true;
  t->judged_boot = rows->head.boot;
  t->judged_ns = rows->head.now_ns;
  t->judged_s = clock_s;
  t->judged_doubt_s = doubt_s;
  t->offset_ns = offset_ns;
  return offset_ns;
}

/* A row's time on our clock: its own, but where the node's clock was put right after it the steady one tells how long ago it was. Nothing is from later
 * than its answer. */
static int64_t time_of(const struct glia_target *t, const struct glia_sample_time *when,
                       int64_t received_ns)
{
  const int64_t latest_ns = received_ns + (int64_t)(1e9 * skew_allowed_s);
  const int64_t steady_ns = when->monotonic_ns + t->offset_ns;
  const bool put_right = llabs(when->realtime_ns - steady_ns) > 500000000;
  const int64_t time_ns = (put_right ? steady_ns : when->realtime_ns) - (int64_t)(1e9 * t->shift_s);

  return time_ns < latest_ns ? time_ns : latest_ns;
}

/* What an answer brought. */
struct brought {
  double span_s; /* from the first row to the last */
  int64_t taken, dropped;
};

static glia_status take_rows(struct glia_collect *c, struct glia_target *t,
                             const struct glia_rows *rows, int64_t asked_ns, int64_t received_ns,
                             struct brought *b)
{
  int64_t first_ns = 0;
  const bool restarted = t->run != 0 && rows->head.run != t->run;
  double *read = NULL;
  glia_status st = GLIA_OK;

  if (restarted) {
    t->restarts++;
    c->result.restarts++;
    t->number = 0;
  } else if (t->run != 0 && t->number > 0 && rows->first > t->number + 1 && rows->n_rows > 0) {
    t->lost_rows += rows->first - t->number - 1; /* we were away for longer than it keeps rows */
    c->result.lost_rows += rows->first - t->number - 1;
  }
  t->run = rows->head.run;
  t->boot = rows->head.boot;
  if (rows->n_rows > 1) c->result.gap_rows += rows->n_rows - 1;
  read = malloc((size_t)(rows->n_columns + 1) * sizeof *read);
  GLIA_CHECK(read != NULL, GLIA_E_MEMORY, "a row of %s", t->name);
  struct glia_sample_time when = {0};
  if (rows->n_rows > 0) {
    struct glia_sample_time oldest;
    glia_rows_get(rows, 0, &oldest, read);
    glia_rows_get(rows, rows->n_rows - 1, &when, read);
    const double pace_s = 1e-9 * (double)(when.monotonic_ns - oldest.monotonic_ns) /
                          fmax(1.0, (double)rows->n_rows - 1.0);
    const double to_come = fmax(0.0, (double)(rows->last - rows->first - rows->n_rows + 1));
    t->offset_ns = offset_now(t, rows, &when, pace_s * to_come, asked_ns, received_ns);
  }
  for (int64_t i = 0; st == GLIA_OK && i < rows->n_rows; i++) {
    bool taken = false;
    if (rows->first + i <= t->number) continue;
    glia_rows_get(rows, i, &when, read);
    if (first_ns == 0) first_ns = when.monotonic_ns;
    b->span_s = 1e-9 * (double)(when.monotonic_ns - first_ns);
    for (int64_t k = 0; k < glia_intake_width(t->intake); k++) t->raw[k] = (double)GLIA_MISSING;
    for (int64_t k = 0; k < rows->n_columns; k++)
      if (t->series[k] >= 0) t->raw[t->series[k]] = read[k];
    st = put_row(c, t, time_of(t, &when, received_ns), when.monotonic_ns, rows->first + i, &taken);
    b->taken += taken;
    b->dropped += !taken;
  }
  free(read);
  return st;
}

/* Ask soon after the node samples: its newest row shall be this old when it is asked for. Nodes that all sample at once are still
 * spread over a third of the period. It comes there by steps of a tenth, so that one late answer moves little. */
static void follow_phase(const struct glia_collect *c, struct glia_target *t, int64_t received_ns)
{
  const double period_s = c->options.period_s;
  const double wanted_s = period_s * (0.05 + 0.3 * fmod((double)t->node * 0.6180339887, 1.0));
  const double age_s = 1e-9 * (double)(received_ns - t->last_ns);
  double off_s = wanted_s - age_s;

  if (!(age_s >= 0.0 && age_s <= 2.0 * period_s) || t->due_s <= 0.0) return;
  if (off_s < -0.5 * period_s) off_s += period_s;
  t->due_s += fmax(-0.1 * period_s, fmin(0.1 * period_s, off_s));
}

static glia_status take_agent(struct glia_collect *c, struct glia_target *t, int64_t asked_ns,
                              int64_t received_ns)
{
  struct glia_rows rows;
  struct brought b = {0};
  glia_status st = glia_rows_read(t->body.text, t->body.n, &rows);

  if (st == GLIA_OK && rows.column == NULL &&
      (rows.head.schema != t->schema || rows.n_columns != t->n_series))
    st = GLIA_FAIL(GLIA_E_DATA, "rows whose columns it did not name");
  if (st == GLIA_OK && rows.column != NULL) st = new_columns(t, &rows);
  if (st == GLIA_OK) st = make_room(c, t);
  if (st != GLIA_OK) {
    glia_rows_free(&rows);
    if (st == GLIA_E_MEMORY) return st;
    t->schema = 0; /* ask for the names again */
    glia_target_fail_(c, t, glia_trace_message());
    glia_trace_clear();
    return GLIA_OK;
  }
  judge_clock(t, rows.head.now_ns, asked_ns, received_ns);
  st = look_back(c, t, received_ns);
  if (st == GLIA_OK) st = take_rows(c, t, &rows, asked_ns, received_ns, &b);
  if (st == GLIA_OK) mark_ours(c, t, b.span_s, asked_ns, received_ns);
  if (b.taken > 0) saw(t);
  if (rows.first + rows.n_rows <= rows.last)
    t->due_s = 0.0; /* there is more: ask at once */
  else if (rows.n_rows == 1)
    follow_phase(c, t, received_ns); /* it samples at our pace */
  answered_well(t, b.dropped, received_ns);
  glia_rows_free(&rows);
  return st;
}

/* ---- exporters */

/* Series of an exporter and their values; a name that comes twice counts once. */
static glia_status take_series(struct glia_collect *c, struct glia_target *t,
                               const struct glia_scrape *scrape)
{
  int64_t at;

  t->no_series = 0;
  for (int64_t i = 0; i < scrape->n; i++) {
    const struct glia_scrape_series *s = &scrape->series[i];
    GLIA_TRY(keep_what_fits(t, glia_intake_series(t->intake, s->name, s->n, "", s->kind, &at), &at,
                            &t->no_series));
  }
  const int64_t no_series = t->no_series;
  GLIA_TRY(make_room(c, t));
  for (int64_t k = 0; k < glia_intake_width(t->intake); k++) t->raw[k] = (double)GLIA_MISSING;
  t->boot = 0;
  for (int64_t i = 0; i < scrape->n; i++) {
    const struct glia_scrape_series *s = &scrape->series[i];
    GLIA_TRY(keep_what_fits(t, glia_intake_series(t->intake, s->name, s->n, "", s->kind, &at), &at,
                            &t->no_series));
    if (at >= 0) t->raw[at] = s->value;
    /* What changes when counters begin anew: the node's boot. */
    if (s->n == strlen("node_boot_time_seconds") &&
        memcmp(s->name, "node_boot_time_seconds", s->n) == 0 && fabs(s->value) < 1e15)
      t->boot = (uint64_t)(int64_t)s->value;
  }
  t->no_series = no_series; /* the second look met them again */
  return GLIA_OK;
}

static glia_status take_exporter(struct glia_collect *c, struct glia_target *t, int64_t asked_ns,
                                 int64_t received_ns)
{
  struct glia_scrape scrape;
  glia_status st = glia_scrape_read(t->body.text != NULL ? t->body.text : "", t->body.n, &scrape);

  if (st == GLIA_OK) {
    t->malformed += scrape.malformed;
    st = take_series(c, t, &scrape);
    glia_scrape_free(&scrape);
  }
  if (st == GLIA_E_DATA) {
    glia_target_fail_(c, t, glia_trace_message());
    glia_trace_clear();
    return GLIA_OK;
  }
  GLIA_TRY(st);
  GLIA_TRY(look_back(c, t, received_ns));
  /* When it was read is not said: half-way between question and answer. Rates are over our steady time. */
  const int64_t at_ns = asked_ns / 2 + received_ns / 2;
  const int64_t steady_ns = (int64_t)(1e9 * glia_time_s()) - (received_ns - asked_ns) / 2;
  bool taken = false;
  GLIA_TRY(put_row(c, t, at_ns, steady_ns, t->number + 1, &taken));
  if (taken) saw(t);
  answered_well(t, !taken, received_ns);
  return GLIA_OK;
}

glia_status glia_target_take_(struct glia_collect *c, struct glia_target *t, int64_t asked_ns,
                              int64_t received_ns)
{
  if (t->question == GLIA_TARGET_TOPOLOGY) {
    t->known = true;
    t->due_s = 0.0;
    glia_buffer_add(&t->body, "", 0);
    return t->body.text != NULL ? glia_intake_topology(t->intake, t->body.text) : GLIA_OK;
  }
  return t->kind == GLIA_TARGET_AGENT ? take_agent(c, t, asked_ns, received_ns)
                                      : take_exporter(c, t, asked_ns, received_ns);
}
