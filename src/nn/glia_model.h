/* A model with its loss and optimizer as one graph, made from the YAML of a run (DESIGN, commands).
 *
 * Conventions between a model and who trains it:
 *   per-micro-batch inputs  each field of the data by name as stored [b, row...], "weight" f32 [b] (0 = padding),
 *                           "position" i64 [b] (place of the row in the whole run's order: what random numbers are keyed by),
 *                           "stop" f64 (1 where this process was asked to stop)
 *   per-step inputs         "rate" f64 (learning rate of this step), "step" i64 (1 for the first), "seed" i64
 *   entry point "train"     writes params/... and optimizer/<slot>/...; outputs f64 scalars
 *                             "loss"       weighted mean over the batch
 *                             "rate"       where the schedule decides by what happened (plateau), else it is the input's
 *                             "grad_norm"  before clipping; where clip_norm is set
 *                             "finite"     1: the step was taken; 0: no state has changed, since loss or gradient norm
 *                                          was not finite, or a rank failed
 *                             "failed"     1: a rank failed in this step (the same on all ranks), else 0
 *                             "stop"       sum of "stop" over all micro-batches of all ranks
 *   entry point "eval"      no dropout; outputs f64 scalars, summed over the micro-batches: "loss_sum", "weight_sum", and
 *                           "correct_sum" (weight of rows whose largest logit is their label) when a loss is cross_entropy;
 *                           and "failed" as above; with `metrics`, micro-batch outputs "of", "target" and "counts" (glia_model_rows)
 *   entry point "predict"   no dropout; micro-batch output "output" [b, ...]: the last layer
 *
 * Keys of the YAML read here: model, local, loss, optimizer, lr_schedule, clip_norm, ema, metrics, dtype (f32 or f64).
 */
#ifndef GLIA_MODEL_H
#define GLIA_MODEL_H

#include "glia_engine.h"
#include "glia_yaml.h"

/* One field of the data, as the model sees it. */
struct glia_model_field {
  const char *name;
  struct glia_type row; /* one row, as stored */
  double scale, offset; /* value = stored * scale + offset */
  int64_t n_labels;     /* of whole numbers: largest + 1, -1 where some are below 0; 0: not known */
};

struct glia_model_parameter {
  int state;        /* slot of the graph */
  const char *path; /* "params/01-linear/weight" */
  bool frozen;      /* no step changes it */
};

struct glia_model;

/** Build the graph of a run.
 *  config       root of the run's YAML; keys that are not read here are left to the caller
 *  field        fields of the data [n_fields]; "x" is the input of the first layer, "y" the default target
 *  micro_batch  rows of one micro-batch
 *  Ownership:   *out is yours to destroy; config is borrowed until this returns.
 *  Errors:      GLIA_E_CONFIG with file, line, layer and shapes; GLIA_E_DATA (a field has the name of another
 *               input); GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_model_build(const struct glia_yaml *config, int n_fields,
                                                     const struct glia_model_field *field,
                                                     int64_t micro_batch, struct glia_model **out);
GLIA_API void glia_model_destroy(struct glia_model **m);

/** Ownership: borrowed for the model's life. */
GLIA_API const struct glia_graph *glia_model_graph(const struct glia_model *m);

/** All parameters, frozen ones too, in byte order of their paths. Ownership: borrowed for the model's life. */
GLIA_API int glia_model_parameters(const struct glia_model *m,
                                   const struct glia_model_parameter **out);

/* Labels of which a loss looks at those alone where a field, the mask, is not 0. */
struct glia_model_labels {
  const char *target, *mask; /* fields; borrowed for the model's life */
  int64_t classes;           /* labels count from 0 to below this */
};

/** Into out [size], which may be NULL for size 0; the number of all such losses. Whoever has the data checks them: others are checked
 *  by n_labels of their field. */
GLIA_API int glia_model_labels(const struct glia_model *m, int size, struct glia_model_labels *out);

/** Number of scalars that training changes. */
GLIA_API int64_t glia_model_size(const struct glia_model *m);

/** Initial value of a state slot: a function of (seed, path, element) alone; 0 for slots of optimizers.
 *  out  array of the slot's type */
