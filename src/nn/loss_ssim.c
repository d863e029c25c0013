/* ssim: 1 - mean structural similarity of images [h, w] or [channels, h, w] over all windows inside them, weighted by a Gaussian of
 * `size` numbers and sigma 1.5; `range` is that of the values.  Source: wang2004, K1 = 0.01, K2 = 0.03. */
#include "nn_priv.h"

#include <math.h>

enum { SIZE, RANGE };

static glia_status check(const struct glia_model *m, const struct nn_loss *t, glia_value of)
{
  const struct glia_type *type = glia_value_type_(m, of);
  const int64_t n = (int64_t)t->v[SIZE];
  char text[128];

  if (type->rank != 3 && type->rank != 4)
    return glia_yaml_error(t->at, "ssim wants images [h, w] or [channels, h, w], found rows of %s",
                           glia_row_text_(m, of, text, sizeof text));
  if (type->dim[type->rank - 1] < n || type->dim[type->rank - 2] < n)
    return glia_yaml_error(t->at, "ssim: windows of %lld x %lld do not fit rows of %s",
                           (long long)n, (long long)n, glia_row_text_(m, of, text, sizeof text));
  return GLIA_OK;
}

/* x [images, 1, h, w] averaged over windows: first along columns, then along rows. */
static glia_value blur(struct glia_graph *g, glia_value x, glia_value w, int64_t n)
{
  const struct glia_window down = glia_window_make(2, (int64_t[]){n, 1});
  const struct glia_window right = glia_window_make(2, (int64_t[]){1, n});
  const glia_value y = glia_conv(g, x, glia_reshape(g, w, 4, (int64_t[]){1, 1, n, 1}), &down, 1);

  return glia_conv(g, y, glia_reshape(g, w, 4, (int64_t[]){1, 1, 1, n}), &right, 1);
}

static glia_value gaussian(struct glia_model *m, int64_t n)
{
  struct glia_graph *g = m->g;
  const glia_value i = glia_iota(g, glia_type_make(m->dtype, 1, &n), 0);
  const glia_value d = glia_sub(g, i, glia_constant(g, 0.5 * (double)(n - 1)));
  const glia_value w =
      glia_exp(g, glia_mul(g, glia_mul(g, d, d), glia_constant(g, -0.5 / (1.5 * 1.5))));

  return glia_div(g, w, glia_reduce_sum(g, w, -1, NULL, false));
}

static glia_value build(struct glia_model *m, const struct nn_loss *t, glia_value of,
                        glia_value target)
{
  struct glia_graph *g = m->g;
  const struct glia_type type = *glia_value_type_(m, of);
  const int64_t n = (int64_t)t->v[SIZE], h = type.dim[type.rank - 2], w = type.dim[type.rank - 1];
  const int64_t images = glia_type_count(&type) / h / w, dim[] = {images, 1, h, w};
  const glia_value a = glia_reshape(g, of, 4, dim), b = glia_reshape(g, target, 4, dim);
  const glia_value window = gaussian(m, n), two = glia_constant(g, 2.0);
  const glia_value c1 = glia_constant(g, pow(0.01 * t->v[RANGE], 2.0));
  const glia_value c2 = glia_constant(g, pow(0.03 * t->v[RANGE], 2.0));
  const glia_value ma = blur(g, a, window, n), mb = blur(g, b, window, n);
  const glia_value ab = glia_mul(g, ma, mb), aa = glia_mul(g, ma, ma), bb = glia_mul(g, mb, mb);
  const glia_value va = glia_sub(g, blur(g, glia_mul(g, a, a), window, n), aa);
  const glia_value vb = glia_sub(g, blur(g, glia_mul(g, b, b), window, n), bb);
  const glia_value cov = glia_sub(g, blur(g, glia_mul(g, a, b), window, n), ab);
  const glia_value above =
      glia_mul(g, glia_add(g, glia_mul(g, two, ab), c1), glia_add(g, glia_mul(g, two, cov), c2));
  const glia_value below =
      glia_mul(g, glia_add(g, glia_add(g, aa, bb), c1), glia_add(g, glia_add(g, va, vb), c2));
  const glia_value likeness = glia_rows_flat_(m, glia_div(g, above, below));

  return glia_sub(g, glia_constant(g, 1.0), glia_reduce_mean(g, likeness, 1, (int[]){1}, false));
}

const struct nn_loss_kind glia_loss_ssim_ = {
    .name = "ssim",
    .source = "wang2004",
    .target = NN_TARGET_REAL,
    .shaped = true,
    .option =
        (const struct nn_option[]){
            {.name = "size", .type = NN_COUNT, .lo = 1, .hi = 255, .value = 11},
            {.name = "range", .type = NN_REAL, .lo = 1e-12, .hi = INFINITY, .value = 1.0},
            {.name = NULL},
        },
    .check = check,
    .build = build,
};
