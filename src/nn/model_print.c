/* A model as a table for people. */
#include "nn_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct text {
  char *data;
  size_t used, size;
  bool failed;
};

static void put(struct text *t, const char *format, ...) GLIA_PRINTF(2, 3);
static void put(struct text *t, const char *format, ...)
{
  char line[512];
  va_list args;

  va_start(args, format);
  const int n = vsnprintf(line, sizeof line, format, args);
  va_end(args);
  const size_t length = n < 0 ? 0 : (size_t)n < sizeof line ? (size_t)n : sizeof line - 1;
  if (t->used + length + 1 > t->size) {
    const size_t size = 2 * (t->size + sizeof line);
    char *more = realloc(t->data, size);
    if (more == NULL) {
      t->failed = true;
      return;
    }
    t->data = more;
    t->size = size;
  }
  memcpy(t->data + t->used, line, length + 1);
  t->used += length;
}

glia_status glia_model_print(const struct glia_model *m, char **out)
{
  struct text t = {0};
  char shape[128];
  int64_t total = 0;
  int name = (int)strlen("layer"), row = (int)strlen("output");

  *out = NULL;
  for (int i = 0; i < m->n_layers; i++) {
    const int a = (int)strlen(m->layer[i].name);
    const int b = (int)strlen(glia_row_text_(m, m->layer[i].out[false], shape, sizeof shape));
    name = a > name ? a : name;
    row = b > row ? b : row;
  }
  put(&t, "%-*s  %-*s  %12s\n", name, "layer", row, "output", "parameters");
  for (int i = 0; i < m->n_layers; i++) {
    const struct nn_layer *l = &m->layer[i];
    put(&t, "%-*s  %-*s  %12lld\n", name, l->name, row,
        glia_row_text_(m, l->out[false], shape, sizeof shape), (long long)l->size);
    total += l->size;
  }
  put(&t, "%-*s  %-*s  %12lld\n", name, "total", row, "", (long long)total);
  if (total != glia_model_size(m))
    put(&t, "%-*s  %-*s  %12lld\n", name, "trained", row, "", (long long)glia_model_size(m));
  if (t.failed) {
    free(t.data);
    return GLIA_FAIL(GLIA_E_MEMORY, "a table of %d layers", m->n_layers);
  }
  *out = t.data;
  return GLIA_OK;
}
