/* The exchange (of kind KIND, see local.am) gives the bits of the loopback, for any number of ranks and threads. */
#include "exchange_rig.h"
#include "glia_agree.h"
#include "glia_log.h"
#include "glia_mpi.h"

#include <fcntl.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { MAX_BUCKETS = 4 };

static int n_looks; /* calls of MPI that ask what came */

int MPI_Testall(int n, MPI_Request request[], int *done, MPI_Status status[])
{
  n_looks++;
  return PMPI_Testall(n, request, done, status);
}

int MPI_Testsome(int n, MPI_Request request[], int *n_done, int index[], MPI_Status status[])
{
  n_looks++;
  return PMPI_Testsome(n, request, n_done, index, status);
}

/* One bucket on the first `ranks` ranks, twice: with another total, then in place. */
static void try_one(struct work *w, struct glia_comm *c, int threads)
{
  struct glia_exchange *x = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, KIND, threads, MAX_BUCKETS, &x), GLIA_OK);
  for (int in_place = 0; in_place < 2; in_place++) {
    work_through(w, x, threads);
    CU_ASSERT_EQUAL(work_start(w, x, in_place), GLIA_OK);
    x->poll(x->self);
    CU_ASSERT_EQUAL(x->wait(x->self, &w->bucket), GLIA_OK);
    CU_ASSERT(work_is_right(w, in_place));
  }
  glia_exchange_mpi_destroy(&x);
}

static void try_all(glia_dtype dtype)
{
  static const int64_t vs[] = {1, 2, 3, 5, 8, 13, 64};
  static const int64_t ns[] = {1, 15, 16, 17, 1000, 100003};
  CU_ASSERT_EQUAL_FATAL(open_world(), GLIA_OK);
  const int size = glia_comm_size(world);
  const int ranks[] = {1, 2, 3, size};

  for (size_t r = 0; r < GLIA_COUNT(ranks); r++) {
    if (ranks[r] > size || (r < 3 && ranks[r] == size)) continue;
    struct glia_comm *c = first_ranks(ranks[r]);
    for (size_t i = 0; c != NULL && i < GLIA_COUNT(vs); i++)
      for (size_t k = 0; k < GLIA_COUNT(ns); k++) {
        struct work w;
        work_create(&w, 0, dtype, ns[k], vs[i]);
        for (int threads = 1; threads <= 2; threads++) try_one(&w, c, threads);
        work_destroy(&w);
      }
    glia_comm_destroy(&c);
    CU_ASSERT_EQUAL(glia_comm_barrier(world), GLIA_OK);
  }
}

static void float32_has_the_bits_of_the_loopback(void) { try_all(GLIA_F32); }
static void float64_has_the_bits_of_the_loopback(void) { try_all(GLIA_F64); }

/* Buckets of all kinds started together and waited for in another order, step after step, V changing: and after the
 * first round of each V no memory is asked for. */
static void buckets_fly_together_without_new_memory(void)
{
  static const int64_t ns[MAX_BUCKETS] = {30001, 7, 1024, 4100};
  static const int64_t vs[] = {13, 4, 13, 4, 1};
  struct glia_comm *c = first_ranks(MAX_RANKS);
  struct glia_exchange *x = NULL;
  int64_t allocations = 0;

  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, KIND, 2, MAX_BUCKETS, &x), GLIA_OK);
  for (int step = 0; step < 15; step++) {
    struct work w[MAX_BUCKETS];
    for (int b = 0; b < MAX_BUCKETS; b++) {
      work_create(&w[b], b, b % 2 == 0 ? GLIA_F32 : GLIA_F64, ns[b], vs[step % 5]);
      work_through(&w[b], x, 2);
    }
    for (int b = 0; b < MAX_BUCKETS; b++) CU_ASSERT_EQUAL(work_start(&w[b], x, b < 2), GLIA_OK);
    /* not in the same order on all ranks: a wait moves all buckets */
    for (int b = 0; b < MAX_BUCKETS; b++) {
      const int which = (b + glia_comm_rank(c)) % MAX_BUCKETS;
      CU_ASSERT_EQUAL(x->wait(x->self, &w[which].bucket), GLIA_OK);
    }
    for (int b = 0; b < MAX_BUCKETS; b++) {
      CU_ASSERT(work_is_right(&w[b], b < 2));
      work_destroy(&w[b]);
    }
    if (step == 4) allocations = glia_exchange_mpi_stat(x).allocations;
  }
  CU_ASSERT_EQUAL(glia_exchange_mpi_stat(x).allocations, allocations);
  CU_ASSERT_EQUAL(glia_exchange_mpi_stat(x).buckets, 15 * MAX_BUCKETS);
  glia_exchange_mpi_destroy(&x);
  glia_comm_destroy(&c);
}

