/* Losses that PyTorch has no name for, masks, and what padding must not change. */
#include "nn_rig.h"
#include "tap.h"

#include <math.h>
#include <string.h>

enum { C = 2, H = 9, W = 8, SIZE = 5 };

static double number(int i) { return 0.5 + 0.5 * sin(1.7 * i + 0.01 * i * i); }

static void run(struct rig *r, const char *yaml)
{
  const glia_status st = rig_start(r, yaml, 1, 1);

  if (st != GLIA_OK) tap_note("%s", glia_trace());
  CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(rig_step(r, "eval", 0.0, 1), GLIA_OK);
}

/* Mean over windows inside the images, each with its own weighted moments. */
static double similarity(const double *a, const double *b)
{
  double weight[SIZE][SIZE], total = 0.0, sum = 0.0;

  for (int i = 0; i < SIZE; i++)
    for (int j = 0; j < SIZE; j++)
      total += weight[i][j] = exp(-((i - 2) * (i - 2) + (j - 2) * (j - 2)) / (2.0 * 1.5 * 1.5));
  for (int c = 0; c < C; c++)
    for (int y = 0; y <= H - SIZE; y++)
      for (int x = 0; x <= W - SIZE; x++) {
        double ma = 0.0, mb = 0.0, va = 0.0, vb = 0.0, cov = 0.0;
        for (int pass = 0; pass < 2; pass++)
          for (int i = 0; i < SIZE; i++)
            for (int j = 0; j < SIZE; j++) {
              const int at = (c * H + y + i) * W + x + j;
              const double w = weight[i][j] / total;
              if (pass == 0) {
                ma += w * a[at];
                mb += w * b[at];
              } else {
                va += w * (a[at] - ma) * (a[at] - ma);
                vb += w * (b[at] - mb) * (b[at] - mb);
                cov += w * (a[at] - ma) * (b[at] - mb);
              }
            }
        const double c1 = 1e-4 * 4.0, c2 = 9e-4 * 4.0; /* range 2 */
        sum += (2.0 * ma * mb + c1) * (2.0 * cov + c2) / (ma * ma + mb * mb + c1) / (va + vb + c2);
      }
  return sum / (C * (H - SIZE + 1) * (W - SIZE + 1));
}

static void ssim_compares_window_by_window(void)
{
  static double x[3][C * H * W], t[3][C * H * W];
  struct rig r = {.n_fields = 2, .micro_batch = 2, .n_rows = 3, .data = {x, t}};
  double want = 0.0;

  for (int k = 0; k < 3; k++)
    for (int i = 0; i < C * H * W; i++) {
      x[k][i] = number(i + 150 * k);
      t[k][i] = k == 0 ? x[k][i] : 0.7 * x[k][i] + 0.3 * number(3 * i + k); /* row 0: itself */
    }
  for (int k = 0; k < 3; k++) want += 1.0 - similarity(x[k], t[k]);
  r.field[0] = rig_field("x", GLIA_F64, 3, (int64_t[]){C, H, W});
  r.field[1] = rig_field("t", GLIA_F64, 3, (int64_t[]){C, H, W});
  run(&r, "dtype: f64\nmodel: [{reshape: [2, 9, 8]}]\nloss: {name: ssim, target: t, size: 5, "
          "range: 2}\n");
  CU_ASSERT_DOUBLE_EQUAL(rig_output(&r, "eval", "loss_sum"), want, 1e-12);
  CU_ASSERT(want > 0.1 && fabs(similarity(x[0], t[0]) - 1.0) < 1e-12);
  rig_end(&r);
}

