/* Telemetry files: round trips, killed recorders, damage. */
#include "glia_log.h"
#include "glia_telemetry.h"
#include "scratch.h"
#include "tap.h"

#include <math.h>
#include <signal.h>
#include <sys/wait.h>

static const char *const names[] = {"load1", "mem_free", "temperature of the first socket"};
static const char *const units[] = {"", "B", "Cel"};

static float value(int64_t t, int64_t m)
{
  return t % 7 == 3 && m == 1 ? NAN : (float)(t * 10 + m);
}

static glia_status append(struct glia_telemetry_writer *w, int node, int64_t from, int64_t n)
{
  for (int64_t t = from; t < from + n; t++) {
    const int64_t time = t * 1000000000;
    const float v[3] = {value(t, 0), value(t, 1), value(t, 2)};
    GLIA_TRY(glia_telemetry_append(w, node, 1, &time, v));
  }
  return GLIA_OK;
}

static glia_status make(const char *path, double flush_s, int64_t n)
{
  struct glia_telemetry_writer *w = NULL;
  int a = 0;
  int b = 0;
  glia_status st = GLIA_OK;
  int8_t *label = calloc((size_t)n + 1, 1);
  const int64_t cause[2][3] = {{1, 3, 0}, {5, 6, 2}};
  const int64_t time[2] = {10, 20};

  GLIA_TRY(glia_telemetry_create(path, true, flush_s, &w));
  GLIA_TRY_TO(out, st, glia_telemetry_add_node(w, "node-b.site", 3, names, units, &b));
  GLIA_TRY_TO(out, st, glia_telemetry_add_node(w, "node-a", 3, names, units, &a));
  GLIA_TRY_TO(out, st, append(w, a, 0, n));
  GLIA_TRY_TO(out, st, append(w, b, 5, 10));
  GLIA_TRY_TO(out, st, glia_telemetry_event(w, 30, "node-a", "fan broke"));
  GLIA_TRY_TO(out, st, glia_telemetry_event(w, 20, "", "cluster \xc3\xa9veill\xc3\xa9"));
  label[n - 1] = GLIA_LABEL_ANOMALY;
  label[0] = GLIA_LABEL_NONE;
  GLIA_TRY_TO(out, st, glia_telemetry_labels(w, a, n, label));
  GLIA_TRY_TO(out, st, glia_telemetry_causes(w, a, 2, cause));
  GLIA_TRY_TO(out, st, glia_telemetry_train_rows(w, a, n / 2));
  GLIA_TRY_TO(out, st,
              glia_telemetry_scores(w, "node-a", 2, time, (const float[]){0.5f, 2.0f}, 1.5));
  GLIA_TRY_TO(out, st, glia_telemetry_commit(&w));
out:
  free(label);
  glia_telemetry_abort(&w);
  return st;
}

static void check_samples(const struct glia_telemetry_node *d, int64_t from, int64_t n)
{
  int64_t wrong = 0;

  CU_ASSERT_EQUAL_FATAL(d->n, n);
  CU_ASSERT_EQUAL_FATAL(d->n_metrics, 3);
  for (int64_t i = 0; i < n; i++) {
    wrong += d->time_ns[i] != (from + i) * 1000000000;
    for (int64_t m = 0; m < 3; m++) {
      const float v = value(from + i, m);
      const float got = d->values[i * 3 + m];
      wrong += isnan(v) ? !isnan(got) : got != v;
    }
  }
  CU_ASSERT_EQUAL(wrong, 0);
  for (int m = 0; m < 3; m++)
    CU_ASSERT(strcmp(d->metric[m], names[m]) == 0 && strcmp(d->unit[m], units[m]) == 0);
}

static void what_is_recorded_is_read(void)
{
  const char *path = scratch("t.h5");

  for (int k = 0; k < 4; k++) {
    const int64_t n = k < 2 ? 20 : 200000; /* several chunks */
    struct glia_telemetry *t = NULL;
    struct glia_telemetry_node d;
    char *const *node = NULL;
    const struct glia_telemetry_event *e = NULL;
    CU_ASSERT_EQUAL_FATAL(make(path, k % 2 ? 0.01 : 0.0, n), GLIA_OK);
    CU_ASSERT_EQUAL_FATAL(glia_telemetry_open(path, &t), GLIA_OK);
    CU_ASSERT_EQUAL_FATAL(glia_telemetry_nodes(t, &node), 2);
    CU_ASSERT(strcmp(node[0], "node-a") == 0 && strcmp(node[1], "node-b.site") == 0);
    CU_ASSERT_EQUAL_FATAL(glia_telemetry_read_node(t, "node-a", &d), GLIA_OK);
    check_samples(&d, 0, n);
    CU_ASSERT(d.label[0] == GLIA_LABEL_NONE && d.label[1] == GLIA_LABEL_NORMAL &&
              d.label[n - 1] == GLIA_LABEL_ANOMALY);
    CU_ASSERT(d.n_causes == 2 && d.cause[1][0] == 5 && d.cause[1][1] == 6 && d.cause[1][2] == 2);
    CU_ASSERT_EQUAL(d.train_rows, n / 2);
    glia_telemetry_node_free(&d);
    CU_ASSERT_EQUAL_FATAL(glia_telemetry_read_node(t, "node-b.site", &d), GLIA_OK);
    check_samples(&d, 5, 10);
    CU_ASSERT(d.label == NULL && d.cause == NULL && d.train_rows == -1);
    glia_telemetry_node_free(&d);
    CU_ASSERT_EQUAL(glia_telemetry_read_node(t, "node-c", &d), GLIA_E_MISSING);
    CU_ASSERT_EQUAL_FATAL(glia_telemetry_events(t, &e), 2);
    CU_ASSERT(e[0].time_ns == 20 && e[0].node[0] == '\0' &&
              strcmp(e[0].text, "cluster \xc3\xa9veill\xc3\xa9") == 0);
    CU_ASSERT(e[1].time_ns == 30 && strcmp(e[1].node, "node-a") == 0);
    struct glia_telemetry_score s;
    CU_ASSERT_EQUAL_FATAL(glia_telemetry_read_scores(t, "node-a", &s), GLIA_OK);
    CU_ASSERT(s.n == 2 && s.threshold == 1.5 && s.time_ns[1] == 20 && s.score[1] == 2.0f);
    glia_telemetry_score_free(&s);
    CU_ASSERT_EQUAL(glia_telemetry_read_scores(t, "node-b.site", &s), GLIA_E_MISSING);
    glia_telemetry_close(&t);
  }
}

