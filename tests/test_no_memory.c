/* Memory that runs out while a program is compiled: each allocation fails once, is told, and nothing is left behind. */
#include "glia_kernels.h"
#include "nn_rig.h"
#include "tap.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* The sanitizer's allocator cannot be replaced, and no other libc than glibc lets us hand on to its own. */
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)
#define FAILS 1

/* Of one thread, between arm() and disarm(): blocks held, calls, and the call that fails (0: none). */
static _Thread_local bool armed;
static _Thread_local long long held, calls, failing;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

static bool refuse(void) { return armed && ++calls == failing; }

static void *count(void *p)
{
  held += armed && p != NULL;
  if (p == NULL) errno = ENOMEM;
  return p;
}

void *malloc(size_t size) { return count(refuse() ? NULL : __libc_malloc(size)); }

void *calloc(size_t n, size_t size) { return count(refuse() ? NULL : __libc_calloc(n, size)); }

void *realloc(void *p, size_t size)
{
  if (p == NULL) return malloc(size);
  void *q = refuse() ? NULL : __libc_realloc(p, size);
  if (q == NULL) errno = ENOMEM;
  return q;
}

void *aligned_alloc(size_t alignment, size_t size)
{
  return count(refuse() ? NULL : __libc_memalign(alignment, size));
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
  void *p = count(refuse() ? NULL : __libc_memalign(alignment, size));

  if (p == NULL) return ENOMEM;
  *out = p;
  return 0;
}

void free(void *p)
{
  held -= armed && p != NULL;
  __libc_free(p);
}
#else
#define FAILS 0
static bool armed;
static long long held, calls, failing;
#endif

static void arm(long long call)
{
  held = calls = 0;
  failing = call;
  armed = true;
}

static void disarm(void) { armed = false; }

#define BLOCK                                                                                      \
  "{residual: [{conv: {channels: 2, kernel: 3, padding: same}}, batch_norm, relu]}, relu, "
static const char yaml[] =
    "model: [" BLOCK BLOCK
    "global_avg_pool, flatten, {linear: 5}, gelu, {dropout: 0.3}, {linear: 3}]\n"
    "loss: cross_entropy\noptimizer: {adam: {lr: 0.01}}\nclip_norm: 0.5\n";

/* Compile it again and again, each time without another allocation, within so many bytes (0: as many as it takes): each of the first 256,
 * ever fewer of those that come after, which are the same at other sizes. */
static void allocations_fail(const struct rig *r, size_t bytes)
{
  long long refused = 0;
  bool untold = false;
  glia_status st = GLIA_E_MEMORY;

  for (long long call = 1; st == GLIA_E_MEMORY || untold; call += 1 + call / 256) {
    struct glia_program *p = NULL;
    untold = false;
    arm(call);
    st = bytes > 0 ? glia_model_compile_within(r->m, r->kernels, GLIA_BUCKET_BYTES, bytes, &p)
                   : glia_program_compile(r->g, r->kernels, &p);
    const bool ran_out = calls >= call;
    struct glia_program_info info = {0};
    if (st == GLIA_OK && glia_program_info(p, "train", &info)) untold = isnan(info.extra_work);
    if (st == GLIA_OK) glia_program_destroy(&p);
    disarm();
    if (st != GLIA_OK && st != GLIA_E_MEMORY) tap_note("call %lld: %s", call, glia_trace());
    glia_trace_clear();
    CU_ASSERT_EQUAL(held, 0);
    CU_ASSERT_PTR_NULL(p);
    /* the work that it costs alone may stay unknown */
    CU_ASSERT_FATAL(st == (ran_out && !untold ? GLIA_E_MEMORY : GLIA_OK));
    refused += ran_out;
  }
  tap_note("%lld allocations refused", refused);
  CU_ASSERT(refused > 100);
}

static struct rig images(void)
{
  struct rig r = {.n_fields = 2, .micro_batch = 4, .kernels = glia_kernels_default()};

  r.field[0] = rig_field("x", GLIA_F32, 3, (int64_t[]){2, 8, 8});
  r.field[1] = rig_field("y", GLIA_U8, 0, NULL);
  r.field[1].n_labels = 3;
  return r;
}

static void a_program_that_memory_does_not_hold_is_refused_and_leaves_nothing(void)
{
  if (!FAILS) TAP_SKIP("needs an allocator that the test can replace");
  struct rig r = images();
  CU_ASSERT_EQUAL_FATAL(rig_build(&r, yaml), GLIA_OK);
  allocations_fail(&r, 0);
  rig_end(&r);
}

static void nor_does_one_within_a_budget(void)
{
  if (!FAILS) TAP_SKIP("needs an allocator that the test can replace");
  struct rig r = images();
  CU_ASSERT_EQUAL_FATAL(rig_build(&r, yaml), GLIA_OK);
  struct glia_program_info info = {0};
  CU_ASSERT_EQUAL_FATAL(glia_program_compile(r.g, r.kernels, &r.p), GLIA_OK);
  CU_ASSERT_FATAL(glia_program_info(r.p, "train", &info));
  allocations_fail(&r, info.micro_bytes * 19 / 20);
  rig_end(&r);
}

TAP_MAIN("no_memory", TAP(a_program_that_memory_does_not_hold_is_refused_and_leaves_nothing),
         TAP(nor_does_one_within_a_budget))
