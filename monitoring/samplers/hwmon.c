/* hwmon: temperatures, fans and power of the sensors, folded: a reading may be a slow bus transaction.
 * Source: the kernel's hwmon/sysfs-interface. */
#include "numbers.h"

enum { TEMP_MEAN, TEMP_MAX, FAN_MIN, FAN_MAX, POWER, ENERGY, ALARMS };

static const struct glia_metric metrics[] = {
    [TEMP_MEAN] = {"glia_hwmon_temp_mean_celsius", "Cel", GLIA_METRIC_GAUGE,
                   "mean of all temperature sensors"},
    [TEMP_MAX] = {"glia_hwmon_temp_max_celsius", "Cel", GLIA_METRIC_GAUGE,
                  "hottest temperature sensor"},
    [FAN_MIN] = {"glia_hwmon_fan_min_rpm", "1/min", GLIA_METRIC_GAUGE, "slowest fan"},
    [FAN_MAX] = {"glia_hwmon_fan_max_rpm", "1/min", GLIA_METRIC_GAUGE, "fastest fan"},
    [POWER] = {"glia_hwmon_power_watts", "W", GLIA_METRIC_GAUGE, "sum of all power sensors"},
    [ENERGY] = {"glia_hwmon_energy_joules_total", "J", GLIA_METRIC_COUNTER,
                "sum of all energy sensors"},
    [ALARMS] = {"glia_hwmon_alarms", "1", GLIA_METRIC_GAUGE, "alarms that sensors raise"},
};

static const struct glia_number_rule rules[] = {
    {TEMP_MEAN, GLIA_FOLD_MEAN, 1e-3, "sys/class/hwmon/hwmon*/temp*_input"},
    {TEMP_MAX, GLIA_FOLD_MOST, 1e-3, "sys/class/hwmon/hwmon*/temp*_input"},
    {FAN_MIN, GLIA_FOLD_LEAST, 1.0, "sys/class/hwmon/hwmon*/fan*_input"},
    {FAN_MAX, GLIA_FOLD_MOST, 1.0, "sys/class/hwmon/hwmon*/fan*_input"},
    {POWER, GLIA_FOLD_SUM, 1e-6, "sys/class/hwmon/hwmon*/power*_input"},
    {ENERGY, GLIA_FOLD_SUM, 1e-6, "sys/class/hwmon/hwmon*/energy*_input"},
    {ALARMS, GLIA_FOLD_SUM, 1.0, "sys/class/hwmon/hwmon*/*_alarm"},
};

static glia_status open_under(void *state, const char *root)
{
  return glia_numbers_open_(state, root, rules, GLIA_COUNT(rules));
}

static void sample(void *state, double *out) { glia_numbers_sample_(state, out); }

static void close_all(void *state) { glia_numbers_close_(state); }

const struct glia_sampler glia_sampler_hwmon_ = {
    .name = "hwmon",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct glia_numbers),
    .period_s = 10.0,
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
