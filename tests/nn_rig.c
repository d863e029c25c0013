/* See nn_rig.h. */
#include "nn_rig.h"

#include <math.h>
#include <string.h>

struct glia_model_field rig_field(const char *name, glia_dtype dtype, int rank, const int64_t *dim)
{
  return (struct glia_model_field){name, glia_type_make(dtype, rank, dim), 1.0, 0.0, 0};
}

glia_status rig_build(struct rig *r, const char *yaml)
{
  r->fail_at = -1;
  GLIA_TRY(glia_yaml_parse_text("run.yaml", yaml, strlen(yaml), &r->doc));
  GLIA_TRY(glia_model_build(glia_yaml_root(r->doc), r->n_fields, r->field, r->micro_batch, &r->m));
  glia_yaml_destroy(&r->doc); /* a model keeps nothing of it */
  r->g = glia_model_graph(r->m);
  return GLIA_OK;
}

glia_status rig_start(struct rig *r, const char *yaml, uint64_t seed, int threads)
{
  const struct glia_state *state;
  const int64_t seed_in = (int64_t)seed;

  GLIA_TRY(rig_build(r, yaml));
  GLIA_TRY(r->bytes > 0
               ? glia_model_compile_within(r->m, r->kernels, GLIA_BUCKET_BYTES, r->bytes, &r->p)
               : glia_program_compile(r->g, r->kernels, &r->p));
  GLIA_TRY(glia_program_verify(r->p));
  GLIA_TRY(glia_engine_create(r->p, threads, r->exchange,
                              (r->n_rows + r->micro_batch - 1) / r->micro_batch, &r->e));
  const glia_status shared = glia_engine_share(r->e);
  if (shared == GLIA_E_UNSUPPORTED)
    glia_trace_clear(); /* such a model has states on every rank */
  else
    GLIA_TRY(shared);
  const int n = glia_graph_states(r->g, &state);
  for (int i = 0; i < n; i++) glia_model_initialize(r->m, seed, i, glia_engine_state(r->e, i));
  return glia_engine_set(r->e, "seed", &seed_in);
}

static glia_status fill(void *self, int64_t index, int worker, void *const *data)
{
  const struct rig *r = self;
  const struct glia_input *in;
  const int n = glia_graph_inputs(r->g, &in);
  const int64_t first = index * r->micro_batch;

  (void)worker;
  GLIA_CHECK(index != r->fail_at, GLIA_E_IO, "micro-batch %lld cannot be read", (long long)index);
  for (int i = 0; i < n; i++) {
    if (data[i] == NULL) continue;
    memset(data[i], 0, glia_type_bytes(&in[i].type));
    for (int64_t b = 0; b < r->micro_batch && first + b < r->n_rows; b++) {
      if (strcmp(in[i].name, "weight") == 0)
        ((float *)data[i])[b] = r->weight != NULL ? r->weight[first + b] : 1.0f;
      if (strcmp(in[i].name, "position") == 0) ((int64_t *)data[i])[b] = first + b;
      for (int f = 0; f < r->n_fields; f++) {
        const size_t bytes = glia_type_bytes(&r->field[f].row);
        if (strcmp(in[i].name, r->field[f].name) == 0)
          memcpy((char *)data[i] + (size_t)b * bytes,
                 (const char *)r->data[f] + (size_t)(first + b) * bytes, bytes);
      }
    }
  }
  return GLIA_OK;
}

static glia_status take(void *self, int64_t index, int worker, const void *const *data)
{
  const struct rig *r = self;
  struct glia_entry *const *entry;
  const int n = glia_graph_entries(r->g, &entry);

  (void)worker;
  for (int i = 0; i < n && r->taken != NULL && data[0] != NULL; i++)
    if (strcmp(entry[i]->name, "predict") == 0) {
      const size_t bytes = glia_type_bytes(&glia_graph_node(r->g, entry[i]->output[0].value)->type);
      memcpy((char *)r->taken + (size_t)index * bytes, data[0], bytes);
    }
  return GLIA_OK;
}

glia_status rig_step(struct rig *r, const char *entry, double rate, int64_t step)
{
  const struct glia_feed feed = {r, fill, strcmp(entry, "predict") == 0 ? take : NULL};

  GLIA_TRY(glia_engine_set(r->e, "rate", &rate));
  GLIA_TRY(glia_engine_set(r->e, "step", &step));
  return glia_engine_step(r->e, entry, (r->n_rows + r->micro_batch - 1) / r->micro_batch, &feed);
}

void *rig_state(struct rig *r, const char *path, int64_t *n)
{
  const struct glia_state *state;
  const int n_states = glia_graph_states(r->g, &state);

  for (int i = 0; i < n_states; i++)
    if (strcmp(state[i].path, path) == 0) {
      if (n != NULL) *n = glia_type_count(&state[i].type);
      return glia_engine_state(r->e, i);
    }
  return NULL;
}

double rig_output(struct rig *r, const char *entry, const char *name)
{
  const double *v = glia_engine_output(r->e, entry, name);

  return v != NULL ? *v : (double)NAN;
}

void rig_end(struct rig *r)
{
  glia_engine_destroy(&r->e);
  glia_program_destroy(&r->p);
  glia_model_destroy(&r->m);
  glia_yaml_destroy(&r->doc);
}
