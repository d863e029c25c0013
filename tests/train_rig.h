/* A run of training over rows in memory, for tests of the loop: a run's YAML, a small set of points, an engine. */
#ifndef TRAIN_RIG_H
#define TRAIN_RIG_H

#include "glia_exchange.h"
#include "glia_train.h"

enum { TRAIN_RIG_ROWS = 200, TRAIN_RIG_INPUTS = 3 }; /* x float32 [3], y int32 of two classes */

struct train_rig {
  struct glia_yaml_doc *doc;
  struct glia_train_config config;
  struct glia_source *source;
  struct glia_model *model;
  struct glia_program *program;
  struct glia_engine *engine;
};

/* Everything up to the initial state. name: of the source; exchange: NULL for one process. Ends the test on failure. */
void train_rig_start(struct train_rig *r, const char *yaml, const char *name, int threads,
                     const struct glia_exchange *exchange);
void train_rig_end(struct train_rig *r);

/* Steps (first, last] over `source` (NULL: the rig's own); they must all be taken, unless it fails. */
glia_status train_rig_train(struct train_rig *r, struct glia_source *source,
                            const struct glia_observer *observer,
                            const struct glia_meeting *meeting, int64_t first, int64_t last);

/* Parameters and optimizer, bit for bit. */
bool train_rig_same(struct train_rig *a, struct train_rig *b);

#endif
