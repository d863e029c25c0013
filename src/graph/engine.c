/* Memory and workers that run a program; see glia_engine.h.
 *
 * Each worker keeps the batch sums of its finished micro-batches as a stack of tree nodes, like the digits of a binary counter:
 * a new micro-batch computes straight into a free buffer, then the two topmost nodes are added while they are siblings.
 *
 * A step of several phases runs its micro-batches once per phase, with an exchange of sums behind each. What a micro-batch
 * computed in earlier phases is kept: a worker then has memory for each of its micro-batches.
 */
#include "engine_priv.h"
#include "glia_log.h"
#include "glia_pause.h"
#include "glia_timeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static size_t cut(size_t *used, size_t bytes)
{
  const size_t at = *used;

  *used += glia_round_up_(bytes > 0 ? bytes : 1);
  return at;
}

/* Micro-batches of one worker, at most. */
static int64_t most_micro_batches(const struct glia_engine *e)
{
  const int64_t workers = (int64_t)e->exchange->size * e->threads;

  return (e->max_v + workers - 1) / workers;
}

static size_t micro_bytes(const struct glia_engine *e, const struct compiled *c)
{
  const int64_t n = e->slots > 0 ? e->slots : c->phases > 1 ? most_micro_batches(e) : 1;

  return n > 1 ? (size_t)n * glia_round_up_(c->micro_bytes) : c->micro_bytes;
}

/* Lay out all memory; with e->memory == NULL only counts. */
static void lay_out(struct glia_engine *e)
{
  const struct glia_program *p = e->p;
  size_t used = 0, shared = 0, micro = 0, sums = 0, scratch = 0;

  for (int i = 0; i < p->n_entries; i++) {
    const struct compiled *c = &p->entry[i];
    if (c->shared_bytes > shared) shared = c->shared_bytes;
    if (micro_bytes(e, c) > micro) micro = micro_bytes(e, c);
    if (c->sums_bytes > sums) sums = c->sums_bytes;
    if (c->scratch_bytes > scratch) scratch = c->scratch_bytes;
    const size_t at = cut(&used, c->constant_bytes);
    if (e->memory != NULL) e->constant[i] = e->memory + at;
  }
  const size_t state = cut(&used, p->state_bytes), input = cut(&used, p->input_bytes);
  const size_t shared_at = cut(&used, shared), spare = cut(&used, sums);
  if (e->memory != NULL) {
    e->state = e->memory + state;
    e->input = e->memory + input;
    e->shared = e->memory + shared_at;
    e->spare = e->memory + spare;
  }
  for (int t = 0; t < e->threads; t++) {
    const size_t m = cut(&used, micro), s = cut(&used, scratch);
    if (e->memory != NULL) {
      e->worker[t].micro = e->memory + m;
      e->worker[t].scratch = e->memory + s;
    }
    for (int d = 0; d < e->depth; d++) {
      const size_t b = cut(&used, sums);
      if (e->memory != NULL) e->worker[t].buffer[d] = e->memory + b;
    }
  }
  e->memory_bytes = used;
}

void glia_engine_bases_(const struct glia_engine *e, char *micro, char *sums, char **bases)
{
  bases[BASE_CONSTANT] = e->constant[e->c - e->p->entry];
  bases[BASE_INPUT] = e->input;
  bases[BASE_STATE] = e->state;
  bases[BASE_SHARED] = e->shared;
  bases[BASE_MICRO] = micro;
  bases[BASE_SUMS] = sums;
  bases[BASE_TOTAL] = e->total;
}

/* Units of a phase of a region. Behind the last phase: states. */
static int phase_start(const struct glia_engine *e, region r, int phase)
{
  return phase > 0 ? e->c->end[r][phase - 1] : 0;
}

static int phase_end(const struct glia_engine *e, region r, int phase)
{
  return phase < e->c->phases ? e->c->end[r][phase] : e->c->list[r].n;
}

void glia_engine_run_units_(const struct glia_engine *e, region r, int from, int end,
                            char *const *bases, void *scratch)
{
  const struct list part = {end - from, e->c->list[r].unit + from};

  glia_run_list_(&part, bases, scratch);
}

