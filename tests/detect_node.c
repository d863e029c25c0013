#include "detect_node.h"

#include "glia_random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { U, M, C, F, P, T, FAN, IPS, SIGNALS };

struct hidden {
  uint64_t key;
  int64_t left; /* windows of the job */
  double job[3];
  double temperature;
};

static double uniform(const struct hidden *h, uint64_t salt, int64_t i)
{
  return glia_random_uniform(h->key, salt, (uint64_t)i);
}

static double normal(const struct hidden *h, uint64_t salt, int64_t i)
{
  return glia_random_normal(h->key, salt, (uint64_t)i);
}

static double clamp(double x) { return fmin(fmax(x, 0.0), 1.0); }

static void window(struct hidden *h, int64_t i, detect_governor governor, double s[SIGNALS])
{
  if (h->left-- <= 0) {
    h->left = 1 + (int64_t)(uniform(h, 1, i) * 23.0);
    for (int k = 0; k < 3; k++) h->job[k] = uniform(h, (uint64_t)(2 + k), i);
    h->job[U] = 0.1 + 0.8 * h->job[U]; /* neither idle (such windows are not kept) nor full */
  }
  for (int k = 0; k < 3; k++) s[k] = clamp(h->job[k] + 0.03 * normal(h, (uint64_t)(5 + k), i));
  s[F] = clamp(s[U] + 0.01 * normal(h, 8, i));
  if (governor == GOVERNOR_PERFORMANCE) s[F] = 1.0;
  if (governor == GOVERNOR_POWERSAVE) s[F] = 0.05;
  const double fr = 0.45 + 0.55 * s[F];
  const double ambient = 0.3 + 0.05 * sin(2.0 * 3.14159265358979 * (double)i / 288.0);
  s[P] = 0.25 + 0.6 * s[U] * fr * fr + 0.15 * s[M];
  h->temperature = 0.5 * h->temperature + 0.5 * (ambient + 0.5 * s[P]);
  s[T] = h->temperature;
  s[FAN] = 1.0 / (1.0 + exp(-12.0 * (s[T] - 0.62)));
  s[IPS] = s[U] * fr * (1.0 - 0.5 * s[M]);
}

struct mix {
  int a, b;
  double wa, wb;
};

/* Two different signals; weights of either sign, 0.5 to 1.5. */
static struct mix draw_mix(const struct hidden *h, int j)
{
  const int a = (int)(uniform(h, 20, j) * SIGNALS);
  const int b = (a + 1 + (int)(uniform(h, 21, j) * (SIGNALS - 1))) % SIGNALS;
  const double wa = uniform(h, 22, j) * 2.0 - 1.0;
  const double wb = uniform(h, 23, j) * 2.0 - 1.0;

  return (struct mix){a, b, copysign(0.5, wa) + wa, copysign(0.5, wb) + wb};
}

static double measure(const struct mix *m, int kind, const double s[SIGNALS])
{
  const double v = m->wa * s[m->a] + m->wb * s[m->b];

  return kind == 1 ? tanh(v) : kind == 2 ? v * v : v;
}

static char *metric_name(int i)
{
  char out[32];

  snprintf(out, sizeof out, "metric%02d", i);
  return strdup(out);
}

void detect_node_make(struct glia_telemetry_node *node, uint64_t seed, int n_metrics,
                      int64_t n_normal, int64_t n_fault, detect_governor governor, bool **loads)
{
  struct hidden h = {.key = glia_random_stream(seed, "node"), .temperature = 0.5};
  struct mix *mix = calloc((size_t)n_metrics, sizeof *mix);
  double s[SIGNALS];

  *node = (struct glia_telemetry_node){
      .name = strdup("node001"), .n = n_normal + n_fault, .n_metrics = n_metrics, .train_rows = -1};
  node->time_ns = calloc((size_t)node->n, sizeof *node->time_ns);
  node->values = calloc((size_t)(node->n * n_metrics), sizeof *node->values);
  node->metric = calloc((size_t)n_metrics, sizeof *node->metric);
  node->unit = calloc((size_t)n_metrics, sizeof *node->unit);
  *loads = calloc((size_t)n_metrics, sizeof **loads);
  for (int j = 0; j < n_metrics; j++) {
    mix[j] = draw_mix(&h, j);
    (*loads)[j] = mix[j].a == F || mix[j].a == P || mix[j].b == F || mix[j].b == P;
    node->metric[j] = metric_name(j);
    node->unit[j] = strdup("1");
  }
  for (int64_t i = 0; i < node->n; i++) {
    window(&h, i, i < n_normal ? GOVERNOR_CONSERVATIVE : governor, s);
    node->time_ns[i] = i * 300 * INT64_C(1000000000);
    for (int j = 0; j < n_metrics; j++)
      node->values[i * n_metrics + j] =
          (float)(measure(&mix[j], j % 3, s) + 0.02 * normal(&h, (uint64_t)(100 + j), i));
  }
  free(mix);
}

struct ranked {
  float v;
  bool bad;
};

static int by_value(const void *a, const void *b)
{
  const float x = ((const struct ranked *)a)->v;
  const float y = ((const struct ranked *)b)->v;

  return (x > y) - (x < y);
}

void detect_node_shuffle(const struct glia_telemetry_node *from, struct glia_telemetry_node *to)
{
  const int n = from->n_metrics;

  *to = (struct glia_telemetry_node){
      .name = strdup(from->name), .n = from->n, .n_metrics = n + 1, .train_rows = -1};
  to->time_ns = malloc((size_t)from->n * sizeof *to->time_ns);
  memcpy(to->time_ns, from->time_ns, (size_t)from->n * sizeof *to->time_ns);
  to->values = malloc((size_t)(from->n * (n + 1)) * sizeof *to->values);
  to->metric = calloc((size_t)n + 1, sizeof *to->metric);
  to->unit = calloc((size_t)n + 1, sizeof *to->unit);
  for (int k = 0; k <= n; k++) {
    const int j = k == 0 ? -1 : (int)glia_random_permute(5, n, k - 1);
    to->metric[k] = strdup(j < 0 ? "another" : from->metric[j]);
    to->unit[k] = strdup("1");
    for (int64_t i = 0; i < from->n; i++)
      to->values[i * (n + 1) + k] = j < 0 ? 3.0f : from->values[i * n + j];
  }
}

double detect_auc(int64_t n_good, const float *good, int64_t n_bad, const float *bad)
{
  const int64_t n = n_good + n_bad;
  struct ranked *r = calloc((size_t)n, sizeof *r);
  double above = 0.0;

  for (int64_t i = 0; i < n; i++)
    r[i] = i < n_good ? (struct ranked){good[i], false} : (struct ranked){bad[i - n_good], true};
  qsort(r, (size_t)n, sizeof *r, by_value);
  for (int64_t i = 0, below = 0; i < n;) { /* ties count by halves */
    int64_t end = i, goods = 0, bads = 0;
    for (; end < n && r[end].v == r[i].v; end++) *(r[end].bad ? &bads : &goods) += 1;
    above += (double)bads * ((double)below + 0.5 * (double)goods);
    below += goods;
    i = end;
  }
  free(r);
  return above / ((double)n_good * (double)n_bad);
}
