/* Between units and memory: which batch sums travel together, and what can run while they do.
 *
 * Sums are laid out in the order in which a micro-batch has finished with them, so that a bucket is one slice of the sums and can start
 * while the rest of the micro-batch still runs. The epilogue goes in the order of the buckets that it needs: a parameter is updated
 * as soon as its own gradient is there, unless clipping makes it wait for all. A function of graph and bucket size alone; a sum has the
 * same bits in any bucket.
 */
#include "program_priv.h"

#include <stdlib.h>

enum { AT_START = -1 };

struct sum {
  glia_value v;
  int32_t
      last; /* position of the micro-batch unit behind which it is final; AT_START; INT32_MAX: at the end of the phase */
  size_t bytes;
};

static struct forming *unit_of(const struct compiler *k, glia_value v)
{
  return &k->u[glia_unit_find_(k, k->unit[v])];
}

static bool runs_in_micro(const struct compiler *k, glia_value v)
{
  return k->region[v] == REGION_MICRO && k->unit[v] >= 0;
}

/* Position of the last unit of its own phase that makes or reads each micro-batch value: last [values]. */
static void find_last(const struct compiler *k, int32_t *last)
{
  const struct glia_entry *e = k->c->entry;

  for (int32_t v = 0; v < k->n; v++) last[v] = AT_START;
  for (int32_t v = 0; v < k->n; v++) {
    const struct glia_node *n = k->g->node[v];
    if (n->op->view || !runs_in_micro(k, v)) continue;
    const int32_t at = unit_of(k, v)->position;
    if (at > last[v]) last[v] = at;
    for (int i = 0; i < n->n_in; i++) {
      const glia_value s = glia_source_of_(k, n, i);
      if (k->phase[s] == k->phase[v] && glia_segment_(k, s) == glia_segment_(k, v) && at > last[s])
        last[s] = at;
    }
  }
  for (int i = 0; i < e->n_outputs; i++)
    if (k->region[e->output[i].value] == REGION_MICRO)
      last[k->root[e->output[i].value]] = INT32_MAX;
}

static int by_last(const void *a, const void *b)
{
  const struct sum *x = a, *y = b;

  if (x->last != y->last) return x->last < y->last ? -1 : 1;
  return x->v < y->v ? -1 : x->v > y->v;
}

static int by_bucket_last(const void *a, const void *b)
{
  const struct bucket_plan *x = a, *y = b;

  if (x->segment != y->segment) return x->segment < y->segment ? -1 : 1;
  if (x->last != y->last) return x->last < y->last ? -1 : 1;
  return x->first_sum < y->first_sum ? -1 : x->first_sum > y->first_sum;
}

/* Sums of one phase, segment and type, in the order in which they are final. */
static int list_sums(const struct compiler *k, int phase, int segment, glia_dtype dtype,
                     const int32_t *last, struct sum *out)
{
  int n = 0;

  for (int i = 0; i < k->n_sums; i++) {
    const glia_value v = k->sum[i];
    const struct glia_node *node = k->g->node[v];
    if (node->type.dtype != dtype || k->phase[v] != phase) continue;
    const glia_value r = k->root[node->in[0]];
    if (glia_segment_(k, r) != segment) continue;
    const bool here = runs_in_micro(k, r) && k->phase[r] == phase;
    out[n++] =
        (struct sum){v, here ? last[r] : AT_START, glia_round_up_(glia_type_bytes(&node->type))};
  }
  qsort(out, (size_t)n, sizeof *out, by_last);
  return n;
}

/* What a bucket that is not worth a message of its own holds at most, as a part of what travels together: biases before their weights. */
enum { SMALL_PART = 16 };

/* Buckets of one phase and segment, from *sum on; offsets are made when their order is known. What is small waits for the next sum, even
 * where the two are more than travels together: nothing that is large waits for what is small. */
static void fill_buckets(struct compiler *k, int phase, int segment, const int32_t *last,
                         struct sum *sum, int *n_sums)
{
  const glia_dtype dtype[] = {GLIA_F64, GLIA_F32};

  for (size_t d = 0; d < GLIA_COUNT(dtype); d++) {
    struct sum *s = sum + *n_sums;
    const int n = list_sums(k, phase, segment, dtype[d], last, s);
    struct bucket_plan *b = NULL;
    size_t bytes = 0;
    for (int i = 0; i < n; i++) {
      const bool full = bytes + s[i].bytes > k->p->bucket_bytes;
      if (b == NULL || (full && bytes > k->p->bucket_bytes / SMALL_PART)) {
        b = &k->c->bucket[k->c->n_buckets++];
        *b = (struct bucket_plan){.dtype = dtype[d], .first_sum = *n_sums + i, .segment = segment};
        bytes = 0;
      }
      bytes += s[i].bytes;
      b->n = (int64_t)(bytes / glia_dtype_size(dtype[d]));
      b->n_sums++;
      b->last = s[i].last;
    }
    *n_sums += n;
  }
}

/* A place in the sums for every batch_sum; needed [values]: 1 + its bucket. */
static void lay_out(struct compiler *k, const struct sum *sum, int32_t *needed)
{
  size_t offset = 0;

  for (int b = 0; b < k->c->n_buckets; b++) {
    struct bucket_plan *bucket = &k->c->bucket[b];
    bucket->offset = offset;
    for (int i = bucket->first_sum; i < bucket->first_sum + bucket->n_sums; i++) {
      const glia_value v = sum[i].v;
      const struct glia_node *from = k->g->node[k->g->node[v]->in[0]];
      k->place[v] = (struct place){BASE_TOTAL, offset};
      k->summand[v] = (struct place){BASE_SUMS, offset};
      needed[v] = b + 1;
      if (from->op == &glia_op_input_ && from->id == k->g->failed) k->c->failed_offset = offset;
      offset += sum[i].bytes;
    }
  }
  k->c->sums_bytes = offset;
}

