/* cpufreq: what the frequency policies allow. Their settings only: scaling_cur_freq may take 20 ms a core.
 * Source: the kernel's admin-guide/pm/cpufreq. */
#include "numbers.h"

#include <string.h>

#define GOVERNORS(X)                                                                               \
  X("performance") X("schedutil") X("ondemand") X("conservative") X("powersave") X("userspace")

enum { LIMIT_MIN, LIMIT_MEAN, LIMIT_MAX, HARDWARE_MAX, FIRST_GOVERNOR };

static const char *const governors[] = {
#define X(name) name,
    GOVERNORS(X)
#undef X
};

static const struct glia_metric metrics[FIRST_GOVERNOR + GLIA_COUNT(governors)] = {
    [LIMIT_MIN] = {"glia_cpufreq_limit_min_hertz", "Hz", GLIA_METRIC_GAUGE,
                   "highest frequency that the strictest policy allows"},
    [LIMIT_MEAN] = {"glia_cpufreq_limit_mean_hertz", "Hz", GLIA_METRIC_GAUGE,
                    "highest frequency allowed, mean over policies"},
    [LIMIT_MAX] = {"glia_cpufreq_limit_max_hertz", "Hz", GLIA_METRIC_GAUGE,
                   "highest frequency that the laxest policy allows"},
    [HARDWARE_MAX] = {"glia_cpufreq_hardware_max_hertz", "Hz", GLIA_METRIC_GAUGE,
                      "highest frequency of the hardware"},
#define X(name)                                                                                    \
  {"glia_cpufreq_governor_ratio{governor=\"" name "\"}", "1", GLIA_METRIC_GAUGE,                   \
   "share of the policies with that governor"},
    GOVERNORS(X)
#undef X
};

#define POLICY "sys/devices/system/cpu/cpufreq/policy*/"
static const struct glia_number_rule rules[] = {
    {LIMIT_MIN, GLIA_FOLD_LEAST, 1e3, POLICY "scaling_max_freq"},
    {LIMIT_MEAN, GLIA_FOLD_MEAN, 1e3, POLICY "scaling_max_freq"},
    {LIMIT_MAX, GLIA_FOLD_MOST, 1e3, POLICY "scaling_max_freq"},
    {HARDWARE_MAX, GLIA_FOLD_MOST, 1e3, POLICY "cpuinfo_max_freq"},
};

struct state {
  struct glia_numbers numbers;
  char **governor; /* paths, NULL-terminated */
};

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;

  s->governor = glia_paths_find_(root, POLICY "scaling_governor");
  return glia_numbers_open_(&s->numbers, root, rules, GLIA_COUNT(rules));
}

static void sample(void *state, double *out)
{
  struct state *s = state;
  char name[32];
  int of[GLIA_COUNT(governors)] = {0};
  int n = 0;

  glia_numbers_sample_(&s->numbers, out);
  for (size_t i = 0; s->governor != NULL && s->governor[i] != NULL; i++) {
    if (glia_line_read_(s->governor[i], name, sizeof name)[0] == '\0') continue;
    n++;
    for (size_t g = 0; g < GLIA_COUNT(governors); g++) of[g] += strcmp(name, governors[g]) == 0;
  }
  for (size_t g = 0; n > 0 && g < GLIA_COUNT(governors); g++)
    out[FIRST_GOVERNOR + g] = (double)of[g] / n;
}

static void close_all(void *state)
{
  struct state *s = state;

  glia_numbers_close_(&s->numbers);
  glia_paths_free_(s->governor);
}

const struct glia_sampler glia_sampler_cpufreq_ = {
    .name = "cpufreq",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .period_s = 10.0,
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
