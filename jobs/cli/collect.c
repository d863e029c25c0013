/* glia collect: scrape agents and exporters, store what they say, serve it. */
#include "cli.h"
#include "glia_collect.h"
#include "glia_log.h"
#include "glia_prometheus.h"
#include "glia_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct glia_option options[] = {
    {.name = "store",
     .kind = GLIA_OPTION_TEXT,
     .argument = "DIR",
     .help = "folder to keep what nodes say in; made if need be; required"},
    {.name = "nodes",
     .kind = GLIA_OPTION_TEXT,
     .argument = "FILE",
     .help = "a node a line, 'NAME ADDRESS', 'NAME=ADDRESS' or 'ADDRESS'; # begins a comment"},
    {.name = "slurm",
     .kind = GLIA_OPTION_FLAG,
     .help = "the nodes that sinfo names, each with an agent on port 9777"},
    {.name = "prometheus",
     .kind = GLIA_OPTION_TEXT,
     .argument = "URL",
     .help = "the exporters that this Prometheus scrapes now, each by its label instance"},
    {.name = "job",
     .kind = GLIA_OPTION_TEXT,
     .argument = "NAME",
     .help = "with --prometheus: those of this job alone"},
    {.name = "prometheus-token-file",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F",
     .help = "with --prometheus: its first line is sent there as a bearer token"},
    {.name = "listen",
     .kind = GLIA_OPTION_TEXT,
     .argument = "ADDR:PORT",
     .help = "serve /metrics and the JSON API there"},
    {.name = "period",
     .kind = GLIA_OPTION_DURATION,
     .argument = "P",
     .help = "time between scrapes of a node (1 s)"},
    {.name = "timeout",
     .kind = GLIA_OPTION_DURATION,
     .argument = "T",
     .help = "longest time for one scrape (10 s)"},
    {.name = "segment",
     .kind = GLIA_OPTION_DURATION,
     .argument = "T",
     .help = "how much time one HDF5 file holds (10 min); memory holds it meanwhile"},
    {.name = "keep",
     .kind = GLIA_OPTION_TEXT,
     .argument = "FULL 1M 10M",
     .words = 3,
     .help = "how long to keep full rows, 1-minute and 10-minute bins (2-00:00:00 30d 730d)"},
    {.name = "token-file",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F",
     .help = "sent to agents, and wanted from whoever asks us"},
    {.name = "ca",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F",
     .help = "PEM of the CA that signed the agents' certificates"},
    {.name = "models",
     .kind = GLIA_OPTION_TEXT,
     .argument = "M.h5",
     .help = "watch the nodes with models of glia detect train: alarms rise and clear"},
    {.name = "watch",
     .kind = GLIA_OPTION_FLAG,
     .help = "watch nodes without models: silent ones, and those unlike the nodes of their job"},
    {.name = "alertmanager",
     .kind = GLIA_OPTION_TEXT,
     .argument = "URL",
     .help = "tell alarms to this Alertmanager, http://HOST:9093; implies --watch"},
    {.name = "on-alarm",
     .kind = GLIA_OPTION_TEXT,
     .argument = "COMMAND",
     .help =
         "run it when alarms begin or end, one JSON object a line on its standard input; killed "
         "after 10 s; implies --watch"},
    {.name = "for",
     .kind = GLIA_OPTION_DURATION,
     .argument = "T",
     .help = "end after this time (default: until Ctrl-C or SIGTERM)"},
    {.name = "plan",
     .kind = GLIA_OPTION_FLAG,
     .help = "print what disk, memory and network it would take, and end"},
    {.name = "metrics",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 1,
     .hi = 65536,
     .help = "with --plan: metrics of a node (300)"},
    {0},
};

/* ---- the plan */

struct plan {
  double nodes, metrics, period_s, segment_s, keep_s[3];
  double disk_bytes[3], memory_bytes, network_bytes_per_s, journal_bytes_per_s;
};

static void make_plan(struct plan *p)
{
  const double rows_per_s = p->nodes / p->period_s;
  const double row = 4.0 * p->metrics + 8.0;

  glia_store_plan(p->metrics, p->period_s, p->segment_s, p->keep_s, p->disk_bytes);
  for (int i = 0; i < 3; i++) p->disk_bytes[i] *= p->nodes;
  p->journal_bytes_per_s = rows_per_s * (row + 50.0);
  p->memory_bytes = 2.0 * rows_per_s * row * p->segment_s + p->nodes * p->metrics * 300.0;
  p->network_bytes_per_s =
      rows_per_s * (8.0 * (p->metrics + 2.0) + 80.0 + 500.0); /* head and HTTP */
}

