/* For test_formats.sh: writes one file of each kind, and prints what the library sees in files made elsewhere.
 * For tests of detectors: telemetry of nodes as it should not be.
 * usage: formats_tool write DIR | dataset F.h5 | checkpoint F.h5 | telemetry F.h5 | nodes F.h5 NAME WAY ROWS [NAME WAY ROWS ...] */
#include "glia_checkpoint.h"
#include "glia_dataset.h"
#include "glia_telemetry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 3000, PIXELS = 784 };

static glia_status write_dataset(const char *path)
{
  const struct glia_type image = glia_type_make(GLIA_U8, 2, (int64_t[]){28, 28});
  const struct glia_type number = glia_type_make(GLIA_I32, 0, NULL);
  const struct glia_type pair = glia_type_make(GLIA_F32, 1, (int64_t[]){2});
  struct glia_dataset_writer *w = NULL;
  unsigned char x[PIXELS];
  int a[3];

  GLIA_TRY(glia_dataset_create(path, true, &w));
  GLIA_TRY(glia_dataset_define(w, "train/x", &image, N, 1.0 / 255.0, 0.0, &a[0]));
  GLIA_TRY(glia_dataset_define(w, "train/y", &number, -1, 1.0, 0.0, &a[1]));
  GLIA_TRY(glia_dataset_define(w, "test/z", &pair, -1, 1.0, 0.0, &a[2]));
  GLIA_TRY(glia_dataset_note(w, a[1], "classes", "odd\neven"));
  for (int i = 0; i < N; i++) {
    for (int k = 0; k < PIXELS; k++) x[k] = (unsigned char)((i + k) % 256);
    GLIA_TRY(glia_dataset_append(w, a[0], 1, x));
    GLIA_TRY(glia_dataset_append(w, a[1], 1, &(int32_t){i % 2}));
    GLIA_TRY(glia_dataset_append(w, a[2], 1, (float[]){(float)i, -0.5f}));
  }
  return glia_dataset_commit(&w);
}

static glia_status write_telemetry(const char *path)
{
  const char *const names[] = {"load1", "power"};
  const char *const units[] = {"", "W"};
  struct glia_telemetry_writer *w = NULL;
  int node = 0;

  GLIA_TRY(glia_telemetry_create(path, true, 1.0, &w));
  GLIA_TRY(glia_telemetry_add_node(w, "n1", 2, names, units, &node));
  GLIA_TRY(glia_telemetry_append(w, node, 2, (int64_t[]){1000, 2000}, (float[]){1, 2, 3, 4}));
  GLIA_TRY(glia_telemetry_event(w, 1500, "n1", "fan broke"));
  GLIA_TRY(glia_telemetry_labels(w, node, 2, (int8_t[]){0, 1}));
  GLIA_TRY(glia_telemetry_causes(w, node, 1, (const int64_t[1][3]){{1, 1, 0}}));
  GLIA_TRY(glia_telemetry_train_rows(w, node, 1));
  GLIA_TRY(glia_telemetry_scores(w, "n1", 2, (int64_t[]){1000, 2000}, (float[]){0.5f, 9.0f}, 3.0));
  return glia_telemetry_commit(&w);
}

static glia_status write_all(const char *dir)
{
  char path[4096];
  float weight[6] = {1, 2, 3, 4, 5, 6};
  float bias[2] = {-1, 1};
  float m[6] = {0};
  int64_t count = 5;
  const struct glia_array a[] = {
      {"params/01-linear/weight", glia_type_make(GLIA_F32, 2, (int64_t[]){2, 3}), weight},
      {"params/01-linear/bias", glia_type_make(GLIA_F32, 1, (int64_t[]){2}), bias},
      {"optimizer/m/01-linear/weight", glia_type_make(GLIA_F32, 2, (int64_t[]){2, 3}), m},
      {"state/count", glia_type_make(GLIA_I64, 0, NULL), &count},
  };
  const struct glia_attribute facts[] = {glia_attribute_int("seed", 1),
                                         glia_attribute_text("kernel_level", "avx2"),
                                         glia_attribute_real("lr", 0.25)};

  snprintf(path, sizeof path, "%s/dataset.h5", dir);
  GLIA_TRY(write_dataset(path));
  snprintf(path, sizeof path, "%s/telemetry.h5", dir);
  GLIA_TRY(write_telemetry(path));
  return glia_checkpoint_write(dir, 400, (int)GLIA_COUNT(a), a, "seed: 1\n", (int)GLIA_COUNT(facts),
                               facts);
}

/* Rows of three metrics that vary, a minute apart from 2026 on. way: "well", "fall" (the middle row is of an hour before), "same" (all of one time),
 * "causes" (they point behind the last row). */
