/* core/timeline.c: rings of events, read while threads write. */
#include "glia_log.h"
#include "glia_timeline.h"
#include "tap.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

struct seen {
  const char *thread;
  int n;
  int64_t first, last;
  bool in_order;
};

static void count(void *self, int track, const char *thread, const struct glia_event *e)
{
  struct seen *s = self;

  (void)track;
  if (strcmp(thread, s->thread) != 0) return;
  if (s->n == 0) s->first = e->arg;
  s->in_order = s->n == 0 || (s->in_order && e->arg == s->last + 1);
  s->last = e->arg;
  s->n++;
}

static struct seen look(const char *thread, size_t most)
{
  struct seen s = {.thread = thread};

  glia_timeline_read(most, count, &s);
  return s;
}

static void *unannounced(void *arg)
{
  (void)arg;
  glia_timeline_add(GLIA_EVENT_COMPUTE, "lost", 0, 0.0, 1.0);
  return NULL;
}

static void keeps_the_last_events_in_order(void)
{
  pthread_t thread;

  glia_timeline_thread("main");
  for (int64_t i = 0; i < 1000; i++) glia_timeline_add(GLIA_EVENT_COMPUTE, "turn", i, 0.0, 1.0);
  struct seen s = look("main", SIZE_MAX);
  CU_ASSERT_EQUAL(s.n, 256);
  CU_ASSERT_TRUE(s.in_order);
  CU_ASSERT_EQUAL(s.last, 999);
  CU_ASSERT_EQUAL(glia_timeline_lost(), 744);
  s = look("main", 10);
  CU_ASSERT_EQUAL(s.n, 10);
  CU_ASSERT_EQUAL(s.first, 990);
  CU_ASSERT_EQUAL(pthread_create(&thread, NULL, unannounced, NULL), 0);
  pthread_join(thread, NULL);
  s = look("", SIZE_MAX);
  CU_ASSERT_EQUAL(s.n, 0);
}

static atomic_bool stop;

static void *write_events(void *arg)
{
  glia_timeline_thread("writer");
  for (int64_t i = 0; !atomic_load(&stop); i++)
    glia_timeline_add(GLIA_EVENT_EXCHANGE, "wait", i, 0.0, 1.0);
  return arg;
}

static void reads_whole_events_while_a_thread_writes(void)
{
  pthread_t thread;
  bool whole = true;
  struct seen s = {0};

  atomic_store(&stop, false);
  CU_ASSERT_EQUAL(pthread_create(&thread, NULL, write_events, NULL), 0);
  for (const double end_s = glia_time_s() + 5.0; s.last < 1000 && glia_time_s() < end_s;) {
    s = look("writer", SIZE_MAX);
    whole = whole && (s.n == 0 || (s.in_order && s.last - s.first == s.n - 1));
  }
  atomic_store(&stop, true);
  pthread_join(thread, NULL);
  CU_ASSERT_TRUE(whole);
  CU_ASSERT_EQUAL(s.n, 256);
}

struct summed {
  char name[5]; /* the same text at two places */
  double unit_s;
};

static void *add_to_sums(void *arg)
{
  const struct summed *s = arg;

  glia_timeline_thread("summed");
  for (int i = 0; i < 3000; i++)
    glia_timeline_add(GLIA_EVENT_KERNEL, s->name, i % 3, 0.0, s->unit_s);
  glia_timeline_add(GLIA_EVENT_COMPUTE, s->name, 0, 0.0, 1.0);
  return NULL;
}

static void sums_outlast_the_ring_and_cross_threads(void)
{
  static struct summed by[2] = {{"gemm", 0.25}, {"gemm", 0.5}}; /* sums of these are exact */
  struct glia_event_sum sum[8];

  CU_ASSERT_EQUAL(glia_timeline_sums(8, sum), 0);
  glia_timeline_record(300, true, true);
  CU_ASSERT_TRUE(glia_timeline_detailed());
  for (int k = 0; k < 2; k++) {
    pthread_t thread;
    CU_ASSERT_EQUAL(pthread_create(&thread, NULL, add_to_sums, &by[k]), 0);
    pthread_join(thread, NULL);
  }
  CU_ASSERT_EQUAL(look("summed", SIZE_MAX).n,
                  300); /* the second thread went on with the first's ring */
  CU_ASSERT_EQUAL_FATAL(glia_timeline_sums(8, sum), 4);
  for (int k = 0; k < 3; k++) {
    CU_ASSERT_EQUAL(sum[k].kind, GLIA_EVENT_KERNEL);
    CU_ASSERT_EQUAL(sum[k].arg, k);
    CU_ASSERT_EQUAL(sum[k].n, 2000);
    CU_ASSERT_EQUAL(sum[k].total_s, 750.0);
  }
  CU_ASSERT_EQUAL(sum[3].kind, GLIA_EVENT_COMPUTE);
  CU_ASSERT_EQUAL(sum[3].n, 2);
  glia_timeline_record(0, false, false);
  CU_ASSERT_FALSE(glia_timeline_detailed());
}

TAP_MAIN("timeline", TAP(keeps_the_last_events_in_order),
         TAP(reads_whole_events_while_a_thread_writes),
         TAP(sums_outlast_the_ring_and_cross_threads))
