/* max_pool, avg_pool: over windows of the spatial axes; stride is the kernel unless given. global_avg_pool: over all of them.
 * adaptive_avg_pool, resize: to the extents given. No parameters. */
#include "nn_priv.h"

struct pool {
  struct nn_window window;
  bool count_padding;
};

static glia_status read_pool(struct glia_model *m, struct nn_layer *l,
                             const struct glia_yaml *options, const char *const *known)
{
  struct pool *o = glia_arena_take(&m->arena, 1, sizeof *o);

  GLIA_CHECK(o != NULL, GLIA_E_MEMORY, "layer %s", l->name);
  if (options != NULL && options->kind == GLIA_YAML_MAP)
    GLIA_TRY(glia_yaml_check_keys(options, known));
  GLIA_TRY(glia_window_read_(l, options, &o->window));
  o->count_padding = true;
  if (options->kind == GLIA_YAML_MAP)
    GLIA_TRY(glia_yaml_get_bool(options, "count_padding", &o->count_padding));
  l->own = o;
  return GLIA_OK;
}

static glia_status read_max(struct glia_model *m, struct nn_layer *l,
                            const struct glia_yaml *options)
{
  return read_pool(m, l, options,
                   (const char *const[]){"kernel", "stride", "padding", "dilation", NULL});
}

static glia_status read_avg(struct glia_model *m, struct nn_layer *l,
                            const struct glia_yaml *options)
{
  return read_pool(m, l, options,
                   (const char *const[]){"kernel", "stride", "padding", "count_padding", NULL});
}

/* A window that lies in padding alone has no largest element and no mean. */
static glia_status check_padding(const struct nn_layer *l, const struct glia_window *w)
{
  for (int k = 0; k < w->rank; k++) {
    const int64_t more = w->low[k] > w->high[k] ? w->low[k] : w->high[k];
    if (more > w->size[k] / 2)
      return glia_yaml_error(l->at,
                             "layer %s: padding %lld, expected at most half of the kernel, %lld",
                             l->name, (long long)more, (long long)(w->size[k] / 2));
  }
  return GLIA_OK;
}

static glia_status build_max(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                             bool training, glia_value *y)
{
  const struct pool *o = l->own;
  struct glia_window w;

  (void)training;
  GLIA_TRY(glia_window_of_(m, l, x[0], &o->window, true, &w));
  GLIA_TRY(check_padding(l, &w));
  *y = glia_max_pool(m->g, x[0], &w);
  return GLIA_OK;
}

static glia_status build_avg(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                             bool training, glia_value *y)
{
  const struct pool *o = l->own;
  struct glia_window w;

  (void)training;
  GLIA_TRY(glia_window_of_(m, l, x[0], &o->window, true, &w));
  GLIA_TRY(check_padding(l, &w));
  *y = glia_avg_pool(m->g, x[0], &w, o->count_padding);
  return GLIA_OK;
}

static glia_status spatial_axes(const struct glia_model *m, const struct nn_layer *l, glia_value x,
                                int *n)
{
  char text[128];

  *n = glia_value_type_(m, x)->rank - 2;
  if (*n >= 1) return GLIA_OK;
  return glia_layer_error_(l, "input has rows of shape %s, expected channels and spatial axes",
                           glia_row_text_(m, x, text, sizeof text));
}

static glia_status build_global(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                                bool training, glia_value *y)
{
  int axes[GLIA_MAX_RANK], n;

  (void)training;
  GLIA_TRY(spatial_axes(m, l, x[0], &n));
  for (int k = 0; k < n; k++) axes[k] = 2 + k;
  *y = glia_reduce_mean(m->g, x[0], n, axes, false);
  return GLIA_OK;
}

extern const struct nn_layer_kind glia_layer_adaptive_avg_pool_;

struct resize {
  struct nn_extents size;
  int how;
};

static const char *const hows[] = {"nearest", "linear", NULL};

static glia_status read_resize(struct glia_model *m, struct nn_layer *l,
                               const struct glia_yaml *options)
{
  static const char *const known[] = {"size", "mode", NULL}, *const adaptive[] = {"size", NULL};
  const bool map = options != NULL && options->kind == GLIA_YAML_MAP;
  const bool mean = l->kind == &glia_layer_adaptive_avg_pool_;
  struct resize *o = glia_arena_take(&m->arena, 1, sizeof *o);

  GLIA_CHECK(o != NULL, GLIA_E_MEMORY, "layer %s", l->name);
  if (map) GLIA_TRY(glia_yaml_check_keys(options, mean ? adaptive : known));
  GLIA_TRY(glia_extents_read_(options, map ? "size" : "", 1, &o->size));
  if (o->size.n == 0)
    return glia_yaml_error(options != NULL ? options : l->at, "%s needs size", l->kind->name);
  if (map && !mean) GLIA_TRY(glia_yaml_get_choice(options, "mode", hows, &o->how));
  o->how = mean ? GLIA_RESAMPLE_MEAN : o->how == 0 ? GLIA_RESAMPLE_NEAREST : GLIA_RESAMPLE_LINEAR;
  l->own = o;
  return GLIA_OK;
}

static glia_status build_resize(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                                bool training, glia_value *y)
{
  const struct resize *o = l->own;
  int64_t extent[GLIA_MAX_RANK];
  int n;

  (void)training;
  GLIA_TRY(spatial_axes(m, l, x[0], &n));
  GLIA_TRY(glia_extents_of_(l, "size", &o->size, n, 1, extent));
  *y = glia_resize(m->g, x[0], n, extent, (glia_resample)o->how);
  return GLIA_OK;
}

#define POOL(kind, reader, builder, why_rough)                                                     \
  const struct nn_layer_kind glia_layer_##kind##_ = {.name = #kind,                                \
                                                     .min_in = 1,                                  \
                                                     .max_in = 1,                                  \
                                                     .rough = why_rough,                           \
                                                     .read = reader,                               \
                                                     .build = builder};

POOL(max_pool, read_max, build_max, "it has kinks")
POOL(avg_pool, read_avg, build_avg, NULL)
POOL(global_avg_pool, NULL, build_global, NULL)
POOL(adaptive_avg_pool, read_resize, build_resize, NULL)
POOL(resize, read_resize, build_resize, NULL)
