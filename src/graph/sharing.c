/* States that the ranks of a node hold once, in memory that they share: who writes what of them, and when all must be there. Behind them
 * stand the sums of a step, of which each rank adds its slice, and what they are added from.
 *
 * A unit of the epilogue that writes states is shared out over all workers of the node, tiles of groups and whole units, as among the
 * workers of a rank (together.c); one that writes anything else is run by every rank for itself. Before a unit touches a state that
 * another may still read or write, the ranks meet. So it goes for what is computed by blocks, squares of gradients for their norm: it stands
 * behind the sums. That is found at compile time, so all ranks meet equally often; the
 * number of ranks is no input.
 */
#include "engine_priv.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What units touch. */
struct use {
  bool *read, *written;        /* [states, and what ranks compute together beside them] */
  bool states, common, others; /* of which something is written; something else is */
};

static int state_at(const struct glia_program *p, size_t offset)
{
  int lo = 0, hi = p->g->n_states;

  while (hi - lo > 1) {
    const int mid = lo + (hi - lo) / 2;
    if (p->state_offset[mid] <= offset)
      lo = mid;
    else
      hi = mid;
  }
  return lo;
}

/* Number among what ranks compute together beside states; -1: none of that. */
static int common_at(const struct compiled *c, struct place at)
{
  for (int i = 0; at.base == BASE_TOTAL && i < c->n_common; i++)
    if (c->common[i] == at.offset) return i;
  return -1;
}

static void note(const struct glia_program *p, const struct compiled *c, struct place at,
                 bool write, struct use *u)
{
  const int common = common_at(c, at);

  if (at.base == BASE_STATE) {
    (write ? u->written : u->read)[state_at(p, at.offset)] = true;
    u->states = u->states || write;
  } else if (common >= 0) {
    (write ? u->written : u->read)[p->g->n_states + common] = true;
    u->common = u->common || write;
  } else
    u->others = u->others || write;
}

static void note_unit(const struct glia_program *p, const struct compiled *c, const struct unit *u,
                      struct use *use)
{
  for (int i = 0; i < u->n_steps; i++) {
    const struct tile_step *s = &u->step[i];
    for (int k = 0; k < s->n_in; k++)
      if (s->in[k].reg < 0) note(p, c, s->in[k].at, false, use);
    if (s->out.reg < 0) note(p, c, s->out.at, true, use);
  }
  if (u->step != NULL) return;
  for (int i = 0; i < u->n_in; i++) note(p, c, u->in[i].at, false, use);
  if (u->loop == NULL && u->external == NULL)
    note(p, c, u->out.at, true, use);
  else
    use->others =
        true; /* results of loops and call-backs are never computed in place: place_writes */
}

static int count(const struct glia_program *p, const struct compiled *c)
{
  return p->g->n_states + c->n_common;
}

static void forget(int n_used, struct use *u)
{
  const size_t n = (size_t)n_used;

  if (n > 0) memset(u->read, 0, n * sizeof *u->read);
  if (n > 0) memset(u->written, 0, n * sizeof *u->written);
  u->states = u->common = u->others = false;
}

static bool conflict(int n, const struct use *before, const struct use *now)
{
  for (int s = 0; s < n; s++)
    if ((now->written[s] && (before->read[s] || before->written[s])) ||
        (now->read[s] && before->written[s]))
      return true;
  return false;
}

static void add(int n, struct use *to, const struct use *from)
{
  for (int s = 0; s < n; s++) {
    to->read[s] = to->read[s] || from->read[s];
    to->written[s] = to->written[s] || from->written[s];
  }
}

/* A run of units that are apart from each other. */
static void note_run(const struct glia_program *p, struct compiled *c, int first, int n,
                     struct use *run)
{
  struct list *list = &c->list[REGION_EPILOGUE];

  forget(count(p, c), run);
  for (int i = first; i < first + n; i++) {
    struct use one = {.read = run->read, .written = run->written};
    note_unit(p, c, &list->unit[i], &one);
    list->unit[i].shared_out = one.states || one.common;
    run->states = run->states || one.states;
    if ((one.states || one.common) && one.others) c->shares_states = false;
  }
}