static void reserved_memory_is_enough(void)
{
  struct glia_comm *c = first_ranks(MAX_RANKS);
  struct glia_exchange *x = NULL;
  struct work w;

  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, KIND, 1, 1, &x), GLIA_OK);
  work_create(&w, 0, GLIA_F64, 5000, 13);
  CU_ASSERT_EQUAL(glia_exchange_mpi_reserve(x, &w.bucket, 13), GLIA_OK);
  const int64_t allocations = glia_exchange_mpi_stat(x).allocations;
  CU_ASSERT(allocations > 0);
  work_through(&w, x, 1);
  CU_ASSERT_EQUAL(work_start(&w, x, true), GLIA_OK);
  CU_ASSERT_EQUAL(x->wait(x->self, &w.bucket), GLIA_OK);
  CU_ASSERT(work_is_right(&w, true));
  CU_ASSERT_EQUAL(glia_exchange_mpi_stat(x).allocations, allocations);
  work_destroy(&w);
  glia_exchange_mpi_destroy(&x);
  glia_comm_destroy(&c);
}

/* Only poll, never wait, until the sum is there: the polls alone must carry it, a little each. */
static void polls_alone_carry_a_sum(void)
{
  struct glia_comm *c = first_ranks(MAX_RANKS);
  struct glia_exchange *x = NULL;
  struct work w;

  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, KIND, 1, 1, &x), GLIA_OK);
  work_create(&w, 0, GLIA_F32, 100003, 8);
  work_through(&w, x, 1);
  CU_ASSERT_EQUAL(work_start(&w, x, false), GLIA_OK);
  const double from_s = glia_time_s();
  while (!work_is_right(&w, false) && glia_time_s() - from_s < 20.0) x->poll(x->self);
  CU_ASSERT(work_is_right(&w, false));
  CU_ASSERT_EQUAL(x->wait(x->self, &w.bucket), GLIA_OK);
  work_destroy(&w);
  glia_exchange_mpi_destroy(&x);
  glia_comm_destroy(&c);
}

/* A look costs calls of the system: one per poll, however many buckets are under way. */
static void a_poll_looks_once(void)
{
  struct glia_comm *c = first_ranks(MAX_RANKS);
  struct glia_exchange *x = NULL;
  struct work w[MAX_BUCKETS];

  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, GLIA_EXCHANGE_MESSAGES, 1, MAX_BUCKETS, &x),
                        GLIA_OK);
  for (int i = 0; i < MAX_BUCKETS; i++) {
    work_create(&w[i], i, GLIA_F32, 50000, 8);
    work_through(&w[i], x, 1);
    CU_ASSERT_EQUAL(work_start(&w[i], x, false), GLIA_OK);
  }
  n_looks = 0;
  for (int i = 0; i < 10; i++) x->poll(x->self);
  CU_ASSERT(n_looks <= 10);
  for (int i = 0; i < MAX_BUCKETS; i++) {
    CU_ASSERT_EQUAL(x->wait(x->self, &w[i].bucket), GLIA_OK);
    CU_ASSERT(work_is_right(&w[i], false));
    work_destroy(&w[i]);
  }
  glia_exchange_mpi_destroy(&x);
  glia_comm_destroy(&c);
}