static void what_was_flushed_survives_a_kill(void)
{
  const char *path = scratch("killed.h5");
  int ready[2];
  char c = 0;

  CU_ASSERT_EQUAL_FATAL(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    struct glia_telemetry_writer *w = NULL;
    int a = 0;
    glia_status st = glia_telemetry_create(path, false, 1000.0, &w);
    if (st == GLIA_OK) st = glia_telemetry_add_node(w, "n", 3, names, units, &a);
    if (st == GLIA_OK) st = append(w, a, 0, 7000);
    if (st == GLIA_OK) st = glia_telemetry_flush(w);
    if (st == GLIA_OK) st = append(w, a, 7000, 90000); /* more, not flushed */
    if (write(ready[1], st == GLIA_OK ? "y" : "n", 1) != 1) _exit(1);
    for (;;) pause();
  }
  CU_ASSERT_EQUAL(read(ready[0], &c, 1), 1);
  CU_ASSERT_EQUAL(c, 'y');
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  close(ready[0]);
  close(ready[1]);
  CU_ASSERT(!scratch_exists(path));
  struct glia_telemetry *t = NULL;
  struct glia_telemetry_node d;
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_open(scratch("killed.h5.tmp"), &t), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_read_node(t, "n", &d), GLIA_OK);
  check_samples(&d, 0, 7000);
  glia_telemetry_node_free(&d);
  glia_telemetry_close(&t);
}

static void wrong_use_is_refused(void)
{
  struct glia_telemetry_writer *w = NULL;
  int a = 0;

  CU_ASSERT_EQUAL_FATAL(glia_telemetry_create(scratch("use.h5"), false, 0.0, &w), GLIA_OK);
  CU_ASSERT_EQUAL(glia_telemetry_add_node(w, "", 3, names, units, &a), GLIA_E_ARGUMENT);
  CU_ASSERT_EQUAL(glia_telemetry_add_node(w, "a/b", 3, names, units, &a), GLIA_E_ARGUMENT);
  CU_ASSERT_EQUAL(glia_telemetry_add_node(w, "..", 3, names, units, &a), GLIA_E_ARGUMENT);
  CU_ASSERT_EQUAL(glia_telemetry_add_node(w, "a", 0, names, units, &a), GLIA_E_ARGUMENT);
  CU_ASSERT_EQUAL(glia_telemetry_add_node(w, "a", 3, names, units, &a), GLIA_OK);
  CU_ASSERT_EQUAL(glia_telemetry_add_node(w, "a", 3, names, units, &a), GLIA_E_EXISTS);
  CU_ASSERT_EQUAL(glia_telemetry_append(w, 1, 1, &(int64_t){0}, (const float[]){0, 0, 0}),
                  GLIA_E_ARGUMENT);
  glia_telemetry_abort(&w);
  CU_ASSERT(!scratch_exists(scratch("use.h5")) && !scratch_exists(scratch("use.h5.tmp")));
}

/* 0 refused, 1 read, -1 crashed. */
static int read_in_child(const char *path)
{
  const pid_t child = fork();

  if (child == 0) {
    struct glia_telemetry *t = NULL;
    char *const *node = NULL;
    struct glia_telemetry_node d;
    alarm(20);
    if (glia_telemetry_open(path, &t) != GLIA_OK) _exit(glia_trace_message()[0] != '\0' ? 0 : 99);
    const int n = glia_telemetry_nodes(t, &node);
    for (int i = 0; i < n; i++)
      if (glia_telemetry_read_node(t, node[i], &d) == GLIA_OK) glia_telemetry_node_free(&d);
    glia_telemetry_close(&t);
    _exit(1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) < 2 ? WEXITSTATUS(status) : -1;
}

static void damage_does_not_crash(void)
{
  const char *path = scratch("whole.h5");
  const char *bad = scratch("bad.h5");
  size_t size = 0;

  CU_ASSERT_EQUAL_FATAL(make(path, 0.0, 500), GLIA_OK);
  char *data = scratch_slurp(path, &size);
  for (int i = 0; i < 50; i++) {
    scratch_spill(bad, data, size * (size_t)i / 50);
    CU_ASSERT_EQUAL(read_in_child(bad), 0);
  }
  for (int i = 0; i < 150; i++) {
    const size_t at = size * (size_t)i / 150;
    data[at] = (char)(data[at] ^ (1 << (i % 8)));
    scratch_spill(bad, data, size);
    CU_ASSERT(read_in_child(bad) >= 0);
    data[at] = (char)(data[at] ^ (1 << (i % 8)));
  }
  free(data);
}

TAP_MAIN("telemetry", TAP(what_is_recorded_is_read), TAP(what_was_flushed_survives_a_kill),
         TAP(wrong_use_is_refused), TAP(damage_does_not_crash))