static glia_status print_plan(struct glia_args *args, struct plan *p)
{
  char text[5][32];
  const double size[] = {p->disk_bytes[0], p->disk_bytes[1], p->disk_bytes[2], p->memory_bytes,
                         p->network_bytes_per_s};

  for (int i = 0; i < 5; i++) glia_format_size((int64_t)size[i], text[i], sizeof text[i]);
  glia_cli_print(
      args,
      "%g nodes of %g metrics each %g s:\n"
      "disk     full rows %s, 1-minute bins %s, 10-minute bins %s, values before compression\n"
      "memory   %s\n"
      "network  %s/s\n",
      p->nodes, p->metrics, p->period_s, text[0], text[1], text[2], text[3], text[4]);
  return glia_cli_json(
      args, json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "nodes", p->nodes, "metrics",
                      p->metrics, "disk_full_bytes", p->disk_bytes[0], "disk_1m_bytes",
                      p->disk_bytes[1], "disk_10m_bytes", p->disk_bytes[2], "memory_bytes",
                      p->memory_bytes, "network_bytes_per_s", p->network_bytes_per_s,
                      "journal_bytes_per_s", p->journal_bytes_per_s));
}

/* ---- nodes */

/* Somewhere for nodes that are found to go: the collector, or a list of names where they are but counted. */
struct found {
  struct glia_collect *collect; /* NULL: counted */
  char **name;                  /* [n] */
  int64_t n;
};

static glia_status count_node(struct found *f, const char *name)
{
  char **more = realloc((void *)f->name, (size_t)(f->n + 1) * sizeof *more);

  GLIA_CHECK(more != NULL, GLIA_E_MEMORY, "node %s", name);
  f->name = more;
  f->name[f->n] = strdup(name);
  GLIA_CHECK(f->name[f->n++] != NULL, GLIA_E_MEMORY, "node %s", name);
  return GLIA_OK;
}

