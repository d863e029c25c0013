/* `lr_schedule:` of a run: linear warm-up to lr, then the schedule over the steps that are left. */
#include "nn_priv.h"

#define X(name) extern const struct nn_rate_kind glia_rate_##name##_;
#include "rates.def"
#undef X

static const struct nn_rate_kind *const kinds[] = {
#define X(name) &glia_rate_##name##_,
#include "rates.def"
#undef X
};
static const char *const names[] = {
#define X(name) #name,
#include "rates.def"
#undef X
    NULL};

glia_status glia_schedule_read_(struct glia_model *m, const struct glia_yaml *config)
{
  const struct glia_yaml *node = glia_yaml_get(config, "lr_schedule");
  const struct glia_yaml *options = NULL, *at = config;
  int kind = 0; /* constant */

  if (node != NULL && node->kind != GLIA_YAML_NULL)
    GLIA_TRY(glia_kind_read_(node, "schedule", names, NULL, &kind, &options, &at));
  m->schedule = kinds[kind];
  return glia_options_read_(options, at, m->schedule->name, m->schedule->option, false,
                            m->schedule_v);
}

double glia_model_rate(const struct glia_model *m, int64_t step, int64_t total_steps)
{
  const double lr = m->optimizer.v[NN_LR];
  const int64_t warmup = (int64_t)m->schedule_v[NN_WARMUP];

  if (step <= warmup) return lr * (double)step / (double)warmup;
  return m->schedule->rate(m->schedule_v, lr, step - warmup, total_steps - warmup);
}
