/* One executor for all schedules: a rank's tasks in the order of its table; see glia_pipeline.h. */
#include "engine_priv.h"
#include "glia_log.h"
#include "glia_pause.h"
#include "glia_timeline.h"
#include "pipeline_ahead_priv.h"
#include "pipeline_log_priv.h"
#include "stage_priv.h"

#include <stdlib.h>
#include <string.h>

/* Tree nodes of a segment's sums: each segment is at a micro-batch of its own. */
struct stack {
  int n;
  struct glia_part node[GLIA_TREE_MAX_PARTS];
};

static const double poll_period_s = 100e-6; /* as for sums: engine_exchange.c */

struct pipeline {
  struct glia_pipeline how;
  const struct glia_schedule_row *row;
  int segments, slots, handles;
  int64_t *slot_of; /* [most micro-batches] of this step */
  int64_t *holder;  /* [slots] micro-batch, -1: none */
  bool *under_way;  /* [handles] */
  int *
      expected; /* [channels] segment in front of which it is received, in steps that change states */
  struct ahead *ahead; /* of local learning, else NULL */
  struct stack *stack; /* [segments] */
  int *first_bucket;   /* [segments + 1] of the entry point that runs */
  struct glia_pipeline_stat stat;
  struct task_log log;
  double polled_s;
  double group_wait_s; /* of the engine, as far as the log has it */
  /* the step that runs */
  int64_t lo, hi;
  int entry;
  bool forward; /* it changes no state */
  bool ended;   /* its micro-batches have */
};

/* Sums move on while this rank waits: also those of the others, who may wait for it. */
static void idle(void *arg)
{
  struct glia_engine *e = arg;

  if (e->pipe->ended || glia_drive_early_(e)) glia_drive_poll_(e);
}

static int handle_of(const struct pipeline *p, int64_t slot, int channel)
{
  return (int)slot * p->how.stage->n_channels + channel;
}

static void note_wait(struct pipeline *p, double wait_s, double cpu_s)
{
  p->stat.wait_s += wait_s;
  glia_task_log_wait_(&p->log, wait_s, cpu_s);
}

/* What the engine waited for other data groups since the last task: it looks round all the while. */
static void note_group_wait(struct glia_engine *e)
{
  struct pipeline *p = e->pipe;
  const double wait_s = e->stat.wait_s - p->group_wait_s;

  p->group_wait_s = e->stat.wait_s;
  if (p->log.whole && wait_s > 0.0) glia_task_log_wait_(&p->log, wait_s, wait_s);
}

static glia_status finish(struct glia_engine *e, int handle, const char *what)
{
  struct pipeline *p = e->pipe;
  struct glia_messenger *m = p->how.messenger;

  if (!p->under_way[handle]) return GLIA_OK;
  p->under_way[handle] = false;
  const double t0 = glia_time_s(), c0 = glia_cpu_s();
  const glia_status st = m->wait(m->self, handle, what, idle, e);
  const double t1 = glia_time_s();
  if (!p->forward) note_wait(p, t1 - t0, glia_cpu_s() - c0);
  if (t1 - t0 > 20e-6) glia_timeline_add(GLIA_EVENT_EXCHANGE, what, handle, t0, t1);
  return st;
}

void glia_pipeline_under_way_(struct glia_engine *e, int handle)
{
  e->pipe->under_way[handle] = true;
}

/* Begin to receive. All that will come to a micro-batch, whatever task reads it, with its first task: its place is free from then on,
 * and who sends across several stages (gradients of shared weights) may have to go on long before. See struct glia_message. */
static glia_status expect(struct glia_engine *e, int segment, int64_t slot)
{
  struct pipeline *p = e->pipe;
  struct glia_messenger *m = p->how.messenger;
  char *memory = e->worker[0].micro + (size_t)slot * glia_round_up_(e->c->micro_bytes);

  for (int i = 0; i < p->how.stage->n_channels; i++) {
    const struct channel *c = &p->how.stage->channel[i];
    const int handle = handle_of(p, slot, i);
    if (c->out || c->segment[p->entry] < 0 || segment != (p->forward ? 0 : p->expected[i]))
      continue;
    GLIA_TRY(m->receive(m->self, handle, c->index, c->peer, c->bytes,
                        memory + e->c->input[c->input].offset));
    p->under_way[handle] = true;
  }
  return GLIA_OK;
}