/* A buffer that no node on the stack holds. */
char *glia_engine_free_buffer_(const struct worker *w)
{
  for (int d = 0; d < w->e->depth; d++) {
    bool held = false;
    for (int i = 0; i < w->n_nodes && !held; i++) held = w->node[i].data == w->buffer[d];
    if (!held) return w->buffer[d];
  }
  return NULL; /* depth covers every range: see glia_engine_create */
}

static void join(struct worker *w, int first, int end)
{
  const struct compiled *c = w->e->c;

  while (w->n_nodes >= 2) {
    const struct glia_part *top = &w->node[w->n_nodes - 2];
    int joined = 2;
    for (int b = first; b < end; b++) {
      struct glia_part pair[2] = {top[0], top[1]};
      pair[0].data = (char *)top[0].data + c->bucket[b].offset;
      pair[1].data = (char *)top[1].data + c->bucket[b].offset;
      joined = glia_tree_join(w->e->v, c->bucket[b].dtype, c->bucket[b].n, 2, pair);
      if (joined == 2) return;
    }
    if (joined == 2) return;
    w->node[w->n_nodes - 2].hi = w->node[w->n_nodes - 1].hi;
    w->n_nodes--;
  }
}

void glia_engine_join_(struct worker *w, int first, int end)
{
  const double t0 = glia_time_s();

  join(w, first, end);
  const double took_s = glia_time_s() - t0;
  w->stat.join_s += took_s;
  w->stat.compute_s += took_s;
}

void glia_engine_keep_failure_(struct worker *w, glia_status st)
{
  w->status = st;
  strncpy(w->trace, glia_trace(), sizeof w->trace - 1);
  atomic_store(&w->e->failed, true);
}

glia_status glia_engine_fill_(struct worker *w, int n_inputs, int64_t index, char *micro)
{
  const struct glia_engine *e = w->e;
  const struct glia_graph *g = e->p->g;
  const double t0 = glia_time_s();

  for (int i = 0; i < g->n_inputs; i++) {
    w->in[i] = e->c->input_used[i] && g->input[i].per == GLIA_PER_MICRO_BATCH
                   ? micro + e->c->input[i].offset
                   : NULL;
    if (i >= n_inputs) w->in[i] = NULL;
    if (w->in[i] != NULL && g->input[i].value == g->failed) {
      memset(w->in[i], 0, sizeof(double));
      w->in[i] = NULL;
    }
  }
  GLIA_TRY(e->feed->fill(e->feed->self, index, w->index, w->in));
  const double t1 = glia_time_s();
  w->stat.input_s += t1 - t0;
  glia_timeline_add(GLIA_EVENT_INPUT, "fill", index, t0, t1);
  w->stat.micro_batches++;
  return GLIA_OK;
}

glia_status glia_engine_take_(struct worker *w, int64_t index, char *const *bases)
{
  const struct glia_engine *e = w->e;
  const struct compiled *c = e->c;

  if (e->feed->take == NULL) return GLIA_OK;
  for (int i = 0; i < c->entry->n_outputs; i++)
    w->out[i] = c->output_in_micro[i] ? bases[c->output[i].base] + c->output[i].offset : NULL;
  return e->feed->take(e->feed->self, index, w->index, w->out);
}

/* The last micro-batch of a worker, with `own` for its sums: what it has finished with goes on its way. */
static void run_last(struct worker *w, int64_t index, char *own, char *const *bases)
{
  struct glia_engine *e = w->e;
  const int end = phase_end(e, REGION_MICRO, e->phase);
  int at = phase_start(e, REGION_MICRO, e->phase);

  glia_pause_ = (struct glia_pause){glia_drive_poll_, e};
  for (int b = glia_engine_first_bucket_(e); b < e->c->buckets_end[e->phase]; b++) {
    for (; at < e->c->bucket[b].ready; at++) {
      glia_engine_run_units_(e, REGION_MICRO, at, at + 1, bases, w->scratch);
      glia_drive_poll_(e);
    }
    glia_drive_ready_(w, b, index, own);
  }
  for (; at < end; at++) {
    glia_engine_run_units_(e, REGION_MICRO, at, at + 1, bases, w->scratch);
    glia_drive_poll_(e);
  }
  glia_pause_ = (struct glia_pause){0};
}

