/* glia detect budget: which alarms each setting would have raised. */
#include "detect.h"
#include "detect_measures.h"
#include "glia_log.h"
#include "glia_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct glia_option options[] = {
    {.name = "models",
     .kind = GLIA_OPTION_TEXT,
     .argument = "M.h5",
     .help = "models made by glia detect train; required"},
    {.name = "since",
     .kind = GLIA_OPTION_DURATION,
     .argument = "T",
     .help = "how far back from the last row (30d)"},
    {.name = "list",
     .kind = GLIA_OPTION_REAL,
     .argument = "N",
     .lo = 1e-6,
     .hi = 1e6,
     .help = "list the alarms that a budget of N a week would have raised"},
    {0},
};

static const double budgets[] = {0.3, 1.0, 3.0, 10.0, 30.0, 100.0};
static const double week_s = 604800.0;

struct tally {
  int64_t alarms, labelled;
  int64_t normal, alarmed; /* samples outside of labelled spans; those of them in alarms */
  double watched_s;        /* of all nodes together */
};

/* Rows that the model was not trained on, where there are such; not before `since`. */
static int64_t first_row(const struct scored *s, int64_t since_ns)
{
  struct glia_detector_info info;
  int64_t i = 0;

  glia_detector_info(s->detector, &info);
  const int64_t last_ns = s->node.time_ns[s->node.n - 1];
  const int64_t from_ns = info.train_end_ns < last_ns && info.train_end_ns > since_ns
                              ? info.train_end_ns
                              : since_ns - 1;
  while (i < s->node.n - 1 && s->node.time_ns[i] <= from_ns) i++;
  return i;
}

static void count(struct glia_args *args, const struct scored *s, int64_t since_ns, bool listed,
                  struct tally *t, json_t *alarms)
{
  const struct glia_detect_result *r = &s->result;
  const int64_t from = first_row(s, since_ns);
  const double span_s = 1e-9 * (double)(s->node.time_ns[s->node.n - 1] - s->node.time_ns[from]);
  char utc[48], text[256];

  int64_t normal, alarmed;

  t->watched_s += span_s;
  measures_alarmed(&s->node, r, from, &normal, &alarmed);
  t->normal += normal;
  t->alarmed += alarmed;
  for (int64_t k = 0; k < r->n_alarms; k++) {
    const struct glia_detect_alarm *a = &r->alarm[k];
    if (a->first < from) continue;
    const bool labelled = measures_is_of_a_span(&s->node, a);
    t->alarms++;
    t->labelled += labelled;
    if (!listed) continue;
    utc_text(a->start_ns, utc, sizeof utc);
    const char *why = a->n_causes > 0 ? cause_text(&a->cause[0], text, sizeof text) : "";
    glia_cli_print(args, "  %s %s, %.0f s%s: %s\n", s->node.name, utc,
                   1e-9 * (double)(a->end_ns - a->start_ns), labelled ? " (labelled)" : "", why);
    json_array_append_new(alarms,
                          json_pack("{s:o, s:s, s:f, s:b, s:o}", "node",
                                    glia_json_text(s->node.name), "start_utc", utc, "peak", a->peak,
                                    "labelled", labelled, "cause", glia_json_text(why)));
  }
}

static int64_t since_of(const struct scored *s, double since_s)
{
  return s->node.time_ns[s->node.n - 1] - (int64_t)(1e9 * since_s);
}

/* Nodes that have no row behind the time of their training are judged by that. Returns how many such rows. */
static int64_t tell_known(struct glia_args *args, const struct scoring *s, double since_s)
{
  int64_t sum = 0, behind;

  for (int i = 0; i < s->n; i++) {
    const struct scored *k = &s->scored[i];
    const int64_t from = first_row(k, since_of(k, since_s));
    const int64_t rows = scored_trained(k, from, &behind);
    sum += rows;
    if (rows == 0) continue;
    glia_log(GLIA_LOG_WARN, "detect", "trained-on", "node=%s rows=%lld of=%lld judged=yes",
             k->node.name, (long long)rows, (long long)(k->node.n - from));
    glia_cli_print(args,
                   "%s: %lld of the %lld rows that are judged trained its model: the budget was "
                   "placed by them, and is kept there\n",
                   k->node.name, (long long)rows, (long long)(k->node.n - from));
  }
  return sum;
}