/* Memory for the next micro-batch: that of the one that ended first, once what it sent was taken. */
static glia_status take_slot(struct glia_engine *e, int64_t micro)
{
  struct pipeline *p = e->pipe;
  int64_t slot = 0;

  while (slot < p->slots && p->holder[slot] >= 0) slot++;
  GLIA_CHECK(slot < p->slots, GLIA_E_INTERNAL, "no memory for micro-batch %lld of the pipeline",
             (long long)micro);
  for (int c = 0; c < p->how.stage->n_channels; c++)
    GLIA_TRY(finish(e, handle_of(p, slot, c), "a message to be taken"));
  p->holder[slot] = micro;
  p->slot_of[micro] = slot;
  return GLIA_OK;
}

static char *memory_of(const struct glia_engine *e, int64_t micro)
{
  return e->worker[0].micro + (size_t)e->pipe->slot_of[micro] * glia_round_up_(e->c->micro_bytes);
}

/* What a task reads. */
static glia_status receive(struct glia_engine *e, int segment, int64_t micro)
{
  struct pipeline *p = e->pipe;
  const bool forward = p->ahead != NULL || segment < p->how.stage->cut.chunks;

  for (int i = 0; i < p->how.stage->n_channels; i++) {
    const struct channel *c = &p->how.stage->channel[i];
    if (!c->out && c->segment[p->entry] == segment)
      GLIA_TRY(finish(e, handle_of(p, p->slot_of[micro], i),
                      forward ? "wait forward" : "wait backward"));
  }
  return GLIA_OK;
}

static glia_status send(struct glia_engine *e, int segment, int64_t micro, char *const *bases)
{
  struct pipeline *p = e->pipe;
  struct glia_messenger *m = p->how.messenger;

  for (int i = 0; i < p->how.stage->n_channels; i++) {
    const struct channel *c = &p->how.stage->channel[i];
    const int handle = handle_of(p, p->slot_of[micro], i);
    if (!c->out || c->segment[p->entry] != segment) continue;
    const struct place at = e->c->output[c->output[p->entry]];
    if (p->ahead != NULL) {
      GLIA_TRY(glia_ahead_send_(p->ahead, i, bases[at.base] + at.offset));
    } else {
      GLIA_TRY(m->send(m->self, handle, c->index, c->peer, c->bytes, bases[at.base] + at.offset));
      p->under_way[handle] = true;
    }
    if (!p->forward) p->stat.bytes_sent += (int64_t)c->bytes;
  }
  return GLIA_OK;
}

/* The segment's sums of one more micro-batch; behind the last one they go on their way. */
static void sum_up(struct worker *w, int segment, int64_t index, char *own)
{
  struct pipeline *p = w->e->pipe;
  struct stack *s = &p->stack[segment];
  const int first = p->first_bucket[segment], end = p->first_bucket[segment + 1];

  w->node[w->n_nodes++] = (struct glia_part){index, index + 1, own};
  glia_engine_join_(w, first, end);
  if (index == p->hi - 1)
    for (int b = first; b < end; b++) glia_drive_ready_(w, b, index, NULL);
  s->n = w->n_nodes;
  memcpy(s->node, w->node, (size_t)s->n * sizeof *s->node);
}

/* From within kernels: what was sent moves on, and sums. */
static void look_up(void *self)
{
  struct glia_engine *e = self;
  struct pipeline *p = e->pipe;
  const double now_s = glia_time_s();

  if (now_s - p->polled_s < poll_period_s) return;
  p->polled_s = now_s;
  p->how.messenger->poll(p->how.messenger->self);
  idle(e);
}

static void compute(struct worker *w, int segment, int64_t index, char *const *bases)
{
  static const char *const name[] = {"forward", "backward", "weights", "part"};
  struct glia_engine *e = w->e;
  struct pipeline *p = e->pipe;
  const struct glia_cut *cut = &p->how.stage->cut;
  const int back = segment - cut->chunks;
  const int kind = cut->parts > 0 ? 3 : back < 0 ? 0 : cut->split ? 1 + back % 2 : 1;
  const int from = segment > 0 ? e->c->segment_end[segment - 1] : 0;

  note_group_wait(e);
  const double t0 = glia_time_s(), c0 = glia_cpu_s();
  p->polled_s = t0;
  glia_pause_ = (struct glia_pause){look_up, e};
  for (int at = from; at < e->c->segment_end[segment]; at++) {
    glia_engine_run_units_(e, REGION_MICRO, at, at + 1, bases, w->scratch);
    glia_pause();
  }
  glia_pause_ = (struct glia_pause){0};
  const double c1 = glia_cpu_s(), t1 = glia_time_s();
  if (!p->forward) glia_task_log_run_(&p->log, t0, t1, c0, c1);
  if (from == e->c->segment_end[segment]) return;
  w->stat.compute_s += t1 - t0;
  glia_timeline_add_cpu(GLIA_EVENT_COMPUTE, name[kind], index, t0, t1, c1 - c0);
  if (p->forward) return;
  p->stat.cpu_s += c1 - c0;
  p->stat.busy_s += t1 - t0;
}

