/* glia agent: sample this node, show it or record it. */
#include "cli.h"
#include "glia_agent.h"
#include "glia_progress.h"
#include "glia_rates.h"
#include "glia_record.h"
#include "replay.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct glia_option options[] = {
    {.name = "listen",
     .kind = GLIA_OPTION_TEXT,
     .argument = "ADDR:PORT",
     .help = "serve over HTTP: becomes the small program glia-agent"},
    {.name = "token-file",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F",
     .with = "listen",
     .help = "serving: clients send its first line as a bearer token",
     .input = true},
    {.name = "tls-cert",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F",
     .with = "listen",
     .help = "serving: certificate chain in PEM",
     .input = true},
    {.name = "tls-key",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F",
     .with = "listen",
     .help = "serving: its key",
     .input = true},
    {.name = "client-ca",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F",
     .with = "listen",
     .help = "serving: clients need a certificate signed by this CA",
     .input = true},
    {.name = "history",
     .kind = GLIA_OPTION_TEXT,
     .argument = "T",
     .with = "listen",
     .help = "serving: how long rows are kept for collectors that were away (10m)"},
    {.name = "record",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.h5",
     .help = "write a telemetry file; F.h5.tmp until it is complete",
     .output = GLIA_OUTPUT_NEW},
    {.name = "for",
     .kind = GLIA_OPTION_DURATION,
     .argument = "T",
     .help = "how long to record (default: until Ctrl-C or SIGTERM)"},
    {.name = "period",
     .kind = GLIA_OPTION_DURATION,
     .argument = "P",
     .help = "time between samples, 1 ms or more (default: 1 s)"},
    {.name = "once",
     .kind = GLIA_OPTION_FLAG,
     .help = "print one sample, counters as rates over one period, and end"},
    {.name = "root",
     .kind = GLIA_OPTION_TEXT,
     .argument = "DIR",
     .help = "read DIR/proc instead of /proc: a recorded node"},
    {.name = "replay",
     .kind = GLIA_OPTION_TEXT,
     .argument = "STORE",
     .help = "serve the nodes of a telemetry file or a collector's store as live agents, "
             "ADDR:PORT/NODE",
     .input = true},
    {.name = "speed",
     .kind = GLIA_OPTION_REAL,
     .argument = "X",
     .lo = 1e-3,
     .hi = 1e6,
     .with = "replay",
     .help = "replaying: so many times as fast as it was recorded (1)"},
    {.name = "force", .kind = GLIA_OPTION_FLAG, .help = "replace the file if there is one"},
    {0},
};

/* Rows on their way to the file move the progress bar, too. */
struct watched {
  struct glia_recorder *recorder;
  struct glia_progress progress;
  double period_s;
};

static glia_status record_row(void *self, const struct glia_agent_row *row)
{
  struct watched *w = self;

  GLIA_TRY(glia_recorder_add(w->recorder, row));
  glia_progress_update(&w->progress, w->period_s * (double)(row->index + 1), NULL);
  return GLIA_OK;
}

static glia_status report(struct glia_args *args, const char *path, const char *host,
                          const struct glia_agent_result *r)
{
  glia_cli_print(args,
                 "%s: %lld samples of %lld metrics of %s in %.1f s; %lld values missing, %lld "
                 "samples late, %lld "
                 "skipped; %.0f us of CPU time a sample\n",
                 path, (long long)r->samples, (long long)r->metrics, host, r->wall_s,
                 (long long)r->missing, (long long)r->late, (long long)r->skipped,
                 1e6 * r->cpu_s_per_sample);
  return glia_cli_json(args, json_pack("{s:o, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "file",
                                       glia_json_text(path), "host", glia_json_text(host), "reason",
                                       glia_agent_reason_name(r->reason), "metrics",
                                       (json_int_t)r->metrics, "samples", (json_int_t)r->samples,
                                       "missing", (json_int_t)r->missing, "late",
                                       (json_int_t)r->late, "skipped", (json_int_t)r->skipped,
                                       "wall_s", glia_json_real(r->wall_s), "cpu_s_per_sample",
                                       glia_json_real(r->cpu_s_per_sample)));
}

/* What was recorded before a failure is kept, if it can be. */
static glia_status record(struct glia_args *args, struct glia_sample_set *set, const char *host,
                          const struct glia_agent_options *how)
{
  const char *path = glia_args_text(args, "record", NULL);
  struct watched watched = {.period_s = how->period_s};
  const struct glia_agent_sink sink = {.self = &watched, .row = record_row};
  struct glia_agent_result result;

  GLIA_TRY(glia_recorder_open(path, glia_args_has(args, "force"), glia_args_text(args, "root", "/"),
                              set, &watched.recorder));
  glia_progress_begin(&watched.progress, "record", "s", how->duration_s);
  const glia_status st = glia_agent_run(set, how, &sink, &result);
  glia_progress_end(&watched.progress);
  if (st != GLIA_OK && result.samples == 0) {
    glia_recorder_abort(&watched.recorder);
    return st;
  }
  const glia_status closed = glia_recorder_close(&watched.recorder);
  if (st != GLIA_OK) return st;
  GLIA_TRY(closed);
  return report(args, path, host, &result);
}

/* The one row of --once, for people and for scripts. */
struct shown {
  struct glia_args *args;
  const struct glia_metric *metric;
  json_t *values;
};

