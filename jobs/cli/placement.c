/* CPUs of workers: see placement.h. What hwloc or the system refuse on one rank is told there and costs the binding alone. */
#include "placement.h"

#include "glia_agree.h"
#include "glia_cpus.h"
#include "glia_log.h"
#include "glia_schedule.h"
#include "stages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOGGED = 1024, RECORDED = 32768 }; /* bytes of the map; an attribute of HDF5 holds 64 KiB */

struct placement {
  struct glia_cpus cpus;
  struct glia_cpus_share share;
  int threads;
  bool bound, crowded; /* crowded: its core is others' too, ranks of this run */
  char why[160];
  char *map;
};

glia_status placement_share(const struct glia_cpus *cpus, struct glia_comm *node,
                            struct glia_cpus_share *out)
{
  enum { BYTES = sizeof cpus->list };
  const int n = glia_comm_size(node), rank = glia_comm_rank(node);
  char **text = NULL;

  *out = (struct glia_cpus_share){0};
  GLIA_TRY(glia_comm_gather_text(node, cpus->list, 0, &text));
  char(*all)[BYTES] = calloc((size_t)n, sizeof *all);
  const char **list = calloc((size_t)n, sizeof *list);
  glia_status st = GLIA_OK;
  if (all == NULL || list == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "CPUs of %d ranks", n);
  GLIA_TRY_TO(done, st, glia_agree(node, st));
  for (int r = 0; r < n; r++) {
    if (text != NULL) snprintf(all[r], sizeof all[r], "%s", text[r]);
    list[r] = all[r];
  }
  GLIA_TRY_TO(done, st, glia_comm_bcast(node, all, (size_t)n * sizeof *all, 0));
  if (glia_cpus_share(NULL, n, list, rank, out) != GLIA_OK) {
    out->why = "hwloc cannot tell cores";
    glia_trace_clear();
  }

done:
  free(all);
  free(list);
  free(text);
  return st;
}

/* Work of a rank of a data group, or of a stage of it. */
static double work_of(const struct session *s, int rank)
{
  const int64_t v = s->config.batch / s->config.micro_batch;
  const int stages = s->config.stages, groups = glia_comm_size(s->comm) / stages,
            group = rank / stages;

  return (double)(glia_tree_range(v, groups, group + 1) - glia_tree_range(v, groups, group)) *
         stages_cost(s->stages, rank % stages);
}

/* More ranks than cores, which the system would move about: each stays on one, dealt out by what it has to do. */
static glia_status deal_out(struct placement *p, const struct session *s)
{
  const int ranks = glia_comm_size(s->comm), cores = p->cpus.node_cores;
  const char *list[GLIA_STAGE_MAX_RANKS];
  double work[GLIA_STAGE_MAX_RANKS];
  int core[GLIA_STAGE_MAX_RANKS];
  int64_t crowded = ranks <= GLIA_STAGE_MAX_RANKS && glia_comm_local_size(s->comm) == ranks &&
                    p->threads == 1 && p->share.n == 0 && p->cpus.cores == cores && cores < ranks &&
                    cores > 0;

  GLIA_TRY(glia_comm_reduce_i64(s->comm, GLIA_COMM_MIN, &crowded, 1));
  if (crowded == 0) return GLIA_OK;
  for (int r = 0; r < ranks; r++) work[r] = work_of(s, r);
  for (int c = 0; c < cores; c++) list[c] = p->cpus.list;
  glia_schedule_deal(ranks, work, cores, core);
  glia_cpus_share_free(&p->share);
  if (glia_cpus_share(NULL, cores, list, core[glia_comm_rank(s->comm)], &p->share) != GLIA_OK) {
    p->share.why = "hwloc cannot tell cores";
    glia_trace_clear();
  }
  p->crowded = p->share.n > 0;
  if (p->crowded) p->share.why = "ranks share cores: each stays on one";
  return GLIA_OK;
}

static void place(void *self, int worker)
{
  struct placement *p = self;
  const int core = worker < p->threads ? worker : p->share.n - 1;

  if (worker == p->threads && p->share.n == p->threads) { /* moving sums, with no core left */
    glia_cpus_roam();
    return;
  }
  if (glia_cpus_bind(p->share.core[core]) == GLIA_OK) return;
  glia_log(GLIA_LOG_WARN, "train", "not-bound", "worker=%d cpus=%s why=\"%s\"", worker,
           p->share.core[core], glia_trace_message());
  glia_trace_clear();
}

/* Whether this rank's workers get cores of their own, and why. */
static void decide(struct placement *p, int binding, int local_size)
{
  /* a core for each worker; a launcher that knows no better binds to whole NUMA nodes, which others may have as well */
  const bool counted_out = p->cpus.chosen && p->share.n == p->threads;
  const char *no = binding == GLIA_BINDING_NONE   ? "configuration"
                   : p->share.n == 0              ? p->share.why
                   : p->share.n < p->threads      ? "fewer cores than workers"
                   : binding == GLIA_BINDING_CORE ? NULL
                   : p->crowded                   ? NULL
                   : local_size * p->threads == 1 ? "a single worker on its node"
                   : !p->cpus.given && !counted_out
                       ? "these CPUs may be others' too: parallel.binding=core binds"
                       : NULL;

  p->bound = no == NULL;
  snprintf(p->why, sizeof p->why, "%s", no != NULL ? no : p->share.why);
}