/* Labels [places] for logits [places, classes]: the mean over the places that the mask has, none counting as 0. */
static void masks_weight_the_places_of_a_row(void)
{
  enum { ROWS = 3, PLACES = 4, N = 3 };
  static double x[ROWS][PLACES][N], mask[ROWS][PLACES] = {{1, 0, 1, 0}, {0.5, 2, 0, 1}, {0}};
  static int32_t y[ROWS][PLACES];
  struct rig r = {.n_fields = 3, .micro_batch = 2, .n_rows = ROWS, .data = {x, y, mask}};
  double want = 0.0, right = 0.0, plain = 0.0;

  for (int k = 0; k < ROWS; k++) {
    double sum = 0.0, all = 0.0, hits = 0.0;
    for (int p = 0; p < PLACES; p++) {
      double z = 0.0;
      int best = 0;
      y[k][p] = (k + 2 * p) % N;
      for (int i = 0; i < N; i++) {
        x[k][p][i] = 2.0 * number(7 * k + 3 * p + i);
        z += exp(x[k][p][i]);
        if (x[k][p][i] > x[k][p][best]) best = i;
      }
      const double loss = log(z) - x[k][p][y[k][p]];
      plain += loss / PLACES;
      sum += mask[k][p] * loss;
      hits += mask[k][p] * (best == y[k][p]);
      all += mask[k][p];
    }
    if (all > 0.0) {
      want += sum / all;
      right += hits / all;
    }
  }
  r.field[0] = rig_field("x", GLIA_F64, 2, (int64_t[]){PLACES, N});
  r.field[1] = rig_field("y", GLIA_I32, 1, (int64_t[]){PLACES});
  r.field[2] = rig_field("mask", GLIA_F64, 1, (int64_t[]){PLACES});
  run(&r, "dtype: f64\nmodel: [{reshape: [4, 3]}]\nloss: {name: cross_entropy, mask: mask}\n");
  CU_ASSERT_DOUBLE_EQUAL(rig_output(&r, "eval", "loss_sum"), want, 1e-13);
  CU_ASSERT_DOUBLE_EQUAL(rig_output(&r, "eval", "correct_sum"), right, 1e-13);
  rig_end(&r);
  run(&r, "dtype: f64\nmodel: [{reshape: [4, 3]}]\nloss: cross_entropy\n");
  CU_ASSERT_DOUBLE_EQUAL(rig_output(&r, "eval", "loss_sum"), plain, 1e-13);
  rig_end(&r);
}

/* Three rows in micro-batches of two: the padded row is nobody's partner. */
static void info_nce_does_not_see_padding(void)
{
  enum { ROWS = 3, N = 4 };
  static double x[ROWS][N], t[ROWS][N];
  struct rig r = {.n_fields = 2, .micro_batch = 2, .n_rows = ROWS, .data = {x, t}};
  double cosine[2][2], want = 0.0;

  for (int i = 0; i < ROWS; i++)
    for (int k = 0; k < N; k++) {
      x[i][k] = number(N * i + k) - 0.4;
      t[i][k] = number(2 * (N * i + k) + 5) - 0.6;
    }
  for (int i = 0; i < 2; i++)
    for (int j = 0; j < 2; j++) {
      double xt = 0.0, xx = 0.0, tt = 0.0;
      for (int k = 0; k < N; k++) {
        xt += x[i][k] * t[j][k];
        xx += x[i][k] * x[i][k];
        tt += t[j][k] * t[j][k];
      }
      cosine[i][j] = xt / sqrt(xx * tt);
    }
  for (int i = 0; i < 2; i++)
    want += log(exp(2.0 * cosine[i][0]) + exp(2.0 * cosine[i][1])) - 2.0 * cosine[i][i];
  /* the third row is alone in its micro-batch: its own partner for certain, a loss of 0 */
  r.field[0] = rig_field("x", GLIA_F64, 1, (int64_t[]){N});
  r.field[1] = rig_field("t", GLIA_F64, 1, (int64_t[]){N});
  run(&r, "dtype: f64\nmodel: [flatten]\nloss: {name: info_nce, target: t, temperature: 0.5}\n");
  CU_ASSERT_DOUBLE_EQUAL(rig_output(&r, "eval", "loss_sum"), want, 1e-13);
  rig_end(&r);
}

/* softplus(z) - z t in float32 where exp(z) is not a number any more. */
static void bce_holds_for_large_logits(void)
{
  static const float x[] = {200.0F, -200.0F, 0.0F, 90.0F}, t[] = {1.0F, 0.0F, 1.0F, 0.0F};
  struct rig r = {.n_fields = 2, .micro_batch = 4, .n_rows = 4, .data = {x, t}};

  r.field[0] = rig_field("x", GLIA_F32, 1, (int64_t[]){1});
  r.field[1] = rig_field("t", GLIA_F32, 1, (int64_t[]){1});
  run(&r, "model: [flatten]\nloss: {name: bce, target: t}\n");
  CU_ASSERT_DOUBLE_EQUAL(rig_output(&r, "eval", "loss_sum"), log(2.0) + 90.0, 1e-4); /* float32 */
  rig_end(&r);
}

TAP_MAIN("losses", TAP(ssim_compares_window_by_window), TAP(masks_weight_the_places_of_a_row),
         TAP(info_nce_does_not_see_padding), TAP(bce_holds_for_large_logits))
