/* Communicators and agreement: what happens to one rank reaches all. */
#include "glia_agree.h"
#include "glia_link.h"
#include "glia_log.h"
#include "glia_mpi.h"
#include "mpi_priv.h"
#include "tap_mpi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct glia_comm *world(void)
{
  struct glia_comm *c = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&c), GLIA_OK);
  return c;
}

static void world_knows_who_is_where(void)
{
  struct glia_comm *c = world();
  int rank = -1;
  int size = -1;
  char name[MPI_MAX_PROCESSOR_NAME];
  int length = 0;

  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  MPI_Get_processor_name(name, &length);
  CU_ASSERT(glia_comm_rank(c) == rank && glia_comm_size(c) == size);
  CU_ASSERT(glia_comm_local_rank(c) >= 0 && glia_comm_local_rank(c) < glia_comm_local_size(c));
  CU_ASSERT(glia_comm_local_size(c) <= size);
  CU_ASSERT(strncmp(glia_comm_host(c, rank), name, 63) == 0);
  CU_ASSERT_EQUAL(glia_log_rank(), rank);
  CU_ASSERT(glia_comm_mpi(c) != MPI_COMM_WORLD);
  glia_comm_destroy(&c);
  CU_ASSERT_PTR_NULL(c);
  glia_comm_destroy(&c);
}

static void null_is_a_communicator_of_one(void)
{
  double x = 4.0;
  char **texts = NULL;
  struct glia_comm *part = NULL;

  CU_ASSERT(glia_comm_rank(NULL) == 0 && glia_comm_size(NULL) == 1);
  CU_ASSERT(glia_comm_local_rank(NULL) == 0 && glia_comm_local_size(NULL) == 1);
  CU_ASSERT_EQUAL(glia_comm_barrier(NULL), GLIA_OK);
  CU_ASSERT_EQUAL(glia_comm_bcast(NULL, &x, sizeof x, 0), GLIA_OK);
  CU_ASSERT_EQUAL(glia_comm_reduce_f64(NULL, GLIA_COMM_SUM, &x, 1), GLIA_OK);
  CU_ASSERT_EQUAL(x, 4.0);
  CU_ASSERT_EQUAL(glia_comm_gather_text(NULL, "alone", 0, &texts), GLIA_OK);
  CU_ASSERT_STRING_EQUAL(texts[0], "alone");
  free(texts);
  CU_ASSERT_EQUAL(glia_comm_split(NULL, 0, 0, &part), GLIA_OK);
  CU_ASSERT_PTR_NULL(part);
  CU_ASSERT_EQUAL(glia_agree(NULL, GLIA_E_DATA), GLIA_E_DATA);
  CU_ASSERT_EQUAL(glia_agree_same(NULL, "name", "text"), GLIA_OK);
}

static void bytes_texts_and_numbers_cross_ranks(void)
{
  struct glia_comm *c = world();
  const int rank = glia_comm_rank(c);
  const int size = glia_comm_size(c);

  for (int root = 0; root < size; root++) {
    char data[10000];
    memset(data, rank == root ? 'a' + root : '?', sizeof data);
    CU_ASSERT_EQUAL(glia_comm_bcast(c, data, sizeof data, root), GLIA_OK);
    CU_ASSERT(data[0] == 'a' + root && data[9999] == 'a' + root);

    char text[64];
    char **all = NULL;
    snprintf(text, sizeof text, "%.*s of %d", rank, "ranks and ranks", rank);
    CU_ASSERT_EQUAL(glia_comm_gather_text(c, text, root, &all), GLIA_OK);
    CU_ASSERT_EQUAL(all != NULL, rank == root);
    for (int r = 0; all != NULL && r < size; r++) {
      snprintf(text, sizeof text, "%.*s of %d", r, "ranks and ranks", r);
      CU_ASSERT_STRING_EQUAL(all[r], text);
    }
    free(all);
  }
  int64_t n[3] = {rank, -rank, INT64_C(1) << 60};
  CU_ASSERT_EQUAL(glia_comm_reduce_i64(c, GLIA_COMM_MAX, n, 3), GLIA_OK);
  CU_ASSERT(n[0] == size - 1 && n[1] == 0 && n[2] == INT64_C(1) << 60);
  double x[2] = {rank, 0.5};
  CU_ASSERT_EQUAL(glia_comm_reduce_f64(c, GLIA_COMM_SUM, x, 2), GLIA_OK);
  CU_ASSERT(x[0] == 0.5 * size * (size - 1) && x[1] == 0.5 * size);
  x[0] = rank;
  CU_ASSERT_EQUAL(glia_comm_reduce_f64(c, GLIA_COMM_MIN, x, 1), GLIA_OK);
  CU_ASSERT_EQUAL(x[0], 0.0);
  glia_comm_destroy(&c);
}

