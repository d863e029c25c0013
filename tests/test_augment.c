/* Augmentation: each kind against its plain description, and the draws against what they must not depend on. */
#include "glia_augment.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 400, C = 2, H = 5, W = 7, P = C * H * W };
static unsigned char x[N][C][H][W];

static void fill(void)
{
  for (int i = 0; i < N; i++)
    for (int k = 0; k < P; k++) (&x[i][0][0][0])[k] = (unsigned char)(1 + (i * 31 + k * 7) % 250);
}

/* A source of x changed by `list`; the document stays until the program ends. */
static struct glia_source *changed(const char *list, uint64_t seed, bool training)
{
  static const struct glia_field field = {
      "x", {.dtype = GLIA_U8, .rank = 3, .dim = {C, H, W}}, 1.0 / 255.0, 0.0};
  struct glia_source *s = NULL;
  struct glia_yaml_doc *doc = NULL;
  char text[512];

  fill();
  snprintf(text, sizeof text, "augment: %s\n", list);
  CU_ASSERT_EQUAL_FATAL(glia_yaml_parse_text("test", text, strlen(text), &doc), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_source_from_memory("m", N, 1, &field, (const void *const[]){x}, &s),
                        GLIA_OK);
  const glia_status st = glia_augment_source(glia_yaml_root(doc), seed, training, &s);
  if (st != GLIA_OK) tap_note("%s", glia_trace_message());
  CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
  glia_yaml_destroy(&doc);
  return s;
}

static void read_one(struct glia_source *s, int64_t row, int64_t epoch, unsigned char out[C][H][W])
{
  CU_ASSERT_EQUAL_FATAL(glia_source_read(s, 0, 1, &row, epoch, out), GLIA_OK);
}

static unsigned char at(int64_t row, int c, int h, int w, bool edge)
{
  if (!edge && (h < 0 || h >= H || w < 0 || w >= W)) return 0;
  h = h < 0 ? 0 : h >= H ? H - 1 : h;
  w = w < 0 ? 0 : w >= W ? W - 1 : w;
  return x[row][c][h][w];
}

/* Which (dy, dx) within `most` made this row; counts each. */
static int moves(struct glia_source *s, int most, bool edge, int *count)
{
  int unexplained = 0;

  for (int64_t row = 0; row < N; row++) {
    unsigned char got[C][H][W];
    bool found = false;
    read_one(s, row, 3, got);
    for (int dy = -most; dy <= most && !found; dy++)
      for (int dx = -most; dx <= most && !found; dx++) {
        bool same = true;
        for (int k = 0; k < P && same; k++)
          same = (&got[0][0][0])[k] == at(row, k / (H * W), k / W % H - dy, k % W - dx, edge);
        if (same) count[(dy + most) * (2 * most + 1) + dx + most]++;
        found = same;
      }
    unexplained += !found;
  }
  return unexplained;
}

static void crops_and_shifts_are_moves_of_every_size(void)
{
  for (int edge = 0; edge < 2; edge++) {
    int count[25] = {0};
    struct glia_source *s = changed(edge ? "[{shift: 2}]" : "[{crop: 2}]", 1, true);
    CU_ASSERT_EQUAL(moves(s, 2, edge != 0, count), 0);
    /* 400 draws over 25 moves: 16 each, standard deviation 3.9; four of them */
    for (int i = 0; i < 25; i++) CU_ASSERT(count[i] > 0 && count[i] < 32);
    glia_source_close(&s);
  }
}

static void flips_mirror_half_of_the_rows(void)
{
  struct glia_source *s = changed("[{flip: both}]", 1, true);
  int count[4] = {0};

  for (int64_t row = 0; row < N; row++) {
    unsigned char got[C][H][W];
    read_one(s, row, 0, got);
    for (int way = 0; way < 4; way++) {
      bool same = true;
      for (int k = 0; k < P && same; k++) {
        const int h = k / W % H, w = k % W;
        same = (&got[0][0][0])[k] ==
               x[row][k / (H * W)][(way & 2) != 0 ? H - 1 - h : h][(way & 1) != 0 ? W - 1 - w : w];
      }
      count[way] += same;
    }
  }
  CU_ASSERT_EQUAL(count[0] + count[1] + count[2] + count[3], N);
  for (int way = 0; way < 4; way++) CU_ASSERT(abs(count[way] - 100) < 44); /* five of 8.7 */
  glia_source_close(&s);
}