/* One task. After a failure its messages alone, with whatever stands there: no state will be changed by it. */
static glia_status run_task(struct worker *w, int segment, int64_t micro)
{
  struct glia_engine *e = w->e;
  struct pipeline *p = e->pipe;
  const int64_t index = p->lo + micro;
  const bool sums = p->first_bucket[segment] < p->first_bucket[segment + 1];
  char *bases[BASE_COUNT];

  if (segment == 0) GLIA_TRY(take_slot(e, micro));
  GLIA_TRY(expect(e, segment, p->slot_of[micro]));
  if (segment == 0 && !atomic_load(&e->failed)) {
    const glia_status st = glia_engine_fill_(w, p->how.stage->n_inputs, index, memory_of(e, micro));
    if (st != GLIA_OK) glia_engine_keep_failure_(w, st);
  }
  GLIA_TRY(receive(e, segment, micro));
  w->n_nodes = p->stack[segment].n;
  memcpy(w->node, p->stack[segment].node, (size_t)w->n_nodes * sizeof *w->node);
  char *own = glia_engine_free_buffer_(w);
  glia_engine_bases_(e, memory_of(e, micro), own, bases);
  const bool computes = !atomic_load(&e->failed);
  if (computes) compute(w, segment, index, bases);
  GLIA_TRY(send(e, segment, micro, bases)); /* the other may wait for it, for sums nobody does */
  if (computes && sums) sum_up(w, segment, index, own);
  idle(e);
  return GLIA_OK;
}

static void release(struct worker *w, int64_t micro)
{
  struct glia_engine *e = w->e;
  struct pipeline *p = e->pipe;
  char *bases[BASE_COUNT];

  glia_engine_bases_(e, memory_of(e, micro), w->buffer[0], bases);
  if (!atomic_load(&e->failed)) {
    const glia_status st = glia_engine_take_(w, p->lo + micro, bases);
    if (st != GLIA_OK) glia_engine_keep_failure_(w, st);
  }
  p->holder[p->slot_of[micro]] = -1;
}

/* Local learning: a micro-batch through all parts of this rank, each with what it learns of it. */
static glia_status run_parts(struct worker *w, int64_t micro)
{
  struct pipeline *p = w->e->pipe;

  for (int s = 0; s < p->segments; s++) GLIA_TRY(run_task(w, s, micro));
  release(w, micro);
  return GLIA_OK;
}

static glia_status run_forward(struct worker *w)
{
  struct pipeline *p = w->e->pipe;
  const int chunks = p->how.stage->cut.chunks;
  const int64_t m = p->hi - p->lo;

  for (int64_t k = 0; k < m * chunks; k++) {
    const struct glia_task t = glia_schedule_forward(p->how.schedule, m, k);
    GLIA_TRY(p->ahead != NULL ? run_parts(w, t.micro) : run_task(w, t.segment, t.micro));
    if (p->ahead == NULL && t.segment == chunks - 1) release(w, t.micro);
  }
  return GLIA_OK;
}

static glia_status run_table(struct worker *w)
{
  struct pipeline *p = w->e->pipe;
  const double t0 = glia_time_s();

  glia_task_log_step_(&p->log);
  for (int k = 0; k < p->row->n; k++) {
    const struct glia_task *t = &p->row->task[k];
    glia_task_log_begin_(&p->log, t->segment, t->micro);
    GLIA_TRY(p->ahead != NULL ? run_parts(w, t->micro) : run_task(w, t->segment, t->micro));
    glia_task_log_end_(&p->log);
    if (p->ahead == NULL && t->segment == p->segments - 1) release(w, t->micro);
  }
  p->stat.steps++;
  p->stat.span_s += glia_time_s() - t0;
  return GLIA_OK;
}

/* Buckets of the entry point by segment. */
static void find_buckets(struct pipeline *p, const struct compiled *c)
{
  for (int s = 0, b = 0; s <= p->segments; s++) {
    while (b < c->n_buckets && c->bucket[b].segment < s) b++;
    p->first_bucket[s] = b;
  }
}