static glia_status write_node(struct glia_telemetry_writer *w, const char *name, const char *way,
                              int64_t n)
{
  const char *const names[] = {"a", "b", "c"};
  const char *const units[] = {"", "", ""};
  int node = 0;

  GLIA_TRY(glia_telemetry_add_node(w, name, 3, names, units, &node));
  for (int64_t i = 0; i < n; i++) {
    const int64_t minute = strcmp(way, "same") == 0                 ? 0
                           : strcmp(way, "fall") == 0 && i == n / 2 ? i - 60
                                                                    : i;
    const float row[3] = {(float)(i % 7), (float)(i * i % 11), (float)(i % 5 + i % 3)};
    GLIA_TRY(glia_telemetry_append(
        w, node, 1, &(int64_t){(INT64_C(1767225600) + 60 * minute) * 1000000000}, row));
  }
  if (strcmp(way, "causes") == 0)
    GLIA_TRY(glia_telemetry_causes(w, node, 1, (const int64_t[1][3]){{n, n, 0}}));
  return GLIA_OK;
}

static glia_status write_nodes(const char *path, int n, char **arg)
{
  struct glia_telemetry_writer *w = NULL;

  GLIA_TRY(glia_telemetry_create(path, true, 1.0, &w));
  for (int i = 0; i + 2 < n; i += 3)
    GLIA_TRY(write_node(w, arg[i], arg[i + 1], strtoll(arg[i + 2], NULL, 10)));
  return glia_telemetry_commit(&w);
}

static glia_status print_dataset(const char *path)
{
  struct glia_source *s = NULL;
  char text[128];

  GLIA_TRY(glia_dataset_open(path, "train", 0, &s));
  printf("n %lld\n", (long long)s->n);
  for (int f = 0; f < s->n_fields; f++) {
    const struct glia_type *row = &s->field[f].row;
    char *data = calloc(1, glia_type_bytes(row) + sizeof(double));
    GLIA_TRY(s->read(s->self, f, 1, (int64_t[]){s->n - 1}, data));
    printf("%s %s scale %g offset %g last", s->field[f].name,
           glia_type_text(row, text, sizeof text), s->field[f].scale, s->field[f].offset);
    double first = 0.0;
    float single = 0.0f;
    int32_t whole = 0;
    memcpy(&single, data, sizeof single);
    memcpy(&whole, data, sizeof whole);
    memcpy(&first, data, sizeof first);
    printf(" %g\n", row->dtype == GLIA_F32   ? (double)single
                    : row->dtype == GLIA_I32 ? (double)whole
                    : row->dtype == GLIA_U8  ? (double)(unsigned char)data[0]
                                             : first);
    free(data);
  }
  glia_source_close(&s);
  return GLIA_OK;
}

static glia_status print_checkpoint(const char *path)
{
  struct glia_checkpoint *c = NULL;
  const struct glia_array *a = NULL;
  char text[128];

  GLIA_TRY(glia_checkpoint_open(path, &c));
  const int n = glia_checkpoint_arrays(c, &a);
  printf("step %lld\nconfig %s\n", (long long)glia_checkpoint_step(c), glia_checkpoint_config(c));
  for (int i = 0; i < n; i++)
    printf("%s %s\n", a[i].path, glia_type_text(&a[i].type, text, sizeof text));
  glia_checkpoint_close(&c);
  return GLIA_OK;
}

static glia_status print_telemetry(const char *path)
{
  struct glia_telemetry *t = NULL;
  char *const *name = NULL;
  struct glia_telemetry_node d;

  GLIA_TRY(glia_telemetry_open(path, &t));
  const int n = glia_telemetry_nodes(t, &name);
  for (int i = 0; i < n; i++) {
    GLIA_TRY(glia_telemetry_read_node(t, name[i], &d));
    printf("%s %lld %d %s [%s] %g\n", d.name, (long long)d.n, d.n_metrics, d.metric[0], d.unit[1],
           (double)d.values[d.n * d.n_metrics - 1]);
    glia_telemetry_node_free(&d);
  }
  glia_telemetry_close(&t);
  return GLIA_OK;
}

int main(int argc, char **argv)
{
  glia_status st = GLIA_E_USAGE;

  if (argc == 3 && strcmp(argv[1], "write") == 0) st = write_all(argv[2]);
  if (argc == 3 && strcmp(argv[1], "dataset") == 0) st = print_dataset(argv[2]);
  if (argc == 3 && strcmp(argv[1], "checkpoint") == 0) st = print_checkpoint(argv[2]);
  if (argc == 3 && strcmp(argv[1], "telemetry") == 0) st = print_telemetry(argv[2]);
  if (argc > 3 && strcmp(argv[1], "nodes") == 0) st = write_nodes(argv[2], argc - 3, argv + 3);
  if (st != GLIA_OK) fprintf(stderr, "%s\n", glia_trace_message());
  return st == GLIA_OK ? 0 : 1;
}