static void a_cutout_is_a_square_of_zeros(void)
{
  struct glia_source *s = changed("[{cutout: 3}]", 1, true);
  int64_t most = 0;

  for (int64_t row = 0; row < N; row++) {
    unsigned char got[C][H][W];
    int64_t zeros = 0;
    int wrong = 0;
    read_one(s, row, 0, got);
    for (int k = 0; k < P; k++) {
      const unsigned char v = (&got[0][0][0])[k];
      zeros += v == 0;
      wrong += v != 0 && v != (&x[row][0][0][0])[k];
    }
    CU_ASSERT(wrong == 0 && zeros % C == 0 && zeros >= C * 4 && zeros <= C * 9);
    if (zeros > most) most = zeros;
  }
  CU_ASSERT_EQUAL(most, C * 9);
  glia_source_close(&s);
}

static void noise_has_its_deviation_and_stays_in_range(void)
{
  struct glia_source *s = changed("[{noise: 0.05}]", 1, true);
  double sum = 0.0, square = 0.0, n = 0.0;

  for (int64_t row = 0; row < N; row++) {
    unsigned char got[C][H][W];
    read_one(s, row, 0, got);
    for (int k = 0; k < P; k++) {
      const int was = (&x[row][0][0][0])[k], is = (&got[0][0][0])[k];
      if (was < 70 || was > 185) continue; /* nothing is cut off there */
      sum += is - was;
      square += (double)((is - was) * (is - was));
      n++;
    }
  }
  const double sd = 0.05 * 255.0, rounding = 1.0 / 12.0;
  CU_ASSERT(fabs(sum / n) < 5.0 * sd / sqrt(n));
  CU_ASSERT(fabs(square / n / (sd * sd + rounding) - 1.0) < 5.0 * sqrt(2.0 / n));
  glia_source_close(&s);
}

static void normalising_is_the_same_in_evaluation(void)
{
  static const char list[] = "[flip, {normalise: {mean: [0.4, 0.5], sd: [0.2, 0.25]}}]";
  struct glia_source *s = changed(list, 1, false);
  float got[C][H][W];
  const int64_t row = 7;

  CU_ASSERT(s->field[0].row.dtype == GLIA_F32 && s->field[0].scale == 1.0);
  CU_ASSERT_EQUAL_FATAL(s->read(s->self, 0, 1, &row, got), GLIA_OK);
  for (int k = 0; k < P; k++) {
    const double v = (&x[row][0][0][0])[k] / 255.0;
    const int c = k / (H * W);
    /* one rounding to float32 of numbers below 4 */
    CU_ASSERT(fabs((double)(&got[0][0][0])[k] - (v - (c ? 0.5 : 0.4)) / (c ? 0.25 : 0.2)) <
              4.0 * 0x1p-24);
  }
  glia_source_close(&s);
  s = changed("[{normalise: {mean: 0.5, sd: 0.25}}]", 1, false);
  CU_ASSERT(s->field[0].row.dtype == GLIA_U8 && fabs(s->field[0].scale - 4.0 / 255.0) < 1e-15 &&
            s->field[0].offset == -2.0);
  glia_source_close(&s);
}

static void draws_depend_on_seed_row_and_epoch_alone(void)
{
  static const char list[] = "[{crop: 2}, flip, {noise: 0.1}]";
  struct glia_source *a = changed(list, 1, true), *b = changed(list, 1, true),
                     *c = changed(list, 2, true);
  unsigned char one[C][H][W], two[C][H][W], many[3][C][H][W];
  const int64_t rows[3] = {9, 4, 9};
  int epochs = 0, seeds = 0;

  CU_ASSERT_EQUAL_FATAL(glia_source_read(b, 0, 3, rows, 5, many), GLIA_OK);
  read_one(a, 9, 5, one);
  CU_ASSERT(memcmp(one, many[0], P) == 0 && memcmp(one, many[2], P) == 0);
  for (int64_t row = 0; row < 50; row++) {
    read_one(a, row, 0, one);
    read_one(a, row, 1, two);
    epochs += memcmp(one, two, P) != 0;
    read_one(c, row, 0, two);
    seeds += memcmp(one, two, P) != 0;
  }
  CU_ASSERT(epochs == 50 && seeds == 50);
  glia_source_close(&a);
  glia_source_close(&b);
  glia_source_close(&c);
}

TAP_MAIN("augment", TAP(crops_and_shifts_are_moves_of_every_size),
         TAP(flips_mirror_half_of_the_rows), TAP(a_cutout_is_a_square_of_zeros),
         TAP(noise_has_its_deviation_and_stays_in_range),
         TAP(normalising_is_the_same_in_evaluation), TAP(draws_depend_on_seed_row_and_epoch_alone))