static void split_makes_groups_and_leaves_out(void)
{
  struct glia_comm *c = world();
  struct glia_comm *part = NULL;
  const int rank = glia_comm_rank(c);
  const int size = glia_comm_size(c);

  /* all but the last, in reverse order */
  CU_ASSERT_EQUAL(glia_comm_split(c, rank < size - 1 ? 0 : -1, -rank, &part), GLIA_OK);
  if (rank < size - 1) {
    CU_ASSERT(glia_comm_size(part) == size - 1 && glia_comm_rank(part) == size - 2 - rank);
  } else {
    CU_ASSERT_PTR_NULL(part);
  }
  glia_comm_destroy(&part);
  glia_comm_destroy(&c);
}

/* An MPI failure comes back as ours, with MPI's text. */
static glia_status send_nowhere(struct glia_comm *c)
{
  int x = 0;

  GLIA_TRY_MPI(MPI_Send(&x, 1, MPI_INT, 12345, 0, glia_comm_mpi(c)));
  return GLIA_OK;
}

static void mpi_errors_come_back_with_their_text(void)
{
  struct glia_comm *c = world();

  CU_ASSERT_EQUAL(send_nowhere(c), GLIA_E_MPI);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "MPI_Send"));
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "MPI_ERR_RANK"));
  glia_comm_destroy(&c);
}

static glia_status open_file(void) { return GLIA_FAIL(GLIA_E_IO, "x.h5: cannot open"); }

static glia_status open_data(void)
{
  GLIA_TRY(open_file());
  return GLIA_OK;
}

static void one_failure_reaches_all(void)
{
  struct glia_comm *c = world();

  for (int owner = 0; owner < glia_comm_size(c); owner++) {
    char want[64];
    glia_trace_clear();
    const glia_status st = glia_comm_rank(c) == owner ? open_data() : GLIA_OK;
    snprintf(want, sizeof want, "rank %d failed: x.h5: cannot open", owner);
    CU_ASSERT_EQUAL(glia_agree(c, st), GLIA_E_IO);
    if (glia_comm_size(c) > 1) {
      CU_ASSERT_STRING_EQUAL(glia_trace_message(), want);
    } else {
      CU_ASSERT_STRING_EQUAL(glia_trace_message(), "x.h5: cannot open");
    }
    CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace(), ": open_file: "));
    CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace(), ": open_data: open_file()\n"));
  }
  glia_trace_clear();
  CU_ASSERT_EQUAL(glia_agree(c, GLIA_OK), GLIA_OK);
  CU_ASSERT_STRING_EQUAL(glia_trace(), "");
  glia_comm_destroy(&c);
}

static void the_worst_status_wins(void)
{
  struct glia_comm *c = world();
  const int rank = glia_comm_rank(c);
  const int last = glia_comm_size(c) - 1;
  glia_status st = GLIA_OK;

  if (rank == 0) st = GLIA_FAIL(GLIA_E_ARGUMENT, "small");
  if (rank == last) st = GLIA_FAIL(GLIA_E_MPI, "large");
  CU_ASSERT_EQUAL(glia_agree(c, st), GLIA_E_MPI);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "large"));
  glia_comm_destroy(&c);
}

static void a_shared_failure_stays_as_it_is(void)
{
  struct glia_comm *c = world();

  for (int i = 0; i < 2; i++) { /* agreed twice: not named twice */
    CU_ASSERT_EQUAL(glia_agree(c, GLIA_FAIL(GLIA_E_CONFIG, "run.yaml:3: no key lrr")),
                    GLIA_E_CONFIG);
    CU_ASSERT_STRING_EQUAL(glia_trace_message(), "run.yaml:3: no key lrr");
  }
  glia_comm_destroy(&c);
}