glia_status glia_compile_sharing_(struct glia_program *p, struct compiled *c)
{
  struct list *list = &c->list[REGION_EPILOGUE];
  const int n_used = count(p, c);
  const size_t n = (size_t)n_used + 1;
  struct use run = {.read = calloc(n, sizeof(bool)), .written = calloc(n, sizeof(bool))};
  struct use before = {.read = calloc(n, sizeof(bool)), .written = calloc(n, sizeof(bool))};
  bool micro = true; /* others may still be in their micro-batches, which read any state */
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(out, st,
                run.read != NULL && run.written != NULL && before.read != NULL &&
                    before.written != NULL,
                GLIA_E_MEMORY, "sharing of %d states", p->g->n_states);
  c->shares_states = true;
  for (int i = 0, many, phase = 0; i < list->n; i += many) {
    for (; phase < c->phases && c->end[REGION_EPILOGUE][phase] <= i; phase++)
      micro = micro || phase + 1 < c->phases;
    many = list->unit[i].together > 0 ? list->unit[i].together : 1;
    note_run(p, c, i, many, &run);
    list->unit[i].meet = (micro && run.states) || conflict(n_used, &before, &run);
    if (list->unit[i].meet) {
      forget(n_used, &before);
      micro = false;
    }
    add(n_used, &before, &run);
  }
out:
  free(run.read);
  free(run.written);
  free(before.read);
  free(before.written);
  return st;
}

/* Pages of the states that nobody looks at any more. */
static void give_back(char *from, size_t bytes)
{
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  const uintptr_t first = ((uintptr_t)from + page - 1) / page * page;
  const uintptr_t end = ((uintptr_t)from + bytes) / page * page;

  if (first < end) (void)madvise(from + (first - (uintptr_t)from), end - first, MADV_DONTNEED);
}

/* Sums of a step, of the entry point that has most. */
static size_t most_sums(const struct glia_engine *e)
{
  size_t most = 0;

  for (int i = 0; i < e->p->n_entries; i++)
    if (e->p->entry[i].sums_bytes > most) most = e->p->entry[i].sums_bytes;
  return glia_round_up_(most);
}

/* The totals, and of each worker of the node the buffer that it fills first: then others add from where it stands. */
static void share_sums(struct glia_engine *e, char *from, size_t sums)
{
  char *own = from + sums * (size_t)(1 + e->exchange->node_rank * e->threads);

  if (sums == 0) return;
  e->totals = from;
  for (int t = 0; t < e->threads; t++) {
    give_back(e->worker[t].buffer[0], sums);
    e->worker[t].buffer[0] = own + sums * (size_t)t;
  }
}

glia_status glia_engine_share(struct glia_engine *e)
{
  const struct glia_exchange *x = e->exchange;
  const size_t bytes = e->p->state_bytes, at = glia_round_up_(bytes), sums = most_sums(e);
  const size_t all = at + sums * (size_t)(1 + x->node_size * e->threads);
  void *memory = NULL;

  if (x->share == NULL || x->node_size < 2 || bytes == 0 || e->states != NULL) return GLIA_OK;
  GLIA_CHECK(e->pipe == NULL, GLIA_E_UNSUPPORTED, "stages keep states of their own");
  for (int i = 0; i < e->p->n_entries; i++)
    GLIA_CHECK(e->p->entry[i].shares_states, GLIA_E_UNSUPPORTED,
               "entry point %s: something is computed together with a state and needed by all",
               e->p->entry[i].entry->name);
  GLIA_TRY(x->share(x->self, all, &memory));
  if (x->node_rank == 0) memcpy(memory, e->state, bytes);
  give_back(e->state, bytes);
  e->state = e->states = memory;
  e->states_bytes = all;
  share_sums(e, e->state + at, sums);
  return x->meet(x->self);
}

bool glia_engine_shares(const struct glia_engine *e) { return e->states != NULL; }

void glia_engine_unshare_(struct glia_engine *e)
{
  if (e->states != NULL) e->exchange->unshare(e->exchange->self, &e->states, e->states_bytes);
}
