/* bench tune: every product and convolution of the six workloads by all kernels that can run it, ours, OpenBLAS's and oneDNN's. What the
 * table picks (src/kernels/tuning.def) stands beside the quickest of the others; where it loses, a line of the table wants changing. The
 * table is shipped: this bench measures, it changes nothing. */
#include "bench.h"
#include "products.h"
#include "workload.h"

#include "glia_kernels.h"
#include "glia_log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MOST_UNITS = 4096, MOST_SEEN = 256, CANDIDATES = 6 };

struct timed {
  const char *name;
  double s;
};

/* By the kernels of the table, what is picked first; returns how many. */
static glia_status by_ours(const struct glia_graph *g, const struct glia_node *n, struct timed *out,
                           int *count)
{
  struct glia_kernel_choice choice[CANDIDATES];

  *count = glia_kernels_candidates(g, n, CANDIDATES, choice);
  for (int i = 0; i < *count; i++) {
    struct product_call c;
    const bool ok = product_prepare(g, n, &choice[i], &c);
    if (ok) out[i] = (struct timed){choice[i].name, product_best_s(choice[i].run, &c.call)};
    product_drop(&c);
    GLIA_CHECK(ok, GLIA_E_MEMORY, "one call of %s", choice[i].name);
  }
  return GLIA_OK;
}

static glia_status by_onednn(const struct glia_graph *g, const struct glia_node *n,
                             struct timed *out, int *count)
{
  void (*const run)(const struct glia_call *) =
      strcmp(n->op->name, "matmul") == 0 && n->type.dtype == GLIA_F32 ? product_onednn() : NULL;
  const struct glia_kernel_choice none = {0};
  struct product_call c;

  if (run == NULL) return GLIA_OK;
  const bool ok = product_prepare(g, n, &none, &c);
  if (ok) out[(*count)++] = (struct timed){"oneDNN", product_best_s(run, &c.call)};
  product_drop(&c);
  GLIA_CHECK(ok, GLIA_E_MEMORY, "one call of oneDNN");
  return GLIA_OK;
}

/* [32, 784] [512, 784] t */
static void describe(const struct glia_graph *g, const struct glia_node *n, char *text, size_t size)
{
  char a[64], b[64];
  static const char *const mode[] = {"", " by input", " by weight"};

  glia_type_text(&glia_graph_node(g, n->in[0])->type, a, sizeof a);
  glia_type_text(&glia_graph_node(g, n->in[1])->type, b, sizeof b);
  if (strcmp(n->op->name, "matmul") == 0)
    snprintf(text, size, "%s%s %s%s", a, n->attr.i[0] != 0 ? "'" : "", b,
             n->attr.i[1] != 0 ? "'" : "");
  else
    snprintf(text, size, "%s %s%s", a, b, mode[n->attr.i[0]]);
}

static glia_status tune_one(struct bench_report *r, const struct glia_graph *g,
                            const struct glia_node *n)
{
  struct timed t[CANDIDATES + 1];
  char text[160];
  int count, other = 1;

  GLIA_TRY(by_ours(g, n, t, &count));
  GLIA_TRY(by_onednn(g, n, t, &count));
  for (int i = 2; i < count; i++)
    if (t[i].s < t[other].s) other = i;
  const double rate = product_flops(g, n) / 1e9;
  describe(g, n, text, sizeof text);
  struct bench_row *row = bench_add(r, "GFLOP/s", rate / t[0].s, NULL, NAN, NAN, "%.44s", text);
  if (row == NULL || count < 2) return GLIA_OK;
  snprintf(row->peer_text, sizeof row->peer_text, "by %s; %s", t[0].name, t[other].name);
  row->peer = row->peer_text;
  row->peer_value = rate / t[other].s;
  row->ratio = t[other].s / t[0].s;
  return GLIA_OK;
}

static glia_status tune_workload(struct bench_report *r, const struct workload_kind *kind)
{
  static struct glia_unit_info unit[MOST_UNITS];
  const struct glia_node *seen[MOST_SEEN];
  struct workload w;
  int n_seen = 0;

  glia_status st = workload_open(&w, kind, kind->batch, 1);
  const int n = st == GLIA_OK ? glia_program_units(w.program, "train", MOST_UNITS, unit) : 0;
  for (int i = 0; i < n && i < MOST_UNITS && st == GLIA_OK; i++) {
    bool known = !product_is(&unit[i]) || n_seen == MOST_SEEN;
    for (int k = 0; k < n_seen && !known; k++) known = product_same(w.graph, unit[i].node, seen[k]);
    if (known) continue;
    seen[n_seen++] = unit[i].node;
    st = tune_one(r, w.graph, unit[i].node);
  }
  workload_close(&w);
  return st;
}

static glia_status run(struct bench_report *r, double seconds)
{
  (void)seconds;
  if (product_onednn() == NULL)
    r->progress(r->self, "no oneDNN (apt-get install libdnnl2): only our kernels and OpenBLAS's");
  for (const struct workload_kind *k = workload_table(); k->name != NULL; k++) {
    bool wanted = r->n_words == 0;
    for (int i = 0; i < r->n_words; i++) wanted = wanted || strcmp(r->word[i], k->name) == 0;
    if (!wanted) continue;
    r->progress(r->self, k->name);
    GLIA_TRY(tune_workload(r, k));
  }
  return GLIA_OK;
}

const struct bench bench_tune_ = {
    .name = "tune",
    .what = "what the table of kernels picks, beside all others, for the workloads of train",
    .run = run,
    .parts = true,
};
