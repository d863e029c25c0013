/* Where detectors begin: weights of another model, and the mean of several, by the names of columns. */
#include "detect_node.h"
#include "detect_priv.h"
#include "glia_detect.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SMALL = 600 };

static void make_small(struct glia_telemetry_node *node)
{
  bool *loads;

  detect_node_make(node, 7, 12, SMALL, 0, GOVERNOR_CONSERVATIVE, &loads);
  free(loads);
}

/* One epoch from the weights of a trained model, whose metrics stood elsewhere, against one from random weights. */
static void weights_are_carried_by_name(void)
{
  struct glia_detect_options o = glia_detect_defaults(GLIA_DETECT_BOTTLENECK);
  struct glia_telemetry_node node, other;
  struct glia_detector *old, *cold, *warm;
  struct glia_detector_info trained, fresh, carried;

  make_small(&node);
  detect_node_shuffle(&node, &other);
  o.epochs = 60;
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &node, &old), GLIA_OK);
  o.epochs = 1;
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &other, &cold), GLIA_OK);
  o.warm = old;
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &other, &warm), GLIA_OK);
  glia_detector_info(old, &trained);
  glia_detector_info(cold, &fresh);
  glia_detector_info(warm, &carried);
  tap_note("loss %.4f trained, after an epoch %.4f cold and %.4f warm", trained.train_loss,
           fresh.train_loss, carried.train_loss);
  /* much nearer to where the old one came than to where a new one begins */
  CU_ASSERT(carried.train_loss - trained.train_loss <
            0.25 * (fresh.train_loss - trained.train_loss));
  glia_detector_destroy(&old);
  glia_detector_destroy(&cold);
  glia_detector_destroy(&warm);
  glia_telemetry_node_free(&node);
  glia_telemetry_node_free(&other);
}

static int place_of(const struct glia_detector *d, const char *column)
{
  int j = 0;

  while (j < d->columns.n && strcmp(d->columns.column[j].name, column) != 0) j++;
  return j < d->columns.n ? j : -1;
}

/* Weight [i, j] of parameter k of `like`, as d has it: the first layer's inputs and the last layer's outputs are columns. NaN: it has none. */
static double weight_of(const struct glia_detector *d, const struct glia_detector *like, int k,
                        int64_t i, int64_t j)
{
  const struct glia_array *a = &d->parameter[k];
  const int64_t cols = a->type.rank > 1 ? a->type.dim[1] : 1;
  const bool from_columns = a->type.rank == 2 && a->type.dim[1] == d->columns.n;
  const bool to_columns = a->type.dim[0] == d->columns.n;

  CU_ASSERT_STRING_EQUAL(a->path, like->parameter[k].path);
  if (from_columns) j = place_of(d, like->columns.column[j].name);
  if (to_columns) i = place_of(d, like->columns.column[i].name);
  if (i < 0 || j < 0 || i >= a->type.dim[0] || j >= cols) return (double)NAN;
  return (double)((const float *)a->data)[i * cols + j];
}

/* Weights of d [which], which were `own`, against the mean of those of both; tells how many have one part, and two. */
static void check_means(struct glia_detector *const *d, int which, float *const *own,
                        int64_t parts[3])
{
  const struct glia_detector *w = d[which], *other = d[1 - which];
  int64_t wrong = 0;

  memset(parts, 0, 3 * sizeof *parts);
  for (int k = 0; k < w->n_parameters; k++) {
    const struct glia_array *a = &w->parameter[k];
    const int64_t cols = a->type.rank > 1 ? a->type.dim[1] : 1;
    for (int64_t e = 0; e < a->type.dim[0] * cols; e++) {
      const double mine = (double)own[k][e], its = weight_of(other, w, k, e / cols, e % cols);
      const double mean = isnan(its) ? mine : isnan(mine) ? its : (mine + its) / 2.0;
      const float is = ((const float *)a->data)[e];
      parts[!isnan(mine) + !isnan(its)]++;
      wrong += isnan(mean) ? !isnan(is) : is != (float)mean;
    }
  }
  CU_ASSERT_EQUAL(wrong, 0);
}

static float **weights(const struct glia_detector *d)
{
  float **copy = calloc((size_t)d->n_parameters + 1, sizeof *copy);

  for (int k = 0; k < d->n_parameters; k++) {
    const size_t bytes = glia_type_bytes(&d->parameter[k].type);
    copy[k] = malloc(bytes);
    memcpy(copy[k], d->parameter[k].data, bytes);
  }
  return copy;
}

