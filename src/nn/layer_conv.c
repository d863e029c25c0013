/* conv: convolution over the 1 to 3 spatial axes of rows [channels, ...]; `weight` [channels, in / groups, kernel...], `bias`
 * [channels]. Initial values of PyTorch: both uniform in +-1/sqrt(n), n = in / groups times the size of the kernel. */
#include "nn_priv.h"

#include <math.h>

struct conv {
  struct nn_window window;
  int64_t channels, groups;
  bool bias;
  int mode; /* glia_padding */
};

static const char *const modes[] = {"zeros", "reflect", "replicate", "circular", NULL};

static glia_status read_conv(struct glia_model *m, struct nn_layer *l,
                             const struct glia_yaml *options)
{
  static const char *const known[] = {"channels", "kernel", "stride",       "padding", "dilation",
                                      "groups",   "bias",   "padding_mode", NULL};
  struct conv *o = glia_arena_take(&m->arena, 1, sizeof *o);

  GLIA_CHECK(o != NULL, GLIA_E_MEMORY, "layer %s", l->name);
  if (options == NULL || options->kind != GLIA_YAML_MAP)
    return glia_yaml_error(options != NULL ? options : l->at,
                           "conv takes a map with channels, kernel, stride, padding, dilation, "
                           "groups, bias, padding_mode");
  GLIA_TRY(glia_yaml_check_keys(options, known));
  o->groups = 1;
  o->bias = true;
  GLIA_TRY(glia_yaml_get_int(options, "channels", 1, INT32_MAX, &o->channels));
  if (o->channels == 0) return glia_yaml_error(options, "conv needs channels");
  GLIA_TRY(glia_window_read_(l, options, &o->window));
  GLIA_TRY(glia_yaml_get_int(options, "groups", 1, INT32_MAX, &o->groups));
  GLIA_TRY(glia_yaml_get_bool(options, "bias", &o->bias));
  GLIA_TRY(glia_yaml_get_choice(options, "padding_mode", modes, &o->mode));
  l->own = o;
  return GLIA_OK;
}

static glia_status build(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                         bool training, glia_value *y)
{
  const struct conv *o = l->own;
  struct glia_window w;
  glia_value in = x[0];
  char text[128];
  int64_t n = 1;

  (void)training;
  GLIA_TRY(glia_window_of_(m, l, in, &o->window, false, &w));
  const int64_t channels = glia_value_type_(m, in)->dim[1];
  if (channels % o->groups != 0 || o->channels % o->groups != 0)
    return glia_layer_error_(
        l, "%lld groups divide neither or one of %lld channels and of rows of shape %s",
        (long long)o->groups, (long long)o->channels, glia_row_text_(m, in, text, sizeof text));
  int64_t dim[5] = {o->channels, channels / o->groups}, spread[4] = {o->channels, 1, 1, 1};
  for (int k = 0; k < w.rank; k++) dim[2 + k] = w.size[k];
  for (int k = 1; k < w.rank + 2; k++) n *= dim[k];
  for (int k = 0; k < w.rank && o->mode != GLIA_PADDING_ZEROS; k++) {
    in = glia_pad_border(m->g, in, 2 + k, w.low[k], w.high[k], (glia_padding)o->mode);
    w.low[k] = w.high[k] = 0;
  }
  const struct nn_init init = {.spread = 1.0 / sqrt((double)n)};
  *y = glia_conv(m->g, in, glia_layer_parameter_(m, l, "weight", w.rank + 2, dim, init), &w,
                 o->groups);
  if (o->bias)
    *y = glia_add(m->g, *y,
                  glia_reshape(m->g, glia_layer_parameter_(m, l, "bias", 1, &o->channels, init),
                               w.rank + 1, spread));
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_conv_ = {
    .name = "conv",
    .min_in = 1,
    .max_in = 1,
    .read = read_conv,
    .build = build,
};
