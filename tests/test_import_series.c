/* Folders of series with windows, and logs of failures. */
#include "glia_telemetry.h"
#include "import_rig.h"

static const int64_t second = 1000000000, begin_s = 1392388200; /* 2014-02-14 14:30 UTC */

static void series_come_with_their_windows(void)
{
  const struct glia_import_out out = to("nab.h5");
  struct glia_telemetry *t = NULL;
  struct glia_telemetry_node d;
  char *const *name = NULL;
  int n = 0;

  mkdir(scratch("nab"), 0777);
  /* the clock was put back once */
  spill("nab/real__cpu.csv", "timestamp,value\n2014-02-14 14:30:00,0.5\n2014-02-14 14:40:00,2\n"
                             "2014-02-14 14:35:00,1.5\n2014-02-14 14:40:00,9\n"
                             "2014-02-14 14:45:00,\n2014-02-14 14:50:00.5,-4e3\n2014-02-14 "
                             "14:55:00,7\n2014-02-14 15:00:00,8\n");
  spill("nab/real__quiet.csv", "timestamp,value\n2016-02-29 23:59:59,1\n2016-03-01 00:00:00,2\n");
  spill("nab/other.csv", "timestamp,value\n2014-02-14 14:30:00,1\n");
  spill("nab/anomaly_windows.json",
        "{\"real/cpu.csv\": [[\"2014-02-14 14:35:00.000000\", \"2014-02-14 14:40:00.000000\"], "
        "[\"2014-02-14 14:54:00\", \"2014-02-14 14:56:00\"]], \"real/quiet.csv\": []}");
  run("xz", scratch("nab/real__cpu.csv"));
  CU_ASSERT_EQUAL_FATAL(glia_import_telemetry(scratch("nab"), 60.0, &out, &n), GLIA_OK);
  CU_ASSERT_EQUAL(n, 3);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_open(out.path, &t), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_nodes(t, &name), 3);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_read_node(t, "real__cpu", &d), GLIA_OK);
  static const int64_t at_s[] = {0, 300, 600, 900, 1200, 1500, 1800};
  static const int8_t label[] = {0, 1, 1, 0, 0, 1, 0};
  CU_ASSERT_EQUAL_FATAL(d.n, 7);
  CU_ASSERT(d.n_metrics == 1 && d.train_rows == 1 && strcmp(d.metric[0], "value") == 0);
  for (int i = 0; i < 7; i++)
    CU_ASSERT(d.time_ns[i] == (begin_s + at_s[i]) * second + (i == 4 ? second / 2 : 0) &&
              d.label[i] == label[i]);
  CU_ASSERT(d.values[1] == 1.5f && d.values[2] == 2.0f && d.values[3] != d.values[3] &&
            d.values[4] == -4000.0f);
  glia_telemetry_node_free(&d);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_read_node(t, "real__quiet", &d), GLIA_OK);
  CU_ASSERT(d.time_ns[1] - d.time_ns[0] == second && d.label[0] == GLIA_LABEL_NORMAL);
  glia_telemetry_node_free(&d);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_read_node(t, "other", &d), GLIA_OK);
  CU_ASSERT_PTR_NULL(d.label);
  glia_telemetry_node_free(&d);
  glia_telemetry_close(&t);
}

static void bad_series_are_refused(void)
{
  const struct glia_import_out out = {.path = scratch("badnab.h5")};

  mkdir(scratch("odd"), 0777);
  spill("odd/a.csv", "timestamp,value\n2014-02-30 14:30:00,1\n");
  failed(glia_import_telemetry(scratch("odd"), 60.0, &out, NULL), GLIA_E_DATA,
         "a.csv:2: '2014-02-30 14:30:00' is not a time", "", out.path);
  spill("odd/a.csv", "timestamp,value\n2014-02-14 14:30:00,many\n");
  failed(glia_import_telemetry(scratch("odd"), 60.0, &out, NULL), GLIA_E_DATA,
         "a.csv:2: 'many' is not a number", "", out.path);
  spill("odd/a.csv", "timestamp,value\n");
  failed(glia_import_telemetry(scratch("odd"), 60.0, &out, NULL), GLIA_E_DATA, "holds no sample",
         "", out.path);
  spill("odd/a.csv", "timestamp,value\n2014-02-14 14:30:00,1\n");
  spill("odd/anomaly_windows.json", "{\"a.csv\": [[\"2014-02-14 14:30:00\"]]}");
  failed(glia_import_telemetry(scratch("odd"), 60.0, &out, NULL), GLIA_E_DATA, "window 0 of a", "",
         out.path);
  spill("odd/anomaly_windows.json", "[]");
  failed(glia_import_telemetry(scratch("odd"), 60.0, &out, NULL), GLIA_E_DATA,
         "anomaly_windows.json", "expected an object", out.path);
  unlink(scratch("odd/anomaly_windows.json"));
  spill("odd/b.csv", "x,y\n1,2\n");
  failed(glia_import_telemetry(scratch("odd"), 60.0, &out, NULL), GLIA_E_DATA, "b.csv",
         "timestamp,value", out.path);
  spill("odd/a.csv", "x,y\n1,2\n");
  failed(glia_import_telemetry(scratch("odd"), 60.0, &out, NULL), GLIA_E_MISSING,
         "holds neither NAME.train.csv", "Hardware Identifier", out.path);
}