/* The phase of micro-batch `index`, this worker's `slot`-th. */
static glia_status run_one(struct worker *w, int64_t index, int64_t slot, bool last)
{
  struct glia_engine *e = w->e;
  const struct compiled *c = e->c;
  const int first = glia_engine_first_bucket_(e), end = c->buckets_end[e->phase];
  const bool sums = first < end, early = last && sums && glia_drive_early_(e);
  char *micro = w->micro + (c->phases > 1 ? (size_t)slot * glia_round_up_(c->micro_bytes) : 0);
  char *own = sums ? glia_engine_free_buffer_(w) : w->buffer[0];
  char *bases[BASE_COUNT];

  glia_engine_bases_(e, micro, own, bases);
  if (e->phase == 0) GLIA_TRY(glia_engine_fill_(w, e->p->g->n_inputs, index, micro));
  const double t0 = glia_time_s();
  if (early)
    run_last(w, index, own, bases);
  else
    glia_engine_run_units_(e, REGION_MICRO, phase_start(e, REGION_MICRO, e->phase),
                           phase_end(e, REGION_MICRO, e->phase), bases, w->scratch);
  const double t1 = glia_time_s();
  w->stat.compute_s += t1 - t0;
  glia_timeline_add(GLIA_EVENT_COMPUTE, "micro-batch", index, t0, t1);
  if (e->phase == c->phases - 1) GLIA_TRY(glia_engine_take_(w, index, bases));
  if (!sums || early) return GLIA_OK;
  w->node[w->n_nodes++] = (struct glia_part){index, index + 1, own};
  glia_engine_join_(w, first, end);
  for (int b = first; last && b < end; b++) glia_drive_ready_(w, b, index, NULL);
  return GLIA_OK;
}

static void run_range(void *engine, int thread)
{
  struct glia_engine *e = engine;
  struct worker *w = &e->worker[thread];
  const int64_t workers = (int64_t)e->exchange->size * e->threads;
  const int64_t own = (int64_t)e->exchange->rank * e->threads + w->index;
  const int64_t lo = glia_tree_range(e->v, workers, own),
                hi = glia_tree_range(e->v, workers, own + 1);

  w->n_nodes = 0;
  for (int64_t i = lo; i < hi && !atomic_load_explicit(&e->failed, memory_order_relaxed); i++) {
    const glia_status st = run_one(w, i, i - lo, i == hi - 1);
    if (st != GLIA_OK) glia_engine_keep_failure_(w, st);
  }
}

/* This rank failed, so none of its buckets started: its part of every sum becomes zero, and the flag's lane one. */
static void drain(struct glia_engine *e)
{
  const int64_t workers = (int64_t)e->exchange->size * e->threads;
  bool flagged = false;

  glia_drive_open_(e);
  for (int t = 0; t < e->threads; t++) {
    struct worker *w = &e->worker[t];
    const int64_t own = (int64_t)e->exchange->rank * e->threads + t;
    w->n_nodes = glia_tree_parts(e->v, glia_tree_range(e->v, workers, own),
                                 glia_tree_range(e->v, workers, own + 1), w->node);
    for (int i = 0; i < w->n_nodes; i++) {
      w->node[i].data = w->buffer[i];
      memset(w->buffer[i], 0, e->c->sums_bytes);
      if (!flagged && e->phase == 0 && e->c->failed_offset != SIZE_MAX) {
        const double one = 1.0;
        memcpy(w->buffer[i] + e->c->failed_offset, &one, sizeof one);
        flagged = true;
      }
    }
    for (int b = glia_engine_first_bucket_(e); w->n_nodes > 0 && b < e->c->buckets_end[e->phase];
         b++)
      glia_drive_ready_(w, b, 0, NULL);
  }
}

/* The first failure of a worker, with its trace. */
static glia_status failure(struct glia_engine *e)
{
  for (int t = 0; t < e->threads; t++) {
    if (e->worker[t].status == GLIA_OK) continue;
    glia_trace_set(e->worker[t].trace);
    return e->worker[t].status;
  }
  return GLIA_OK;
}

static void run_shared(void *engine, int thread)
{
  const struct glia_engine *e = engine;
  const bool alone = e->states == NULL;
  const struct share share = {thread, e->threads, alone ? 0 : e->exchange->node_rank,
                              alone ? 1 : e->exchange->node_size};
  char *bases[BASE_COUNT];

  glia_engine_bases_(e, NULL, NULL, bases);
  glia_run_share_(&e->together, bases, e->worker[thread].scratch, &share);
}

