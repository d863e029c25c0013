/* Importers: right on good input, one clear error and no file on bad input. */
#include "glia_synth.h"
#include "glia_telemetry.h"
#include "import_rig.h"

#include <math.h>

/* IDX of n images [2, 3] and n labels. */
static void make_idx(const char *images, const char *labels, unsigned char n, int missing,
                     unsigned char n_labels)
{
  unsigned char x[16 + 256 * 6] = {0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, 2, 0, 0, 0, 3};
  unsigned char y[8 + 256] = {0, 0, 8, 1, 0, 0, 0, n_labels};

  for (int i = 0; i < n * 6; i++) x[16 + i] = (unsigned char)i;
  for (int i = 0; i < n_labels; i++) y[8 + i] = (unsigned char)(i % 10);
  scratch_spill(scratch(images), x, 16 + (size_t)n * 6 - (size_t)missing);
  scratch_spill(scratch(labels), y, 8 + (size_t)n_labels);
}

static const struct glia_import_pair none = {0};

static glia_status idx(const char *images, const char *labels, const char *out)
{
  return glia_import_idx((struct glia_import_pair){scratch(images), scratch(labels)}, none, none,
                         &(struct glia_import_out){.path = out});
}

static void idx_is_read_plain_and_packed(void)
{
  static const char *const packing[] = {"", ".gz", ".xz"};
  char images[32];
  char labels[32];

  make_idx("x", "y", 40, 0, 40);
  run("gzip -k", scratch("x"));
  run("gzip -k", scratch("y"));
  run("xz -k", scratch("x"));
  run("xz -k", scratch("y"));
  for (int i = 0; i < 3; i++) {
    const struct glia_import_out out = to("idx.h5");
    double x[6];
    double y = -1.0;
    snprintf(images, sizeof images, "x%s", packing[i]);
    snprintf(labels, sizeof labels, "y%s", packing[i]);
    const struct glia_import_pair pair = {scratch(images), scratch(labels)};
    CU_ASSERT_EQUAL_FATAL(glia_import_idx(pair, pair, pair, &out), GLIA_OK);
    struct glia_source *s = opened(out.path, "test");
    CU_ASSERT_EQUAL(s->n, 40);
    const struct glia_field *f = &s->field[glia_source_field(s, "x")];
    CU_ASSERT(f->scale == 1.0 / 255.0 && f->row.rank == 2 && f->row.dim[0] == 2 &&
              f->row.dim[1] == 3);
    row_of(s, "x", 39, x);
    row_of(s, "y", 39, &y);
    CU_ASSERT(x[0] == 234.0 && x[5] == 239.0 && y == 9.0);
    CU_ASSERT_EQUAL(s->field[glia_source_field(s, "y")].scale, 1.0);
    glia_source_close(&s);
  }
}