static void logs_of_failures_are_events(void)
{
  const struct glia_telemetry_event *e = NULL;
  const struct glia_import_out out = to("log.h5");
  struct glia_telemetry *t = NULL;
  char *const *name = NULL;
  int n = -1;

  mkdir(scratch("log"), 0777);
  spill("log/site.csv", "Date,Hardware Identifier,What Failed,Description of Failure,Action Taken\n"
                        "2/29/2004 7:30,node 591,PS,\"LED Error, pointing to it\",REPLACE\n"
                        "11/29/2003,node 13,DISK,,\n");
  CU_ASSERT_EQUAL_FATAL(glia_import_telemetry(scratch("log"), 60.0, &out, &n), GLIA_OK);
  CU_ASSERT_EQUAL(n, 0);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_open(out.path, &t), GLIA_OK);
  CU_ASSERT_EQUAL(glia_telemetry_nodes(t, &name), 0);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_events(t, &e), 2);
  CU_ASSERT(e[0].time_ns == 1070064000 * second && e[1].time_ns == 1078039800 * second);
  CU_ASSERT_STRING_EQUAL(e[0].node, "node 13");
  CU_ASSERT_STRING_EQUAL(e[0].text, "DISK");
  CU_ASSERT_STRING_EQUAL(e[1].text, "PS: LED Error, pointing to it; REPLACE");
  glia_telemetry_close(&t);
  spill("log/site.csv", "Date,Hardware Identifier,What Failed\n29/2/2004,node 591,PS\n");
  const struct glia_import_out bad = {.path = scratch("badlog.h5")};
  failed(glia_import_telemetry(scratch("log"), 60.0, &bad, NULL), GLIA_E_DATA,
         "site.csv:2: '29/2/2004' is not a time", "", bad.path);
}

/* Rows, rows in windows and failures as counted with other tools. */
static void real_series_are_read(void)
{
  const char *data = getenv("GLIA_TEST_DATA");
  char folder[600];
  const struct glia_import_out out = to("real.h5");
  struct glia_telemetry *t = NULL;
  char *const *name = NULL;
  int64_t rows = 0, labelled = 0;

  snprintf(folder, sizeof folder, "%s/telemetry/nab", data != NULL ? data : "");
  if (data == NULL || access(folder, R_OK) != 0) TAP_SKIP("GLIA_TEST_DATA has no telemetry/nab");
  CU_ASSERT_EQUAL_FATAL(glia_import_telemetry(folder, 60.0, &out, NULL), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_open(out.path, &t), GLIA_OK);
  const int n = glia_telemetry_nodes(t, &name);
  CU_ASSERT_EQUAL(n, 21);
  for (int i = 0; i < n; i++) {
    struct glia_telemetry_node d;
    CU_ASSERT_EQUAL_FATAL(glia_telemetry_read_node(t, name[i], &d), GLIA_OK);
    rows += d.n;
    for (int64_t k = 0; k < d.n; k++) labelled += d.label[k] == GLIA_LABEL_ANOMALY;
    for (int64_t k = 0; k < d.train_rows; k++) CU_ASSERT_EQUAL(d.label[k], GLIA_LABEL_NORMAL);
    glia_telemetry_node_free(&d);
  }
  CU_ASSERT(rows == 119739 && labelled == 11151);
  glia_telemetry_close(&t);
}

static void real_failures_are_read(void)
{
  const char *data = getenv("GLIA_TEST_DATA");
  char folder[600];
  const struct glia_import_out out = to("failures.h5");
  const struct glia_telemetry_event *e = NULL;
  struct glia_telemetry *t = NULL;
  int disks = 0;

  snprintf(folder, sizeof folder, "%s/telemetry/node_failures", data != NULL ? data : "");
  if (data == NULL || access(folder, R_OK) != 0)
    TAP_SKIP("GLIA_TEST_DATA has no telemetry/node_failures");
  CU_ASSERT_EQUAL_FATAL(glia_import_telemetry(folder, 60.0, &out, NULL), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_open(out.path, &t), GLIA_OK);
  const int64_t n = glia_telemetry_events(t, &e);
  CU_ASSERT_EQUAL_FATAL(n, 4651);
  for (int64_t i = 0; i < n; i++) disks += strncmp(e[i].text, "DISK", 4) == 0;
  CU_ASSERT_EQUAL(disks, 2038);
  glia_telemetry_close(&t);
}

TAP_MAIN("import-series", TAP(series_come_with_their_windows), TAP(bad_series_are_refused),
         TAP(logs_of_failures_are_events), TAP(real_series_are_read), TAP(real_failures_are_read))
