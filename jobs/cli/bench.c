/* glia bench: speeds beside a peer or a limit. */
#include "bench.h"
#include "cli.h"
#include "glia_log.h"
#include "glia_text.h"
#include "profile.h"

#include <math.h>
#include <string.h>

struct teller {
  const char *name;
  struct glia_args *args;
  const struct bench_report *report;
  int shown; /* rows */
  json_t *profiles;
};

static void say(void *self, const char *what)
{
  const struct teller *t = self;

  if (glia_log_rank() == 0) fprintf(stderr, "bench %s: %s\n", t->name, what);
}

static void look(void *self, const char *what, const struct glia_program *p, int64_t steps)
{
  struct teller *t = self;

  glia_cli_print(t->args, "%s\n", what);
  json_object_set_new(t->profiles, what, profile_report(t->args, p, "train", steps));
}

static void print_row(const struct glia_args *a, const struct bench_row *r)
{
  char peer[160] = "", limit[48] = "", spread[16] = "", peer_spread[16] = "";

  if (r->spread > 0.0) snprintf(spread, sizeof spread, " +-%.0f %%", 100.0 * r->spread);
  if (r->peer_spread > 0.0)
    snprintf(peer_spread, sizeof peer_spread, " +-%.0f %%", 100.0 * r->peer_spread);
  if (r->peer != NULL)
    snprintf(peer, sizeof peer, "  %s %.4g%s, ratio %.2f", r->peer, r->peer_value, peer_spread,
             r->ratio);
  if (!isnan(r->limit_fraction))
    snprintf(limit, sizeof limit, "  %.2f of the limit", r->limit_fraction);
  glia_cli_print(a, "%-36s %9.4g %-9s%s%s%s\n", r->name, r->value, r->unit, spread, peer, limit);
  if (r->note[0] != '\0') glia_cli_print(a, "  %s\n", r->note);
}

static void show(void *self)
{
  struct teller *t = self;

  while (t->shown < t->report->n) print_row(t->args, &t->report->row[t->shown++]);
  fflush(stdout);
}

static json_t *row_json(const struct bench_row *r)
{
  const double none = NAN;

  return json_pack("{s:s, s:o, s:s, s:s?, s:o, s:o, s:o, s:o, s:o, s:s?}", "name", r->name, "value",
                   glia_json_real(r->value), "unit", r->unit, "peer", r->peer, "peer_value",
                   glia_json_real(r->peer_value), "ratio", glia_json_real(r->ratio),
                   "limit_fraction", glia_json_real(r->limit_fraction), "spread",
                   glia_json_real(r->spread > 0.0 ? r->spread : none), "peer_spread",
                   glia_json_real(r->peer_spread > 0.0 ? r->peer_spread : none), "note",
                   r->note[0] != '\0' ? r->note : NULL);
}

static glia_status list(struct glia_args *a)
{
  json_t *names = json_array();

  for (const struct bench *const *b = bench_table(); *b != NULL; b++) {
    glia_cli_print(a, "%-10s %s\n", (*b)->name, (*b)->what);
    json_array_append_new(names, json_string((*b)->name));
  }
  return glia_cli_json(a, json_pack("{s:o}", "benches", names));
}

static glia_status run(struct glia_args *a)
{
  static struct bench_report report;
  const char *known[64];
  size_t n = 0;
  double log_sum = 0.0;
  int ratios = 0;

  if (a->n_words == 0) return list(a);
  const struct bench *bench = NULL;
  for (const struct bench *const *b = bench_table(); *b != NULL; b++) {
    if (strcmp((*b)->name, a->word[0]) == 0) bench = *b;
    if (n + 1 < GLIA_COUNT(known)) known[n++] = (*b)->name;
  }
  known[n] = NULL;
  const char *near = glia_nearest(a->word[0], known);
  GLIA_CHECK(bench != NULL, GLIA_E_USAGE, "no bench named %s%s%s: 'glia bench' lists them",
             a->word[0], near != NULL ? "; did you mean " : "", near != NULL ? near : "");
  struct teller teller = {
      .name = bench->name, .args = a, .report = &report, .profiles = json_object()};
  report.progress = say;
  report.show = show;
  report.self = &teller;
  if (glia_args_has(a, "profile")) {
    report.time_kernels = profile_time;
    report.look = look;
  }
  report.size_bytes = glia_args_size(a, "size", 0);
  report.n_words = a->n_words - 1;
  report.word = (const char *const *)a->word + 1;
  GLIA_CHECK(a->n_words == 1 || bench->parts, GLIA_E_USAGE, "bench %s has no parts to name",
             bench->name);
  GLIA_TRY(bench->run(&report, 0.0));
  show(&teller);
  json_t *rows = json_array();
  for (int i = 0; i < report.n; i++) {
    json_array_append_new(rows, row_json(&report.row[i]));
    if (report.row[i].ratio > 0.0) {
      log_sum += log(report.row[i].ratio);
      ratios++;
    }
  }
  return glia_cli_json(a,
                       json_pack("{s:o, s:o, s:o}", "rows", rows, "geometric_mean_ratio",
                                 glia_json_real(ratios > 0 ? exp(log_sum / ratios) : (double)NAN),
                                 "profiles", teller.profiles));
}

static const struct glia_option options[] = {{.name = "size",
                                              .kind = GLIA_OPTION_SIZE,
                                              .argument = "BYTES",
                                              .help = "io: size of the data set (256MiB)"},
                                             {.name = "profile",
                                              .kind = GLIA_OPTION_FLAG,
                                              .help = "train: where the steps of each workload go"},
                                             {0}};

const struct glia_command glia_command_bench_ = {
    .name = "bench",
    .summary = "speeds of this build on this machine, beside a peer or a measured limit",
    .usage = "[NAME [PART...]]",
    .options = options,
    .details = "Without NAME, lists the benches. A ratio above 1 means that Glia is faster than "
               "what stands beside it.",
    .example = "glia bench train\nglia bench train mlp gpt\nmpirun -n 4 glia bench plan mlp "
               "2x2\nTMPDIR=/scratch glia bench io --size "
               "8GiB\nmpirun -n 2 glia "
               "bench exchange --json",
    .run = run,
    .max_words = 8,
    .parallel = true,
};
