/* Weights of other programs. */
#include "fuzz.h"
#include "glia_weights.h"

#include <stdlib.h>

enum { LARGE = 1 << 22 }; /* bytes */

static void read_all(const char *path)
{
  struct glia_weights *w = NULL;
  const struct glia_weight *list;

  if (glia_weights_open(path, &w) != GLIA_OK) return;
  const int n = glia_weights_list(w, &list);
  for (int i = 0; i < n; i++) {
    const size_t bytes = glia_type_bytes(&list[i].type);
    void *out = bytes <= LARGE ? malloc(bytes + 1) : NULL;
    if (out != NULL) (void)!glia_weights_read(w, i, list[i].type.dtype, out);
    free(out);
  }
  glia_weights_close(&w);
}

void fuzz_safetensors(const uint8_t *data, size_t size) { read_all(fuzz_file(data, size)); }
void fuzz_npz(const uint8_t *data, size_t size) { read_all(fuzz_file(data, size)); }