/* Of two ranks each has what it needs after one way: it does not wait until the other has added. */
static void between_two_ranks_one_way_is_enough(void)
{
  struct glia_comm *c = first_ranks(2);
  struct glia_exchange *x = NULL;
  struct work w;

  if (c == NULL || glia_comm_size(c) < 2) {
    glia_comm_destroy(&c);
    return;
  }
  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, GLIA_EXCHANGE_MESSAGES, 1, 1, &x), GLIA_OK);
  work_create(&w, 0, GLIA_F32, 100003, 8);
  work_through(&w, x, 1);
  CU_ASSERT_EQUAL(work_start(&w, x, false), GLIA_OK);
  const double from_s = glia_time_s();
  while (x->rank == 1 && !x->test(x->self, &w.bucket) && glia_time_s() - from_s < 5.0)
    x->poll(x->self);
  if (x->rank == 1) CU_ASSERT(work_is_right(&w, false));
  CU_ASSERT_EQUAL(glia_comm_barrier(c), GLIA_OK); /* rank 0 moves messages here, and adds nothing */
  CU_ASSERT_EQUAL(x->wait(x->self, &w.bucket), GLIA_OK);
  CU_ASSERT(work_is_right(&w, false));
  work_destroy(&w);
  glia_exchange_mpi_destroy(&x);
  glia_comm_destroy(&c);
}

static void empty_buckets_and_empty_steps_are_fine(void)
{
  struct glia_comm *c = first_ranks(MAX_RANKS);
  struct glia_exchange *x = NULL;
  double total[600];

  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, KIND, 1, 2, &x), GLIA_OK);
  for (int64_t n = 0; n <= 600; n += 300) {
    const struct glia_bucket b = {.index = 1, .dtype = GLIA_F64, .n = n};
    memset(total, 0xff, sizeof total);
    CU_ASSERT_EQUAL(x->start(x->self, &b, 0, 0, NULL, total), GLIA_OK);
    CU_ASSERT_EQUAL(x->wait(x->self, &b), GLIA_OK);
    for (int64_t i = 0; i < n; i++) CU_ASSERT_EQUAL(total[i], 0.0);
  }
  glia_exchange_mpi_destroy(&x);
  glia_comm_destroy(&c);
}

static void misuse_is_refused(void)
{
  struct glia_comm *c = first_ranks(MAX_RANKS);
  struct glia_exchange *x = NULL;
  float total[4] = {0};
  struct glia_bucket b = {.index = 0, .dtype = GLIA_F32, .n = 4};
  struct glia_part none[1] = {{.lo = 9, .hi = 10, .data = total}};

  CU_ASSERT_EQUAL(glia_exchange_mpi_create(c, KIND, 0, 1, &x), GLIA_E_ARGUMENT);
  CU_ASSERT_EQUAL(glia_exchange_mpi_create(c, KIND, 1, 0, &x), GLIA_E_ARGUMENT);
  if (glia_comm_size(c) > 1) {
    CU_ASSERT_EQUAL(glia_exchange_mpi_create(c, KIND, 1 + glia_comm_rank(c), 1, &x), GLIA_E_RANKS);
    CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "rank 1 has '2 threads"));
  }
  CU_ASSERT_PTR_NULL(x);
  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, KIND, 1, 1, &x), GLIA_OK);
  CU_ASSERT_EQUAL(x->start(x->self, &b, 8, 1, none, total), GLIA_E_ARGUMENT); /* not its range */
  CU_ASSERT_EQUAL(x->wait(x->self, &b), GLIA_E_ARGUMENT);                     /* not started */
  b.index = 1;
  CU_ASSERT_EQUAL(x->start(x->self, &b, 0, 0, NULL, total), GLIA_E_ARGUMENT);
  b.index = 0;
  b.dtype = GLIA_I32;
  CU_ASSERT_EQUAL(x->start(x->self, &b, 0, 0, NULL, total), GLIA_E_ARGUMENT);
  glia_exchange_mpi_destroy(&x);
  glia_exchange_mpi_destroy(&x);
  glia_comm_destroy(&c);
}

