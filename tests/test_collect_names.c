/* An exporter whose names come and go: what is beyond the limit is not kept, and says so; what is known goes on. */
#include "collect_priv.h"

#include "scratch.h"
#include "tap.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { NEW = 15000, SCRAPES = 6 };

static struct glia_buffer text;
static atomic_int asked;

static void answer(void *self, const struct glia_request *request, struct glia_answer *out)
{
  const int scrape = asked++;

  (void)self;
  (void)request;
  text.n = 0;
  glia_buffer_print(&text, "up %d\n", scrape);
  for (int i = 0; scrape < SCRAPES && i < NEW; i++)
    glia_buffer_print(&text, "pod{pod=\"p%d_%d\"} 1\n", scrape, i);
  *out = (struct glia_answer){
      .status = 200, .type = "text/plain", .body = text.text, .size_bytes = text.n};
}

static void names_beyond_the_limit_cost_nothing_else(void)
{
  const struct glia_server_options http = {.listen = "127.0.0.1:0"};
  const struct glia_collect_options o = {.store = {.path = scratch("names")}, .period_s = 0.1};
  struct glia_collect_result r;
  struct glia_server *server;
  struct glia_collect *c;
  char url[64];

  CU_ASSERT_EQUAL_FATAL(glia_server_start(&http, answer, NULL, &server), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_collect_open(&o, &c), GLIA_OK);
  snprintf(url, sizeof url, "http://127.0.0.1:%d/metrics", glia_server_port(server));
  CU_ASSERT_EQUAL_FATAL(glia_collect_node(c, "n1", url), GLIA_OK);
  const struct glia_target *t = c->target[0];
  for (int i = 0; i < 100 && strstr(t->problem, "65536 series") == NULL; i++)
    CU_ASSERT_EQUAL_FATAL(glia_collect_run(c, 0.1, &r), GLIA_OK);
  CU_ASSERT_PTR_NOT_NULL(strstr(t->problem, "65536 series"));
  for (int i = 0; i < 100 && asked < SCRAPES + 3; i++)
    CU_ASSERT_EQUAL_FATAL(glia_collect_run(c, 0.1, &r), GLIA_OK);
  tap_note("%lld rows of %d scrapes, %lld failed", (long long)t->rows, (int)asked,
           (long long)t->failures);
  CU_ASSERT_EQUAL(t->failures, 0);
  CU_ASSERT(t->rows >= asked - 1); /* the last one may be on its way */
  CU_ASSERT_STRING_EQUAL(t->problem, "");
  CU_ASSERT_EQUAL(glia_collect_close(&c), GLIA_OK);
  glia_server_stop(&server);
  glia_buffer_free(&text);
}

/* ---- jobs that come and go */

enum { NAMES = 300, SCRAPES_OF_ONE = 4 };
static int generations; /* 50, 200 with GLIA_TEST_LONG */

/* Names of a job, which has the node for some scrapes; `up` is always there. */
static void answer_of_jobs(void *self, const struct glia_request *request, struct glia_answer *out)
{
  const int job = asked++ / SCRAPES_OF_ONE;

  (void)self;
  (void)request;
  text.n = 0;
  glia_buffer_print(&text, "up %d\n", asked);
  for (int i = 0; job < generations && i < NAMES; i++)
    glia_buffer_print(&text, "job_bytes{job=\"%d\",of=\"%d\"} %d\n", job, i, i);
  *out = (struct glia_answer){
      .status = 200, .type = "text/plain", .body = text.text, .size_bytes = text.n};
}

/* Names of jobs that are gone are in no later segment, nor in its journal, nor there after a restart; those that stay are where they were. */
static void names_of_jobs_go_with_them(void)
{
  const struct glia_server_options http = {.listen = "127.0.0.1:0"};
  const struct glia_collect_options o = {
      .store = {.path = scratch("jobs"), .segment_s = 1.0, .flush_s = 0.05, .forget_s = 1.0},
      .period_s = 0.02};
  struct glia_collect_result r;
  struct glia_server *server;
  struct glia_store_facts before, after;
  struct glia_collect *c;
  char url[64];
  int64_t most = 0, rows;

  asked = 0;
  generations = getenv("GLIA_TEST_LONG") != NULL ? 200 : 50;
  CU_ASSERT_EQUAL_FATAL(glia_server_start(&http, answer_of_jobs, NULL, &server), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_collect_open(&o, &c), GLIA_OK);
  snprintf(url, sizeof url, "http://127.0.0.1:%d/metrics", glia_server_port(server));
  CU_ASSERT_EQUAL_FATAL(glia_collect_node(c, "n1", url), GLIA_OK);
  struct glia_target *t = c->target[0];
  for (int i = 0; i < 600 && asked < generations * SCRAPES_OF_ONE; i++) {
    CU_ASSERT_EQUAL_FATAL(glia_collect_run(c, 0.2, &r), GLIA_OK);
    const int64_t columns = glia_store_columns(c->store, t->node);
    if (columns > most) most = columns;
  }
  CU_ASSERT(asked >= generations * SCRAPES_OF_ONE);
  CU_ASSERT_EQUAL_FATAL(glia_collect_run(c, 3.5, &r), GLIA_OK);
  CU_ASSERT_EQUAL(glia_store_columns(c->store, t->node), 1);
  glia_store_facts(c->store, &before);
  rows = t->rows;
  CU_ASSERT_EQUAL_FATAL(glia_collect_run(c, 1.0, &r), GLIA_OK);
  glia_store_facts(c->store, &after);
  const double bytes =
      (double)(after.journal_bytes - before.journal_bytes) / (double)(t->rows - rows);
  tap_note("%d names: %lld columns at most, %lld of the intake; then %.0f bytes of journal a row",
           generations * NAMES, (long long)most, (long long)glia_intake_columns(t->intake), bytes);
  CU_ASSERT(most < generations * NAMES / 4);
  CU_ASSERT(bytes < 200.0);
  CU_ASSERT_EQUAL(t->failures, 0);
  CU_ASSERT_EQUAL(glia_collect_close(&c), GLIA_OK);
  glia_server_stop(&server);
  glia_buffer_free(&text);
}

TAP_MAIN("collect_names", TAP(names_beyond_the_limit_cost_nothing_else),
         TAP(names_of_jobs_go_with_them))