/* The time that is judged, of the node that has most of it: less than was asked for where rows begin later, or the model was trained on them.
 * Seconds. */
static double tell_span(struct glia_args *args, const struct scoring *s, double since_s)
{
  double covered_s = 0.0, there_s = 0.0;
  char covered[32], asked[32];

  for (int i = 0; i < s->n; i++) {
    const struct scored *k = &s->scored[i];
    const int64_t last_ns = k->node.time_ns[k->node.n - 1];
    const int64_t from = first_row(k, since_of(k, since_s));
    covered_s = fmax(covered_s, 1e-9 * (double)(last_ns - k->node.time_ns[from]));
    there_s = fmax(there_s, 1e-9 * (double)(last_ns - k->node.time_ns[0]));
  }
  glia_format_duration(covered_s, covered, sizeof covered);
  glia_format_duration(since_s, asked, sizeof asked);
  glia_cli_print(args, "alarms over %s, of %s asked for\n", covered, asked);
  if (covered_s < 0.99 * since_s)
    glia_log(GLIA_LOG_WARN, "detect", "short-span", "covered_s=%.0f asked_s=%.0f why=\"%s\"",
             covered_s, since_s,
             there_s < 0.99 * since_s
                 ? "no older rows: a collector keeps full rows for 2 days unless --keep says more"
                 : "models are not judged by rows that they were trained on");
  return covered_s;
}

/* Score all nodes under the budget, which the nodes share, and count. */
static glia_status judge(struct glia_args *args, struct scoring *s, double budget, double since_s,
                         bool listed, json_t *rows)
{
  struct tally t = {0};
  json_t *alarms = json_array();
  glia_status st = GLIA_OK;

  for (int i = 0; i < s->n && st == GLIA_OK; i++) {
    struct scored *k = &s->scored[i];
    glia_detect_result_free(&k->result);
    st = glia_detector_set_budget(k->detector, budget / s->n);
    if (st == GLIA_OK) st = glia_detector_score(k->detector, &k->node, &k->result);
    if (st == GLIA_OK) count(args, k, since_of(k, since_s), listed, &t, alarms);
  }
  if (st != GLIA_OK) {
    json_decref(alarms);
    return st;
  }
  /* what all nodes raise in a week of the site */
  const double weeks = t.watched_s / week_s / s->n;
  const int64_t wrong = t.alarms - t.labelled;
  const double share = t.normal > 0 ? (double)t.alarmed / (double)t.normal : 0.0;
  double lo, hi;
  glia_poisson_interval(wrong, &lo, &hi);
  lo /= weeks;
  hi /= weeks;
  glia_cli_print(args, "%10g  %8lld  %8lld  %8.4f  %10.3g  [%.3g, %.3g]\n", budget,
                 (long long)t.alarms, (long long)t.labelled, share, (double)wrong / weeks, lo, hi);
  json_array_append_new(rows, json_pack("{s:f, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:o}",
                                        "budget_per_week", budget, "alarms", (json_int_t)t.alarms,
                                        "labelled_alarms", (json_int_t)t.labelled, "weeks", weeks,
                                        "unlabelled_per_week", (double)wrong / weeks, "lo", lo,
                                        "hi", hi, "normal_time_in_alarm", share, "list", alarms));
  return GLIA_OK;
}