GLIA_API void glia_model_initialize(const struct glia_model *m, uint64_t seed, int state,
                                    void *out);

/* Where a state slot begins when parameters come from a file (`init`). */
typedef enum {
  GLIA_MODEL_FROM_FILE, /* a parameter, or what layers keep beside them */
  GLIA_MODEL_FROM_COPY, /* a moving average: as its parameter */
  GLIA_MODEL_FROM_START /* of this run alone: slots of optimizers, what a schedule has seen */
} glia_model_begin;
GLIA_API glia_model_begin glia_model_begins(const struct glia_model *m, int state);

/** Slot of the parameter that a state copies, which GLIA_MODEL_FROM_COPY tells. */
GLIA_API int glia_model_copied(const struct glia_model *m, int state);
/** The copy: parameter [of its own type] -> out [of the state's]. */
GLIA_API void glia_model_copy(const struct glia_model *m, int state, const void *parameter,
                              void *out);

/* For analyses, which add entry points of their own before the graph is compiled (model_inspect.c). */

struct glia_model_layer {
  const char *name; /* "03-linear", or as given */
  const char *kind; /* "linear" */
  int n_in;
  const int *in;        /* layers that it reads; below 0: fields of the data */
  const double *option; /* in the order of its kind's table */
  glia_value value;     /* its output in evaluation [b, row...] */
};

/** Layers in their order. Ownership: texts and arrays are borrowed for the model's life. */
GLIA_API int glia_model_layers(const struct glia_model *m);
GLIA_API struct glia_model_layer glia_model_layer(const struct glia_model *m, int i);

/** The graph, to add to it. */
GLIA_API struct glia_graph *glia_model_extend(struct glia_model *m);

/** What evaluation sums up over a micro-batch, f64 scalars of the micro-batch region: weighted loss and weight.
 *  of  the layer that the one loss reads; GLIA_NONE where there are several losses
 *  Errors: those of the graph. */
GLIA_API GLIA_NODISCARD glia_status glia_model_eval_loss(struct glia_model *m, glia_value *loss_sum,
                                                         glia_value *weight_sum, glia_value *of);

/** Learning rate of step 1, 2, ...: lr_schedule applied to the optimizer's lr. Groups with an lr of their own scale along.
 *  total_steps  of the run, for schedules that end with it; 0 = unknown */
GLIA_API double glia_model_rate(const struct glia_model *m, int64_t step, int64_t total_steps);

/* A model cut into stages, for glia_stage.h. */
enum { GLIA_MODEL_MAX_STAGES = 256 };
struct glia_model_cut {
  const struct glia_model *model;
  int stages;
  int first[GLIA_MODEL_MAX_STAGES +
            1]; /* stage s: layers first[s] to first[s + 1] - 1; the last one has the losses too */
};

/** Where the configuration cuts: the first layer of each stage but the first, by name or number.
 *  cuts  list of stages - 1
 *  Errors: GLIA_E_CONFIG. */
GLIA_API GLIA_NODISCARD glia_status glia_model_cut_at(const struct glia_model *m,
                                                      const struct glia_yaml *cuts, int stages,
                                                      struct glia_model_cut *out);

/** The cut whose dearest stage is cheapest.
 *  cost  [layers + 1] of each layer, and of the losses
 *  Errors: GLIA_E_CONFIG (more stages than layers), GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_model_cut_balanced(const struct glia_model *m,
                                                            const double *cost, int stages,
                                                            struct glia_model_cut *out);

/** Seconds per micro-batch forward and backward, roughly: from operations and bytes of the nodes. cost [layers + 1] */
GLIA_API void glia_model_cost(const struct glia_model *m, double *cost);

/** Cost of each stage into out [stages]; returns the dearest by the mean, less 1. */
GLIA_API double glia_model_imbalance(const struct glia_model_cut *cut, const double *cost,
                                     double *out);

/** Layer that a scope belongs to; the number of layers: the losses; -1: none. */
GLIA_API int glia_model_layer_of(const struct glia_model *m, const char *scope);
/** Its stage: struct glia_cut's stage_of, self being a struct glia_model_cut. */
GLIA_API int glia_model_stage_of(const void *self, const char *scope);
/** Its module: struct glia_cut's part_of. */
GLIA_API int glia_model_part_of(const void *self, const char *scope);