glia_status glia_pipeline_run_(struct worker *w)
{
  struct glia_engine *e = w->e;
  struct pipeline *p = e->pipe;

  glia_engine_range(e, e->v, &p->lo, &p->hi);
  p->entry = (int)(e->c - e->p->entry);
  find_buckets(p, e->c);
  for (int s = 0; s < p->segments; s++) p->stack[s].n = 0;
  for (int s = 0; s < p->slots; s++) p->holder[s] = -1;
  p->how.messenger->begin(p->how.messenger->self);
  p->ended = false;
  p->forward = p->how.stage->whole->entry[p->entry]->n_writes == 0;
  GLIA_CHECK(p->forward || p->hi - p->lo == p->how.schedule->micro_batches, GLIA_E_ARGUMENT,
             "%lld micro-batches, the schedule is of %d", (long long)(p->hi - p->lo),
             p->how.schedule->micro_batches);
  GLIA_TRY(p->forward ? run_forward(w) : run_table(w));
  for (int h = 0; h < p->slots * p->how.stage->n_channels; h++)
    GLIA_TRY(finish(e, h, "a message to be taken"));
  p->ended = true;
  return GLIA_OK;
}

glia_status glia_pipeline_end_(struct glia_engine *e)
{
  struct pipeline *p = e->pipe;
  struct glia_stage *s = p->how.stage;
  struct glia_messenger *m = p->how.messenger;
  const int first = p->slots * s->n_channels;

  GLIA_TRY(glia_stage_outcome_(s));
  if (p->forward) return GLIA_OK;
  for (int wait = 0; wait < 2; wait++)
    for (int i = 0; i < s->n_replicas; i++) {
      const struct replica *r = &s->replica[i];
      const size_t bytes = glia_type_bytes(&s->g->state[r->own].type);
      void *data = glia_engine_state(e, r->own);
      if (wait)
        GLIA_TRY(finish(e, first + i, "a parameter of two stages"));
      else {
        const int channel = s->first_replica_channel + r->state;
        GLIA_TRY(r->out ? m->send(m->self, first + i, channel, r->peer, bytes, data)
                        : m->receive(m->self, first + i, channel, r->peer, bytes, data));
        p->under_way[first + i] = true;
      }
    }
  return GLIA_OK;
}

/* What is shared behind a step is waited for, too. */
static glia_status share(void *self, int n, double *x, void (*wait)(void *arg), void *arg)
{
  struct glia_engine *e = self;
  const double t0 = glia_time_s();
  const glia_status st =
      e->pipe->how.messenger->share(e->pipe->how.messenger->self, n, x, wait, arg);

  e->pipe->stat.wait_s += glia_time_s() - t0;
  return st;
}

/* What the table does not know was not proven to come. */
static glia_status find_expected(struct pipeline *p)
{
  const struct glia_schedule *s = p->how.schedule;

  for (int i = 0; i < p->how.stage->n_channels; i++) {
    const struct channel *c = &p->how.stage->channel[i];
    int k = 0;
    while (k < s->n_messages && s->message[k].channel != c->index) k++;
    GLIA_CHECK(k < s->n_messages || c->segment[s->entry] < 0, GLIA_E_ARGUMENT,
               "%s: message %d %s rank %d is not in the table", s->name, c->index,
               c->out ? "to" : "from", c->peer);
    if (k < s->n_messages) p->expected[i] = s->message[k].expected;
  }
  return GLIA_OK;
}

glia_status glia_pipeline_init_(struct glia_engine *e, const struct glia_pipeline *how)
{
  struct pipeline *p = calloc(1, sizeof *p);

  e->pipe = p;
  GLIA_CHECK(p != NULL, GLIA_E_MEMORY, "a pipeline");
  GLIA_CHECK(e->threads == 1, GLIA_E_ARGUMENT, "a stage runs on one thread, not %d", e->threads);
  GLIA_CHECK(how->schedule->entry >= 0 && how->schedule->ranks == how->stage->cut.ranks &&
                 how->schedule->parts == how->stage->segments,
             GLIA_E_ARGUMENT, "a schedule that was not bound to this cut: see glia_schedule_bind");
  p->how = *how;
  p->row = &how->schedule->row[how->stage->rank];
  p->segments = how->stage->segments;
  p->slots = p->row->slots > 0 ? p->row->slots : 1;
  e->slots = p->slots;
  const size_t segments = (size_t)p->segments, slots = (size_t)p->slots;
  const int own = p->slots * how->stage->n_channels + how->stage->n_replicas;
  const bool local = how->schedule->ahead > 0;
  const int handles = own + (local ? glia_ahead_handles_(how->stage, how->schedule) : 0);
  p->handles = handles;
  p->slot_of = calloc((size_t)e->max_v + 1, sizeof *p->slot_of);
  p->holder = calloc(slots, sizeof *p->holder);
  p->under_way = calloc((size_t)handles + 1, sizeof *p->under_way);
  p->stack = calloc(segments, sizeof *p->stack);
  p->first_bucket = calloc(segments + 1, sizeof *p->first_bucket);
  p->expected = calloc((size_t)how->stage->n_channels + 1, sizeof *p->expected);
  GLIA_CHECK(p->slot_of != NULL && p->holder != NULL && p->under_way != NULL && p->stack != NULL &&
                 p->first_bucket != NULL && p->expected != NULL,
             GLIA_E_MEMORY, "a pipeline");
  GLIA_TRY(find_expected(p));
  GLIA_TRY(glia_task_log_init_(&p->log, p->row->n, local));
  glia_stage_bind_(how->stage, how->messenger, idle, e);
  glia_stage_share_by_(how->stage, share, e);
  if (local) GLIA_TRY(glia_ahead_create_(e, how, own, finish, &p->ahead));
  if (local) p->stat.queue_bytes = glia_ahead_bytes_(p->ahead);
  return how->messenger->open(how->messenger->self, handles > 0 ? handles : 1,
                              glia_stage_shared_(how->stage));
}