static int by_name(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* How many different names; they are forgotten. */
static int64_t count_names(struct found *f)
{
  int64_t different = 0;

  if (f->n > 0) qsort((void *)f->name, (size_t)f->n, sizeof *f->name, by_name);
  for (int64_t i = 0; i < f->n; i++)
    different += f->name[i] != NULL && (i == 0 || strcmp(f->name[i], f->name[i - 1]) != 0);
  for (int64_t i = 0; i < f->n; i++) free(f->name[i]);
  free((void *)f->name);
  *f = (struct found){0};
  return different;
}

/* Nodes that sinfo names. It has 20 s: its controller may hang. */
static glia_status nodes_of_slurm(struct found *found)
{
  char name[256], url[300];
  glia_status st = GLIA_OK;
  int n = 0;
  FILE *f = popen("timeout 20 sinfo --noheader --Node --format=%N | sort -u", "r");

  GLIA_CHECK(f != NULL, GLIA_E_IO, "sinfo: %s", strerror(errno));
  while (st == GLIA_OK && fgets(name, sizeof name, f) != NULL) {
    name[strcspn(name, " \r\n")] = '\0';
    if (name[0] == '\0') continue;
    snprintf(url, sizeof url, "http://%s:9777", name);
    st = found->collect != NULL ? glia_collect_node(found->collect, name, url)
                                : count_node(found, name);
    n++;
  }
  pclose(f);
  GLIA_TRY(st);
  GLIA_CHECK(n > 0, GLIA_E_UNSUPPORTED, "sinfo names no node within 20 s: is SLURM there?");
  return GLIA_OK;
}

/* An exporter that several jobs scrape is one node. What a probe looks at ("https://example.com/x") cannot name one. */
static glia_status add_target(void *self, const char *name, const char *url)
{
  struct found *found = self;
  glia_status st = GLIA_OK;

  if (found->collect == NULL) return strchr(name, '/') == NULL ? count_node(found, name) : GLIA_OK;
  st = glia_collect_exporter(found->collect, name, url);
  found->n += st == GLIA_OK || st == GLIA_E_EXISTS;
  if (st != GLIA_E_EXISTS && st != GLIA_E_ARGUMENT) return st;
  glia_log(GLIA_LOG_WARN, "collect", st == GLIA_E_EXISTS ? "target-twice" : "target-passed-over",
           "node=%s url=%s reason=\"%s\"", name, url, glia_trace_message());
  glia_trace_clear();
  return GLIA_OK;
}

/* What SLURM and Prometheus name. */
static glia_status find_nodes(const struct glia_args *args, struct found *found)
{
  char token[GLIA_TOKEN_BYTES];
  struct glia_prometheus_query site = {.url = glia_args_text(args, "prometheus", NULL)};

  GLIA_TRY(glia_args_token(args, "prometheus-token-file", sizeof token, token));
  site.token = token[0] != '\0' ? token : NULL;
  GLIA_CHECK(site.token == NULL || site.url != NULL, GLIA_E_USAGE,
             "--prometheus-token-file without --prometheus URL");
  if (glia_args_has(args, "slurm")) GLIA_TRY(nodes_of_slurm(found));
  if (site.url == NULL) return GLIA_OK;
  const int64_t before = found->n;
  GLIA_TRY(glia_prometheus_targets(&site, glia_args_text(args, "job", NULL), add_target, found));
  GLIA_CHECK(found->n > before, GLIA_E_DATA, "%s: none of its targets can be a node", site.url);
  return GLIA_OK;
}

static glia_status add_nodes(const struct glia_args *args, const struct glia_collect_list *listed,
                             struct glia_collect *c)
{
  for (int64_t i = 0; i < listed->n; i++) {
    const struct glia_collect_listed *e = &listed->node[i];
    const glia_status st = glia_collect_node(c, e->name, e->url);
    if (st == GLIA_E_MEMORY) return st;
    if (st == GLIA_OK) continue;
    char why[512];
    snprintf(why, sizeof why, "%s", glia_trace_message());
    return GLIA_FAIL(e->where[0] != '\0' ? GLIA_E_DATA : GLIA_E_USAGE, "%s%s", e->where, why);
  }
  return find_nodes(args, &(struct found){.collect = c});
}

static glia_status count_found(const struct glia_args *args, double *n)
{
  struct found found = {0};
  const glia_status st = find_nodes(args, &found);

  *n += (double)count_names(&found);
  return st;
}

/* ---- the run */

static glia_status report(struct glia_args *args, const struct glia_collect_result *r)
{
  glia_cli_print(
      args,
      "%lld nodes, %lld rows stored (%lld found in the journal), %lld lost, %lld of %lld "
      "scrapes failed, %lld restarts; a sample was on the disk after %.2f s at most\n",
      (long long)r->nodes, (long long)r->rows, (long long)r->store.replayed,
      (long long)r->lost_rows, (long long)r->failures, (long long)r->scrapes,
      (long long)r->restarts, r->store.latency_max_s);
  return glia_cli_json(
      args,
      json_pack(
          "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, "
          "s:f, "
          "s:f}",
          "watched", (json_int_t)r->watched, "alarms", (json_int_t)r->alarms, "scored",
          (json_int_t)r->scored, "nodes", (json_int_t)r->nodes, "rows", (json_int_t)r->rows,
          "values", (json_int_t)r->values, "replayed", (json_int_t)r->store.replayed, "lost_rows",
          (json_int_t)r->lost_rows, "gap_rows", (json_int_t)r->gap_rows, "scrapes",
          (json_int_t)r->scrapes, "failures", (json_int_t)r->failures, "late", (json_int_t)r->late,
          "restarts", (json_int_t)r->restarts, "files", (json_int_t)r->store.sealed, "asked_most",
          (json_int_t)r->asked_most, "latency_max_s", r->store.latency_max_s, "latency_mean_s",
          r->store.rows_synced > 0 ? r->store.latency_sum_s / (double)r->store.rows_synced : 0.0,
          "wall_s", r->wall_s, "cpu_s", r->cpu_s));
}

static glia_status collect(struct glia_args *args, const struct glia_collect_list *listed,
                           struct glia_collect_options *o)
{
  struct glia_collect *c = NULL;
  struct glia_collect_result result = {0};
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_collect_open(o, &c));
  GLIA_TRY_TO(done, st, add_nodes(args, listed, c));
  if (o->http.listen != NULL)
    glia_log(GLIA_LOG_INFO, "collect", "listening", "port=%d", glia_collect_port(c));
  glia_stop_catch();
  st = glia_collect_run(c, glia_args_duration(args, "for", 0.0), &result);

done:;
  const glia_status closed = glia_collect_close(&c);
  if (st != GLIA_OK) return st;
  GLIA_TRY(closed);
  return report(args, &result);
}

