/* The store of a collector that is killed while it ends: whenever that is, each row is there once, and the mark of its node as far as the rows. And one
 * whose node names ever more columns. */
#include "glia_store.h"
#include "glia_telemetry.h"
#include "scratch.h"
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { ROWS = 6 };
static const int64_t second = 1000000000, begin_s = 1790000000;

/* Ours is called in place of the C library's: the process dies where a journal goes. */
static enum { LIVES, BEFORE, AFTER } dies;
int unlink(const char *path)
{
  const bool journal = strstr(path, "/journal-") != NULL;

  if (journal && dies == BEFORE) raise(SIGKILL);
  const int done = unlinkat(AT_FDCWD, path, 0);
  if (journal && dies == AFTER) raise(SIGKILL);
  return done;
}

/* So is this one: it counts. */
static int64_t comparisons;
int strcmp(const char *a, const char *b)
{
  comparisons++;
  for (; *a == *b && *a != '\0'; a++) b++;
  return (int)(unsigned char)*a - (int)(unsigned char)*b;
}

static void open_store(const char *path, struct glia_store **s, int *node)
{
  const struct glia_store_options o = {.path = path};

  CU_ASSERT_EQUAL_FATAL(glia_store_open(&o, s), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_store_node(*s, "n1", node), GLIA_OK);
}

/* Rows first .. last of an agent go to a store that is closed then. */
static void store(const char *path, int64_t first, int64_t last)
{
  struct glia_store *s;
  int64_t column;
  int node;

  open_store(path, &s, &node);
  CU_ASSERT_EQUAL_FATAL(glia_store_column(s, node, "m", "1", &column), GLIA_OK);
  for (int64_t i = first; i <= last; i++) {
    const float value = (float)i;
    bool taken = false;
    CU_ASSERT_EQUAL(glia_store_row(s, node, (struct glia_store_mark){7, i, (begin_s + i) * second},
                                   1, &column, &value, &taken),
                    GLIA_OK);
    CU_ASSERT(taken);
  }
  CU_ASSERT_EQUAL(glia_store_close(&s), GLIA_OK);
}

static void check_rows(const char *path, int64_t last)
{
  struct glia_telemetry_node rows;
  struct glia_telemetry *t;

  CU_ASSERT_EQUAL_FATAL(glia_telemetry_open(path, &t), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_read_node(t, "n1", &rows), GLIA_OK);
  CU_ASSERT_EQUAL(rows.n, last);
  for (int64_t i = 0; i < rows.n; i++) CU_ASSERT_EQUAL((int64_t)rows.values[i], i + 1);
  glia_telemetry_node_free(&rows);
  glia_telemetry_close(&t);
}

static void killed(const char *path, int where)
{
  struct glia_store *s;
  int node, status = 0;
  const pid_t child = fork();

  if (child == 0) {
    dies = where;
    store(path, 1, ROWS);
    _exit(0);
  }
  CU_ASSERT_EQUAL_FATAL(waitpid(child, &status, 0), child);
  CU_ASSERT(where == LIVES ? WIFEXITED(status) : WIFSIGNALED(status));
  open_store(path, &s, &node);
  CU_ASSERT_EQUAL(glia_store_mark(s, node).run, 7);
  CU_ASSERT_EQUAL(glia_store_mark(s, node).number, ROWS); /* who asks goes on behind it */
  CU_ASSERT_EQUAL(glia_store_close(&s), GLIA_OK);
  check_rows(path, ROWS);
  store(path, ROWS + 1, 2 * ROWS);
  check_rows(path, 2 * ROWS);
}

static void whoever_ends_in_order_leaves_files(void) { killed(scratch("whole"), LIVES); }
static void killed_before_the_journal_goes(void) { killed(scratch("before"), BEFORE); }
static void killed_when_the_journal_has_gone(void) { killed(scratch("after"), AFTER); }

/* Some thousand new names a scrape are found by the logarithm of how many there are, also when the journal is read again; too many are the node's own fault. */
static void a_node_may_name_many_columns(void)
{
  const char *path = scratch("many");
  struct glia_store *s;
  int64_t column;
  char name[32];
  int node;

  open_store(path, &s, &node);
  comparisons = 0;
  for (int64_t i = 0; i < GLIA_STORE_COLUMNS_MAX; i++) {
    snprintf(name, sizeof name, "m%lld", (long long)i);
    CU_ASSERT_EQUAL_FATAL(glia_store_column(s, node, name, "1", &column), GLIA_OK);
    CU_ASSERT_EQUAL(column, i);
  }
  CU_ASSERT_EQUAL(glia_store_column(s, node, "m77", "1", &column), GLIA_OK);
  CU_ASSERT_EQUAL(column, 77);
  CU_ASSERT_EQUAL(glia_store_column(s, node, "one more", "1", &column), GLIA_E_DATA);
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "n1 has more than 65536 columns"));
  glia_trace_clear();
  CU_ASSERT_EQUAL(glia_store_close(&s), GLIA_OK);
  open_store(path, &s, &node);
  CU_ASSERT_EQUAL(glia_store_columns(s, node), GLIA_STORE_COLUMNS_MAX);
  CU_ASSERT_EQUAL(glia_store_close(&s), GLIA_OK);
  /* a red-black tree of n names is at most 2 log2(n + 1) deep; two ways down for a new name, twice over */
  CU_ASSERT(comparisons > GLIA_STORE_COLUMNS_MAX &&
            comparisons < INT64_C(4) * 2 * 17 * GLIA_STORE_COLUMNS_MAX);
}

TAP_MAIN("store", TAP(a_node_may_name_many_columns), TAP(whoever_ends_in_order_leaves_files),
         TAP(killed_before_the_journal_goes), TAP(killed_when_the_journal_has_gone))
