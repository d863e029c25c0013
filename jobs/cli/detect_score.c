/* glia detect score: telemetry scored by models. */
#include "detect.h"

#include "glia_log.h"

static const struct glia_option options[] = {
    {.name = "models",
     .kind = GLIA_OPTION_TEXT,
     .argument = "M.h5",
     .help = "models made by glia detect train; required",
     .input = true},
    {.name = "output",
     .letter = 'o',
     .kind = GLIA_OPTION_TEXT,
     .argument = "S.h5",
     .help = "write the scores as telemetry: /scores/NODE/{time, value}",
     .output = GLIA_OUTPUT_NEW},
    {.name = "figure",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.svg",
     .help = "picture of the node with the most alarmed samples: .svg, .pdf, .png or .html",
     .output = GLIA_OUTPUT_FIGURE},
    {.name = "report",
     .kind = GLIA_OPTION_TEXT,
     .argument = "R.html",
     .help = "report of all nodes",
     .output = GLIA_OUTPUT_PAGE},
    {.name = "force", .kind = GLIA_OPTION_FLAG, .help = "replace the score file if there is one"},
    {0},
};

static glia_status write_scores(const struct scoring *s, const char *path, bool force)
{
  const struct glia_telemetry_event *event;
  const int64_t events = glia_telemetry_events(s->file, &event);
  struct glia_telemetry_writer *w;
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_telemetry_create(path, force, 0.0, &w));
  for (int i = 0; i < s->n && st == GLIA_OK; i++) {
    const struct scored *k = &s->scored[i];
    st = glia_telemetry_scores(w, k->node.name, k->node.n, k->node.time_ns, k->result.score,
                               k->result.threshold);
  }
  for (int64_t i = 0; i < events && st == GLIA_OK; i++)
    st = glia_telemetry_event(w, event[i].time_ns, event[i].node, event[i].text);
  if (st == GLIA_OK) return glia_telemetry_commit(&w);
  glia_telemetry_abort(&w);
  return st;
}

static json_t *alarm_json(const struct scored *s, const struct glia_detect_alarm *a)
{
  json_t *causes = json_array();
  char utc[48];

  for (int c = 0; c < a->n_causes; c++) {
    const struct glia_detect_cause *k = &a->cause[c];
    json_array_append_new(
        causes,
        json_pack("{s:o, s:o, s:o, s:o, s:o}", "metric", glia_json_text(k->metric), "unit",
                  glia_json_text(k->unit), "observed", glia_json_real(k->observed), "expected",
                  glia_json_real(k->expected), "share", glia_json_real(k->share)));
  }
  return json_pack("{s:f, s:f, s:s, s:f, s:o}", "start_s", scored_seconds(s, a->start_ns), "end_s",
                   scored_seconds(s, a->end_ns), "start_utc",
                   utc_text(a->start_ns, utc, sizeof utc), "peak", a->peak, "causes", causes);
}

static json_t *scored_json(const struct scored *s)
{
  const struct glia_detect_result *r = &s->result;
  json_t *alarms = json_array();

  for (int64_t k = 0; k < r->n_alarms; k++)
    json_array_append_new(alarms, alarm_json(s, &r->alarm[k]));
  return json_pack("{s:o, s:I, s:I, s:I, s:I, s:o, s:f, s:o}", "name", glia_json_text(s->node.name),
                   "samples", (json_int_t)r->n, "scored", (json_int_t)r->n_scored, "stolen",
                   (json_int_t)r->n_stolen, "imputed_values", (json_int_t)r->n_imputed,
                   "alarmed_fraction", glia_json_real((double)r->n_alarmed / (double)r->n_scored),
                   "threshold", r->threshold, "alarms", alarms);
}

static void print_scored(const struct glia_args *args, const struct scored *s)
{
  const struct glia_detect_result *r = &s->result;
  char start[48], end[48], text[256];

  glia_cli_print(args, "%s: %lld alarm%s, %.1f %% of %lld samples; threshold %.3g\n", s->node.name,
                 (long long)r->n_alarms, r->n_alarms == 1 ? "" : "s",
                 r->n_scored > 0 ? 100.0 * (double)r->n_alarmed / (double)r->n_scored : 0.0,
                 (long long)r->n_scored, r->threshold);
  for (int64_t k = 0; k < r->n_alarms; k++) {
    const struct glia_detect_alarm *a = &r->alarm[k];
    glia_cli_print(args, "  %s to %s (%.1f s to %.1f s), peak %.3g\n",
                   utc_text(a->start_ns, start, sizeof start), utc_text(a->end_ns, end, sizeof end),
                   scored_seconds(s, a->start_ns), scored_seconds(s, a->end_ns), a->peak);
    for (int c = 0; c < a->n_causes && c < 3; c++)
      glia_cli_print(args, "      %s (%.0f %%)\n", cause_text(&a->cause[c], text, sizeof text),
                     100.0 * a->cause[c].share);
  }
}

static glia_status write_pictures(const struct glia_args *args, const struct scoring *s)
{
  const char *figure = glia_args_text(args, "figure", NULL);
  const char *report = glia_args_text(args, "report", NULL);

  if (figure != NULL) {
    struct glia_figure *fig;
    GLIA_TRY(scoring_figure(s, scoring_worst(s), &fig));
    const glia_status st = glia_figure_write(fig, figure);
    glia_figure_destroy(&fig);
    GLIA_TRY(st);
  }
  if (report == NULL) return GLIA_OK;
  const bool quiet = scoring_worst(s)->result.n_alarms == 0;
  return scoring_report(s, "Node health", quiet ? GLIA_VERDICT_GOOD : GLIA_VERDICT_BAD, NULL,
                        report);
}

static glia_status score_all(struct glia_args *args, struct scoring *s)
{
  const char *path = glia_args_text(args, "output", NULL);
  json_t *nodes;

  GLIA_TRY(scoring_open(s, args->word[0], glia_args_text(args, "models", NULL)));
  if (path != NULL) GLIA_TRY(write_scores(s, path, glia_args_has(args, "force")));
  GLIA_TRY(write_pictures(args, s));
  nodes = json_array();
  for (int i = 0; i < s->n; i++) {
    print_scored(args, &s->scored[i]);
    json_array_append_new(nodes, scored_json(&s->scored[i]));
  }
  unwatched_tell(args, s->n_left, s->left);
  return glia_cli_json(args, json_pack("{s:o, s:o}", "nodes", nodes, "unwatched",
                                       unwatched_json(s->n_left, s->left)));
}

static glia_status run_score(struct glia_args *args)
{
  struct scoring s;

  GLIA_CHECK(glia_args_has(args, "models"), GLIA_E_USAGE,
             "--models M.h5 is missing: which models?");
  s = (struct scoring){0};
  const glia_status st = score_all(args, &s);
  scoring_close(&s);
  return st;
}

const struct glia_command glia_command_detect_score_ = {
    .name = "detect score",
    .summary = "score telemetry: which node was abnormal, when, and by which metrics",
    .usage = "F.h5 --models M.h5",
    .options = options,
    .details =
        "A score is how far a sample is from what the node's model expects; above the "
        "threshold for "
        "three samples it is an alarm, which names the metrics behind it with what was "
        "observed and "
        "what was expected. Alarms are an outcome, not an error: the exit code is 0.\n\n"
        "Metrics are found by name. A node without a model, or that lacks a metric which its model "
        "knows, is not scored but named, with the reason; where no other is left the file "
        "is refused.",
    .example = "glia detect score today.h5 --models models.h5 --report today.html",
    .run = run_score,
    .min_words = 1,
    .max_words = 1,
    .alone = true,
};
