/* Layers around places of a sequence: positional (where a place is), patch_embedding (places from a picture) and unembedding (logits by
 * the weights of an embedding). */
#include "nn_priv.h"

#include <math.h>
#include <string.h>

/* positional: x [places, d] + weight [places, d], learned from a normal of deviation `std`; sinusoidal: fixed,
 *   p[i, 2k] = sin(i / 10000^(2k / d)), p[i, 2k + 1] = cos(same).  Source: vaswani2017. */
enum { KIND, STD };

static const char *const kinds[] = {"learned", "sinusoidal", NULL};

static glia_value sinusoids(struct glia_model *m, int64_t n, int64_t d)
{
  struct glia_graph *g = m->g;
  const struct glia_type type = glia_type_make(m->dtype, 2, (int64_t[]){n, d});
  const glia_value place = glia_iota(g, type, 0), column = glia_iota(g, type, 1);
  const glia_value half = glia_floor(g, glia_mul(g, column, glia_constant(g, 0.5)));
  const glia_value power = glia_mul(g, half, glia_constant(g, -2.0 * log(10000.0) / (double)d));
  const glia_value angle = glia_mul(g, place, glia_exp(g, power));
  const glia_value odd = glia_sub(g, column, glia_mul(g, half, glia_constant(g, 2.0)));

  return glia_select(g, glia_compare(g, GLIA_GT, odd, glia_constant(g, 0.5)), glia_cos(g, angle),
                     glia_sin(g, angle));
}

static glia_status build_positional(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                                    bool training, glia_value *y)
{
  const struct glia_type type = *glia_value_type_(m, x[0]);
  char text[128];

  (void)training;
  if (type.rank != 3)
    return glia_layer_error_(l, "input has rows of shape %s, expected [places, numbers]",
                             glia_row_text_(m, x[0], text, sizeof text));
  const glia_value p = l->v[KIND] != 0.0
                           ? sinusoids(m, type.dim[1], type.dim[2])
                           : glia_layer_parameter_(m, l, "weight", 2, &type.dim[1],
                                                   (struct nn_init){.normal = l->v[STD]});
  *y = glia_add(m->g, x[0], p);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_positional_ = {
    .name = "positional",
    .source = "vaswani2017",
    .min_in = 1,
    .max_in = 1,
    .option =
        (const struct nn_option[]){
            {.name = "kind", .type = NN_CHOICE, .words = kinds, .value = 0},
            {.name = "std", .type = NN_REAL, .lo = 0.0, .hi = INFINITY, .value = 0.02},
            {.name = NULL},
        },
    .build = build_positional,
};

/* patch_embedding: rows [channels, h, w] -> [patches, size]: a convolution whose stride is its kernel, patches row by row.
 * Source: dosovitskiy2020 (arXiv:2010.11929). */
enum { PATCH, SIZE };

static glia_status build_patches(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                                 bool training, glia_value *y)
{
  struct glia_graph *g = m->g;
  const struct glia_type type = *glia_value_type_(m, x[0]);
  const int64_t p = (int64_t)l->v[PATCH], size = (int64_t)l->v[SIZE];
  char text[128];

  (void)training;
  if (type.rank != 4 || type.dim[2] % p != 0 || type.dim[3] % p != 0)
    return glia_layer_error_(
        l, "input has rows of shape %s, expected [channels, h, w] with h and w divided by %lld",
        glia_row_text_(m, x[0], text, sizeof text), (long long)p);
  const int64_t n = type.dim[1] * p * p, places = type.dim[2] / p * (type.dim[3] / p);
  struct glia_window w = glia_window_make(2, (int64_t[]){p, p});
  w.stride[0] = w.stride[1] = p;
  const glia_value weight = glia_layer_parameter_(
      m, l, "weight", 4, (int64_t[]){size, type.dim[1], p, p}, glia_uniform_(n));
  const glia_value bias = glia_layer_parameter_(m, l, "bias", 1, &size, glia_uniform_(n));
  const glia_value each = glia_conv(g, x[0], weight, &w, 1);
  const glia_value rows = glia_permute(
      g, glia_reshape(g, each, 3, (int64_t[]){m->micro_batch, size, places}), (int[]){0, 2, 1});
  *y = glia_add(g, rows, bias);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_patch_embedding_ = {
    .name = "patch_embedding",
    .source = "dosovitskiy2020",
    .min_in = 1,
    .max_in = 1,
    .option =
        (const struct nn_option[]){
            {.name = "patch", .type = NN_COUNT, .lo = 1, .hi = 65536, .value = NAN},
            {.name = "size", .type = NN_COUNT, .lo = 1, .hi = INT32_MAX, .value = NAN},
            {.name = NULL},
        },
    .build = build_patches,
};

/* unembedding: x [..., size] -> x W^T [..., count] with the weight W [count, size] of an embedding before it: output weights tied to the
 * input's, one parameter with the sum of both gradients.  Source: press2016 (arXiv:1608.05859). */
static glia_status read_unembedding(struct glia_model *m, struct nn_layer *l,
                                    const struct glia_yaml *options)
{
  static const char *const known[] = {"of", NULL};
  const char *name = NULL;

  if (options != NULL && options->kind == GLIA_YAML_MAP) {
    GLIA_TRY(glia_yaml_check_keys(options, known));
    GLIA_TRY(glia_yaml_get_text(options, "of", &name));
  } else if (options != NULL) {
    GLIA_TRY(glia_yaml_get_text(options, "", &name));
  }
  if (name == NULL)
    return glia_yaml_error(l->at, "unembedding needs the name of an embedding, as in unembedding: "
                                  "00-embedding");
  l->own = glia_arena_text(&m->arena, name);
  GLIA_CHECK(l->own != NULL, GLIA_E_MEMORY, "layer %s", l->name);
  return GLIA_OK;
}

static glia_status build_unembedding(struct glia_model *m, struct nn_layer *l, const glia_value *x,
                                     bool training, glia_value *y)
{
  const struct glia_type *type = glia_value_type_(m, x[0]);
  const glia_value w = glia_parameter_of_(m, l->own, "weight");
  char text[128];

  (void)training;
  if (w == GLIA_NONE || glia_value_type_(m, w)->rank != 2)
    return glia_layer_error_(l, "no layer before it is named '%s' and has a weight [count, size]",
                             (const char *)l->own);
  if (type->rank < 2 || type->dim[type->rank - 1] != glia_value_type_(m, w)->dim[1])
    return glia_layer_error_(
        l, "input has rows of shape %s, the embedding's rows have %lld numbers",
        glia_row_text_(m, x[0], text, sizeof text), (long long)glia_value_type_(m, w)->dim[1]);
  *y = glia_times_(m, x[0], w);
  return GLIA_OK;
}

const struct nn_layer_kind glia_layer_unembedding_ = {
    .name = "unembedding",
    .source = "press2016",
    .min_in = 1,
    .max_in = 1,
    .read = read_unembedding,
    .build = build_unembedding,
};
