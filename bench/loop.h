/* A run of glia_train on one worker, from a configuration as text: what benches of the loop share. */
#ifndef BENCH_LOOP_H
#define BENCH_LOOP_H

#include "glia_train.h"

struct loop {
  struct glia_yaml_doc *doc;
  struct glia_train_config config;
  struct glia_source *source;
  struct glia_model *model;
  struct glia_program *program;
  struct glia_engine *engine;
};

/** Build and compile the model for rows of *source, with its initial weights.
 *  Ownership: *source is taken, also on failure; loop_close frees.  Errors: GLIA_E_CONFIG, GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status loop_open(struct loop *l, const char *yaml, struct glia_source **source);

/** Train as the configuration says. observer may be NULL. */
GLIA_NODISCARD glia_status loop_run(struct loop *l, const struct glia_observer *observer,
                                    struct glia_train_result *out);

void loop_close(struct loop *l);

#endif
