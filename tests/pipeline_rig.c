/* See pipeline_rig.h. */
#include "pipeline_rig.h"

#include "glia_kernels.h"
#include "tap.h"

#include <stdio.h>
#include <string.h>

void pipeline_rig_cut_evenly(const struct glia_model *model, int stages, struct glia_model_cut *out)
{
  double cost[64];

  for (int i = 0; i < 64; i++) cost[i] = i < glia_model_layers(model) ? 1.0 : 0.0;
  CU_ASSERT_EQUAL_FATAL(glia_model_cut_balanced(model, cost, stages, out), GLIA_OK);
}

void pipeline_rig_cut(struct train_rig *alone, struct member *m, struct glia_messenger *messenger,
                      const struct glia_model_cut *cut, int kind, int ranks, int chunks,
                      int micro_batches)
{
  CU_ASSERT_EQUAL_FATAL(glia_messenger_loopback(ranks, messenger), GLIA_OK);
  for (int r = 0; r < ranks; r++) {
    m[r] = (struct member){.rig = alone,
                           .messenger = &messenger[r],
                           .rank = r,
                           .cut = {.ranks = ranks,
                                   .chunks = chunks,
                                   .stage_of = glia_model_stage_of,
                                   .self = cut,
                                   .loss = glia_model_loss_sum(alone->model),
                                   .split = glia_schedule_splits(kind),
                                   .parts = glia_model_modules(alone->model),
                                   .part_of = glia_model_part_of}};
    CU_ASSERT_EQUAL_FATAL(glia_schedule_make(kind, ranks, chunks, micro_batches, &m[r].schedule),
                          GLIA_OK);
    glia_status st = glia_stage_cut(glia_model_graph(alone->model), &m[r].cut, r, &m[r].stage);
    if (st == GLIA_OK) st = glia_schedule_bind(m[r].schedule, m[r].stage);
    if (st != GLIA_OK) tap_note("%s", glia_trace());
    CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
  }
}

/* In the fewest twentieths of what it takes that will do. */
static glia_status compile_tight(struct member *m)
{
  struct glia_program_info info = {0};
  glia_status st = glia_stage_compile(m->stage, glia_kernels_default(), 4096, &m->program);

  for (int part = 10; st == GLIA_OK && part < 20; part++) {
    struct glia_program *p = NULL;
    glia_program_info(m->program, "train", &info);
    const struct glia_budget budget =
        glia_model_budget(m->rig->model, info.micro_bytes * (size_t)part / 20);
    st = glia_stage_compile_within(m->stage, glia_kernels_default(), 4096, &budget, &p);
    if (st == GLIA_E_CONFIG) { /* too little for this stage */
      glia_trace_clear();
      st = GLIA_OK;
      continue;
    }
    if (st != GLIA_OK) break;
    glia_program_destroy(&m->program);
    m->program = p;
    break;
  }
  return st;
}

static glia_status build(struct member *m)
{
  const struct glia_graph *whole = glia_model_graph(m->rig->model);
  const struct glia_pipeline how = {m->stage, m->messenger, m->schedule};
  const struct glia_state *state;
  const int n = glia_graph_states(whole, &state);

  GLIA_TRY(m->tight ? compile_tight(m)
                    : glia_stage_compile(m->stage, glia_kernels_default(), 4096, &m->program));
  GLIA_TRY(glia_program_verify(m->program));
  GLIA_TRY(glia_engine_create_pipeline(m->program, 1, NULL, 16, &how, &m->engine));
  for (int i = 0; i < n; i++) {
    const int own = glia_stage_state(m->stage, i);
    if (own >= 0)
      glia_model_initialize(m->rig->model, m->rig->config.seed, i,
                            glia_engine_state(m->engine, own));
  }
  return GLIA_OK;
}

void pipeline_rig_build(struct member *m, int ranks)
{
  for (int r = 0; r < ranks; r++) {
    const glia_status st = build(&m[r]);
    if (st != GLIA_OK) tap_note("%s", glia_trace());
    CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
  }
}

struct job {
  struct member *m;
  glia_status (*run)(struct member *m);
};

static void *job_main(void *arg)
{
  const struct job *j = arg;

  j->m->status = j->run(j->m);
  if (j->m->status != GLIA_OK) snprintf(j->m->trace, sizeof j->m->trace, "%s", glia_trace());
  return NULL;
}

void pipeline_rig_go(struct member *m, int ranks, glia_status (*run)(struct member *m))
{
  struct job job[PIPELINE_RIG_MOST];

  for (int r = 0; r < ranks; r++) {
    job[r] = (struct job){&m[r], run};
    pthread_create(&m[r].thread, NULL, job_main, &job[r]);
  }
  for (int r = 0; r < ranks; r++) pthread_join(m[r].thread, NULL);
}

void pipeline_rig_end(struct member *m, struct glia_messenger *messenger, int ranks)
{
  for (int r = 0; r < ranks; r++) {
    glia_engine_destroy(&m[r].engine);
    glia_program_destroy(&m[r].program);
    glia_stage_destroy(&m[r].stage);
    glia_schedule_destroy(&m[r].schedule);
  }
  glia_messenger_loopback_destroy(ranks, messenger);
}

glia_status pipeline_rig_fill(const struct member *m, int64_t index, void *const *data)
{
  const struct glia_input *in;
  const int n = glia_graph_inputs(glia_model_graph(m->rig->model), &in);

  for (int i = 0; i < n; i++) {
    if (data[i] == NULL) continue;
    memset(data[i], 0, glia_type_bytes(&in[i].type));
    for (int64_t k = 0; k < glia_type_count(&in[i].type) && in[i].type.dtype == GLIA_F32; k++)
      ((float *)data[i])[k] = strcmp(in[i].name, "weight") == 0 ? 1.0f : (float)(k + index);
  }
  return GLIA_OK;
}
