/* glia demo judge: was the injected fault found, when, by which metrics, and was it quiet otherwise? */
#include "detect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 72 };
static const double TAIL_S =
    3.0; /* after a fault the machine needs a moment, and so does a mean over samples */
static const double QUIET_ALARMS =
    0.05; /* more than this share of quiet samples in alarms is no good */

static const struct glia_option options[] = {
    {.name = "models",
     .kind = GLIA_OPTION_TEXT,
     .argument = "M.h5",
     .help = "models made by glia detect train; required",
     .input = true},
    {.name = "fault",
     .kind = GLIA_OPTION_TEXT,
     .argument = "NAME",
     .help = "name of the fault in the file's events; required"},
    {.name = "figure",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.svg",
     .help = "picture to write",
     .output = GLIA_OUTPUT_FIGURE},
    {.name = "report",
     .kind = GLIA_OPTION_TEXT,
     .argument = "R.html",
     .help = "report to write",
     .output = GLIA_OUTPUT_PAGE},
    {0},
};

struct verdict {
  const struct scored *node;
  int n_spans;
  struct span *span;
  const struct span *fault;              /* NULL: there was none */
  const struct glia_detect_alarm *alarm; /* the one that found it, or NULL */
  double delay_s;               /* from the start of the fault until the alarm was raised */
  int64_t quiet, quiet_alarmed; /* samples */
};

static bool in_fault(const struct verdict *v, int64_t time_ns)
{
  if (v->fault == NULL || time_ns < v->fault->start_ns) return false;
  return v->fault->stop_ns == INT64_MAX || time_ns <= v->fault->stop_ns + (int64_t)(TAIL_S * 1e9);
}

static void count_quiet(struct verdict *v)
{
  const struct glia_detect_result *r = &v->node->result;

  for (int64_t i = 0; i < r->n; i++)
    v->quiet += !isnan(r->score[i]) && !in_fault(v, v->node->node.time_ns[i]);
  for (int64_t k = 0; k < r->n_alarms; k++)
    for (int64_t i = r->alarm[k].first; i <= r->alarm[k].last; i++)
      v->quiet_alarmed += !in_fault(v, v->node->node.time_ns[i]);
}

/* An alarm that begins while the fault is on. It is raised when the third sample has been above the threshold. */
static void find_alarm(struct verdict *v)
{
  const struct scored *s = v->node;

  for (int64_t k = 0; v->fault != NULL && k < s->result.n_alarms && v->alarm == NULL; k++) {
    const struct glia_detect_alarm *a = &s->result.alarm[k];
    if (a->start_ns < v->fault->start_ns || a->start_ns > v->fault->stop_ns) continue;
    v->alarm = a;
    v->delay_s = 1e-9 * (double)(s->node.time_ns[a->raised] - v->fault->start_ns);
  }
}

static bool quiet_enough(const struct verdict *v)
{
  return v->quiet > 0 && (double)v->quiet_alarmed <= QUIET_ALARMS * (double)v->quiet;
}

/* One line of the timeline, a character per slice of time; the last of what falls into a slice is not asked for. */
static void print_line(const struct glia_args *args, const char *name, const char line[WIDTH + 1])
{
  glia_cli_print(args, "  %-14.14s |%s|\n", name, line);
}

static int slice(const struct scored *s, int64_t time_ns)
{
  const double whole = scored_seconds(s, s->node.time_ns[s->node.n - 1]);
  const double at = whole > 0.0 ? scored_seconds(s, time_ns) / whole * WIDTH : 0.0;

  return at < 0.0 ? 0 : at > WIDTH - 1 ? WIDTH - 1 : (int)at;
}

static void print_spans(const struct glia_args *args, const struct verdict *v)
{
  for (int i = 0; i < v->n_spans; i++) {
    char line[WIDTH + 1];
    memset(line, ' ', WIDTH);
    line[WIDTH] = '\0';
    const int from = slice(v->node, v->span[i].start_ns);
    const int to = v->span[i].stop_ns == INT64_MAX ? WIDTH - 1 : slice(v->node, v->span[i].stop_ns);
    memset(line + from, &v->span[i] == v->fault ? 'X' : '=', (size_t)(to - from + 1));
    print_line(args, v->span[i].name, line);
  }
}

static void print_timeline(const struct glia_args *args, const struct verdict *v)
{
  static const char level[] =
      ".:+#"; /* below half the threshold, below it, above it, above twice */
  const struct scored *s = v->node;
  char score[WIDTH + 1], alarm[WIDTH + 1];

  memset(score, ' ', WIDTH);
  memset(alarm, ' ', WIDTH);
  score[WIDTH] = alarm[WIDTH] = '\0';
  for (int64_t i = 0; i < s->result.n; i++) {
    const double x = (double)s->result.score[i] / s->result.threshold;
    const char c = level[(x >= 0.5) + (x >= 1.0) + (x >= 2.0)];
    char *at = &score[slice(s, s->node.time_ns[i])];
    if (!isnan(x) && (*at == ' ' || strchr(level, c) > strchr(level, *at))) *at = c;
  }
  for (int64_t k = 0; k < s->result.n_alarms; k++) {
    const int from = slice(s, s->result.alarm[k].start_ns);
    memset(alarm + from, '!', (size_t)(slice(s, s->result.alarm[k].end_ns) - from + 1));
  }
  glia_cli_print(args, "\n  %-14s |0 s%*.0f s|\n", "", WIDTH - 5,
                 scored_seconds(s, s->node.time_ns[s->node.n - 1]));
  print_spans(args, v);
  print_line(args, "score", score);
  print_line(args, "alarm", alarm);
  glia_cli_print(args,
                 "  score: . below half the threshold, : below it, + above, # above twice\n\n");
}