static void safe_mode_notices_other_buckets(void)
{
  CU_ASSERT_EQUAL_FATAL(open_world(), GLIA_OK);
  if (glia_comm_size(world) == 1) TAP_SKIP("needs two ranks");
  setenv("GLIA_SAFE", "1", 1);
  struct glia_comm *c = first_ranks(MAX_RANKS);
  struct glia_exchange *x = NULL;
  float total[4] = {0};
  const struct glia_bucket b = {.index = glia_comm_rank(c) == 1, .dtype = GLIA_F32, .n = 4};

  unsetenv("GLIA_SAFE");
  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, KIND, 1, 2, &x), GLIA_OK);
  CU_ASSERT_EQUAL(x->start(x->self, &b, 0, 0, NULL, total), GLIA_E_RANKS);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "rank 1 calls exchange of bucket 1"));
  glia_exchange_mpi_destroy(&x);
  glia_comm_destroy(&c);
}

static char logged[1000];
static int n_logged;

static void keep_line(void *self, glia_log_level level, const char *line)
{
  (void)self;
  (void)level;
  snprintf(logged, sizeof logged, "%s", line);
  n_logged++;
}

static void nap(double s)
{
  const struct timespec t = {.tv_sec = (time_t)s, .tv_nsec = (long)((s - (double)(time_t)s) * 1e9)};

  nanosleep(&t, NULL);
}

/* Rank 1 comes late: the others say whom they miss, once, and go on when it comes. */
static void a_late_rank_is_named(void)
{
  CU_ASSERT_EQUAL_FATAL(open_world(), GLIA_OK);
  if (glia_comm_size(world) == 1) TAP_SKIP("needs two ranks");
  setenv("GLIA_STALL_WARN_S", "0.3", 1);
  struct glia_comm *c = first_ranks(MAX_RANKS);
  struct glia_exchange *x = NULL;
  struct work w;

  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, KIND, 1, MAX_BUCKETS, &x), GLIA_OK);
  unsetenv("GLIA_STALL_WARN_S");
  work_create(&w, 3, GLIA_F32, 20000, 8);
  work_through(&w, x, 1);
  n_logged = 0;
  CU_ASSERT_EQUAL(glia_exchange_mpi_reserve(x, &w.bucket, 8), GLIA_OK);
  glia_log_set_sink(keep_line, NULL);
  CU_ASSERT_EQUAL(glia_comm_barrier(c), GLIA_OK);
  if (x->rank == 1) nap(1.5);
  CU_ASSERT_EQUAL(work_start(&w, x, false), GLIA_OK);
  CU_ASSERT_EQUAL(x->wait(x->self, &w.bucket), GLIA_OK);
  glia_log_set_sink(NULL, NULL);
  CU_ASSERT(work_is_right(&w, false));
  if (x->rank != 1) {
    char want[128];
    CU_ASSERT_EQUAL(n_logged, 1);
    CU_ASSERT_EQUAL(glia_exchange_mpi_stat(x).stalls, 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(logged, " warn "));
    CU_ASSERT_PTR_NOT_NULL(strstr(logged, "op=\"exchange bucket 3\""));
    snprintf(want, sizeof want, "rank=%d mpi stall host=%s ", x->rank, glia_comm_host(c, x->rank));
    CU_ASSERT_PTR_NOT_NULL(strstr(logged, want));
    snprintf(want, sizeof want, "missing=\"1 (%s)\"", glia_comm_host(c, 1));
    CU_ASSERT(x->rank != 0 || x->size > 2 || strstr(logged, want) != NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(logged, "1 ("));
  }
  work_destroy(&w);
  glia_exchange_mpi_destroy(&x);
  glia_comm_destroy(&c);
}

/* A rank that never comes ends in an error within the limit, not in a hang; and the exchange stays unusable. Last test:
 * messages that nobody takes stay behind. */