static void a_failure_without_words_gets_some(void)
{
  struct glia_comm *c = world();
  const int last = glia_comm_size(c) - 1;

  glia_trace_clear();
  CU_ASSERT_EQUAL(glia_agree(c, glia_comm_rank(c) == last ? GLIA_E_MEMORY : GLIA_OK),
                  GLIA_E_MEMORY);
  if (last > 0) {
    char want[64];
    snprintf(want, sizeof want, "rank %d failed: out of memory", last);
    CU_ASSERT_STRING_EQUAL(glia_trace_message(), want);
  }
  glia_comm_destroy(&c);
}

/* A text of many lines; line `at` is another one. */
static char *long_text(int lines, int at)
{
  char *text = malloc((size_t)lines * 16 + 1);
  size_t n = 0;

  CU_ASSERT_PTR_NOT_NULL_FATAL(text);
  for (int i = 1; i <= lines; i++)
    n += (size_t)sprintf(text + n, "%s: %d\n", i == at ? "changed" : "line", i);
  return text;
}

static void a_difference_is_named(void)
{
  struct glia_comm *c = world();
  const int rank = glia_comm_rank(c);
  const int last = glia_comm_size(c) - 1;
  char want[200];

  CU_ASSERT_EQUAL(glia_agree_same(c, "seed", "12"), GLIA_OK);
  CU_ASSERT_EQUAL(glia_agree_same(c, "nothing", ""), GLIA_OK);
  char *text = long_text(2000, 0);
  CU_ASSERT_EQUAL(glia_agree_same(c, "configuration", text), GLIA_OK);
  free(text);
  if (last > 0) {
    CU_ASSERT_EQUAL(glia_agree_same(c, "seed", rank == last ? "13" : "12"), GLIA_E_RANKS);
    snprintf(want, sizeof want, "ranks disagree on seed: rank 0 has '12', rank %d has '13'", last);
    CU_ASSERT_STRING_EQUAL(glia_trace_message(), want);
    /* one text is the beginning of the other, either way round */
    CU_ASSERT_EQUAL(glia_agree_same(c, "seed", rank == last ? "123" : "12"), GLIA_E_RANKS);
    CU_ASSERT_EQUAL(glia_agree_same(c, "seed", rank == last ? "1" : "12"), GLIA_E_RANKS);
    text = long_text(2000, rank == last ? 1500 : 0);
    CU_ASSERT_EQUAL(glia_agree_same(c, "configuration", text), GLIA_E_RANKS);
    snprintf(want, sizeof want,
             "ranks disagree on configuration, line 1500: rank 0 has 'line: 1500', rank %d has "
             "'changed: 1500'",
             last);
    CU_ASSERT_STRING_EQUAL(glia_trace_message(), want);
    free(text);
    /* a long line is shortened about the place */
    char wide[900];
    memset(wide, 'x', sizeof wide);
    wide[899] = '\0';
    if (rank == last) wide[600] = 'y';
    CU_ASSERT_EQUAL(glia_agree_same(c, "hash", wide), GLIA_E_RANKS);
    CU_ASSERT(strlen(glia_trace_message()) < 400);
    CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "xy"));
  }
  glia_comm_destroy(&c);
}

/* Without GLIA_SAFE the ranks would wait for each other here until the test's time limit. */
static void safe_mode_notices_ranks_that_part(void)
{
  setenv("GLIA_SAFE", "1", 1);
  struct glia_comm *c = world();
  const int last = glia_comm_size(c) - 1;
  const bool odd = glia_comm_rank(c) == last;
  double x = 1.0;

  unsetenv("GLIA_SAFE");
  CU_ASSERT_EQUAL(glia_comm_barrier(c), GLIA_OK);
  CU_ASSERT_EQUAL(glia_agree(c, GLIA_OK), GLIA_OK);
  if (last > 0) {
    CU_ASSERT_EQUAL(odd ? glia_comm_barrier(c) : glia_agree(c, GLIA_OK), GLIA_E_RANKS);
    char want[128];
    snprintf(want, sizeof want, "ranks have parted: rank 0 calls agree, rank %d calls barrier",
             last);
    CU_ASSERT_STRING_EQUAL(glia_trace_message(), want);
    CU_ASSERT_EQUAL(glia_comm_reduce_f64(c, odd ? GLIA_COMM_MIN : GLIA_COMM_SUM, &x, 1),
                    GLIA_E_RANKS);
    CU_ASSERT_EQUAL(glia_comm_bcast(c, &x, odd ? 8 : 4, 0), GLIA_E_RANKS);
    CU_ASSERT_EQUAL(x, 1.0);
  }
  glia_comm_destroy(&c);
}