static glia_status show_row(void *self, const struct glia_agent_row *row)
{
  struct shown *s = self;
  char unit[16];

  for (int64_t i = 0; i < row->n_metrics; i++) {
    const char *name = s->metric[i].name;
    const double value =
        s->metric[i].kind == GLIA_METRIC_GAUGE ? row->raw[i] : (double)row->values[i];
    glia_json_set(s->values, name, glia_json_real(value));
    if (isnan(value))
      glia_cli_print(s->args, "%-50s %14s\n", name, "missing");
    else
      glia_cli_print(s->args, "%-50s %14.6g %s\n", name, value,
                     glia_rates_unit(&s->metric[i], unit, sizeof unit));
  }
  return GLIA_OK;
}

static glia_status once(struct glia_args *args, struct glia_sample_set *set, const char *host,
                        struct glia_agent_options *how)
{
  struct shown shown = {args, glia_sample_set_metrics(set), json_object()};
  const struct glia_agent_sink sink = {.self = &shown, .row = show_row};

  how->duration_s = how->period_s;
  const glia_status st = glia_agent_run(set, how, &sink, NULL);
  if (st != GLIA_OK) {
    json_decref(shown.values);
    return st;
  }
  return glia_cli_json(
      args, json_pack("{s:o, s:o}", "host", glia_json_text(host), "metrics", shown.values));
}

/* The path of glia-agent, beside this program, else wherever the shell finds it. */
static const char *agent_program(char *out, size_t size)
{
  const ssize_t n = readlink("/proc/self/exe", out, size - sizeof "-agent");

  if (n > 0) {
    snprintf(out + n, size - (size_t)n, "-agent");
    if (access(out, X_OK) == 0) return out;
  }
  return "glia-agent";
}

/* Become glia-agent, which holds a tenth of this program's memory. */
static glia_status serve(const struct glia_args *args)
{
  static const char *const passed[] = {"listen",  "token-file", "tls-cert", "tls-key", "client-ca",
                                       "history", "period",     "root",     "for"};
  char path[4096];
  char name[GLIA_COUNT(passed)][32];
  const char *argv[2 * GLIA_COUNT(passed) + 3] = {"glia-agent"};
  int n = 1;
  union {
    const char **in;
    char **out; /* exec writes to none of them */
  } words = {.in = argv};

  for (size_t i = 0; i < GLIA_COUNT(passed); i++) {
    if (!glia_args_has(args, passed[i])) continue;
    snprintf(name[i], sizeof name[i], "--%s", passed[i]);
    argv[n++] = name[i];
    argv[n++] = glia_args_text(args, passed[i], "");
  }
  if (args->json) {
    argv[n++] = "--json";
    GLIA_TRY(glia_cli_give_stdout());
  }
  const char *program = agent_program(path, sizeof path);
  execvp(program, words.out);
  return GLIA_FAIL(GLIA_E_MISSING, "%s: %s", program, strerror(errno));
}

static glia_status run(struct glia_args *args)
{
  const char *root = glia_args_text(args, "root", "/");
  struct glia_agent_options how = {.period_s = glia_args_duration(args, "period", 1.0),
                                   .duration_s = glia_args_duration(args, "for", 0.0),
                                   .stop = glia_stop_requested};
  struct glia_sample_set *set = NULL;
  char host[GLIA_HOST_BYTES];
  const bool show = glia_args_has(args, "once");

  if (glia_args_has(args, "replay")) {
    GLIA_CHECK(!show && !glia_args_has(args, "record"), GLIA_E_USAGE,
               "--replay serves: --record and --once have no meaning with it");
    return replay_run(args);
  }
  GLIA_CHECK(!glia_args_has(args, "speed"), GLIA_E_USAGE, "--speed is for --replay");
  GLIA_CHECK(show + glia_args_has(args, "record") + glia_args_has(args, "listen") == 1,
             GLIA_E_USAGE, "one of --record F.h5, --listen ADDR:PORT and --once says what to do");
  if (glia_args_has(args, "listen")) return serve(args);
  GLIA_CHECK(!show || !glia_args_has(args, "for"), GLIA_E_USAGE,
             "--once takes one period: --for has no meaning here");
  GLIA_CHECK(!glia_args_has(args, "for") || how.duration_s > 0.0, GLIA_E_USAGE,
             "--for 0: how long?");
  GLIA_TRY(glia_sample_set_open(root, &set));
  glia_host_name(root, host, sizeof host);
  glia_stop_catch();
  glia_status st = show ? GLIA_OK : glia_sample_set_start(set); /* --once waits for slow sources */
  if (st == GLIA_OK) st = show ? once(args, set, host, &how) : record(args, set, host, &how);
  glia_sample_set_close(&set);
  return st;
}

const struct glia_command glia_command_agent_ = {
    .name = "agent",
    .summary = "sample this node: print what it measures, record it, or serve it over HTTP",
    .usage = "--record F.h5 [--for T] [--period P] | --listen ADDR:PORT | --once | "
             "--replay STORE [--speed X]",
    .options = options,
    .details = "Reads processors, load, memory, pressure, network and disks from /proc at a steady "
               "pace. Counters become rates by "
               "the true time between samples; what cannot be read is missing (NaN), never zero. "
               "Samples that come more than a "
               "tenth of a period after their time are counted as late.\n\n"
               "A recording that is killed leaves F.h5.tmp, readable but for its last seconds. "
               "Ctrl-C and SIGTERM end it in order.\n\n"
               "--replay serves a recorded incident as if it happened now, for drills: a collector "
               "asks http://ADDR:PORT/NODE. Times of day are those of the replay, which matters to "
               "models that know the day.",
    .example = "glia agent --record node.h5 --for 1m --period 0.5\nglia agent --once\n"
               "glia agent --listen 127.0.0.1:9777",
    .run = run,
    .each_node = true,
};