static void bad_idx_is_refused(void)
{
  const char *out = scratch("bad.h5");
  size_t size = 0;

  make_idx("x", "y", 40, 0, 39);
  failed(idx("x", "y", out), GLIA_E_SHAPE, "x has 40 rows", "y has 39", out);
  make_idx("x", "y", 40, 1, 40);
  failed(idx("x", "y", out), GLIA_E_DATA, "x ends too early: 1 more bytes", "", out);
  make_idx("x", "y", 40, -1, 40);
  failed(idx("x", "y", out), GLIA_E_DATA, "x is longer than its header says", "", out);
  spill("x", "P5 28 28 255 ...");
  failed(idx("x", "y", out), GLIA_E_DATA, "x is not an IDX file", "50 35", out);
  spill("x", "");
  failed(idx("x", "y", out), GLIA_E_DATA, "x is not an IDX file", "", out);
  failed(idx("nowhere", "y", out), GLIA_E_MISSING, "nowhere", "No such file", out);
  failed(idx(".", "y", out), GLIA_E_IO, "is a folder", "", out);
  make_idx("x", "y", 0, 0, 0);
  failed(idx("x", "y", out), GLIA_E_SHAPE, "x holds no rows", "", out);
  make_idx("x", "y", 40, 0, 40);
  make_idx("small", "y2", 2, 0, 2);
  const unsigned char other[] = {0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 7};
  scratch_spill(scratch("small"), other, sizeof other);
  make_idx("unused", "y2", 1, 0, 1);
  failed(glia_import_idx((struct glia_import_pair){scratch("x"), scratch("y")}, none,
                         (struct glia_import_pair){scratch("small"), scratch("y2")},
                         &(struct glia_import_out){.path = out}),
         GLIA_E_SHAPE, "small has rows u8 [1, 1]", "u8 [2, 3]", out);
  run("gzip -kf", scratch("x"));
  char *data = scratch_slurp(scratch("x.gz"), &size);
  for (size_t n = 1; n < size; n += 7) {
    scratch_spill(scratch("cut.gz"), data, n);
    const glia_status st = idx("cut.gz", "y", out);
    CU_ASSERT_EQUAL(st, GLIA_E_DATA);
    CU_ASSERT(!scratch_exists(out));
  }
  scratch_spill(scratch("cut.gz"), data, size - 4);
  failed(idx("cut.gz", "y", out), GLIA_E_DATA, "cut.gz is cut short", "", out);
  data[size - 8] = (char)(data[size - 8] ^ 1); /* its check sum */
  scratch_spill(scratch("cut.gz"), data, size);
  failed(idx("cut.gz", "y", out), GLIA_E_DATA, "cut.gz is damaged", "incorrect data check", out);
  free(data);
  run("xz -kf", scratch("x"));
  data = scratch_slurp(scratch("x.xz"), &size);
  for (size_t n = 7; n < size; n += 7) {
    scratch_spill(scratch("cut.xz"), data, n);
    CU_ASSERT_EQUAL(idx("cut.xz", "y", out), GLIA_E_DATA);
    CU_ASSERT(!scratch_exists(out));
  }
  free(data);
  scratch_spill(out, "precious", 8);
  CU_ASSERT_EQUAL(idx("x", "y", out), GLIA_E_EXISTS);
  data = scratch_slurp(out, &size);
  CU_ASSERT_EQUAL(size, 8);
  free(data);
  unlink(out);
}

/* The .npy of `count` elements behind a header of this text. */
static void make_npy(const char *name, int version, const char *dictionary, const void *data,
                     size_t bytes)
{
  unsigned char all[4096] = "\x93NUMPY";
  const size_t n = strlen(dictionary);
  const size_t head = version == 1 ? 10 : 12;

  all[6] = (unsigned char)version;
  all[8] = (unsigned char)(n & 255);
  all[9] = (unsigned char)(n >> 8);
  memcpy(all + head, dictionary, n);
  memcpy(all + head + n, data, bytes);
  scratch_spill(scratch(name), all, head + n + bytes);
}

static glia_status npy(const char *x, const char *y, const char *out)
{
  return glia_import_npy((struct glia_import_pair){scratch(x), y != NULL ? scratch(y) : NULL}, none,
                         none, 1.0, 0.0, &(struct glia_import_out){.path = out, .force = true});
}