/* --- what is told --- */

/* CPUs of this rank's workers, or of all of it. */
static void own_cpus(const struct placement *p, const char *host, char *out, size_t size)
{
  size_t used = (size_t)snprintf(out, size, "%s/%s", host, p->bound ? "" : p->cpus.list);

  for (int t = 0; p->bound && t < p->threads && used < size; t++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", t > 0 ? "," : "", p->share.core[t]);
}

static glia_status draw_map(struct placement *p, struct glia_comm *comm)
{
  char own[2048];
  char **all = NULL;
  size_t used = 0;

  own_cpus(p, glia_comm_host(comm, glia_comm_rank(comm)), own, sizeof own);
  GLIA_TRY(glia_comm_gather_text(comm, own, 0, &all));
  p->map = calloc(1, RECORDED);
  for (int r = 0; all != NULL && p->map != NULL && r < glia_comm_size(comm) && used < RECORDED; r++)
    used +=
        (size_t)snprintf(p->map + used, RECORDED - used, "%s%d:%s", r > 0 ? " " : "", r, all[r]);
  free(all);
  return p->map != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "a map of CPUs");
}

/* Where each rank runs, and what the launcher did to the workers when they are worse off for it. */
static glia_status tell(struct placement *p, const struct session *s)
{
  const int local_size = glia_comm_local_size(s->comm);
  int64_t bound = p->bound;
  char advice[400];

  GLIA_TRY(glia_agree(s->comm, draw_map(p, s->comm)));
  GLIA_TRY(glia_comm_reduce_i64(s->comm, GLIA_COMM_SUM, &bound, 1));
  if (glia_comm_rank(s->comm) != 0) return GLIA_OK;
  const bool refused = s->config.binding == GLIA_BINDING_CORE && !p->bound;
  glia_log(refused ? GLIA_LOG_WARN : GLIA_LOG_INFO, "train", "cpus",
           "threads=%d bound=%lld/%d why=\"%s\" map=\"%.*s\"", p->threads, (long long)bound,
           glia_comm_size(s->comm), p->why, LOGGED, p->map);
  if (glia_cpus_advice(&p->cpus, p->threads, local_size, advice, sizeof advice) != NULL)
    glia_log(GLIA_LOG_WARN, "train", "few-cpus", "advice=\"%s\"", advice);
  return GLIA_OK;
}

/* --- who moves sums --- */

static const char *const progress_names[] = {"blocking", "polling", "thread"};

/* How sums move while micro-batches run: what the configuration says, else by the cores that are left. A thread
 * without a core of its own takes the time of a worker, and costs more than it hides (ENGINE.md, finding 1). */
static glia_status set_progress(const struct placement *p, struct session *s)
{
  const char *why = "configuration";
  const int cores =
      glia_cpus_of_rank(&p->cpus, &p->share, glia_comm_local_size(s->comm), glia_cpus_quota());
  int progress = s->config.progress;

  if (s->exchange == NULL) return GLIA_OK;
  if (progress == GLIA_TRAIN_PROGRESS_AUTO) {
    progress =
        cores > s->config.threads && cores >= 4 ? GLIA_PROGRESS_THREAD : GLIA_PROGRESS_POLLING;
    why = progress == GLIA_PROGRESS_THREAD ? "a core is left" : "no core is left";
  }
  if (glia_comm_rank(s->comm) == 0)
    glia_log(GLIA_LOG_INFO, "train", "progress", "mode=%s why=\"%s\" cores_per_rank=%d threads=%d",
             progress_names[progress], why, cores, s->config.threads);
  return glia_engine_progress(s->engine, (glia_progress)progress);
}

glia_status placement_settle(struct session *s)
{
  struct glia_comm *node = NULL;
  struct placement *p = s->placement = calloc(1, sizeof *p);

  GLIA_TRY(glia_agree(s->comm, p != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "CPUs of a rank")));
  p->threads = s->config.threads;
  if (glia_cpus_look(NULL, &p->cpus) != GLIA_OK) {
    glia_trace_clear();
    p->cpus = (struct glia_cpus){.list = "unknown"};
  }
  GLIA_TRY(glia_agree(
      s->comm, glia_comm_split(s->comm, glia_comm_node(s->comm), glia_comm_rank(s->comm), &node)));
  const glia_status st = placement_share(&p->cpus, node, &p->share);
  glia_comm_destroy(&node);
  GLIA_TRY(glia_agree(s->comm, st));
  GLIA_TRY(deal_out(p, s));
  decide(p, s->config.binding, glia_comm_local_size(s->comm));
  if (p->bound) glia_engine_place(s->engine, place, p);
  GLIA_TRY(glia_agree(s->comm, set_progress(p, s)));
  return tell(p, s);
}

const char *placement_map(const struct placement *p)
{
  return p != NULL && p->map != NULL ? p->map : "";
}

void placement_close(struct placement **p)
{
  if (*p == NULL) return;
  if ((*p)->bound) glia_cpus_roam(); /* the next session of this process begins anew */
  glia_cpus_share_free(&(*p)->share);
  free((*p)->map);
  free(*p);
  *p = NULL;
}