/* Units of the epilogue: those that may run side by side are shared out among the workers. What writes the states of a node and is
 * not worth sharing out is its first rank's. */
static glia_status run_epilogue_units(struct glia_engine *e, int from, int end)
{
  const struct list *all = &e->c->list[REGION_EPILOGUE];
  char *bases[BASE_COUNT];

  glia_engine_bases_(e, NULL, NULL, bases);
  if (e->threads == 1 && e->states == NULL) {
    glia_engine_run_units_(e, REGION_EPILOGUE, from, end, bases, e->worker[0].scratch);
    return GLIA_OK;
  }
  for (int n; from < end; from += n) {
    const struct unit *u = &all->unit[from];
    n = u->together > 0 ? u->together : 1;
    if (u->meet) GLIA_TRY(glia_drive_meet_(e));
    e->together = (struct list){n, all->unit + from};
    if (u->together > 0)
      glia_team_run_(&e->team, run_shared, e);
    else if (!u->shared_out || e->states == NULL || e->exchange->node_rank == 0)
      glia_engine_run_units_(e, REGION_EPILOGUE, from, from + 1, bases, e->worker[0].scratch);
  }
  return GLIA_OK;
}

/* What follows from the totals of a phase, each part as soon as its buckets are there. */
static glia_status run_epilogue(struct glia_engine *e)
{
  const int end = phase_end(e, REGION_EPILOGUE, e->phase);
  const struct unit *unit = e->c->list[REGION_EPILOGUE].unit;

  for (int at = phase_start(e, REGION_EPILOGUE, e->phase), to; at < end; at = to) {
    for (to = at + 1; to < end && unit[to].need <= unit[at].need;) to++;
    GLIA_TRY(glia_drive_wait_(e, unit[at].need));
    const double t0 = glia_time_s(), waited_s = e->stat.wait_s;
    GLIA_TRY(run_epilogue_units(e, at, to));
    const double t1 = glia_time_s();
    e->stat.epilogue_s += t1 - t0 - (e->stat.wait_s - waited_s);
    glia_timeline_add(GLIA_EVENT_COMPUTE, "epilogue", unit[at].need, t0, t1);
    if (to < end && glia_drive_early_(e)) glia_drive_poll_(e);
  }
  return glia_drive_wait_(e, e->c->buckets_end[e->phase]);
}

/* One phase of a step: micro-batches, exchange, what follows from totals. */
static glia_status step_phase(struct glia_engine *e)
{
  glia_drive_open_(e);
  if (e->pipe != NULL && e->v > 0)
    GLIA_TRY(glia_pipeline_run_(&e->worker[0]));
  else if (e->v > 0 && !atomic_load(&e->failed))
    glia_team_run_(&e->team, run_range, e);
  if (atomic_load(&e->failed))
    drain(e);
  else if (e->threads > 1 && !glia_drive_early_(e))
    glia_drive_join_(e);
  return run_epilogue(e);
}

glia_status glia_engine_step(struct glia_engine *e, const char *entry, int64_t v,
                             const struct glia_feed *feed)
{
  char *bases[BASE_COUNT];
  glia_status st = GLIA_OK;

  e->c = NULL;
  for (int i = 0; i < e->p->n_entries; i++)
    if (strcmp(e->p->entry[i].entry->name, entry) == 0) e->c = &e->p->entry[i];
  GLIA_CHECK(e->c != NULL, GLIA_E_MISSING, "no entry point %s", entry);
  GLIA_CHECK(v >= 0 && v <= e->max_v, GLIA_E_ARGUMENT,
             "%lld micro-batches, the engine was made for %lld", (long long)v, (long long)e->max_v);
  GLIA_CHECK(v > 0 || e->c->sums_bytes == 0, GLIA_E_ARGUMENT,
             "entry point %s sums over micro-batches: it needs at least one", entry);
  e->feed = feed;
  e->v = v;
  e->total = e->totals != NULL ? e->totals : e->spare;
  atomic_store(&e->failed, false);
  for (int t = 0; t < e->threads; t++) {
    e->worker[t].n_nodes = 0;
    e->worker[t].status = GLIA_OK;
  }

  GLIA_TRY(glia_drive_meet_(e)); /* what was written between steps is there */
  glia_engine_bases_(e, NULL, NULL, bases);
  glia_run_list_(&e->c->list[REGION_PROLOGUE], bases, e->worker[0].scratch);
  for (e->phase = 0; e->phase < e->c->phases && st == GLIA_OK; e->phase++) st = step_phase(e);
  if (st == GLIA_OK)
    st = run_epilogue_units(e, phase_start(e, REGION_EPILOGUE, e->c->phases),
                            phase_end(e, REGION_EPILOGUE, e->c->phases));
  if (st == GLIA_OK) st = glia_drive_meet_(e); /* the new states are there */
  if (st == GLIA_OK && e->pipe != NULL) st = glia_pipeline_end_(e);
  if (st == GLIA_E_MPI) return st;
  const glia_status own = failure(e);
  if (own == GLIA_OK && st == GLIA_OK && e->stepped != NULL) e->stepped(e->watcher, v);
  return own != GLIA_OK ? own : st;
}