/* Behind the sums: what the epilogue computes by blocks, so that ranks of a node have it in memory of all where they have the sums there. */
static glia_status lay_out_common(struct compiler *k)
{
  k->c->common = glia_arena_take(&k->p->arena, (size_t)k->n + 1, sizeof *k->c->common);
  GLIA_CHECK(k->c->common != NULL, GLIA_E_MEMORY, "buckets of %d values", k->n);
  for (int32_t v = 0; v < k->n && k->c->sums_bytes > 0; v++) {
    if (k->region[v] != REGION_EPILOGUE || !k->g->node[v]->op->by_block) continue;
    k->place[v] = (struct place){BASE_TOTAL, k->c->sums_bytes};
    k->c->common[k->c->n_common++] = k->c->sums_bytes;
    k->c->sums_bytes += glia_round_up_(glia_type_bytes(&k->g->node[v]->type));
  }
  return GLIA_OK;
}

/* Buckets that each unit of the epilogue waits for: those that it or a unit before it reads. */
static void find_needs(struct compiler *k, const int32_t *needed, int32_t n_alive)
{
  for (int32_t v = 0; v < k->n; v++) {
    const struct glia_node *n = k->g->node[v];
    if (k->region[v] != REGION_EPILOGUE || k->unit[v] < 0 || n->op->view) continue;
    struct forming *u = unit_of(k, v);
    for (int i = 0; i < n->n_in; i++) {
      const int32_t need = needed[glia_source_of_(k, n, i)];
      if (need > u->need) u->need = need;
    }
  }
  for (int32_t i = 0; i < n_alive; i++) {
    struct forming *u = &k->u[k->order[i]];
    for (int32_t d = 0; u->region == REGION_EPILOGUE && d < u->n_deps; d++) {
      const struct forming *dep = &k->u[glia_unit_find_(k, u->dep[d] / 2)];
      if (dep->region == REGION_EPILOGUE && dep->need > u->need) u->need = dep->need;
    }
  }
}

struct turn {
  int32_t unit, phase, need, position;
};

static int by_need(const void *a, const void *b)
{
  const struct turn *x = a, *y = b;

  if (x->phase != y->phase) return x->phase < y->phase ? -1 : 1;
  if (x->need != y->need) return x->need < y->need ? -1 : 1;
  return x->position < y->position ? -1 : x->position > y->position;
}

/* The epilogue anew, by need: a unit needs what those before it need, so that it still comes behind them. */
static void order_epilogue(struct compiler *k, int32_t n_alive, struct turn *turn)
{
  int32_t n = 0;

  for (int32_t i = 0; i < n_alive; i++) {
    const struct forming *u = &k->u[k->order[i]];
    if (u->region == REGION_EPILOGUE)
      turn[n++] = (struct turn){k->order[i], u->phase, u->need, u->position};
  }
  qsort(turn, (size_t)n, sizeof *turn, by_need);
  for (int32_t i = 0, at = 0; i < n_alive; i++) {
    if (k->u[k->order[i]].region != REGION_EPILOGUE) continue;
    k->u[turn[at].unit].position = at;
    k->order[i] = turn[at++].unit;
  }
}

glia_status glia_compile_buckets_(struct compiler *k)
{
  struct glia_arena *arena = &k->p->arena;
  const size_t n = (size_t)k->n + 1;
  int32_t *last = glia_arena_take(arena, n, sizeof *last);
  int32_t *needed = glia_arena_take(arena, n, sizeof *needed);
  struct turn *turn = glia_arena_take(arena, n, sizeof *turn);
  int32_t alive = 0;
  int n_sums = 0;

  k->sum = glia_arena_take(arena, n, sizeof *k->sum);
  GLIA_CHECK(last != NULL && needed != NULL && turn != NULL && k->sum != NULL, GLIA_E_MEMORY,
             "buckets of %d values", k->n);
  for (int32_t v = 0; v < k->n; v++) {
    k->place[v].base = BASE_COUNT;
    if (k->region[v] != REGION_DEAD && k->g->node[v]->op == &glia_op_batch_sum_)
      k->sum[k->n_sums++] = v;
  }
  for (int32_t u = 0; u < k->n_units; u++) alive += k->u[u].parent == u;
  const size_t most = (size_t)k->n_sums + 1;
  struct sum *sum = glia_arena_take(arena, most, sizeof *sum);
  k->c->bucket = glia_arena_take(arena, most, sizeof *k->c->bucket);
  GLIA_CHECK(sum != NULL && k->c->bucket != NULL, GLIA_E_MEMORY, "buckets of %d sums", k->n_sums);
  k->c->failed_offset = SIZE_MAX;
  find_last(k, last);
  for (int p = 0; p < k->c->phases; p++) {
    const int first = k->c->n_buckets;
    for (int s = 0; s < k->c->segments; s++) fill_buckets(k, p, s, last, sum, &n_sums);
    qsort(k->c->bucket + first, (size_t)(k->c->n_buckets - first), sizeof *k->c->bucket,
          by_bucket_last);
    k->c->buckets_end[p] = k->c->n_buckets;
  }
  lay_out(k, sum, needed);
  GLIA_TRY(lay_out_common(k));
  find_needs(k, needed, alive);
  order_epilogue(k, alive, turn);
  return GLIA_OK;
}
