/* The store of a collector that is killed while it ends: whenever that is, each row is there once, and the mark of its node as far as the rows. And one
 * whose node names ever more columns. */
#include "glia_store.h"
#include "glia_telemetry.h"
#include "scratch.h"
#include "tap.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

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

/* ---- damage */

enum { DAMAGED_ROWS = 12, DAMAGED_COLUMNS = 10, JOURNAL_BYTES = 4096, HEAD_BYTES = 16 };

/* A record that says row 999 of n1 is stored, as a journal without a salt would have it, for row values to spell. */
static void spell_a_record(float out[9])
{
  unsigned char record[36] = {28};
  const int64_t mark[3] = {7, 999, (begin_s + 999) * second};

  record[8] = 3;
  record[9] = 2;
  memcpy(record + 10, "n1", 2);
  memcpy(record + 12, mark, sizeof mark);
  const uint32_t check = (uint32_t)crc32(0, record + 8, 28);
  memcpy(record + 4, &check, sizeof check);
  memcpy(out, record, sizeof record);
}

/* A process that dies with so many rows in its journal: number i in column m0, and what looks like a record in the others. */
static void die_with_a_journal(const char *path)
{
  const struct glia_store_options o = {.path = path, .flush_s = 1e-3};
  int64_t column[DAMAGED_COLUMNS];
  float value[DAMAGED_COLUMNS];
  struct glia_store_facts facts = {0};
  struct glia_store *s;
  char name[8];
  int node;

  if (glia_store_open(&o, &s) != GLIA_OK || glia_store_node(s, "n1", &node) != GLIA_OK) _exit(1);
  for (int i = 0; i < DAMAGED_COLUMNS; i++) {
    snprintf(name, sizeof name, "m%d", i);
    if (glia_store_column(s, node, name, "1", &column[i]) != GLIA_OK) _exit(1);
  }
  spell_a_record(value + 1);
  for (int i = 0; i < DAMAGED_ROWS; i++) {
    bool taken;
    value[0] = (float)i;
    if (glia_store_row(s, node, (struct glia_store_mark){7, i + 1, (begin_s + i) * second},
                       DAMAGED_COLUMNS, column, value, &taken) != GLIA_OK)
      _exit(1);
  }
  while (facts.rows_synced < DAMAGED_ROWS) {
    if (glia_store_tick(s) != GLIA_OK) _exit(1);
    glia_store_facts(s, &facts);
  }
  _exit(0);
}

static size_t read_file(const char *name, unsigned char *out)
{
  FILE *f = fopen(name, "rb");

  if (f == NULL) return 0;
  const size_t n = fread(out, 1, JOURNAL_BYTES, f);
  fclose(f);
  return n;
}

/* How many rows its files hold: each is one that was written, once, in their order, all its values where they were. */
static int64_t rows_of_files(const char *path)
{
  struct glia_telemetry_node rows;
  struct glia_telemetry *t;
  float spelt[9];
  int64_t before = -1;

  spell_a_record(spelt);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_open(path, &t), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_read_node(t, "n1", &rows), GLIA_OK);
  const int64_t n = rows.n;
  CU_ASSERT_EQUAL_FATAL(rows.n_metrics, DAMAGED_COLUMNS);
  for (int64_t i = 0; i < n; i++) {
    const float *v = rows.values + i * DAMAGED_COLUMNS;
    CU_ASSERT((int64_t)v[0] > before);
    before = (int64_t)v[0];
    CU_ASSERT_EQUAL(rows.time_ns[i], (begin_s + before) * second);
    CU_ASSERT(memcmp(v + 1, spelt, sizeof spelt) == 0);
  }
  glia_telemetry_node_free(&rows);
  glia_telemetry_close(&t);
  return n;
}

