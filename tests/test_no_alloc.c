/* A training step allocates nothing: malloc and its kin are counted over twenty steps, in all threads. */
#include "tap.h"
#include "train_rig.h"

#include <errno.h>
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

TAP_MAIN("no_alloc", TAP(a_step_of_a_small_network_allocates_nothing),
         TAP(a_step_of_a_wide_network_allocates_nothing))