static void npy_is_read_in_all_its_types(void)
{
  const char *out = scratch("npy.h5");
  const float f4[6] = {1.5f, -2.0f, 3.0f, 4.0f, 5.0f, 6.25f};
  const double f8[3] = {0.1, 0.2, 0.3};
  const unsigned char big[12] = {0, 0, 0, 1, 0xff, 0xff, 0xff, 0xfe, 0, 1, 0, 0};
  const int16_t i2[3] = {-1, 300, -32768};
  const uint16_t u2[3] = {65535, 300, 1};
  double x[2] = {0};
  double y = 0.0;

  make_npy("x.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }\n", f4,
           sizeof f4);
  make_npy("y.npy", 2, "{'descr': '>i4', 'fortran_order': False, 'shape': (3,), }\n", big,
           sizeof big);
  CU_ASSERT_EQUAL_FATAL(npy("x.npy", "y.npy", out), GLIA_OK);
  struct glia_source *s = opened(out, "train");
  row_of(s, "x", 2, x);
  row_of(s, "y", 1, &y);
  CU_ASSERT(x[0] == 5.0 && x[1] == 6.25 && y == -2.0);
  row_of(s, "y", 2, &y);
  CU_ASSERT_EQUAL(y, 65536.0);
  glia_source_close(&s);
  make_npy("y.npy", 1, "{'descr': '<i2', 'fortran_order': False, 'shape': (3,), }\n", i2,
           sizeof i2);
  CU_ASSERT_EQUAL_FATAL(npy("x.npy", "y.npy", out), GLIA_OK);
  s = opened(out, "train");
  row_of(s, "y", 2, &y);
  CU_ASSERT_EQUAL(y, -32768.0);
  glia_source_close(&s);
  make_npy("y.npy", 1, "{'descr': '<u2', 'fortran_order': False, 'shape': (3,), }\n", u2,
           sizeof u2);
  make_npy("x.npy", 3, "{'descr': '<f8', 'fortran_order': False, 'shape': (3,)}\n", f8, sizeof f8);
  CU_ASSERT_EQUAL_FATAL(npy("x.npy", "y.npy", out), GLIA_OK);
  s = opened(out, "train");
  row_of(s, "x", 1, x);
  row_of(s, "y", 0, &y);
  CU_ASSERT(x[0] == 0.2 && y == 65535.0 && s->field[0].row.rank == 0);
  glia_source_close(&s);
}

static void bad_npy_is_refused(void)
{
  const char *out = scratch("badnpy.h5");
  const float f4[6] = {1.5f, NAN, 3.0f, 4.0f, 5.0f, 6.25f};

  unlink(out);
  make_npy("x.npy", 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (3, 2), }\n", f4,
           sizeof f4);
  failed(npy("x.npy", NULL, out), GLIA_E_UNSUPPORTED, "Fortran order", "ascontiguousarray", out);
  make_npy("x.npy", 1, "{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }\n", f4,
           sizeof f4);
  failed(npy("x.npy", NULL, out), GLIA_E_UNSUPPORTED, "x.npy holds '<c8'", "f4, f8", out);
  make_npy("x.npy", 1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }\n", f4,
           sizeof f4);
  failed(npy("x.npy", NULL, out), GLIA_E_DATA, "no plain element type", "", out);
  make_npy("x.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }\n", f4,
           sizeof f4);
  failed(npy("x.npy", NULL, out), GLIA_E_DATA, "x.npy: row 0 holds nan", "", out);
  make_npy("x.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 2), }\n", f4 + 2, 16);
  failed(npy("x.npy", NULL, out), GLIA_E_DATA, "x.npy ends too early", "", out);
  make_npy("x.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }\n", f4 + 2, 4);
  failed(npy("x.npy", NULL, out), GLIA_E_SHAPE, "a single number", "", out);
  make_npy("x.npy", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2", f4 + 2, 4);
  failed(npy("x.npy", NULL, out), GLIA_E_DATA, "x.npy", "shape", out);
  make_npy("x.npy", 1,
           "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999, 99999999999)}", f4, 4);
  failed(npy("x.npy", NULL, out), GLIA_E_DATA, "impossibly large", "", out);
  spill("x.npy", "\x93NUMPY\x01");
  failed(npy("x.npy", NULL, out), GLIA_E_DATA, "not an .npy file", "", out);
}

