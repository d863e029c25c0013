/* The workloads of `glia bench train`: a model, made-up data, and whole steps of it on an engine.
 *
 * Weights and data are functions of a seed, so that a peer can be handed the same ones.
 */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include "glia_engine.h"
#include "glia_model.h"

#include <stdio.h>

struct workload_kind {
  const char *name;
  const char *what;      /* one line for the table */
  const char *yaml;      /* model, loss, optimizer; NULL: the residual of a PDE (workload_pinn.c) */
  int64_t batch;         /* rows of a step */
  int64_t micro_batch;   /* of a micro-batch; 0: all that a worker has of a step */
  struct glia_type x, y; /* a row of each; y.dtype GLIA_BOOL: no targets */
  int64_t classes;       /* of y, and of x where it is of integers */
  double clip_norm;      /* as in yaml, for a peer; 0: none */
  size_t bucket_bytes;   /* gradients travel together up to here; 0: GLIA_BUCKET_BYTES */
};

/** All workloads, ended by one without a name. */
const struct workload_kind *workload_table(void);

struct workload {
  const struct workload_kind *kind;
  int64_t micro_batch;
  struct glia_yaml_doc *doc;
  struct glia_model *model; /* NULL: own_graph */
  struct glia_graph *own_graph;
  const struct glia_graph *graph;
  struct glia_program *program;
  struct glia_engine *engine;
  void *x, *y; /* [batch, row...] */
  int64_t step;
};

/** Build, compile and start a workload with its initial weights. Ownership: workload_close frees.  Errors: GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status workload_open(struct workload *w, const struct workload_kind *kind,
                                         int64_t micro_batch, int threads);

/** Rows of a micro-batch where so many workers share a step. */
int64_t workload_micro_batch(const struct workload_kind *kind, int workers);

/** n evaluations of one micro-batch. */
GLIA_NODISCARD glia_status workload_predict(struct workload *w, int n);

void workload_close(struct workload *w);

/** n whole steps (NULL loss: not wanted). loss is that of the last one, before its update. */
GLIA_NODISCARD glia_status workload_run(struct workload *w, int n, double *loss);

/** Back to the initial weights. */
void workload_reset(struct workload *w);

/** Bytes of a field's rows. */
size_t workload_bytes(const struct workload *w, const struct glia_type *row);

/* Burgers' residual (workload_pinn.c). */
GLIA_NODISCARD glia_status workload_pinn_build(struct glia_graph **out, int64_t points,
                                               int64_t all);
void workload_pinn_initialize(const struct glia_state *s, int state, double *w);

#endif
