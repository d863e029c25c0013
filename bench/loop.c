/* See loop.h. */
#include "loop.h"

#include "glia_kernels.h"

#include <string.h>

enum { FIELDS = 8 };

static glia_status build(struct loop *l, const char *yaml)
{
  const struct glia_source *s = l->source;
  struct glia_model_field field[FIELDS];
  const struct glia_state *state;

  GLIA_CHECK(s->n_fields <= FIELDS, GLIA_E_ARGUMENT, "%d fields", s->n_fields);
  for (int i = 0; i < s->n_fields; i++)
    field[i] = (struct glia_model_field){s->field[i].name, s->field[i].row, s->field[i].scale,
                                         s->field[i].offset, 0};
  GLIA_TRY(glia_yaml_parse_text("bench", yaml, strlen(yaml), &l->doc));
  GLIA_TRY(glia_train_config_read(glia_yaml_root(l->doc), &l->config));
  GLIA_TRY(glia_model_build(glia_yaml_root(l->doc), s->n_fields, field, l->config.micro_batch,
                            &l->model));
  GLIA_TRY(glia_program_compile(glia_model_graph(l->model), glia_kernels_default(), &l->program));
  GLIA_TRY(glia_engine_create(l->program, 1, NULL, 1, &l->engine));
  const int n = glia_graph_states(glia_model_graph(l->model), &state);
  for (int i = 0; i < n; i++)
    glia_model_initialize(l->model, 1, i, glia_engine_state(l->engine, i));
  return GLIA_OK;
}

glia_status loop_open(struct loop *l, const char *yaml, struct glia_source **source)
{
  *l = (struct loop){.source = *source};
  *source = NULL;
  return build(l, yaml);
}

glia_status loop_run(struct loop *l, const struct glia_observer *observer,
                     struct glia_train_result *out)
{
  const struct glia_train_job job = {.config = &l->config,
                                     .model = l->model,
                                     .engine = l->engine,
                                     .source = l->source,
                                     .observer = observer};

  return glia_train(&job, out);
}

void loop_close(struct loop *l)
{
  glia_engine_destroy(&l->engine);
  glia_program_destroy(&l->program);
  glia_model_destroy(&l->model);
  glia_source_close(&l->source);
  glia_yaml_destroy(&l->doc);
}
