/* First stage of compiling: what is alive, and in which region it runs. */
#include "program_priv.h"

static glia_status mark_alive(const struct compiler *k, bool *alive)
{
  const struct glia_entry *e = k->c->entry;

  for (int i = 0; i < e->n_writes; i++) alive[e->write[i].value] = true;
  for (int i = 0; i < e->n_outputs; i++) alive[e->output[i].value] = true;
  for (int32_t v = k->n - 1; v >= 0; v--) {
    const struct glia_node *n = k->g->node[v];
    struct loop_live live = {0};
    if (!alive[v]) continue;
    if (glia_is_loop_(n) && !glia_loop_live_(&k->p->arena, k->g, n, &alive[result_of(n, 0)], &live))
      return GLIA_FAIL(GLIA_E_MEMORY, "compiling %d nodes", k->n);
    for (int i = 0; i < n->n_in; i++)
      if (live.operand == NULL || live.operand[i]) alive[n->in[i]] = true;
  }
  return GLIA_OK;
}

/* The phase of a value is the number of batch_sums on its longest way from the leaves: a micro-batch value of phase p reads totals
 * of p exchanges. What a total alone leads to runs at the end of the phase that sums it. */
static glia_status find_phases(struct compiler *k, const bool *alive, const bool *micro)
{
  int phases = 1;

  for (int32_t v = 0; v < k->n; v++) { /* first: totals needed */
    const struct glia_node *n = k->g->node[v];
    if (!alive[v]) continue;
    for (int i = 0; i < n->n_in; i++)
      if (k->phase[n->in[i]] > k->phase[v]) k->phase[v] = k->phase[n->in[i]];
    k->phase[v] += n->op == &glia_op_batch_sum_;
    if (k->phase[v] + micro[v] > phases) phases = k->phase[v] + micro[v];
  }
  for (int32_t v = 0; v < k->n; v++)
    if (!micro[v] && k->phase[v] > 0) k->phase[v]--;
  k->c->phases = phases;
  k->c->buckets_end = glia_arena_take(&k->p->arena, (size_t)phases, sizeof *k->c->buckets_end);
  bool ok = k->c->buckets_end != NULL;
  for (int r = 0; r < REGIONS; r++) {
    k->c->end[r] = glia_arena_take(&k->p->arena, (size_t)phases, sizeof *k->c->end[r]);
    ok = ok && k->c->end[r] != NULL;
  }
  GLIA_CHECK(ok, GLIA_E_MEMORY, "%d phases", phases);
  return GLIA_OK;
}

glia_status glia_compile_regions_(struct compiler *k)
{
  const struct glia_graph *g = k->g;
  const size_t n = (size_t)k->n + 1;
  bool *alive = glia_arena_take(&k->p->arena, n, sizeof *alive);
  bool *leaf =
      glia_arena_take(&k->p->arena, n, sizeof *leaf); /* depends on anything that changes */
  bool *micro = glia_arena_take(&k->p->arena, n, sizeof *micro); /* on a micro-batch input */
  bool *sum = glia_arena_take(&k->p->arena, n, sizeof *sum);     /* on a batch_sum */
  bool *early =
      glia_arena_take(&k->p->arena, n, sizeof *early); /* needed by the micro-batch region */

  GLIA_CHECK(alive != NULL && leaf != NULL && micro != NULL && sum != NULL && early != NULL,
             GLIA_E_MEMORY, "compiling %d nodes", k->n);
  GLIA_TRY(mark_alive(k, alive));
  for (int32_t v = 0; v < k->n; v++) {
    const struct glia_node *node = g->node[v];
    k->root[v] = node->op->view ? k->root[node->in[0]] : v;
    k->region[v] = REGION_DEAD;
    if (!alive[v]) continue;
    k->c->nodes++;
    for (int i = 0; i < node->n_in; i++) {
      leaf[v] |= leaf[node->in[i]];
      micro[v] |= micro[node->in[i]];
      sum[v] |= sum[node->in[i]];
    }
    if (node->op == &glia_op_input_) {
      leaf[v] = true;
      micro[v] = g->input[node->attr.i[0]].per == GLIA_PER_MICRO_BATCH;
    } else if (node->op == &glia_op_state_) {
      leaf[v] = true;
    } else if (node->op == &glia_op_batch_sum_) {
      leaf[v] = sum[v] = true;
      micro[v] = false;
      early[node->in[0]] = true;
    }
  }
  GLIA_TRY(find_phases(k, alive, micro));
  for (int32_t v = k->n - 1; v >= 0; v--) {
    const struct glia_node *node = g->node[v];
    if (!alive[v]) continue;
    k->region[v] = micro[v]              ? REGION_MICRO
                   : k->body != NULL     ? REGION_PROLOGUE /* once per loop */
                   : !leaf[v]            ? REGION_CONSTANT
                   : sum[v] || !early[v] ? REGION_EPILOGUE
                                         : REGION_PROLOGUE;
    if (node->op != &glia_op_batch_sum_ && (k->region[v] == REGION_MICRO || early[v]))
      for (int i = 0; i < node->n_in; i++) early[node->in[i]] = true;
  }
  const struct glia_entry *e = k->c->entry;
  for (int i = 0; i < e->n_writes; i++)
    GLIA_CHECK(!micro[e->write[i].value], GLIA_E_SHAPE,
               "entry point %s writes %s from a micro-batch value: reduce it by batch_sum", e->name,
               g->state[e->write[i].state].path);
  return GLIA_OK;
}