/* "by A 1, expected 2; B 3, expected 4" */
static void name_causes(const struct glia_detect_alarm *a, char *out, size_t size)
{
  size_t used = 0;
  char one[220];

  for (int c = 0; c < a->n_causes && c < 3 && used < size; c++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", c > 0 ? "; " : "",
                             cause_text(&a->cause[c], one, sizeof one));
}

static void conclude(const struct verdict *v, char *out, size_t size)
{
  const double share = v->quiet > 0 ? 100.0 * (double)v->quiet_alarmed / (double)v->quiet : 0.0;
  char causes[700] = "";

  if (v->fault == NULL) {
    snprintf(out, size,
             "Nothing was found: no fault was injected, and %.1f %% of %lld samples alarmed.",
             share, (long long)v->quiet);
    return;
  }
  if (v->alarm == NULL) {
    snprintf(
        out, size,
        "Nothing was found: the fault '%s' ran for %.1f s and raised no alarm; outside it %.1f %% "
        "of %lld samples alarmed.",
        v->fault->name, 1e-9 * (double)(v->fault->stop_ns - v->fault->start_ns), share,
        (long long)v->quiet);
    return;
  }
  name_causes(v->alarm, causes, sizeof causes);
  snprintf(
      out, size,
      "Found: the fault '%s' raised an alarm %.1f s after it began, by %s; outside it %.1f %% of "
      "%lld samples alarmed%s.",
      v->fault->name, v->delay_s, causes, share, (long long)v->quiet,
      quiet_enough(v) ? "" : ", which is more than 5 %");
}

static glia_status write_pages(const struct glia_args *args, const struct scoring *s,
                               const struct verdict *v, const char *sentence)
{
  const char *figure = glia_args_text(args, "figure", NULL);
  const char *report = glia_args_text(args, "report", NULL);
  const bool good = v->alarm != NULL && quiet_enough(v);

  if (figure != NULL) {
    struct glia_figure *fig;
    GLIA_TRY(scoring_figure(s, v->node, &fig));
    const glia_status st = glia_figure_write(fig, figure);
    glia_figure_destroy(&fig);
    GLIA_TRY(st);
  }
  if (report == NULL) return GLIA_OK;
  return scoring_report(s, "Glia's demo: a fault beside a training job",
                        good ? GLIA_VERDICT_GOOD : GLIA_VERDICT_BAD, sentence, report);
}

static glia_status judge(struct glia_args *args, const struct scoring *s, struct verdict *v)
{
  const char *fault = glia_args_text(args, "fault", NULL);
  char sentence[1200];

  v->node = scoring_worst(s);
  GLIA_TRY(scoring_spans(s, v->node, &v->n_spans, &v->span));
  for (int i = 0; i < v->n_spans; i++)
    if (strcmp(v->span[i].name, fault) == 0) v->fault = &v->span[i];
  count_quiet(v);
  find_alarm(v);
  print_timeline(args, v);
  conclude(v, sentence, sizeof sentence);
  glia_cli_print(args, "%s\n", sentence);
  GLIA_TRY(write_pages(args, s, v, sentence));
  args->exit_code = v->alarm != NULL && quiet_enough(v) ? 0 : 1;
  return glia_cli_json(args,
                       json_pack("{s:b, s:o, s:I, s:I, s:s}", "found", v->alarm != NULL, "delay_s",
                                 glia_json_real(v->alarm != NULL ? v->delay_s : (double)NAN),
                                 "quiet_samples", (json_int_t)v->quiet, "quiet_alarmed",
                                 (json_int_t)v->quiet_alarmed, "sentence", sentence));
}

static glia_status run(struct glia_args *args)
{
  struct scoring s = {0};
  struct verdict v = {0};

  GLIA_CHECK(glia_args_has(args, "models") && glia_args_has(args, "fault"), GLIA_E_USAGE,
             "--models M.h5 and --fault NAME say what to judge");
  glia_status st = scoring_open(&s, args->word[0], glia_args_text(args, "models", NULL));
  if (st == GLIA_OK) st = judge(args, &s, &v);
  free(v.span);
  scoring_close(&s);
  return st;
}

const struct glia_command glia_command_demo_judge_ = {
    .name = "demo judge",
    .summary = "was the injected fault found, and nothing else?",
    .usage = "F.h5 --models M.h5 --fault NAME",
    .options = options,
    .details =
        "Prints a timeline and one sentence. The exit code is 0 when an alarm began while the "
        "fault was on and at most 5 % of the samples outside it, and three seconds of tail, "
        "are in alarms; else 1.",
    .example = "glia demo judge b.h5 --models m.h5 --fault membw --report report.html",
    .run = run,
    .min_words = 1,
    .max_words = 1,
    .hidden = true,
    .alone = true,
};