/* Local learning (key `local`): the rules of ma2024, and the model with its auxiliary networks. */

/** Layers of the auxiliary network of local module `module` of `modules`: from `depth` down to depth (1 - pyramid) + pyramid, at least 1. */
GLIA_API int glia_local_depth(int depth, double pyramid, int modules, int module);
/** Which of `units` layers those behind layer `unit` are sampled: rising, the last is units - 1, all of them when depth takes so many.
 *  Returns how many: out [depth]. */
GLIA_API int glia_local_select(int units, int unit, int depth, int *out);
/** A run's configuration with `local` as one without: its keys model and loss with the auxiliary networks, and `modules`, the number of
 *  layers of each module; NULL where there is no `local`.
 *  Ownership: free *out with free(). Errors: GLIA_E_CONFIG, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_local_expand(const struct glia_yaml *config, char **out);
/** Modules of a model, 0 without `local`; number of the layer behind a module's last: a cut may be there, and nowhere else. */
GLIA_API int glia_model_modules(const struct glia_model *m);
GLIA_API int glia_model_module_end(const struct glia_model *m, int module);
/** Compile the model in one piece: with modules, one behind the other, so that only one's activations are in memory.
 *  Ownership and errors: as glia_program_compile_buckets; GLIA_E_UNSUPPORTED (batch_norm over the batch in a module). */
GLIA_API GLIA_NODISCARD glia_status glia_model_compile(const struct glia_model *m,
                                                       const struct glia_kernels *kernels,
                                                       size_t bucket_bytes,
                                                       struct glia_program **out);

/** The same with at most so many bytes for the values of a micro-batch, some of which are computed again.
 *  Ownership and errors: as glia_program_compile_within; GLIA_E_UNSUPPORTED (modules). */
GLIA_API GLIA_NODISCARD glia_status glia_model_compile_within(const struct glia_model *m,
                                                              const struct glia_kernels *kernels,
                                                              size_t bucket_bytes, size_t bytes,
                                                              struct glia_program **out);
/** That budget, work being counted as for stages: by operations and bytes. */
GLIA_API struct glia_budget glia_model_budget(const struct glia_model *m, size_t bytes);

/** What training differentiates; GLIA_NONE with modules, each of which has a loss of its own. */
GLIA_API glia_value glia_model_loss_sum(const struct glia_model *m);

/* What `metrics` may name. */
#define GLIA_MODEL_METRIC_LIST(X)                                                                  \
  X(ACCURACY, accuracy)                                                                            \
  X(F1, f1)                                                                                        \
  X(AUROC, auroc)                                                                                  \
  X(AUC_PR, auc_pr)                                                                                \
  X(ECE, ece)                                                                                      \
  X(R2, r2)                                                                                        \
  X(SPEARMAN, spearman)                                                                            \
  X(RECALL, recall)                                                                                \
  X(NDCG, ndcg)
typedef enum {
#define X(NAME, name) GLIA_MODEL_##NAME,
  GLIA_MODEL_METRIC_LIST(X)
#undef X
} glia_model_metric;

enum { GLIA_MODEL_MAX_METRICS = 16 };

/* The metrics of a run, and what eval hands out of each micro-batch for them, all f64: "of" [b, places x classes] (logits), or
 * [b, places] where there are no classes; "target" and "counts" [b, places]: a place counts where that is above 0. */
struct glia_model_rows {
  int n_metrics;
  struct {
    glia_model_metric kind;
    int64_t k;        /* recall, ndcg: of the first so many */
    const char *name; /* "auroc", "recall_at_10" */
  } metric[GLIA_MODEL_MAX_METRICS];
  int64_t places, classes; /* classes 0: the target is a number */
  double edge;             /* without classes: above it the answer is yes */
};
GLIA_API const struct glia_model_rows *glia_model_rows(const struct glia_model *m);

/** Layers as a readable table (name, output shape, parameters). The caller frees *out with free(). */
GLIA_API GLIA_NODISCARD glia_status glia_model_print(const struct glia_model *m, char **out);

#endif
