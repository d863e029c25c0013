/* glia train --plan: see plan.h. */
#include "plan.h"

#include "advise.h"
#include "glia_kernels.h"

#include <stdlib.h>

void plan_print_values(const struct glia_args *a, const struct session *s)
{
  if (s->config.values_bytes > 0)
    glia_cli_print(a,
                   "values of a micro-batch: %.2f MiB within parallel.memory, %.2f MiB without it; "
                   "%.1f %% more work\n",
                   s->values.bytes / 1048576.0, s->values.kept_bytes / 1048576.0,
                   1e2 * s->values.extra_work);
}

glia_status plan_print(struct glia_args *a, struct session *s)
{
  const struct glia_train_config *c = &s->config;
  struct glia_program_info info;
  json_t *advice = NULL;
  char *layers;

  GLIA_TRY(glia_model_print(s->model, &layers));
  glia_cli_print(a, "%s", layers);
  free(layers);
  if (!glia_program_info(s->program, "train", &info))
    return GLIA_FAIL(GLIA_E_INTERNAL, "no entry point train");
  glia_cli_print(
      a,
      "%lld parameters; %lld steps of %lld micro-batches of %lld rows on %d x %d workers\n"
      "a step: %d nodes in %d + %d + %d units, %d of them fused groups\n"
      "memory: state %.1f MiB, shared %.1f MiB, a worker %.1f MiB (at least %.1f), sums %.1f "
      "MiB\nkernels: %s\n",
      (long long)glia_model_size(s->model), (long long)glia_train_steps(c, s->train->n),
      (long long)(c->batch / c->micro_batch), (long long)c->micro_batch, glia_comm_size(s->comm),
      c->threads, info.nodes, info.units[0], info.units[1], info.units[2], info.groups,
      (double)info.state_bytes / 1048576.0, (double)info.shared_bytes / 1048576.0,
      (double)info.micro_bytes / 1048576.0, (double)info.micro_lower_bound / 1048576.0,
      (double)info.sums_bytes / 1048576.0, glia_kernels_level());
  plan_print_values(a, s);
  GLIA_TRY(advise(s, a, (int)glia_args_int(a, "ranks", 0), &advice));
  return glia_cli_json(a, json_pack("{s:o}", "plan", advice));
}