/* One rank stays away: the others wait as long as they were told, and say so. */
static void a_meeting_without_one_rank_ends(void)
{
  struct glia_comm *all = world();
  struct glia_comm *c = NULL;
  const int last = glia_comm_size(all) - 1;

  CU_ASSERT_EQUAL_FATAL(glia_comm_split(all, 0, 0, &c), GLIA_OK);
  if (last == 0) TAP_SKIP("needs two ranks");
  setenv("GLIA_STALL_ABORT_S", "1", 1);
  const double start_s = glia_time_s();
  if (glia_comm_rank(all) != last) {
    CU_ASSERT_EQUAL(glia_agree(c, GLIA_OK), GLIA_E_MPI);
    CU_ASSERT(glia_time_s() - start_s >= 1.0);
    /* the living are not among the missing */
    char want[80];
    snprintf(want, sizeof want, "in a meeting for rank %d (", last);
    CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), want));
    CU_ASSERT_PTR_NULL(strstr(glia_trace_message(), "), "));
  } else {
    /* longer than the others wait, and than this busy machine may keep them from looking at the clock */
    nanosleep(&(struct timespec){.tv_sec = 4}, NULL);
  }
  unsetenv("GLIA_STALL_ABORT_S");
  CU_ASSERT_EQUAL(glia_agree(all, GLIA_OK), GLIA_OK); /* the other communicator is whole */
  glia_comm_destroy(&c);
  CU_ASSERT_PTR_NULL(c);
  glia_comm_destroy(&all);
}

static int n_told;
static char told[256];

static void take_line(void *self, glia_log_level level, const char *line)
{
  (void)self;
  (void)level;
  const char *at = strstr(line, "stall op=\"the first meeting\"");
  if (at == NULL) return;
  n_told++;
  snprintf(told, sizeof told, "%s", at);
}

/* Let so many seconds pass, then take part; n_told and told: what the log said of the wait. */
static glia_status come_late(MPI_Comm from, double late_s, struct glia_comm **out)
{
  n_told = 0;
  MPI_Barrier(MPI_COMM_WORLD);
  glia_log_set_sink(take_line, NULL);
  nanosleep(&(struct timespec){.tv_sec = (time_t)late_s,
                               .tv_nsec = (long)(1e9 * (late_s - (double)(time_t)late_s))},
            NULL);
  const glia_status st = glia_comm_wrap(from, out);
  glia_log_set_sink(NULL, NULL);
  return st;
}

/* The last of the world is late at the first meeting of `from`, in which all are, in any order. */
static void last_of_the_world_is_told(MPI_Comm from, int rank, int size)
{
  struct glia_comm *c = NULL;

  /* the second to last comes after the others and before their time is up: it is not among the missing */
  setenv("GLIA_STALL_WARN_S", "1", 1);
  const double late_s = rank == size - 1 ? 3.0 : rank == size - 2 ? 0.5 : 0.0;
  char want[64];
  snprintf(want, sizeof want, "missing=\"%d\"", size - 1);
  CU_ASSERT_EQUAL(come_late(from, late_s, &c), GLIA_OK);
  unsetenv("GLIA_STALL_WARN_S");
  CU_ASSERT_EQUAL(n_told, rank != size - 1);
  if (rank != size - 1) CU_ASSERT_PTR_NOT_NULL(strstr(told, want));
  /* what ranks told each other is gone: a caller who takes messages of any tag finds none */
  int there = 1;
  MPI_Barrier(from);
  MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, from, &there, MPI_STATUS_IGNORE);
  CU_ASSERT_EQUAL(there, 0);
  glia_comm_destroy(&c);
}

