/* edac: memory errors that were corrected or not, over all controllers.  Source: the kernel's driver-api/edac. */
#include "numbers.h"

enum { CORRECTED, UNCORRECTED };

static const struct glia_metric metrics[] = {
    [CORRECTED] = {"node_edac_correctable_errors_total", "1", GLIA_METRIC_COUNTER,
                   "memory errors corrected"},
    [UNCORRECTED] = {"node_edac_uncorrectable_errors_total", "1", GLIA_METRIC_COUNTER,
                     "memory errors that could not be corrected"},
};

static const struct glia_number_rule rules[] = {
    {CORRECTED, GLIA_FOLD_SUM, 1.0, "sys/devices/system/edac/mc/mc*/ce_count"},
    {UNCORRECTED, GLIA_FOLD_SUM, 1.0, "sys/devices/system/edac/mc/mc*/ue_count"},
};

static glia_status open_under(void *state, const char *root)
{
  return glia_numbers_open_(state, root, rules, GLIA_COUNT(rules));
}

static void sample(void *state, double *out) { glia_numbers_sample_(state, out); }

static void close_all(void *state) { glia_numbers_close_(state); }

const struct glia_sampler glia_sampler_edac_ = {
    .name = "edac",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct glia_numbers),
    .period_s = 60.0,
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