/* Mean and standard deviation of all pixels / 255 as the data's page states them. */
static void fashion_mnist_has_its_published_figures(void)
{
  const char *data = getenv("GLIA_TEST_DATA");
  char path[4][600];
  static const char *const names[4] = {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                                       "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"};

  for (int i = 0; i < 4; i++)
    snprintf(path[i], sizeof path[i], "%s/fashion_mnist/%s", data != NULL ? data : "", names[i]);
  if (data == NULL || access(path[3], R_OK) != 0) TAP_SKIP("GLIA_TEST_DATA has no fashion_mnist");
  const struct glia_import_out out = to("fashion.h5");
  CU_ASSERT_EQUAL_FATAL(glia_import_idx((struct glia_import_pair){path[0], path[1]}, none,
                                        (struct glia_import_pair){path[2], path[3]}, &out),
                        GLIA_OK);
  struct glia_source *s = opened(out.path, "train");
  CU_ASSERT_EQUAL_FATAL(s->n, 60000);
  const int x = glia_source_field(s, "x");
  double sum = 0.0;
  double squares = 0.0;
  int counts[10] = {0};
  for (int64_t i = 0; i < s->n; i++) {
    unsigned char pixel[784];
    double y = 0.0;
    CU_ASSERT_EQUAL_FATAL(s->read(s->self, x, 1, &i, pixel), GLIA_OK);
    for (int k = 0; k < 784; k++) {
      const double v = pixel[k] * s->field[x].scale;
      sum += v;
      squares += v * v;
    }
    if (i % 100 == 0) row_of(s, "y", i, &y);
    const int fy = glia_source_field(s, "y");
    unsigned char label = 0;
    CU_ASSERT_EQUAL_FATAL(s->read(s->self, fy, 1, &i, &label), GLIA_OK);
    counts[label % 10]++;
  }
  const double mean = sum / (60000.0 * 784.0);
  const double sd = sqrt(squares / (60000.0 * 784.0) - mean * mean);
  tap_note("mean %.6f, standard deviation %.6f", mean, sd);
  CU_ASSERT(fabs(mean - 0.286041) < 5e-7 &&
            fabs(sd - 0.353024) < 5e-7); /* six digits are published */
  for (int i = 0; i < 10; i++) CU_ASSERT_EQUAL(counts[i], 6000);
  glia_source_close(&s);
  s = opened(out.path, "test");
  CU_ASSERT_EQUAL(s->n, 10000);
  glia_source_close(&s);
}

static void check_telemetry(const char *path)
{
  struct glia_telemetry *t = NULL;
  struct glia_telemetry_node d;
  char *const *name = NULL;

  CU_ASSERT_EQUAL_FATAL(glia_telemetry_open(path, &t), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_nodes(t, &name), 2);
  CU_ASSERT_STRING_EQUAL(name[1], "web-1.site");
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_read_node(t, "web-1.site", &d), GLIA_OK);
  CU_ASSERT(d.n == 5 && d.n_metrics == 2 && d.train_rows == 3);
  CU_ASSERT(d.values[0] == 0.5f && isnan(d.values[3]) && d.values[9] == 10.0f);
  CU_ASSERT(d.label[2] == GLIA_LABEL_NONE && d.label[3] == GLIA_LABEL_NORMAL &&
            d.label[4] == GLIA_LABEL_ANOMALY);
  CU_ASSERT(d.time_ns[0] == 0 && d.time_ns[4] == 240000000000);
  CU_ASSERT(d.n_causes == 2 && d.cause[0][0] == 4 && d.cause[0][1] == 4 && d.cause[0][2] == 0 &&
            d.cause[1][2] == 1);
  CU_ASSERT_STRING_EQUAL(d.metric[1], "m2");
  glia_telemetry_node_free(&d);
  glia_telemetry_close(&t);
}

static void telemetry_folders_are_read(void)
{
  const struct glia_import_out out = to("tele.h5");
  int n = 0;

  mkdir(scratch("flat"), 0777);
  spill("flat/web-1.site.train.csv", "0.5,1\n2,\n4,5\n");
  spill("flat/web-1.site.test.csv", "7,8\n9,10\n");
  spill("flat/web-1.site.test_label.csv", "0\n1\n");
  spill("flat/web-1.site.interpretation.txt", "1-1:1,2\n");
  spill("flat/db.train.csv", "1,2,3\n");
  spill("flat/README.md", "no data");
  run("xz", scratch("flat/web-1.site.train.csv"));
  run("gzip", scratch("flat/web-1.site.test.csv"));
  CU_ASSERT_EQUAL_FATAL(glia_import_telemetry(scratch("flat"), 60.0, &out, &n), GLIA_OK);
  CU_ASSERT_EQUAL(n, 2);
  check_telemetry(out.path);
  mkdir(scratch("smd"), 0777);
  mkdir(scratch("smd/train"), 0777);
  mkdir(scratch("smd/test"), 0777);
  mkdir(scratch("smd/test_label"), 0777);
  mkdir(scratch("smd/interpretation_label"), 0777);
  spill("smd/train/web-1.site.txt", "0.5,1\n2,\n4,5\n");
  spill("smd/test/web-1.site.txt", "7,8\n9,10\n");
  spill("smd/test_label/web-1.site.txt", "0\n1\n");
  spill("smd/interpretation_label/web-1.site.txt", "1-1:1,2\n");
  spill("smd/train/db.txt", "1,2,3\n");
  CU_ASSERT_EQUAL_FATAL(glia_import_telemetry(scratch("smd"), 60.0, &out, &n), GLIA_OK);
  check_telemetry(out.path);
}