static void weights_free(int n, float **copy)
{
  for (int k = 0; k < n; k++) free(copy[k]);
  free(copy);
}

/* Two models of different seeds, of which the wider one has its columns elsewhere and two more of them: every weight. */
static void each_weight_is_the_mean_of_those_that_have_it(void)
{
  struct glia_detect_options o = glia_detect_defaults(GLIA_DETECT_BOTTLENECK);
  struct glia_telemetry_node node, other;
  struct glia_detector *d[2];
  int64_t parts[3];
  int which = -1;

  make_small(&node);
  detect_node_shuffle(&node, &other);
  for (int64_t i = 0; i < SMALL; i++) { /* lacks "metric02" and "metric09" */
    node.values[i * 12 + 2] = 1.0f;
    node.values[i * 12 + 9] = 1.0f;
  }
  o.epochs = 1;
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &node, &d[0]), GLIA_OK);
  o.seed = 2;
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &other, &d[1]), GLIA_OK);
  const int n = d[1]->n_parameters;
  ((float *)d[1]->parameter[n - 1].data)[0] = NAN;
  float **own = weights(d[1]);
  CU_ASSERT_EQUAL_FATAL(glia_detectors_average(2, d, &which), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(which, 1);
  check_means(d, which, own, parts);
  tap_note("%lld weights of both, %lld of one", (long long)parts[2], (long long)parts[1]);
  CU_ASSERT(parts[2] > 100 && parts[1] > 50);
  weights_free(n, own);
  glia_detector_destroy(&d[0]);
  /* a model alone is its own mean, no number included */
  ((float *)d[1]->parameter[n - 1].data)[0] = NAN;
  own = weights(d[1]);
  CU_ASSERT_EQUAL_FATAL(glia_detectors_average(1, &d[1], &which), GLIA_OK);
  for (int k = 0; k < n; k++)
    CU_ASSERT(memcmp(own[k], d[1]->parameter[k].data, glia_type_bytes(&d[1]->parameter[k].type)) ==
              0);
  weights_free(n, own);
  glia_detector_destroy(&d[1]);
  glia_telemetry_node_free(&node);
  glia_telemetry_node_free(&other);
}

/* The mean of a model and of its twin, which knows the metrics in another order, is as good as they are. */
static void what_models_have_in_common_is_by_name(void)
{
  struct glia_detect_options o = glia_detect_defaults(GLIA_DETECT_BOTTLENECK);
  struct glia_telemetry_node node, other;
  struct glia_detector *d[2], *cold, *warm;
  struct glia_detector_info trained, fresh, carried;
  int which = -1;

  make_small(&node);
  detect_node_shuffle(&node, &other);
  o.epochs = 60;
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &node, &d[1]), GLIA_OK);
  glia_detector_info(d[1], &trained);
  o.epochs = 1;
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &node, &cold), GLIA_OK);
  o.warm = d[1];
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &other, &d[0]), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(glia_detectors_average(2, d, &which), GLIA_OK);
  CU_ASSERT_EQUAL_FATAL(which, 0);
  o.warm = d[which];
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &node, &warm), GLIA_OK);
  glia_detector_info(cold, &fresh);
  glia_detector_info(warm, &carried);
  tap_note("loss %.4f trained, after an epoch %.4f cold and %.4f from the mean", trained.train_loss,
           fresh.train_loss, carried.train_loss);
  CU_ASSERT(carried.train_loss - trained.train_loss <
            0.25 * (fresh.train_loss - trained.train_loss));
  for (int i = 0; i < 2; i++) glia_detector_destroy(&d[i]);
  glia_detector_destroy(&cold);
  glia_detector_destroy(&warm);
  o = glia_detect_defaults(GLIA_DETECT_COMBINED);
  CU_ASSERT_EQUAL_FATAL(glia_detector_train(NULL, &o, &node, &d[0]), GLIA_OK);
  CU_ASSERT_EQUAL(glia_detectors_average(1, d, &which), GLIA_E_UNSUPPORTED);
  glia_trace_clear();
  glia_detector_destroy(&d[0]);
  glia_telemetry_node_free(&node);
  glia_telemetry_node_free(&other);
}

TAP_MAIN("detect_warm", TAP(weights_are_carried_by_name),
         TAP(each_weight_is_the_mean_of_those_that_have_it),
         TAP(what_models_have_in_common_is_by_name))