static glia_status read_keep(const struct glia_args *args, double keep_s[3])
{
  const char *const *word = glia_args_words(args, "keep");

  for (int i = 0; word != NULL && i < 3; i++)
    GLIA_CHECK(glia_parse_duration(word[i], &keep_s[i]) == GLIA_OK && keep_s[i] > 0.0, GLIA_E_USAGE,
               "--keep %s: expected a duration", word[i]);
  return GLIA_OK;
}

static glia_status collect_listed(struct glia_args *args, struct plan *plan,
                                  const struct glia_collect_list *listed)
{
  char token[GLIA_TOKEN_BYTES] = "";
  const char *token_file = glia_args_text(args, "token-file", NULL);

  plan->nodes = (double)listed->n;
  GLIA_CHECK(listed->n > 0 || glia_args_has(args, "slurm") || glia_args_has(args, "prometheus"),
             GLIA_E_USAGE, "no nodes: give --nodes FILE, --slurm, --prometheus URL or addresses");
  GLIA_TRY(read_keep(args, plan->keep_s));
  if (glia_args_has(args, "plan")) {
    GLIA_TRY(count_found(args, &plan->nodes));
    make_plan(plan);
    return print_plan(args, plan);
  }
  GLIA_CHECK(glia_args_has(args, "store"), GLIA_E_USAGE, "--store DIR is missing");
  GLIA_TRY(glia_args_token(args, "token-file", sizeof token, token));
  struct glia_collect_options o = {
      .period_s = plan->period_s,
      .timeout_s = glia_args_duration(args, "timeout", 10.0),
      .token = token_file != NULL ? token : NULL,
      .ca_file = glia_args_text(args, "ca", NULL),
      .store = {.path = glia_args_text(args, "store", NULL), .segment_s = plan->segment_s},
      .http = {.listen = glia_args_text(args, "listen", NULL), .token_file = token_file},
      .models = glia_args_text(args, "models", NULL),
      .notify = {.alertmanager = glia_args_text(args, "alertmanager", NULL),
                 .command = glia_args_text(args, "on-alarm", NULL)},
      .stop = glia_stop_requested};
  o.watch = glia_args_has(args, "watch") || o.models != NULL || o.notify.alertmanager != NULL ||
            o.notify.command != NULL;
  memcpy(o.store.keep_s, plan->keep_s, sizeof o.store.keep_s);
  return collect(args, listed, &o);
}

static glia_status run(struct glia_args *args)
{
  struct plan plan = {.metrics = (double)glia_args_int(args, "metrics", 300),
                      .period_s = glia_args_duration(args, "period", 1.0),
                      .segment_s = glia_args_duration(args, "segment", 600.0),
                      .keep_s = {2 * 86400.0, 30 * 86400.0, 730 * 86400.0}};
  struct glia_collect_list listed;

  GLIA_CHECK(plan.period_s >= 0.1, GLIA_E_USAGE, "--period %g s: 0.1 s or more", plan.period_s);
  GLIA_CHECK(plan.segment_s >= 1.0, GLIA_E_USAGE, "--segment %g s: 1 s or more", plan.segment_s);
  GLIA_TRY(
      glia_collect_list(glia_args_text(args, "nodes", NULL), args->n_words, args->word, &listed));
  const glia_status st = collect_listed(args, &plan, &listed);
  glia_collect_list_free(&listed);
  return st;
}

const struct glia_command glia_command_collect_ = {
    .name = "collect",
    .summary = "scrape agents and exporters, store what they say, serve it",
    .usage = "--store DIR (--nodes FILE | --slurm | --prometheus URL | [NAME=]ADDRESS ...) "
             "[--listen ADDR:PORT]",
    .options = options,
    .details =
        "An address is an agent's, HOST:PORT, or any exporter's, http://HOST:PORT/metrics. "
        "NAME=ADDRESS gives the node a name, which the store and models of glia detect know it by; "
        "without one it is HOST where the port is 9777, or else HOST:PORT. Whoever is listed "
        "twice, in FILE "
        "and as a word, is one node.\n\n"
        "Agents keep ten minutes and are asked for what came after the last row that is stored, so "
        "a collector "
        "that was away loses nothing meanwhile.\n\n"
        "Rows are in a journal within a second, and in HDF5 files of kind telemetry after each "
        "segment: full, in bins of a minute and of ten minutes with their minima and maxima. After "
        "a kill the "
        "journal is read again.",
    .example = "glia collect --store /var/lib/glia --nodes nodes.txt --listen 127.0.0.1:9778\n"
               "glia collect --plan --nodes nodes.txt --metrics 300",
    .run = run,
    .max_words = -1,
    .alone = true,
};
