/* Our readers of HDF5: what passes the allow-list is read. HDF5 itself is not ours to mend. */
#include "fuzz.h"
#include "glia_checkpoint.h"
#include "glia_dataset.h"
#include "glia_graph_data.h"
#include "glia_run_record.h"
#include "glia_telemetry.h"
#include "glia_weights.h"

#include <stdlib.h>

enum { LARGE = 1 << 22, ROWS = 64 }; /* bytes, and rows: nobody learns from reading more */

/* Rows of every field in an order that jumps, each of them twice; limit 1: from the file, else from memory. */
static void read_split(const char *path, size_t limit_bytes)
{
  struct glia_source *s = NULL;

  if (glia_dataset_open(path, "train", limit_bytes, &s) != GLIA_OK) return;
  for (int i = 0; i < s->n_fields; i++) {
    const size_t bytes = glia_type_bytes(&s->field[i].row);
    int64_t row[ROWS];
    for (int k = 0; k < ROWS; k++) row[k] = s->n > ROWS && k % 7 == 0 ? s->n - 1 : k * 5 % s->n;
    char *out = bytes <= LARGE / ROWS ? malloc(ROWS * bytes) : NULL;
    if (out != NULL) (void)!s->read(s->self, i, ROWS, row, out);
    free(out);
  }
  glia_source_close(&s);
}

void fuzz_read_dataset(const char *path)
{
  bool have[3];
  char *text = NULL;

  (void)!glia_dataset_splits(path, &have[0], &have[1], &have[2]);
  (void)!glia_dataset_text(path, "train/x", "sha256", &text);
  free(text);
  read_split(path, 1);
  read_split(path, LARGE);
}

void fuzz_read_graph(const char *path)
{
  struct glia_graph_data g;

  if (glia_graph_data_read(path, &g) == GLIA_OK) glia_graph_data_free(&g);
  read_split(path, LARGE);
}

static void read_weights(const char *path)
{
  struct glia_weights *w = NULL;
  const struct glia_weight *list = NULL;

  if (glia_weights_open(path, &w) != GLIA_OK) return;
  const int n = glia_weights_list(w, &list);
  for (int i = 0; i < n; i++) {
    const size_t bytes = glia_type_bytes(&list[i].type);
    void *out = bytes <= LARGE ? malloc(2 * bytes + 1) : NULL;
    if (out != NULL) (void)!glia_weights_read(w, i, list[i].type.dtype, out);
    free(out);
  }
  glia_weights_close(&w);
}

void fuzz_read_checkpoint(const char *path)
{
  struct glia_checkpoint *c = NULL;
  const struct glia_array *array = NULL;

  if (glia_checkpoint_open(path, &c) != GLIA_OK) return;
  const int n = glia_checkpoint_arrays(c, &array);
  for (int i = 0; i < n; i++) {
    struct glia_array a = array[i];
    const size_t bytes = glia_type_bytes(&a.type);
    a.data = bytes <= LARGE ? malloc(bytes + 1) : NULL;
    if (a.data != NULL) (void)!glia_checkpoint_read(c, 1, &a, false);
    free(a.data);
  }
  glia_checkpoint_close(&c);
  read_weights(path);
}

void fuzz_read_telemetry(const char *path)
{
  struct glia_telemetry *t = NULL;
  char *const *name = NULL;

  if (glia_telemetry_open(path, &t) != GLIA_OK) return;
  const int n = glia_telemetry_nodes(t, &name);
  for (int i = 0; i < n; i++) {
    struct glia_telemetry_node d = {0};
    struct glia_telemetry_score s = {0};
    if (glia_telemetry_read_node(t, name[i], &d) == GLIA_OK) glia_telemetry_node_free(&d);
    if (glia_telemetry_read_scores(t, name[i], &s) == GLIA_OK) glia_telemetry_score_free(&s);
  }
  glia_telemetry_close(&t);
}

void fuzz_read_run(const char *path)
{
  struct glia_run *r = NULL;

  if (glia_run_read(path, &r) == GLIA_OK) glia_run_free(&r);
}

void fuzz_dataset(const uint8_t *data, size_t size) { fuzz_read_dataset(fuzz_file(data, size)); }
void fuzz_checkpoint(const uint8_t *data, size_t size)
{
  fuzz_read_checkpoint(fuzz_file(data, size));
}
void fuzz_graph(const uint8_t *data, size_t size) { fuzz_read_graph(fuzz_file(data, size)); }
void fuzz_telemetry(const uint8_t *data, size_t size)
{
  fuzz_read_telemetry(fuzz_file(data, size));
}
