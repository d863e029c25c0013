/* What predictions rest on: see advise_priv.h. */
#include "advise_priv.h"

#include "glia_agree.h"
#include "glia_cpus.h"
#include "glia_log.h"

#include <math.h>
#include <stdlib.h>

/* Without a second rank nothing can be measured: shared memory of one node, roughly. */
static const double usual_latency_s = 10e-6, usual_bytes_per_s = 3e9;

/* Two ranks send to and fro. */
static glia_status measure_messages(struct glia_comm *pair, struct measured *m)
{
  enum { TURNS = 20, BYTES = 1 << 20 };
  char *data = calloc(1, BYTES);
  double took_s[2] = {0.0, 0.0};

  GLIA_TRY(glia_agree(pair, data != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "a message")));
  glia_status st = GLIA_OK;
  for (int size = 0; size < 2; size++) {
    if (st == GLIA_OK) st = glia_comm_barrier(pair);
    const double t0 = glia_time_s();
    for (int i = 0; i < TURNS && st == GLIA_OK; i++)
      st = glia_comm_bcast(pair, data, size == 0 ? 8 : BYTES, i % 2);
    took_s[size] = (glia_time_s() - t0) / TURNS;
  }
  free(data);
  GLIA_TRY(st);
  if (took_s[0] > 0.0) m->b.latency_s = took_s[0];
  if (took_s[1] > took_s[0]) m->b.bytes_per_s = BYTES / (took_s[1] - took_s[0]);
  return GLIA_OK;
}

/* What two data groups of one rank have at the end of a step that one rank does not: its own share of the update is known. */
static glia_status measure_sums(const struct session *s, struct glia_comm *pair, struct measured *m)
{
  double end_s;
  bool shared;

  GLIA_TRY(layer_times_pair(s, s->program, pair, &m->t, &end_s, &shared));
  m->b.sums_s = fmax(0.0, end_s - m->t.rest_s - m->t.end_s / (shared ? 2.0 : 1.0));
  return GLIA_OK;
}

static glia_status measure_pair(const struct session *s, struct measured *m)
{
  struct glia_comm *pair = NULL;

  m->b.latency_s = usual_latency_s;
  m->b.bytes_per_s = usual_bytes_per_s;
  m->b.sums_s = 2.0 * (usual_latency_s + m->gradient_bytes / 2.0 / usual_bytes_per_s);
  m->b.assumed = glia_comm_size(s->comm) == 1;
  if (m->b.assumed) return GLIA_OK;
  GLIA_TRY(glia_comm_split(s->comm, glia_comm_rank(s->comm) < 2 ? 0 : -1, 0, &pair));
  glia_status st = GLIA_OK;
  if (pair != NULL) st = measure_messages(pair, m);
  if (pair != NULL && st == GLIA_OK) st = measure_sums(s, pair, m);
  glia_comm_destroy(&pair);
  return glia_agree(s->comm, st);
}

/* One rank while the others rest: it has the memory's bandwidth, and what cache they share, for itself. Of a slow model fewer
 * micro-batches, so that the others do not wait for long. */
static glia_status measure_single(const struct session *s, struct measured *m)
{
  const double v = (double)m->micro_batches, few = fmax(1.0, 0.25 / (m->t.micro_s + 1e-9));
  struct layer_times own = {.layers = 0};
  const struct layer_times *t = &m->t;
  glia_status st = GLIA_OK;

  if (glia_comm_size(s->comm) > 1 && glia_comm_rank(s->comm) == 0) {
    st = layer_times_measure(s, s->program, few < 8.0 ? (int64_t)few : 0, &own);
    t = &own;
  }
  m->b.single_s = v * t->micro_s + (v - 1.0) * fmax(t->join_s, m->t.join_s) + t->end_s + t->rest_s;
  layer_times_free(&own);
  return glia_agree(s->comm, st);
}

/* Each rank knows its own node, and none is quicker than the worst: the most crowded one, and, where ranks of a node share updates out, the
 * one with the fewest. */
static glia_status look_at_nodes(const struct session *s, double cores, struct measured *m)
{
  const double local = (double)glia_comm_local_size(s->comm);
  double worst[2] = {local / cores, -local};

  GLIA_TRY(glia_comm_reduce_f64(s->comm, GLIA_COMM_MAX, worst, 2));
  m->crowd = worst[0];
  m->sharing = (int)-worst[1];
  return GLIA_OK;
}

/* Who measures, and which one of them this rank is. */
static glia_status number_workers(const struct session *s, double cores, struct measured *m)
{
  const int size = glia_comm_size(s->comm), rank = glia_comm_rank(s->comm);
  const bool works = glia_comm_local_rank(s->comm) < (int)cores;
  double *flag = calloc((size_t)size, sizeof *flag);

  GLIA_TRY(glia_agree(s->comm, flag != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "ranks")));
  flag[rank] = works ? 1.0 : 0.0;
  const glia_status st = glia_comm_reduce_f64(s->comm, GLIA_COMM_SUM, flag, size);
  m->workers = 0;
  m->worker = -1;
  for (int r = 0; r < size; r++) {
    if (r == rank && works) m->worker = m->workers;
    m->workers += flag[r] > 0.0;
  }
  free(flag);
  return st;
}

/* As many ranks of a node at once as it has cores: they share its memory's bandwidth, as they will. Rank 0's times are everybody's,
 * so that all predict the same. */
static glia_status measure_layers(const struct session *s, struct measured *m)
{
  glia_status st;

  layer_times_free(&m->t);
  if (m->worker >= 0)
    st = layer_times_measure(s, s->program, 0, &m->t);
  else
    st = layer_times_alloc(s, &m->t);
  return glia_agree(s->comm, st);
}

glia_status advise_measure_(const struct session *s, struct measured *m)
{
  struct glia_program_info info;
  struct glia_cpus cpus;
  double cores = (double)glia_comm_local_size(s->comm);

  if (glia_cpus_look(NULL, &cpus) == GLIA_OK)
    cores = fmin(cores, (double)cpus.node_cores);
  else
    glia_trace_clear();
  m->ranks = glia_comm_size(s->comm);
  m->micro_batches = s->config.batch / s->config.micro_batch;
  m->gradient_bytes = glia_program_info(s->program, "train", &info) ? (double)info.sums_bytes : 0.0;
  GLIA_TRY(look_at_nodes(s, cores, m));
  GLIA_TRY(number_workers(s, cores, m));
  GLIA_TRY(measure_layers(s, m));
  GLIA_TRY(measure_single(s, m));
  GLIA_TRY(measure_pair(s, m));
  m->b.micro_s = m->t.micro_s;
  m->b.join_s = m->t.join_s;
  m->b.end_s = m->t.end_s;
  m->b.rest_s = m->t.rest_s;
  GLIA_TRY(glia_comm_bcast(s->comm, &m->b, sizeof m->b, 0));
  return glia_comm_bcast(s->comm, m->t.forward,
                         3 * ((size_t)m->t.layers + 1) * sizeof *m->t.forward, 0);
}
