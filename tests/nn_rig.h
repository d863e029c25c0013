/* A model over arrays in memory, for tests of nn: build from YAML text, step, look at states and outputs. */
#ifndef NN_RIG_H
#define NN_RIG_H

#include "glia_model.h"

enum { RIG_FIELDS = 8 };

struct rig {
  struct glia_yaml_doc *doc;
  struct glia_model *m;
  struct glia_program *p;
  struct glia_engine *e;
  const struct glia_graph *g;
  /* the data: row r of field f at data[f] + r * bytes of a row */
  int n_fields;
  struct glia_model_field field[RIG_FIELDS];
  const void *data[RIG_FIELDS];
  int64_t micro_batch, n_rows; /* rows of a step; the last micro-batch is padded with weight 0 */
  const float *weight;         /* [n_rows], NULL: 1 */
  int64_t fail_at;             /* micro-batch whose fill fails, -1: none */
  const struct glia_kernels *kernels; /* NULL: reference kernels */
  struct glia_exchange *exchange;     /* NULL: this process alone */
  size_t bytes;                       /* for the values of a micro-batch; 0: as many as they take */
  void *taken;                        /* where outputs of predict go [n_rows, row], NULL: nowhere */
};

/* One real field: rows of `dim` [rank]. */
struct glia_model_field rig_field(const char *name, glia_dtype dtype, int rank, const int64_t *dim);

/* Set micro_batch, n_rows and the fields first. Builds the model alone. */
glia_status rig_build(struct rig *r, const char *yaml);

/* rig_build, then a program, an engine and initial states from `seed`. */
glia_status rig_start(struct rig *r, const char *yaml, uint64_t seed, int threads);

/* Run an entry point over all rows. */
glia_status rig_step(struct rig *r, const char *entry, double rate, int64_t step);

/* State by path: its array, or NULL; *n elements. */
void *rig_state(struct rig *r, const char *path, int64_t *n);

/* Scalar f64 output. */
double rig_output(struct rig *r, const char *entry, const char *name);

void rig_end(struct rig *r);

#endif