static void bad_telemetry_is_refused(void)
{
  const struct glia_import_out out = {.path = scratch("badtele.h5")};

  mkdir(scratch("bad"), 0777);
  failed(glia_import_telemetry(scratch("bad"), 60.0, &out, NULL), GLIA_E_MISSING,
         "holds neither NAME.train.csv", "", out.path);
  failed(glia_import_telemetry(scratch("no-folder"), 60.0, &out, NULL), GLIA_E_MISSING, "no-folder",
         "", out.path);
  spill("bad/a.train.csv", "1,2\n3,4\n");
  spill("bad/a.test.csv", "1,2\n3,4\n");
  spill("bad/a.test_label.csv", "0\n");
  failed(glia_import_telemetry(scratch("bad"), 60.0, &out, NULL), GLIA_E_SHAPE,
         "1 labels for 2 samples", "", out.path);
  spill("bad/a.test_label.csv", "0\n2\n");
  failed(glia_import_telemetry(scratch("bad"), 60.0, &out, NULL), GLIA_E_DATA,
         "a.test_label.csv:2: '2' is not a label", "", out.path);
  spill("bad/a.test_label.csv", "0\n1\n");
  spill("bad/a.test.csv", "1,2,3\n3,4,5\n");
  failed(glia_import_telemetry(scratch("bad"), 60.0, &out, NULL), GLIA_E_SHAPE, "3 metrics",
         "has 2", out.path);
  spill("bad/a.test.csv", "1,2\n3,many\n");
  failed(glia_import_telemetry(scratch("bad"), 60.0, &out, NULL), GLIA_E_DATA,
         "a.test.csv:2: 'many' is not a number", "", out.path);
  spill("bad/a.test.csv", "1,2\n3,4\n");
  spill("bad/a.interpretation.txt", "0-1:3\n");
  failed(glia_import_telemetry(scratch("bad"), 60.0, &out, NULL), GLIA_E_DATA, "metric '3", "of 2",
         out.path);
}

/* Rows and labelled samples of a real machine, as counted with standard tools. */
static void real_telemetry_is_read(void)
{
  const char *data = getenv("GLIA_TEST_DATA");
  char folder[600];
  const struct glia_import_out out = to("asd.h5");
  struct glia_telemetry *t = NULL;
  struct glia_telemetry_node d;
  int n = 0;

  snprintf(folder, sizeof folder, "%s/telemetry/asd", data != NULL ? data : "");
  if (data == NULL || access(folder, R_OK) != 0) TAP_SKIP("GLIA_TEST_DATA has no telemetry/asd");
  CU_ASSERT_EQUAL_FATAL(glia_import_telemetry(folder, 300.0, &out, &n), GLIA_OK);
  CU_ASSERT_EQUAL(n, 6);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_open(out.path, &t), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_telemetry_read_node(t, "asd-1", &d), GLIA_OK);
  CU_ASSERT(d.n == 8640 + 4320 && d.train_rows == 8640 && d.n_metrics == 19 && d.label != NULL &&
            d.n_causes > 0);
  CU_ASSERT(d.values[0] == 0.49f && d.values[18] == 0.38f);
  CU_ASSERT(d.cause[0][0] == 8640 + 760 && d.cause[0][1] == 8640 + 765 && d.cause[0][2] == 3);
  CU_ASSERT(d.label[8640 + 759] == GLIA_LABEL_NORMAL && d.label[8640 + 760] == GLIA_LABEL_ANOMALY);
  glia_telemetry_node_free(&d);
  glia_telemetry_close(&t);
}

