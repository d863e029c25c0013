/* A training step allocates nothing: malloc and its kin are counted over twenty steps, in all threads. */
#include "glia_control.h"
#include "glia_engine.h"
#include "glia_kernels.h"
#include "glia_ops.h"
#include "glia_pipeline.h"
#include "tap.h"
#include "train_rig.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* The sanitizer's allocator cannot be replaced, and no other libc than glibc lets us hand on to its own. */
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
#define COUNTS 1

static atomic_llong n_calls;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

void *malloc(size_t size)
{
  atomic_fetch_add(&n_calls, 1);
  return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
  atomic_fetch_add(&n_calls, 1);
  return __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
  atomic_fetch_add(&n_calls, 1);
  return __libc_realloc(p, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
  atomic_fetch_add(&n_calls, 1);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
  atomic_fetch_add(&n_calls, 1);
  *out = __libc_memalign(alignment, size);
  return *out != NULL ? 0 : ENOMEM;
}
#else
#define COUNTS 0
static long long n_calls;
#endif

enum {
  WARM = 5,
  COUNTED = 20
}; /* four steps an epoch: several epochs begin and end among those counted */

struct watch {
  long long before, during;
};

static glia_status after_step(void *self, const struct glia_step_info *info, glia_action *action)
{
  struct watch *w = self;

  (void)action;
  if (info->step == WARM) w->before = n_calls;
  if (info->step == WARM + COUNTED) w->during = n_calls - w->before;
  return GLIA_OK;
}

static void count(const char *yaml)
{
  if (!COUNTS) TAP_SKIP("allocations cannot be counted in this build");
  for (int threads = 1; threads <= 2; threads++) {
    struct watch w = {.during = -1};
    const struct glia_observer observer = {.self = &w, .step = after_step};
    struct train_rig r;
    const long long begin = n_calls;
    train_rig_start(&r, yaml, "memory", threads, NULL);
    CU_ASSERT(n_calls > begin + 10); /* else nothing is counted at all */
    CU_ASSERT_EQUAL(train_rig_train(&r, NULL, &observer, NULL, 0, WARM + COUNTED), GLIA_OK);
    CU_ASSERT_EQUAL(w.during, 0);
    tap_note("%lld allocations in %d steps on %d threads, %lld before", w.during, COUNTED, threads,
             w.before - begin);
    train_rig_end(&r);
  }
}

static void a_step_of_a_small_network_allocates_nothing(void)
{
  count("data: {file: none, batch: 56, micro_batch: 8}\n"
        "model: [{linear: 7}, tanh, {dropout: 0.2}, layer_norm, {linear: 2}]\n"
        "loss: cross_entropy\n"
        "optimizer: {adam: {lr: 1e-2}}\n"
        "lr_schedule: {cosine: {warmup: 3}}\n"
        "clip_norm: 1\n");
}

/* Products large enough for a BLAS to ask for room. */
static void a_step_of_a_wide_network_allocates_nothing(void)
{
  count("data: {file: none, batch: 64, micro_batch: 32}\n"
        "model: [{linear: 256}, relu, {linear: 256}, relu, {linear: 2}]\n"
        "loss: cross_entropy\n"
        "optimizer: {sgd: {lr: 1e-2, momentum: 0.9}}\n");
}

static glia_status fill(void *self, int64_t index, int worker, void *const *data)
{
  (void)self;
  (void)worker;
  for (int i = 0; i < 12; i++) ((double *)data[0])[i] = 0.01 * (double)(index + i);
  return GLIA_OK;
}

/* The gradient of a loop around a fixed point, coupled over the batch: two phases, and a third for the state. */
static struct glia_graph *loops(void)
{
  struct glia_graph *g = NULL;
  glia_value z, last, dw;

  CU_ASSERT_FATAL(glia_graph_new(&g) == GLIA_OK);
  const glia_value xs = glia_input(g, "x", GLIA_PER_MICRO_BATCH,
                                   glia_type_make(GLIA_F64, 2, (int64_t[]){4, 3})),
                   w = glia_state(g, "w", glia_type_make(GLIA_F64, 1, (int64_t[]){3}));
  struct glia_body *outer = glia_body_begin(g);
  struct glia_graph *in = glia_body_graph(outer);
  const glia_value h =
      glia_body_carry(outer, glia_full(g, glia_type_make(GLIA_F64, 1, (int64_t[]){3}), 0.1));
  const glia_value x = glia_add(in, h, glia_body_each(outer, xs));
  struct glia_body *inner = glia_body_begin(in);
  struct glia_graph *deep = glia_body_graph(inner);
  const glia_value c = glia_body_carry(inner, x);
  const glia_value half = glia_mul(deep, glia_tanh(deep, c), glia_constant(deep, 0.4));
  glia_body_next(inner, c, glia_add(deep, half, glia_body_capture(inner, x)));
  glia_fixed_point(in, &inner, 50, 1e-10, &z);
  glia_body_next(outer, h, glia_tanh(in, glia_mul(in, z, glia_body_capture(outer, w))));
  glia_scan(g, &outer, NULL, &last, NULL);
  const glia_value mean = glia_batch_sum(g, last);
  const glia_value e = glia_sub(g, last, glia_mul(g, mean, glia_constant(g, 0.2)));
  glia_grad(g, glia_reduce_sum(g, glia_mul(g, e, e), -1, NULL, false), 1, &w, &dw);
  const glia_value step = glia_mul(g, glia_batch_sum(g, dw), glia_constant(g, -0.1));
  glia_entry_write(g, glia_graph_entry(g, "train"), w, glia_add(g, w, step));
  return g;
}

static void loops_and_phases_allocate_nothing(void)
{
  if (!COUNTS) TAP_SKIP("allocations cannot be counted in this build");
  const struct glia_feed feed = {.fill = fill};
  struct glia_graph *g = loops();
  struct glia_program *p = NULL;
  struct glia_program_info info = {0};
  CU_ASSERT_FATAL(glia_program_compile(g, NULL, &p) == GLIA_OK);
  CU_ASSERT(glia_program_info(p, "train", &info) && info.phases == 3);
  for (int threads = 1; threads <= 2; threads++) {
    struct glia_engine *e = NULL;
    CU_ASSERT_FATAL(glia_engine_create(p, threads, NULL, 5, &e) == GLIA_OK);
    double *w = glia_engine_state(e, 0);
    w[0] = w[1] = w[2] = 0.5;
    CU_ASSERT(glia_engine_step(e, "train", 5, &feed) == GLIA_OK); /* threads wake up */
    const long long before = n_calls;
    for (int s = 0; s < COUNTED; s++) CU_ASSERT(glia_engine_step(e, "train", 5, &feed) == GLIA_OK);
    CU_ASSERT(n_calls == before);
    CU_ASSERT(w[0] != 0.5);
    glia_engine_destroy(&e);
  }
  glia_program_destroy(&p);
  glia_graph_destroy(&g);
}

/* One rank of a pipeline, a thread; the first one counts. */
struct member {
  struct train_rig *rig;
  struct glia_model_cut cut;
  struct glia_schedule *schedule;
  struct glia_messenger *messenger;
  struct glia_stage *stage;
  struct glia_program *program;
  struct glia_engine *engine;
  struct watch watch;
  glia_status status;
};

static glia_status make_member(struct member *m, int kind, int rank)
{
  const struct glia_cut cut = {.ranks = 2,
                               .chunks = 1,
                               .stage_of = glia_model_stage_of,
                               .self = &m->cut,
                               .loss = glia_model_loss_sum(m->rig->model),
                               .split = glia_schedule_splits(kind),
                               .parts = glia_model_modules(m->rig->model),
                               .part_of = glia_model_part_of};
  double cost[64];

  for (int i = 0; i < 64; i++) cost[i] = i < glia_model_layers(m->rig->model) ? 1.0 : 0.0;
  GLIA_TRY(glia_model_cut_balanced(m->rig->model, cost, 2, &m->cut));
  GLIA_TRY(glia_schedule_make(kind, 2, 1, 7, &m->schedule));
  GLIA_TRY(glia_stage_cut(glia_model_graph(m->rig->model), &cut, rank, &m->stage));
  GLIA_TRY(glia_schedule_bind(m->schedule, m->stage));
  GLIA_TRY(glia_stage_compile(m->stage, glia_kernels_default(), 4096, &m->program));
  const struct glia_pipeline how = {m->stage, m->messenger, m->schedule};
  return glia_engine_create_pipeline(m->program, 1, NULL, 7, &how, &m->engine);
}

static void *run_member(void *self)
{
  struct member *m = self;
  const struct glia_observer observer = {.self = &m->watch, .step = after_step};
  struct glia_train_config config = m->rig->config;
  struct glia_train_result result;

  config.max_steps = 2 * WARM + COUNTED; /* local learning tells of a step some steps later */
  config.epochs = -1;
  const struct glia_train_job job = {.config = &config,
                                     .model = m->rig->model,
                                     .engine = m->engine,
                                     .source = m->rig->source,
                                     .observer = &observer};
  m->status = glia_train(&job, &result);
  return NULL;
}

static void count_pipeline(const char *yaml, int kind)
{
  struct train_rig rig;
  struct glia_messenger messenger[2];
  struct member m[2];
  pthread_t thread[2];

  train_rig_start(&rig, yaml, "memory", 1, NULL);
  CU_ASSERT_EQUAL_FATAL(glia_messenger_loopback(2, messenger), GLIA_OK);
  for (int r = 0; r < 2; r++) {
    m[r] = (struct member){.rig = &rig, .messenger = &messenger[r], .watch.during = -1};
    CU_ASSERT_EQUAL_FATAL(make_member(&m[r], kind, r), GLIA_OK);
  }
  for (int r = 0; r < 2; r++) pthread_create(&thread[r], NULL, run_member, &m[r]);
  for (int r = 0; r < 2; r++) pthread_join(thread[r], NULL);
  for (int r = 0; r < 2; r++) CU_ASSERT_EQUAL(m[r].status, GLIA_OK);
  CU_ASSERT_EQUAL(m[0].watch.during, 0);
  tap_note("%s: %lld allocations in %d steps of two ranks", m[0].schedule->name, m[0].watch.during,
           COUNTED);
  for (int r = 0; r < 2; r++) {
    glia_engine_destroy(&m[r].engine);
    glia_program_destroy(&m[r].program);
    glia_stage_destroy(&m[r].stage);
    glia_schedule_destroy(&m[r].schedule);
  }
  glia_messenger_loopback_destroy(2, messenger);
  train_rig_end(&rig);
}

static void a_step_of_a_pipeline_allocates_nothing(void)
{
  if (!COUNTS) TAP_SKIP("allocations cannot be counted in this build");
#define DEEP                                                                                       \
  "data: {file: none, batch: 56, micro_batch: 8}\n"                                                \
  "model: [{linear: 7}, batch_norm, tanh, {linear: 7}, tanh, {linear: 7}, tanh, {linear: 2}]\n"    \
  "loss: cross_entropy\noptimizer: {adam: {lr: 1e-2}}\n"
  for (int kind = 0; glia_schedule_names()[kind] != NULL; kind++)
    if (!glia_schedule_interleaves(kind))
      count_pipeline(
          glia_schedule_is_local(kind) ? DEEP "local: {depth: 1}\n" : DEEP "clip_norm: 1\n", kind);
}

TAP_MAIN("no_alloc", TAP(a_step_of_a_pipeline_allocates_nothing),
         TAP(loops_and_phases_allocate_nothing), TAP(a_step_of_a_small_network_allocates_nothing),
         TAP(a_step_of_a_wide_network_allocates_nothing))