void glia_pipeline_fini_(struct glia_engine *e)
{
  struct pipeline *p = e->pipe;

  if (p == NULL) return;
  for (int h = 0; p->ahead != NULL && p->under_way != NULL && h < p->handles; h++)
    if (finish(e, h, "a message to be taken") != GLIA_OK) break; /* what was sent last */
  glia_ahead_destroy_(&p->ahead);
  free(p->slot_of);
  free(p->holder);
  free(p->under_way);
  free(p->expected);
  free(p->stack);
  free(p->first_bucket);
  glia_task_log_fini_(&p->log);
  free(p);
  e->pipe = NULL;
}

struct glia_pipeline_stat glia_engine_pipeline(const struct glia_engine *e)
{
  const struct pipeline *p = e->pipe;
  struct glia_pipeline_stat stat = {0};

  if (p == NULL) return stat;
  stat = p->stat;
  stat.slots = p->slots;
  stat.segments = p->segments;
  for (int i = 0; i < e->p->n_entries; i++)
    if (e->p->entry[i].micro_bytes > stat.slot_bytes) stat.slot_bytes = e->p->entry[i].micro_bytes;
  return stat;
}

int64_t glia_engine_pipeline_tasks(const struct glia_engine *e, int64_t most,
                                   struct glia_pipeline_task *out)
{
  if (e->pipe == NULL) return 0;
  const struct task_log *l = &e->pipe->log;
  const int64_t kept = l->n < l->capacity ? l->n : l->capacity;
  const int64_t n = out != NULL && most < kept ? most : kept;

  for (int64_t i = 0; out != NULL && i < n; i++) out[i] = l->task[(l->n - n + i) % l->capacity];
  return n;
}

/* ---- outputs of earlier steps */

/* Once more what follows from the sharing, now of the next step: nothing else reads it (stage.c: note_late). */
glia_status glia_engine_catch_up(struct glia_engine *e, const char *entry)
{
  char *bases[BASE_COUNT];

  if (glia_engine_owed(e) == 0) return GLIA_OK;
  for (int i = 0; i < e->p->n_entries; i++)
    if (strcmp(e->p->entry[i].entry->name, entry) == 0) e->c = &e->p->entry[i];
  const struct glia_stage *stage = e->pipe->how.stage;
  const int8_t *segment = stage->segment[e->c - e->p->entry];
  const struct list *all = &e->c->list[REGION_EPILOGUE];
  glia_engine_bases_(e, NULL, NULL, bases);
  glia_ahead_catch_up_(e->pipe->ahead, true);
  for (int i = 0; i < all->n; i++)
    if (all->unit[i].node != NULL && segment[all->unit[i].node->id] == stage->segments - 1)
      glia_engine_run_units_(e, REGION_EPILOGUE, i, i + 1, bases, e->worker[0].scratch);
  glia_ahead_catch_up_(e->pipe->ahead, false);
  return glia_stage_outcome_(e->pipe->how.stage);
}

int64_t glia_engine_owed(const struct glia_engine *e)
{
  return e->pipe != NULL && e->pipe->ahead != NULL ? glia_ahead_owed_(e->pipe->ahead) : 0;
}

bool glia_engine_told(const struct glia_engine *e)
{
  return e->pipe == NULL || e->pipe->ahead == NULL || e->pipe->how.stage->cut.ranks == 1 ||
         glia_ahead_told_(e->pipe->ahead);
}