/* Before there is a communicator at all; and in one that counts the other way: ranks are named as in the world. */
static void a_rank_late_at_the_start_is_told(void)
{
  int rank = 0, size = 0;
  MPI_Comm reversed = MPI_COMM_NULL;

  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (size == 1) TAP_SKIP("needs two ranks");
  last_of_the_world_is_told(MPI_COMM_WORLD, rank, size);
  MPI_Comm_split(MPI_COMM_WORLD, 0, -rank, &reversed);
  last_of_the_world_is_told(reversed, rank, size);
  MPI_Comm_free(&reversed);
}

/* 20 (latency + 250 us) bytes_per_s, a quarter of all at most, as a power of two within its limits, and 256 buckets. */
static void buckets_follow_from_the_link(void)
{
  static const struct {
    double latency_s, bytes_per_s;
    int64_t bytes, want;
  } table[] = {{100e-6, 117e6, 40000000, 1 << 20},    /* 0.82 MB */
               {50e-6, 117e6, 2800000, 512 << 10},    /* 0.7 MB: a quarter */
               {100e-6, 12.5e6, 8000000, 64 << 10},   /* 88 kB */
               {100e-6, 12.5e6, 40000000, 256 << 10}, /* more than 256 of those */
               {1e-3, 117e6, 40000000, 2 << 20},      /* 2.9 MB, below sqrt(2) 2 MiB */
               {30e-6, 1.1e9, 400000000, 8 << 20},    /* 6.2 MB */
               {2e-6, 12e9, 2000000000, 8 << 20},     /* 60 MB: limited */
               {2e-6, 12e9, 4000000000, 16 << 20},    /* more than 256 of those */
               {100e-6, 1e6, 8000000, 64 << 10},      /* 7 kB: limited */
               {0.0, 1e9, 1000, 64 << 10}};

  for (size_t i = 0; i < GLIA_COUNT(table); i++) {
    const struct glia_link link = {2, table[i].latency_s, table[i].bytes_per_s};
    CU_ASSERT_EQUAL(glia_link_bucket(&link, table[i].bytes), table[i].want);
  }
  CU_ASSERT_EQUAL(glia_link_bucket(&(struct glia_link){.nodes = 1}, 40000000), 1 << 20);
}

static void a_link_is_measured_alike_on_all_ranks(void)
{
  struct glia_comm *c = NULL;
  struct glia_link link, again;

  CU_ASSERT_EQUAL_FATAL(glia_comm_world(&c), GLIA_OK);
  CU_ASSERT_EQUAL(glia_link_measure(c, &link), GLIA_OK);
  c->link = (struct glia_link){3, 1e-3, 5e6}; /* as a measurement between nodes leaves it */
  CU_ASSERT_EQUAL(glia_link_measure(c, &again), GLIA_OK);
  CU_ASSERT(again.nodes == 3 && again.latency_s == 1e-3 && again.bytes_per_s == 5e6);
  double most[3] = {link.nodes, link.latency_s, link.bytes_per_s}, least[3];
  memcpy(least, most, sizeof least);
  CU_ASSERT_EQUAL(glia_comm_reduce_f64(c, GLIA_COMM_MAX, most, 3), GLIA_OK);
  CU_ASSERT_EQUAL(glia_comm_reduce_f64(c, GLIA_COMM_MIN, least, 3), GLIA_OK);
  CU_ASSERT_EQUAL(memcmp(most, least, sizeof most), 0);
  const bool one = glia_comm_local_size(c) == glia_comm_size(c);
  CU_ASSERT_EQUAL(link.nodes == 1, one);
  CU_ASSERT_EQUAL(link.bytes_per_s > 0.0 && link.latency_s > 0.0, !one);
  glia_comm_destroy(&c);
}

TAP_MPI_MAIN("comm", TAP(a_rank_late_at_the_start_is_told), TAP(world_knows_who_is_where),
             TAP(null_is_a_communicator_of_one), TAP(bytes_texts_and_numbers_cross_ranks),
             TAP(split_makes_groups_and_leaves_out), TAP(mpi_errors_come_back_with_their_text),
             TAP(one_failure_reaches_all), TAP(the_worst_status_wins),
             TAP(a_shared_failure_stays_as_it_is), TAP(a_failure_without_words_gets_some),
             TAP(a_difference_is_named), TAP(safe_mode_notices_ranks_that_part),
             TAP(a_meeting_without_one_rank_ends), TAP(buckets_follow_from_the_link),
             TAP(a_link_is_measured_alike_on_all_ranks))
