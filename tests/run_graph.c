/* Values of a graph by a compiled program. */
#include "run_graph.h"

#include "glia_engine.h"
#include "ref/interpret.h"
#include "tap.h"

#include <stdio.h>
#include <string.h>

struct given {
  const struct glia_graph *g;
  void *const *input;
};

static glia_status fill(void *self, int64_t index, int worker, void *const *data)
{
  const struct given *from = self;
  const struct glia_input *in;
  const int n = glia_graph_inputs(from->g, &in);

  (void)index;
  (void)worker;
  for (int i = 0; i < n; i++)
    if (data[i] != NULL) memcpy(data[i], from->input[i], glia_type_bytes(&in[i].type));
  return GLIA_OK;
}

static glia_status step(struct glia_engine *e, const struct glia_graph *g, const char *entry,
                        void *const *input)
{
  struct given given = {g, input};
  const struct glia_feed feed = {.self = &given, .fill = fill};
  const struct glia_input *in;
  const int n = glia_graph_inputs(g, &in);
  int64_t micro_batches = 0;

  for (int i = 0; i < n; i++)
    if (in[i].per == GLIA_PER_STEP)
      GLIA_TRY(glia_engine_set(e, in[i].name, input[i]));
    else
      micro_batches = 1;
  return glia_engine_step(e, entry, micro_batches, &feed);
}

bool run_graph(struct glia_graph *g, const struct glia_kernels *kernels, void *const *input, int n,
               const glia_value *roots, void **out)
{
  return run_graph_on(1, g, kernels, input, n, roots, out);
}

bool run_graph_on(int workers, struct glia_graph *g, const struct glia_kernels *kernels,
                  void *const *input, int n, const glia_value *roots, void **out)
{
  struct glia_program *p = NULL;
  struct glia_engine *e = NULL;
  struct glia_entry *const *entries;
  char name[32];
  glia_status st = GLIA_OK;

  for (int i = 0; i < n; i++) out[i] = NULL;
  snprintf(name, sizeof name, "run%d", glia_graph_entries(g, &entries));
  struct glia_entry *entry = glia_graph_entry(g, name);
  for (int i = 0; i < n; i++) {
    char output[32];
    snprintf(output, sizeof output, "y%d", i);
    glia_entry_output(g, entry, output, roots[i]);
  }
  GLIA_TRY_TO(done, st, glia_program_compile(g, kernels, &p));
  GLIA_TRY_TO(done, st, glia_program_verify(p));
  GLIA_TRY_TO(done, st, glia_engine_create(p, workers, NULL, 1, &e));
  GLIA_TRY_TO(done, st, step(e, g, name, input));
  for (int i = 0; i < n; i++) {
    char output[32];
    snprintf(output, sizeof output, "y%d", i);
    const void *y = glia_engine_output(e, name, output);
    GLIA_CHECK_TO(done, st, y != NULL, GLIA_E_MISSING, "output %d", i);
    const struct glia_type *t = &glia_graph_node(g, roots[i])->type;
    out[i] = array_of(t);
    memcpy(out[i], y, glia_type_bytes(t));
  }
done:
  if (st != GLIA_OK) tap_note("%s", glia_trace());
  glia_engine_destroy(&e);
  glia_program_destroy(&p);
  return st == GLIA_OK;
}