void glia_engine_watch(struct glia_engine *e, void (*stepped)(void *self, int64_t micro_batches),
                       void *self)
{
  e->stepped = stepped;
  e->watcher = self;
}

/* Memory in large pages where the system hands them out: a step walks through all of it. free() returns it. */
static void *take_pages(size_t bytes)
{
  enum { PAGE = 1 << 21 };
  void *memory = NULL;

  if (posix_memalign(&memory, bytes < PAGE ? ALIGN_BYTES : PAGE, bytes) != 0) return NULL;
#ifdef MADV_HUGEPAGE
  if (bytes >= PAGE) (void)madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

static glia_status allocate(struct glia_engine *e)
{
  size_t n_outputs = 1;

  for (int i = 0; i < e->p->n_entries; i++)
    if ((size_t)e->p->entry[i].entry->n_outputs > n_outputs)
      n_outputs = (size_t)e->p->entry[i].entry->n_outputs;
  e->constant = calloc((size_t)e->p->n_entries + 1, sizeof *e->constant);
  e->worker = calloc((size_t)e->threads, sizeof *e->worker);
  GLIA_CHECK(e->constant != NULL && e->worker != NULL, GLIA_E_MEMORY, "an engine of %d workers",
             e->threads);
  for (int t = 0; t < e->threads; t++) {
    struct worker *w = &e->worker[t];
    w->e = e;
    w->index = t;
    w->buffer = calloc((size_t)e->depth, sizeof *w->buffer);
    w->in = calloc((size_t)e->p->g->n_inputs + 1, sizeof *w->in);
    w->out = calloc(n_outputs, sizeof *w->out);
    w->join = calloc((size_t)e->threads * (size_t)e->depth, sizeof *w->join);
    GLIA_CHECK(w->buffer != NULL && w->in != NULL && w->out != NULL && w->join != NULL,
               GLIA_E_MEMORY, "a worker");
  }
  lay_out(e);
  e->memory = take_pages(e->memory_bytes);
  GLIA_CHECK(e->memory != NULL, GLIA_E_MEMORY,
             "no memory: %zu bytes for the model, its state and %d workers; fewer workers or rows "
             "in a micro-batch take less",
             e->memory_bytes, e->threads);
  memset(e->memory, 0, e->memory_bytes);
  lay_out(e);
  return GLIA_OK;
}

/* A range of n micro-batches holds at most 2 log2(n) + 2 nodes, and one buffer is being computed. */
static int depth_for(int64_t max_micro_batches)
{
  int depth = 4;

  for (int64_t n = max_micro_batches; n > 1; n = (n + 1) / 2) depth += 2;
  return depth;
}

size_t glia_engine_bytes(const struct glia_program *p, int threads, int ranks,
                         int64_t max_micro_batches, int slots)
{
  const struct glia_exchange exchange = {.size = ranks};
  struct glia_engine e = {.p = p,
                          .exchange = &exchange,
                          .threads = threads,
                          .max_v = max_micro_batches,
                          .slots = slots,
                          .depth = depth_for(max_micro_batches)};

  lay_out(&e);
  return e.memory_bytes;
}

glia_status glia_engine_create(const struct glia_program *p, int threads,
                               const struct glia_exchange *exchange, int64_t max_micro_batches,
                               struct glia_engine **out)
{
  return glia_engine_create_pipeline(p, threads, exchange, max_micro_batches, NULL, out);
}

glia_status glia_engine_create_pipeline(const struct glia_program *p, int threads,
                                        const struct glia_exchange *exchange,
                                        int64_t max_micro_batches, const struct glia_pipeline *pipe,
                                        struct glia_engine **out)
{
  glia_status st = GLIA_OK;
  char *bases[BASE_COUNT];

  *out = NULL;
  GLIA_CHECK(threads >= 1 && max_micro_batches >= 0, GLIA_E_ARGUMENT,
             "%d threads, %lld micro-batches", threads, (long long)max_micro_batches);
  struct glia_engine *e = calloc(1, sizeof *e);
  GLIA_CHECK(e != NULL, GLIA_E_MEMORY, "an engine");
  e->p = p;
  e->exchange = exchange != NULL ? exchange : glia_exchange_loopback();
  e->threads = threads;
  e->max_v = max_micro_batches;
  e->depth = depth_for(max_micro_batches);
  GLIA_TRY_TO(fail, st, glia_drive_init_(e));
  if (pipe != NULL) GLIA_TRY_TO(fail, st, glia_pipeline_init_(e, pipe));
  GLIA_TRY_TO(fail, st, allocate(e));
  for (int i = 0; i < p->n_entries; i++) {
    e->c = &p->entry[i];
    glia_engine_bases_(e, NULL, NULL, bases);
    glia_run_list_(&e->c->list[REGION_CONSTANT], bases, e->worker[0].scratch);
  }
  glia_timeline_thread("worker 0");
  GLIA_TRY_TO(fail, st, glia_team_start_(&e->team, threads));
  *out = e;
  return GLIA_OK;
fail:
  glia_engine_destroy(&e);
  return st;
}

void glia_engine_destroy(struct glia_engine **engine)
{
  if (engine == NULL || *engine == NULL) return;
  struct glia_engine *e = *engine;
  glia_drive_fini_(e);
  glia_pipeline_fini_(e);
  glia_team_stop_(&e->team);
  glia_engine_unshare_(e);
  for (int t = 0; e->worker != NULL && t < e->threads; t++) {
    free(e->worker[t].buffer);
    free(e->worker[t].in);
    free(e->worker[t].out);
    free(e->worker[t].join);
  }
  free(e->worker);
  free(e->constant);
  free(e->memory);
  free(e);
  *engine = NULL;
}

void *glia_engine_state(struct glia_engine *e, int state)
{
  return state >= 0 && state < e->p->g->n_states ? e->state + e->p->state_offset[state] : NULL;
}

glia_status glia_engine_set(struct glia_engine *e, const char *input, const void *data)
{
  const struct glia_graph *g = e->p->g;

  for (int i = 0; i < g->n_inputs; i++)
    if (g->input[i].per == GLIA_PER_STEP && strcmp(g->input[i].name, input) == 0) {
      memcpy(e->input + e->p->input_offset[i], data, glia_type_bytes(&g->input[i].type));
      return GLIA_OK;
    }
  return GLIA_FAIL(GLIA_E_MISSING, "no input per step named %s", input);
}

const void *glia_engine_output(struct glia_engine *e, const char *entry, const char *output)
{
  for (int i = 0; i < e->p->n_entries; i++) {
    const struct compiled *c = &e->p->entry[i];
    if (strcmp(c->entry->name, entry) != 0) continue;
    e->c = c;
    char *bases[BASE_COUNT];
    glia_engine_bases_(e, NULL, NULL, bases);
    for (int o = 0; o < c->entry->n_outputs; o++)
      if (strcmp(c->entry->output[o].name, output) == 0 && !c->output_in_micro[o])
        return bases[c->output[o].base] + c->output[o].offset;
  }
  return NULL;
}

struct glia_worker_stat glia_engine_worker(const struct glia_engine *e, int thread)
{
  return e->worker[thread].stat;
}
struct glia_engine_stat glia_engine_stat(const struct glia_engine *e) { return e->stat; }
void glia_engine_range(const struct glia_engine *e, int64_t v, int64_t *lo, int64_t *hi)
{
  const int64_t workers = (int64_t)e->exchange->size * e->threads;
  const int64_t own = (int64_t)e->exchange->rank * e->threads;

  *lo = glia_tree_range(v, workers, own);
  *hi = glia_tree_range(v, workers, own + e->threads);
}

int glia_engine_threads(const struct glia_engine *e) { return e->threads; }
size_t glia_engine_memory(const struct glia_engine *e) { return e->memory_bytes; }