static void a_rank_that_never_comes_is_an_error(void)
{
  CU_ASSERT_EQUAL_FATAL(open_world(), GLIA_OK);
  if (glia_comm_size(world) == 1) TAP_SKIP("needs two ranks");
  setenv("GLIA_STALL_ABORT_S", "0.5", 1);
  struct glia_comm *c = first_ranks(2);
  struct glia_exchange *x = NULL;

  unsetenv("GLIA_STALL_WARN_S");
  if (c != NULL) CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, KIND, 1, 1, &x), GLIA_OK);
  unsetenv("GLIA_STALL_ABORT_S");
  glia_log_set_sink(keep_line, NULL);
  const struct glia_bucket bucket = {.index = 0, .dtype = GLIA_F32, .n = 100};
  if (x != NULL) CU_ASSERT_EQUAL(glia_exchange_mpi_reserve(x, &bucket, 8), GLIA_OK);
  if (x != NULL && x->rank == 0) {
    struct work w;
    char want[200];
    work_create(&w, 0, GLIA_F32, 100, 8);
    work_through(&w, x, 1);
    const double from_s = glia_time_s();
    CU_ASSERT_EQUAL(work_start(&w, x, false), GLIA_OK);
    CU_ASSERT_EQUAL(x->wait(x->self, &w.bucket), GLIA_E_MPI);
    const double took_s = glia_time_s() - from_s;
    CU_ASSERT(took_s >= 0.5 && took_s < 10.0);
    snprintf(want, sizeof want, "in exchange bucket 0 for rank 1 (%s)", glia_comm_host(c, 1));
    CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), want));
    glia_trace_clear();
    CU_ASSERT_EQUAL(x->wait(x->self, &w.bucket), GLIA_E_MPI);
    CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), want));
    CU_ASSERT_EQUAL(work_start(&w, x, false), GLIA_E_MPI);
    glia_exchange_mpi_destroy(&x);
    work_destroy(&w);
  }
  glia_log_set_sink(NULL, NULL);
  CU_ASSERT_EQUAL(glia_comm_barrier(world), GLIA_OK);
}

/* What ranks of a node show each other instead of copying it: one total, of which each adds a slice, and in every other step its first
 * part. Step after step all see the whole sum, and nobody's part is written anew before the others have read it. */
static void ranks_of_a_node_read_where_it_stands(void)
{
  enum { N = 2, APART = 1 << 17 };
  static const int64_t ns[N] = {30001, 700}; /* in slices; whole */
  struct glia_comm *c = first_ranks(MAX_RANKS);
  struct glia_exchange *x = NULL;
  struct work w[N];
  void *memory = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, KIND, 1, N, &x), GLIA_OK);
  const bool skipped = x->share == NULL;
  const size_t bytes = (size_t)N * APART * (size_t)(1 + x->node_size);
  if (!skipped) {
    CU_ASSERT_EQUAL_FATAL(x->share(x->self, bytes, &memory), GLIA_OK);
    char *total = memory, *own = total + N * APART * (1 + x->node_rank);
    /* what goes whole has one writer: two with the same bytes would race with a reader */
    if (x->node_rank > 0) CU_ASSERT_EQUAL_FATAL(mprotect(total + APART, APART, PROT_READ), 0);
    for (int b = 0; b < N; b++) work_create(&w[b], b, GLIA_F32, ns[b], 5);
    for (int step = 0; step < 12; step++) {
      for (int b = 0; b < N; b++) {
        work_through(&w[b], x, 1);
        if (step % 2 == 0 || w[b].n_parts == 0) continue;
        memcpy(own + b * APART, w[b].part[0].data, bytes_of(&w[b]));
        w[b].part[0].data = own + b * APART;
      }
      for (int b = 0; b < N; b++)
        CU_ASSERT_EQUAL(
            x->start(x->self, &w[b].bucket, w[b].v, w[b].n_parts, w[b].part, total + b * APART),
            GLIA_OK);
      for (int b = 0; b < N; b++) {
        CU_ASSERT_EQUAL(x->wait(x->self, &w[b].bucket), GLIA_OK);
        CU_ASSERT(memcmp(total + b * APART, w[b].want, bytes_of(&w[b])) == 0);
        memset(own + b * APART, 0xff, bytes_of(&w[b])); /* nobody reads that any more */
      }
      CU_ASSERT_EQUAL(x->meet(x->self), GLIA_OK);
      if (x->node_rank == 0) memset(total, 0xff, N * APART);
      CU_ASSERT_EQUAL(x->meet(x->self), GLIA_OK);
    }
    for (int b = 0; b < N; b++) work_destroy(&w[b]);
    x->unshare(x->self, &memory, bytes);
  }
  glia_exchange_mpi_destroy(&x);
  glia_comm_destroy(&c);
  if (skipped) TAP_SKIP("messages share no memory");
}