/* One bit of a journal turns over: all rows but the one that it is in are there, and the journal is kept. *headless: journals of which nothing is. */
static void with_a_bit_turned(const unsigned char *good, size_t n, size_t at, int64_t *least,
                              int *headless)
{
  char path[1024], name[1100];
  unsigned char data[JOURNAL_BYTES], kept[JOURNAL_BYTES];
  const struct glia_store_options o = {.path = path};
  struct glia_store *s;
  int node;

  memcpy(data, good, n);
  data[at] ^= (unsigned char)(1U << (at % 8));
  snprintf(path, sizeof path, "%s-%zu", scratch("bit"), at);
  CU_ASSERT_EQUAL_FATAL(mkdir(path, 0777), 0);
  snprintf(name, sizeof name, "%s/journal-1", path);
  FILE *f = fopen(name, "wb");
  CU_ASSERT_FATAL(f != NULL && fwrite(data, 1, n, f) == n && fclose(f) == 0);
  const glia_status st = glia_store_open(&o, &s);
  if (st != GLIA_OK) { /* it does not look like a journal: nobody touches it */
    CU_ASSERT(at < 8 && st == GLIA_E_DATA);
    CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), "journal-1 is no journal of a collector"));
    glia_trace_clear();
    CU_ASSERT(read_file(name, kept) == n && memcmp(kept, data, n) == 0);
    ++*headless;
    return;
  }
  CU_ASSERT_EQUAL_FATAL(glia_store_node(s, "n1", &node), GLIA_OK);
  CU_ASSERT(glia_store_mark(s, node).number <= DAMAGED_ROWS);
  CU_ASSERT_EQUAL(glia_store_close(&s), GLIA_OK);
  snprintf(name, sizeof name, "%s/damaged-journal-1", path);
  const bool aside = read_file(name, kept) == n && memcmp(kept, data, n) == 0;
  if (at < HEAD_BYTES) {
    CU_ASSERT(aside);
    ++*headless;
    return;
  }
  const int64_t rows = rows_of_files(path);
  if (rows < *least) *least = rows;
  CU_ASSERT(rows >= DAMAGED_ROWS - 1);
  CU_ASSERT(aside || n - at < 80); /* the last record may have been torn by a kill as well */
}

static void a_bit_of_a_journal_costs_one_row(void)
{
  unsigned char data[JOURNAL_BYTES];
  const char *path = scratch("damage");
  char name[1100];
  int status = 0, headless = 0, tried = 0;
  int64_t least = DAMAGED_ROWS;
  const pid_t child = fork();

  if (child == 0) die_with_a_journal(path);
  CU_ASSERT_EQUAL_FATAL(waitpid(child, &status, 0), child);
  CU_ASSERT_EQUAL_FATAL(status, 0);
  snprintf(name, sizeof name, "%s/journal-1", path);
  const size_t n = read_file(name, data);
  CU_ASSERT_FATAL(n > 1000 && n < JOURNAL_BYTES);
  for (size_t at = 0; at < n; at += 5, tried++) with_a_bit_turned(data, n, at, &least, &headless);
  tap_note("%d bits of %zu bytes: %lld of %d rows at least, %d in the head", tried, n,
           (long long)least, DAMAGED_ROWS, headless);
}

static void put_record(FILE *f, const void *payload, size_t n)
{
  const uint32_t head[2] = {(uint32_t)n, (uint32_t)crc32(0, payload, (unsigned)n)};

  CU_ASSERT(fwrite(head, 1, sizeof head, f) == sizeof head && fwrite(payload, 1, n, f) == n);
}

/* A journal of before, of three rows; its second one may be damaged. */
static void older_journal(const char *path, const char *magic, bool damaged)
{
  char name[1100];
  struct glia_store *s;
  int node;

  CU_ASSERT_EQUAL_FATAL(mkdir(path, 0777), 0);
  snprintf(name, sizeof name, "%s/journal-1", path);
  FILE *f = fopen(name, "wb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(f);
  fputs(magic, f);
  put_record(f, "\1\2n1m\0001", 8);
  for (int64_t i = 1; i <= 3; i++) {
    unsigned char row[32] = {2, 2, 'n', '1'};
    const int64_t mark[3] = {7, i, (begin_s + i) * second};
    const float value = (float)i;
    memcpy(row + 4, mark, sizeof mark);
    memcpy(row + 28, &value, sizeof value);
    put_record(f, row, sizeof row);
    if (damaged && i == 2) CU_ASSERT(fseek(f, -1, SEEK_CUR) == 0 && fputc(7, f) == 7);
  }
  CU_ASSERT_EQUAL_FATAL(fclose(f), 0);
  open_store(path, &s, &node);
  CU_ASSERT_EQUAL(glia_store_mark(s, node).number, damaged ? 1 : 3);
  CU_ASSERT_EQUAL(glia_store_close(&s), GLIA_OK);
  check_rows(path, damaged ? 1 : 3);
  CU_ASSERT_FALSE(scratch_exists(name));
  snprintf(name, sizeof name, "%s/damaged-journal-1", path);
  CU_ASSERT_EQUAL(scratch_exists(name), damaged);
}

/* Its columns have no numbers: nobody knows what rows behind damage hold. */
static void journals_of_before_are_read(void)
{
  older_journal(scratch("first"), "", false);
  older_journal(scratch("second"), "GLIAJRN1", false);
  older_journal(scratch("third"), "GLIAJRN1", true);
}

TAP_MAIN("store", TAP(a_bit_of_a_journal_costs_one_row), TAP(journals_of_before_are_read),
         TAP(a_node_may_name_many_columns), TAP(whoever_ends_in_order_leaves_files),
         TAP(killed_before_the_journal_goes), TAP(killed_when_the_journal_has_gone))
