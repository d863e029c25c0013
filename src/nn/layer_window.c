/* What layers with a sliding window share: `kernel`, `stride`, `padding`, `dilation`, each one number for all axes or a list. */
#include "nn_priv.h"

#include <string.h>

glia_status glia_extents_read_(const struct glia_yaml *map, const char *key, int64_t lo,
                               struct nn_extents *out)
{
  const struct glia_yaml *node = key[0] != '\0' ? glia_yaml_get(map, key) : map;

  if (node == NULL || node->kind == GLIA_YAML_NULL) return GLIA_OK;
  if (node->kind != GLIA_YAML_LIST) {
    out->n = 1;
    return glia_yaml_get_int(node, "", lo, INT32_MAX, &out->at[0]);
  }
  if (node->n_children < 1 || node->n_children > 3)
    return glia_yaml_error(node, "expected a number, or a list of 1 to 3");
  out->n = 0;
  for (const struct glia_yaml *c = node->child; c != NULL; c = c->next)
    GLIA_TRY(glia_yaml_get_int(c, "", lo, INT32_MAX, &out->at[out->n++]));
  return GLIA_OK;
}

glia_status glia_extents_of_(const struct nn_layer *l, const char *what, const struct nn_extents *e,
                             int rank, int64_t usual, int64_t *out)
{
  if (e->n > 1 && e->n != rank)
    return glia_layer_error_(l, "%s has %d numbers, input has rows with %d spatial axes", what,
                             e->n, rank);
  for (int k = 0; k < rank; k++) out[k] = e->n == 0 ? usual : e->at[e->n == 1 ? 0 : k];
  return GLIA_OK;
}

glia_status glia_window_read_(const struct nn_layer *l, const struct glia_yaml *options,
                              struct nn_window *w)
{
  const bool map = options != NULL && options->kind == GLIA_YAML_MAP;
  const struct glia_yaml *padding = map ? glia_yaml_get(options, "padding") : NULL;

  GLIA_TRY(glia_extents_read_(options, map ? "kernel" : "", 1, &w->kernel));
  if (w->kernel.n == 0)
    return glia_yaml_error(options != NULL ? options : l->at, "%s needs kernel", l->kind->name);
  if (!map) return GLIA_OK;
  GLIA_TRY(glia_extents_read_(options, "stride", 1, &w->stride));
  GLIA_TRY(glia_extents_read_(options, "dilation", 1, &w->dilation));
  w->same = padding != NULL && padding->kind == GLIA_YAML_SCALAR && !padding->quoted &&
            strcmp(padding->text, "same") == 0;
  return w->same ? GLIA_OK : glia_extents_read_(options, "padding", 0, &w->padding);
}

glia_status glia_window_of_(const struct glia_model *m, const struct nn_layer *l, glia_value x,
                            const struct nn_window *w, bool stride_is_kernel,
                            struct glia_window *out)
{
  const struct glia_type *type = glia_value_type_(m, x);
  const int rank = type->rank - 2;
  char text[128];

  if (rank < 1 || rank > 3)
    return glia_layer_error_(l,
                             "input has rows of shape %s, expected channels and 1 to 3 spatial "
                             "axes: put reshape before it",
                             glia_row_text_(m, x, text, sizeof text));
  *out = (struct glia_window){.rank = rank};
  GLIA_TRY(glia_extents_of_(l, "kernel", &w->kernel, rank, 1, out->size));
  GLIA_TRY(glia_extents_of_(l, "stride", &w->stride, rank, 1, out->stride));
  GLIA_TRY(glia_extents_of_(l, "dilation", &w->dilation, rank, 1, out->dilation));
  GLIA_TRY(glia_extents_of_(l, "padding", &w->padding, rank, 0, out->low));
  for (int k = 0; k < rank; k++) {
    const int64_t reach = out->dilation[k] * (out->size[k] - 1);
    if (stride_is_kernel && w->stride.n == 0) out->stride[k] = out->size[k];
    if (w->same && out->stride[k] != 1)
      return glia_layer_error_(l, "padding: same goes with stride 1, found %lld",
                               (long long)out->stride[k]);
    if (w->same) out->low[k] = reach / 2;
    out->high[k] = w->same ? reach - out->low[k] : out->low[k];
    if (glia_window_extent(out, k, type->dim[2 + k]) < 1)
      return glia_layer_error_(
          l,
          "kernel reaches over %lld rows of axis %d, input has rows of shape %s and padding %lld",
          (long long)reach + 1, k + 1, glia_row_text_(m, x, text, sizeof text),
          (long long)out->low[k]);
  }
  return GLIA_OK;
}