/* A rate is over a time: nodes that have none, since they have one row to judge or none, are left out. */
static glia_status leave_out_short(struct scoring *s, double since_s)
{
  char reason[REASON_BYTES] = "";

  for (int i = s->n - 1; i >= 0; i--) {
    const struct scored *k = &s->scored[i];
    const int64_t n = k->node.n;
    const int64_t judged = n > 0 ? n - first_row(k, since_of(k, since_s)) : 0;
    if (judged >= 2) continue;
    snprintf(reason, sizeof reason,
             "node %s has %lld row%s to judge, of %lld: at least 2 are needed", k->node.name,
             (long long)judged, judged == 1 ? "" : "s", (long long)n);
    scoring_leave_out(s, i, reason);
  }
  return s->n > 0 ? GLIA_OK : GLIA_FAIL(GLIA_E_DATA, "%s", reason);
}

static glia_status judge_all(struct glia_args *args, struct scoring *s)
{
  const double since_s = glia_args_duration(args, "since", 30.0 * 86400.0);
  double covered_s = 0.0;
  int64_t trained = 0;
  json_t *rows = json_array();
  glia_status st = leave_out_short(s, since_s);

  for (int i = 0; i < s->n && st == GLIA_OK; i++)
    if (isnan(glia_detector_threshold(s->scored[i].detector, 1.0)))
      st = GLIA_FAIL(GLIA_E_UNSUPPORTED,
                     "node %s: its model has no budget; train it again as kind combined",
                     s->scored[i].node.name);
  if (st == GLIA_OK) covered_s = tell_span(args, s, since_s);
  glia_cli_print(args, "%10s  %8s  %8s  %8s  %10s  %s\n", "budget", "alarms", "labelled",
                 "in alarm", "per week", "95 % interval, without the labelled ones");
  if (glia_args_has(args, "list") && st == GLIA_OK)
    st = judge(args, s, glia_args_real(args, "list", 3.0), since_s, true, rows);
  else
    for (size_t i = 0; i < GLIA_COUNT(budgets) && st == GLIA_OK; i++)
      st = judge(args, s, budgets[i], since_s, false, rows);
  if (st != GLIA_OK) {
    json_decref(rows);
    return st;
  }
  trained = tell_known(args, s, since_s);
  unwatched_tell(args, s->n_left, s->left);
  return glia_cli_json(args, json_pack("{s:o, s:i, s:f, s:f, s:I, s:o}", "settings", rows, "nodes",
                                       s->n, "covered_s", covered_s, "asked_s", since_s,
                                       "trained_rows", (json_int_t)trained, "unwatched",
                                       unwatched_json(s->n_left, s->left)));
}

static glia_status run(struct glia_args *args)
{
  struct scoring s = {0};

  GLIA_CHECK(glia_args_has(args, "models"), GLIA_E_USAGE,
             "--models M.h5 is missing: which models?");
  glia_status st = scoring_open(&s, args->word[0], glia_args_text(args, "models", NULL));
  if (st == GLIA_OK) st = judge_all(args, &s);
  scoring_close(&s);
  return st;
}

const struct glia_command glia_command_detect_budget_ = {
    .name = "detect budget",
    .summary = "how many alarms each budget would have raised, with the rate that it kept",
    .usage = "F.h5|STORE --models M.h5 [--since T] [--list N]",
    .options = options,
    .details =
        "A budget is how many false alarms a site bears in a week, all nodes together; each "
        "node's threshold is where the tail of its training scores meets its share. The rate that "
        "was kept is that of alarms which neither began nor were raised in a labelled span (all, "
        "where there are none), beside the share of the time outside of labels that is in alarm, "
        "over rows "
        "that were not trained on where there are such, with its exact Poisson interval. The time "
        "that "
        "was judged is told: of a store, what --keep of glia collect has left of full rows, 2 days "
        "unless it says more.",
    .example = "glia detect budget /var/lib/glia --models models.h5 --since 30d\n"
               "glia detect budget /var/lib/glia --models models.h5 --list 3",
    .run = run,
    .min_words = 1,
    .max_words = 1,
    .alone = true,
};
