/* thermal: temperatures of the thermal zones, and how far cooling is turned up.
 * Source: the kernel's driver-api/thermal/sysfs-api. */
#include "numbers.h"

enum { ZONE_MEAN, ZONE_MAX, COOLING, PACKAGE_THROTTLES, CORE_THROTTLES };

static const struct glia_metric metrics[] = {
    [ZONE_MEAN] = {"glia_thermal_zone_mean_celsius", "Cel", GLIA_METRIC_GAUGE,
                   "mean of the thermal zones"},
    [ZONE_MAX] = {"glia_thermal_zone_max_celsius", "Cel", GLIA_METRIC_GAUGE,
                  "hottest thermal zone"},
    [COOLING] = {"glia_cooling_device_state_max", "1", GLIA_METRIC_GAUGE,
                 "highest state of a cooling device"},
    [PACKAGE_THROTTLES] = {"glia_cpu_package_throttles_total", "1", GLIA_METRIC_COUNTER,
                           "times that the cores saw their package throttled, summed over cores"},
    [CORE_THROTTLES] = {"glia_cpu_core_throttles_total", "1", GLIA_METRIC_COUNTER,
                        "times that cores were throttled"},
};

static const struct glia_number_rule rules[] = {
    {ZONE_MEAN, GLIA_FOLD_MEAN, 1e-3, "sys/class/thermal/thermal_zone*/temp"},
    {ZONE_MAX, GLIA_FOLD_MOST, 1e-3, "sys/class/thermal/thermal_zone*/temp"},
    {COOLING, GLIA_FOLD_MOST, 1.0, "sys/class/thermal/cooling_device*/cur_state"},
    {PACKAGE_THROTTLES, GLIA_FOLD_SUM, 1.0,
     "sys/devices/system/cpu/cpu*/thermal_throttle/package_throttle_count"},
    {CORE_THROTTLES, GLIA_FOLD_SUM, 1.0,
     "sys/devices/system/cpu/cpu*/thermal_throttle/core_throttle_count"},
};

static glia_status open_under(void *state, const char *root)
{
  return glia_numbers_open_(state, root, rules, GLIA_COUNT(rules));
}

static void sample(void *state, double *out) { glia_numbers_sample_(state, out); }

static void close_all(void *state) { glia_numbers_close_(state); }

const struct glia_sampler glia_sampler_thermal_ = {
    .name = "thermal",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct glia_numbers),
    .period_s = 10.0,
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