static void made_up_data_depend_on_the_seed_alone(void)
{
  const struct glia_synth *kind = NULL;
  const int n = glia_synth_kinds(&kind);

  for (int i = 0; i < n; i++) {
    size_t size[3] = {0};
    char *data[3];
    static const uint64_t seeds[3] = {5, 5, 6};
    for (int k = 0; k < 3; k++) {
      CU_ASSERT_EQUAL_FATAL(
          glia_synth_write(&kind[i], 200, 50, seeds[k], 0.1, scratch("synth.h5"), true), GLIA_OK);
      data[k] = scratch_slurp(scratch("synth.h5"), &size[k]);
    }
    CU_ASSERT(size[0] == size[1] && memcmp(data[0], data[1], size[0]) == 0);
    CU_ASSERT(size[0] != size[2] || memcmp(data[0], data[2], size[0]) != 0);
    for (int k = 0; k < 3; k++) free(data[k]);
    struct glia_source *s = opened(scratch("synth.h5"), "train");
    int counts[16] = {0};
    CU_ASSERT(s->n == 200 && s->field[glia_source_field(s, "x")].row.dim[0] == kind[i].n_inputs);
    for (int64_t r = 0; r < s->n && kind[i].n_classes > 0; r++) {
      double y = -1.0;
      row_of(s, "y", r, &y);
      CU_ASSERT_FATAL(y >= 0.0 && y < kind[i].n_classes);
      counts[(int)y]++;
    }
    for (int c = 0; c < kind[i].n_classes; c++) CU_ASSERT_EQUAL(counts[c], 200 / kind[i].n_classes);
    glia_source_close(&s);
  }
  CU_ASSERT_PTR_NULL(glia_synth_find("moon"));
  CU_ASSERT_EQUAL(glia_synth_write(&kind[0], 0, 0, 1, 0.1, scratch("none.h5"), false),
                  GLIA_E_ARGUMENT);
}

/* Least squares through the generated rows finds a teacher whose residual is the noise. */
static void the_linear_kind_is_linear(void)
{
  enum { D = 10, N = 2000 };
  double a[D][D + 1] = {{0}};
  double residual = 0.0;
  double x[D];
  double y = 0.0;

  CU_ASSERT_EQUAL_FATAL(
      glia_synth_write(glia_synth_find("linear"), N, 10, 3, 0.5, scratch("linear.h5"), true),
      GLIA_OK);
  struct glia_source *s = opened(scratch("linear.h5"), "train");
  for (int64_t r = 0; r < N; r++) {
    row_of(s, "x", r, x);
    row_of(s, "y", r, &y);
    for (int i = 0; i < D; i++) {
      for (int k = 0; k < D; k++) a[i][k] += x[i] * x[k];
      a[i][D] += x[i] * y;
    }
  }
  for (int i = 0; i < D; i++) /* Gauss-Jordan; the matrix is near N times the identity */
    for (int r = 0; r < D; r++) {
      if (r == i) continue;
      const double f = a[r][i] / a[i][i];
      for (int k = i; k <= D; k++) a[r][k] -= f * a[i][k];
    }
  for (int64_t r = 0; r < N; r++) {
    row_of(s, "x", r, x);
    row_of(s, "y", r, &y);
    for (int i = 0; i < D; i++) y -= a[i][D] / a[i][i] * x[i];
    residual += y * y;
  }
  /* the estimate of sigma has a relative error of 1 / sqrt(2 N) = 1.6 %: four of them */
  CU_ASSERT(fabs(sqrt(residual / (N - D)) - 0.5) < 0.5 * 4.0 / sqrt(2.0 * N));
  glia_source_close(&s);
}

TAP_MAIN("import", TAP(idx_is_read_plain_and_packed), TAP(bad_idx_is_refused),
         TAP(npy_is_read_in_all_its_types), TAP(bad_npy_is_refused),
         TAP(fashion_mnist_has_its_published_figures), TAP(telemetry_folders_are_read),
         TAP(bad_telemetry_is_refused), TAP(real_telemetry_is_read),
         TAP(made_up_data_depend_on_the_seed_alone), TAP(the_linear_kind_is_linear))