/* The writer of a small sum has all parts, and writes late: the others wait for it. */
static void a_small_sum_is_there_when_a_wait_is_over(void)
{
  struct glia_comm *c = first_ranks(MAX_RANKS);
  struct glia_exchange *x = NULL;
  struct work w;
  void *total = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, KIND, 1, 1, &x), GLIA_OK);
  const bool skipped = x->share == NULL;
  work_create(&w, 0, GLIA_F32, 700, 5);
  if (!skipped) {
    CU_ASSERT_EQUAL_FATAL(x->share(x->self, bytes_of(&w), &total), GLIA_OK);
    CU_ASSERT_EQUAL(glia_exchange_mpi_reserve(x, &w.bucket, w.v), GLIA_OK);
    work_through(&w, x, 1);
    for (int turn = 0; turn < 2; turn++) {
      if ((x->node_rank == 0) == (turn == 0)) {
        CU_ASSERT_EQUAL(x->start(x->self, &w.bucket, w.v, w.n_parts, w.part, total), GLIA_OK);
      }
      CU_ASSERT_EQUAL(glia_comm_barrier(c), GLIA_OK);
    }
    if (x->node_rank == 0) nap(0.05);
    CU_ASSERT_EQUAL(x->wait(x->self, &w.bucket), GLIA_OK);
    CU_ASSERT(memcmp(total, w.want, bytes_of(&w)) == 0);
    CU_ASSERT_EQUAL(x->meet(x->self), GLIA_OK);
    x->unshare(x->self, &total, bytes_of(&w));
  }
  work_destroy(&w);
  glia_exchange_mpi_destroy(&x);
  glia_comm_destroy(&c);
  if (skipped) TAP_SKIP("messages share no memory");
}

enum { LARGE_PAGE = 1 << 21 };

/* Whether this system hands out two large pages for shared memory, asked in the same way. */
static bool has_large_pages(void)
{
  enum { BYTES = 2 * LARGE_PAGE };
  char text[64] = "";
  FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
  const bool allowed = f != NULL && fgets(text, sizeof text, f) != NULL && !strstr(text, "[never]");
  const int fd = memfd_create("control", 0);
  char *space = mmap(NULL, BYTES + LARGE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (f != NULL) fclose(f);
  CU_ASSERT_FATAL(fd >= 0 && space != MAP_FAILED && posix_fallocate(fd, 0, BYTES) == 0);
  void *at = mmap(space + (LARGE_PAGE - (uintptr_t)space % LARGE_PAGE) % LARGE_PAGE, BYTES,
                  PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0);
  const bool can =
      at != MAP_FAILED && madvise(at, BYTES, 25 /* MADV_COLLAPSE: headers may lack it */) == 0;
  munmap(space, BYTES + LARGE_PAGE);
  close(fd);
  return allowed && can;
}

/* Bytes that are mapped in large pages, of the mapping that begins at `at`. */
static long mapped_large(const void *at)
{
  char line[256], begin[32];
  long kb = 0;
  bool here = false;
  FILE *f = fopen("/proc/self/smaps", "r");

  snprintf(begin, sizeof begin, "%lx-", (unsigned long)(uintptr_t)at);
  while (f != NULL && fgets(line, sizeof line, f) != NULL) {
    if (strncmp(line, begin, strlen(begin)) == 0) here = true;
    if (here && sscanf(line, "ShmemPmdMapped: %ld", &kb) == 1) break;
  }
  if (f != NULL) fclose(f);
  return kb * 1024;
}

/* All ranks see memory of more than 2 MiB in large pages, as they have memory of their own. */
static void shared_memory_is_in_large_pages(void)
{
  enum { BYTES = 2 * LARGE_PAGE + 12345 };
  struct glia_comm *c = first_ranks(MAX_RANKS);
  struct glia_exchange *x = NULL;
  void *memory = NULL;
  const char *why = NULL;
  const bool before = has_large_pages();

  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_create(c, KIND, 1, 1, &x), GLIA_OK);
  if (x->share == NULL)
    why = "messages share no memory";
  else {
    CU_ASSERT_EQUAL_FATAL(x->share(x->self, BYTES, &memory), GLIA_OK);
    if (x->node_rank == x->node_size - 1) memset(memory, 7, BYTES);
    CU_ASSERT_EQUAL(x->meet(x->self), GLIA_OK);
    CU_ASSERT_EQUAL((uintptr_t)memory % LARGE_PAGE, 0);
    CU_ASSERT_EQUAL(((char *)memory)[0], 7);
    CU_ASSERT_EQUAL(((char *)memory)[BYTES - 1], 7);
    if (before && has_large_pages()) { /* there may be few */
      CU_ASSERT_EQUAL(mapped_large(memory), 2 * LARGE_PAGE);
    } else
      why = "no large pages for shared memory here";
    x->unshare(x->self, &memory, BYTES);
  }
  glia_exchange_mpi_destroy(&x);
  glia_comm_destroy(&c);
  if (why != NULL) TAP_SKIP(why);
}

