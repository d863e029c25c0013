/* Our readers of HDF5: what passes the allow-list is read. HDF5 itself is not ours to mend. */
#include "fuzz.h"
#include "glia_checkpoint.h"
#include "glia_dataset.h"
#include "glia_graph_data.h"
#include "glia_telemetry.h"

#include <stdlib.h>

enum { LARGE = 1 << 22 }; /* bytes: nobody learns from reading more */

/* First and last rows of every field; limit 1: from the file, else from memory. */
static void read_split(const char *path, size_t limit_bytes)
{
  struct glia_source *s = NULL;

  if (glia_dataset_open(path, "train", limit_bytes, &s) != GLIA_OK) return;
  for (int i = 0; i < s->n_fields; i++) {
    const size_t bytes = glia_type_bytes(&s->field[i].row);
    const int64_t row[3] = {0, s->n / 2, s->n - 1};
    char *out = bytes <= LARGE ? malloc(3 * bytes) : NULL;
    if (out != NULL) (void)!s->read(s->self, i, 3, row, out);
    free(out);
  }
  glia_source_close(&s);
}

void fuzz_dataset(const uint8_t *data, size_t size)
{
  const char *path = fuzz_file(data, size);
  bool have[3];

  (void)!glia_dataset_splits(path, &have[0], &have[1], &have[2]);
  read_split(path, 1);
  read_split(path, LARGE);
}

void fuzz_checkpoint(const uint8_t *data, size_t size)
{
  struct glia_checkpoint *c = NULL;
  const struct glia_array *array = NULL;

  if (glia_checkpoint_open(fuzz_file(data, size), &c) != GLIA_OK) return;
  const int n = glia_checkpoint_arrays(c, &array);
  for (int i = 0; i < n; i++) {
    struct glia_array a = array[i];
    const size_t bytes = glia_type_bytes(&a.type);
    a.data = bytes <= LARGE ? malloc(bytes + 1) : NULL;
    if (a.data != NULL) (void)!glia_checkpoint_read(c, 1, &a, false);
    free(a.data);
  }
  glia_checkpoint_close(&c);
}

void fuzz_graph(const uint8_t *data, size_t size)
{
  struct glia_graph_data g;

  if (glia_graph_data_read(fuzz_file(data, size), &g) == GLIA_OK) glia_graph_data_free(&g);
}

void fuzz_telemetry(const uint8_t *data, size_t size)
{
  struct glia_telemetry *t = NULL;
  char *const *name = NULL;

  if (glia_telemetry_open(fuzz_file(data, size), &t) != GLIA_OK) return;
  const int n = glia_telemetry_nodes(t, &name);
  for (int i = 0; i < n; i++) {
    struct glia_telemetry_node d = {0};
    if (glia_telemetry_read_node(t, name[i], &d) == GLIA_OK) glia_telemetry_node_free(&d);
  }
  glia_telemetry_close(&t);
}