/* Where rank 0 may not make the memory that all would share, messages do: with the same bits, and one line that says why. */
static void without_shared_memory_messages_serve(void)
{
  struct glia_comm *c = first_ranks(MAX_RANKS);
  struct glia_exchange *x = NULL;
  struct rlimit limit, small;
  struct work w;

  CU_ASSERT_EQUAL_FATAL(getrlimit(RLIMIT_FSIZE, &limit), 0);
  small = limit;
  small.rlim_cur = 100000; /* the marks fit, the bucket does not */
  work_create(&w, 0, GLIA_F32, 100003, 8);
  const struct glia_exchange_need need = {w.bucket, 8};
  n_logged = 0;
  glia_log_set_sink(keep_line, NULL);
  if (glia_comm_rank(c) == 0) CU_ASSERT_EQUAL_FATAL(setrlimit(RLIMIT_FSIZE, &small), 0);
  CU_ASSERT_EQUAL_FATAL(glia_exchange_mpi_open(c, 1, 1, &need, &x), GLIA_OK);
  CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
  glia_log_set_sink(NULL, NULL);
  if (glia_comm_rank(c) == 0) CU_ASSERT_PTR_NOT_NULL(strstr(logged, "exchange-by-messages why="));
  work_through(&w, x, 1);
  CU_ASSERT_EQUAL(work_start(&w, x, false), GLIA_OK);
  CU_ASSERT_EQUAL(x->wait(x->self, &w.bucket), GLIA_OK);
  CU_ASSERT(work_is_right(&w, false));
  work_destroy(&w);
  glia_exchange_mpi_destroy(&x);
  glia_comm_destroy(&c);
}

TAP_MPI_MAIN("exchange", TAP(float32_has_the_bits_of_the_loopback),
             TAP(float64_has_the_bits_of_the_loopback),
             TAP(buckets_fly_together_without_new_memory), TAP(reserved_memory_is_enough),
             TAP(polls_alone_carry_a_sum), TAP(a_poll_looks_once),
             TAP(between_two_ranks_one_way_is_enough), TAP(empty_buckets_and_empty_steps_are_fine),
             TAP(misuse_is_refused), TAP(safe_mode_notices_other_buckets),
             TAP(a_late_rank_is_named), TAP(a_rank_late_at_a_meeting_is_named),
             TAP(ranks_of_a_node_read_where_it_stands),
             TAP(a_small_sum_is_there_when_a_wait_is_over), TAP(shared_memory_is_in_large_pages),
             TAP(without_shared_memory_messages_serve), TAP(fewer_bytes_travel),
             TAP(infinity_travels), TAP(a_rank_that_never_comes_is_an_error))
