/* Inside of a model, and how a layer, a loss, an optimizer or a rate is written. See README.md. */
#ifndef NN_PRIV_H
#define NN_PRIV_H

#include "glia_arena.h"
#include "glia_model.h"
#include "glia_ops.h"

enum { NN_MAX_OPTIONS = 8, NN_MAX_SLOTS = 4, NN_MAX_NAME = 64 };

/* Options: what a member of any family reads from YAML, as a table with defaults. */

typedef enum { NN_REAL, NN_COUNT, NN_FLAG, NN_CHOICE } nn_option_type;

struct nn_option {
  const char *name; /* NULL ends the table */
  nn_option_type type;
  double lo, hi;            /* NN_REAL, NN_COUNT: both included */
  double value;             /* default; NAN: must be given */
  const char *const *words; /* NN_CHOICE: the value is an index into these */
};

#define NN_BELOW_ONE 0x1.fffffffffffffp-1 /* largest number below 1 */

/** Options of `kind` into v [NN_MAX_OPTIONS].
 *  node       what stands beside the kind's name; NULL or null: defaults
 *  at         where an option that is missing is reported
 *  shorthand  a bare number stands for the first option */
GLIA_NODISCARD glia_status glia_options_read_(const struct glia_yaml *node,
                                              const struct glia_yaml *at, const char *kind,
                                              const struct nn_option *option, bool shorthand,
                                              double *v);

/** Options that stand in one map with `common` keys (NULL-terminated) which the caller reads; a scalar: defaults. */
GLIA_NODISCARD glia_status glia_options_read_beside_(const struct glia_yaml *node, const char *kind,
                                                     const struct nn_option *option,
                                                     const char *const *common, double *v);

/** The member that `kind` or `{kind: options, extra: ...}` names.
 *  what    "layer", for messages
 *  names   known kinds, NULL-terminated; extra: further keys of the map, NULL-terminated
 *  index   of the kind;  options: its node, or NULL;  at: the node that says the kind */
GLIA_NODISCARD glia_status glia_kind_read_(const struct glia_yaml *node, const char *what,
                                           const char *const *names, const char *const *extra,
                                           int *index, const struct glia_yaml **options,
                                           const struct glia_yaml **at);

/* Layers. */

struct nn_layer;

struct nn_layer_kind {
  const char *name;
  const char *source;             /* key in docs/papers.bib, where there is one */
  int min_in, max_in;             /* values it reads */
  bool shorthand;                 /* `linear: 64` sets the first option */
  const struct nn_option *option; /* NULL: none */
  const char *
      rough; /* why it is no smooth function of one sample, whatever its options; NULL: it is one */
  /** Read what the table cannot say. May be NULL. */
  glia_status (*read)(struct glia_model *m, struct nn_layer *l, const struct glia_yaml *options);
  /** Append the layer to the graph: x [l->n_in] -> *y, both [b, row...]. Called twice, for training and for evaluation:
   *  the same parameters come back. Failures of constructors are found by the caller. */
  glia_status (*build)(struct glia_model *m, struct nn_layer *l, const glia_value *x, bool training,
                       glia_value *y);
};

/* Transforms of weights: what a layer computes with is a function of its parameter "...weight" (rank 2 or more), of other parameters
 * and of states: nodes of the prologue. */

struct nn_transform;

struct nn_transform_kind {
  const char *name;
  const char *source;
  bool shorthand;
  const struct nn_option *option;
  const char *rough; /* as of layers */
  /** w' from w, the parameter `name` of the layer. Called for training and for evaluation, as a layer's build. */
  glia_value (*build)(struct glia_model *m, struct nn_layer *l, const struct nn_transform *t,
                      const char *name, glia_value w);
};

struct nn_transform {
  const struct nn_transform_kind *kind;
  double v[NN_MAX_OPTIONS];
};

struct nn_layer {
  const struct nn_layer_kind *kind;
  const char *name;           /* "03-linear", or as given */
  const struct glia_yaml *at; /* for messages while building */
  int n_in;
  int in[GLIA_MAX_IN];      /* see glia_ref_find_ */
  double v[NN_MAX_OPTIONS]; /* options */
  const void *own;          /* what read() left */
  int n_transforms;
  struct nn_transform *transform;
  bool transformed;  /* there was a weight to transform */
  glia_value out[2]; /* evaluation, training */
  int64_t size;      /* scalars of its parameters */
};

/** An error at a layer: "run.yaml:7: model.3.linear: text". */
GLIA_NODISCARD glia_status glia_layer_error_(const struct nn_layer *l, const char *format, ...)
    GLIA_PRINTF(2, 3);

/* Initial values: offset + spread u + normal z, with u uniform in (-1, 1) and z standard normal; or (lengths_of) the lengths of the
 * rows of that parameter as it begins, `row` numbers each. */
struct nn_init {
  double offset, spread, normal;
  const char *lengths_of; /* path, NULL: none */
  int64_t row;
};
struct nn_init glia_lengths_of_(const struct glia_model *m, const struct nn_layer *l,
                                const char *name, int64_t row);

/** Parameter "params/<layer>/<name>" of this shape; the one made before on the second call. */
glia_value glia_layer_parameter_(struct glia_model *m, struct nn_layer *l, const char *name,
                                 int rank, const int64_t *dim, struct nn_init init);

/** Parameter <name> of the layer named so; GLIA_NONE when there is none yet. */
glia_value glia_parameter_of_(const struct glia_model *m, const char *layer, const char *name);

/** State "state/<layer>/<name>" that training keeps beside the parameters, `first` everywhere at first; the one made before
 *  on the second call. */
glia_value glia_layer_state_(struct glia_model *m, struct nn_layer *l, const char *name, int rank,
                             const int64_t *dim, double first);
/** The same beside the layers, for a path and type of one's own. */
glia_value glia_model_state_(struct glia_model *m, const char *path, struct glia_type type,
                             double first);
/** What such a state is after a step of training: an epilogue value. */
void glia_layer_keep_(struct glia_model *m, glia_value state, glia_value next);

/* Initial values of PyTorch's linear layer, uniform in +-1/sqrt(n), and Glorot's, uniform in +-sqrt(6 / (in + out)). */
struct nn_init glia_uniform_(int64_t n);
struct nn_init glia_glorot_(int64_t in, int64_t out);

/* Maps of the last axis, for layers that have several: their parameters are named <prefix>weight and <prefix>bias. */

/** "<prefix><name>" into out; returns out. */
const char *glia_joined_(char out[NN_MAX_NAME], const char *prefix, const char *name);
/** x [..., n] W^T with W [units, n]. */
glia_value glia_times_(struct glia_model *m, glia_value x, glia_value w);
/** x W^T + b; of_bias NULL: without b. */
glia_value glia_dense_(struct glia_model *m, struct nn_layer *l, const char *prefix, glia_value x,
                       int64_t units, struct nn_init of_weight, const struct nn_init *of_bias);
/** Layer norm; l1: by the mean deviation. */
glia_value glia_last_norm_(struct glia_model *m, struct nn_layer *l, const char *prefix,
                           glia_value x, double eps, bool l1, bool affine);
/** In training each element of x [b, ...] is 0 with probability p, else x / (1 - p). The draw is keyed by (layer, use, seed, step,
 *  position of the row in the global batch, element): no micro-batch, thread or rank changes it. */
glia_value glia_dropout_(struct glia_model *m, const struct nn_layer *l, const char *use,
                         glia_value x, double p, bool training);

/* Layers inside a layer, one behind the other; each reads the one before. */
struct nn_chain {
  int n;
  struct nn_layer *layer;
};
/** From a list; names are "<layer>.<prefix><number>-<kind>". */
GLIA_NODISCARD glia_status glia_chain_of_(struct glia_model *m, const struct nn_layer *l,
                                          const char *prefix, const struct glia_yaml *list,
                                          struct nn_chain *out);
GLIA_NODISCARD glia_status glia_chain_build_(struct glia_model *m, const struct nn_chain *c,
                                             glia_value x, bool training, glia_value *y);
/** Scalars of its parameters. */
int64_t glia_chain_size_(const struct nn_chain *c);

/** `transform:` of an item of the model. */
GLIA_NODISCARD glia_status glia_transforms_read_(struct glia_model *m, const struct glia_yaml *item,
                                                 struct nn_layer *l);
/** A parameter behind the layer's transforms. */
glia_value glia_transformed_(struct glia_model *m, struct nn_layer *l, const char *name,
                             glia_value w);
/** w [out, ...] as [out, n], and a matrix of that shape as w was. */
glia_value glia_as_matrix_(struct glia_model *m, glia_value w);
glia_value glia_as_weight_(struct glia_model *m, glia_value matrix, glia_value w);

/* One number for all spatial axes, or a list. */
struct nn_extents {
  int n; /* 0: not given; 1: for every axis */
  int64_t at[3];
};
/* A window as configured. */
struct nn_window {
  struct nn_extents kernel, stride, padding, dilation;
  bool same; /* padding: same */
};

/** Child `key` of a map ("": the node itself), a number or a list of up to 3, each at least lo. */
GLIA_NODISCARD glia_status glia_extents_read_(const struct glia_yaml *map, const char *key,
                                              int64_t lo, struct nn_extents *out);
/** Extents for `rank` axes into out [rank]; `usual` where none is given. what: for messages. */
GLIA_NODISCARD glia_status glia_extents_of_(const struct nn_layer *l, const char *what,
                                            const struct nn_extents *e, int rank, int64_t usual,
                                            int64_t *out);
/** kernel, stride, padding, dilation of a layer's options; a bare number or list is the kernel. */
GLIA_NODISCARD glia_status glia_window_read_(const struct nn_layer *l,
                                             const struct glia_yaml *options, struct nn_window *w);
/** The window on x [b, channels, 1 to 3 axes]; refuses what does not fit. */
GLIA_NODISCARD glia_status glia_window_of_(const struct glia_model *m, const struct nn_layer *l,
                                           glia_value x, const struct nn_window *w,
                                           bool stride_is_kernel, struct glia_window *out);

/* Normalisation: words of option `norm`; sums over axes of counts (GLIA_NONE: 1) d^2 or |d|, d = x - mean, the axes kept; d / sqrt(spread + eps) or d / (spread + eps); w x + b for each channel
 * of x [b, channels, ...] with parameters weight and bias. */
extern const char *const glia_norms_[];
glia_value glia_spread_(struct glia_graph *g, glia_value x, glia_value mean, glia_value counts,
                        int n_axes, const int *axes, bool l1);
/** What x is normalised by: mean and biased variance of x itself over axes, of what counts (GLIA_NONE: all), `total` elements (scalar of x's type)
 *  in each. */
struct nn_normal {
  glia_value mean, variance, counts, total;
  double eps;
  int n_axes;
  const int *axes;
};
/** (x - mean) / sqrt(variance + eps), with one rule for the derivative by x, through mean and variance as well: it reads the result
 *  alone, so x need not be kept. */
glia_value glia_normal_(struct glia_graph *g, glia_value x, const struct nn_normal *n);
glia_value glia_scaled_down_(struct glia_graph *g, glia_value d, glia_value spread, double eps,
                             bool l1);
glia_value glia_channels_affine_(struct glia_model *m, struct nn_layer *l, glia_value x);

/* Words of an option `gradient`: those of glia_gradient. */
extern const char *const glia_gradients_[];

/** Type of a value; "[28, 28]" of the rows of a value [b, 28, 28] into out [size]. */
const struct glia_type *glia_value_type_(const struct glia_model *m, glia_value v);
const char *glia_row_text_(const struct glia_model *m, glia_value v, char *out, size_t size);
/** x [b, row...] -> [b, product of row]. */
glia_value glia_rows_flat_(struct glia_model *m, glia_value x);

/* Losses. */

typedef enum {
  NN_TARGET_NONE,  /* reads no target */
  NN_TARGET_REAL,  /* float, rows as large as those of the layer */
  NN_TARGET_LABEL, /* i32 [b] */
} nn_target;

struct nn_loss;

struct nn_loss_kind {
  const char *name;
  const char *source;
  nn_target target;
  bool masks;  /* the mean is over the places that a mask counts */
  bool shaped; /* build wants rows in their shape; else of and target come as [b, n] */
  const struct nn_option *option; /* beside name, of, target, mask, weight; NULL: none */
  /** One number per sample -> [b]. Real targets have of's extents; labels are i32 [b, places] for logits [b, places, n]. */
  glia_value (*build)(struct glia_model *m, const struct nn_loss *t, glia_value of,
                      glia_value target);
  /** Refuse shapes of `of`, the layer's output. May be NULL. */
  glia_status (*check)(const struct glia_model *m, const struct nn_loss *t, glia_value of);
  /** For each row 1 where the prediction is right, or the share of its places -> [b]. NULL: has no meaning. */
  glia_value (*correct)(struct glia_model *m, const struct nn_loss *t, glia_value of,
                        glia_value target);
};

struct nn_loss {
  const struct nn_loss_kind *kind;
  const struct glia_yaml *at;
  int of, target; /* see glia_ref_find_ */
  bool masked;    /* places count as field `mask` says */
  int mask;
  glia_value places; /* while building, of a loss with a mask: its numbers [b, places] */
  double weight;
  bool train_only; /* of a head that evaluation does without */
  double v[NN_MAX_OPTIONS];
};

/** Mean over the last axis of x [b, n], weighted by the mask where there is one. */
glia_value glia_loss_mean_(struct glia_model *m, const struct nn_loss *t, glia_value x);

/* Optimizers. Every table starts with lr and weight_decay. */

enum { NN_LR, NN_WEIGHT_DECAY, NN_OWN };

typedef enum {
  NN_SCOPE_ELEMENT, /* each element alone: a parameter may be sliced */
  NN_SCOPE_TENSOR,  /* a whole parameter */
  NN_SCOPE_MODEL
} nn_scope;

struct nn_optimizer;

struct nn_update {
  const struct nn_optimizer *o;
  glia_value rate;               /* f64 scalar: learning rate of this parameter in this step */
  glia_value step;               /* f64 scalar: 1 for the first */
  glia_value parameter;          /* as it is */
  glia_value gradient;           /* averaged and clipped */
  glia_value slot[NN_MAX_SLOTS]; /* in: as they are; out: as they shall be */
};

struct nn_optimizer_kind {
  const char *name;
  const char *source;
  nn_scope scope;
  const struct nn_option *option;
  /** Refuse combinations of options. May be NULL. */
  glia_status (*check)(const struct nn_optimizer *o, const struct glia_yaml *at);
  /** Number of slots like the parameter, zero at first, and their names. */
  int (*slots)(const struct nn_optimizer *o, const char **name);
  /** The new parameter. */
  glia_value (*update)(struct glia_graph *g, struct nn_update *u);
};

struct nn_optimizer {
  const struct nn_optimizer_kind *kind;
  double v[NN_MAX_OPTIONS];
};

/* Helpers for updates: s f64 scalar times x; a + s b in x's element type. */
glia_value glia_scaled_(struct glia_graph *g, glia_value x, glia_value s);

/* Rates. */

#define NN_SCHEDULE "state/lr_schedule/" /* what a rate's factor keeps, of its own run alone */

struct nn_rate_kind {
  const char *name;
  const struct nn_option *option; /* the first is warmup */
  /** Learning rate of step 1 .. n (those after warm-up) of a schedule with peak lr; n <= 0: unknown. */
  double (*rate)(const double *v, double lr, int64_t step, int64_t n);
  /** Factor on that rate, decided by what happened in earlier steps: f64 scalar from states of the model, which it also
   *  moves. loss: of this step, f64 scalar of the epilogue. May be NULL. */
  glia_value (*factor)(struct glia_model *m, const double *v, glia_value loss);
};

enum { NN_WARMUP, NN_RATE_OWN };
#define NN_WARMUP_OPTION                                                                           \
  {                                                                                                \
    .name = "warmup", .type = NN_COUNT, .lo = 0.0, .hi = 0x1p53, .value = 0.0                      \
  }

/* The model. */

struct nn_field {
  const char *name;
  struct glia_type row;
  double scale, offset;
  int64_t n_labels; /* as in struct glia_model_field */
  glia_value value; /* input, as stored */
};

struct nn_parameter {
  const char *path;
  int state;
  glia_value stored, value; /* the state; what is computed with, where that is of another type */
  struct nn_init init;
  bool frozen;
  struct nn_optimizer optimizer;
  glia_value average; /* its moving average; GLIA_NONE without `ema` */
  int module;
  glia_value gradient; /* with `local`: of its module's loss, of a micro-batch */
};

/* A state that layers keep. */
struct nn_kept {
  const char *path;
  int state;
  glia_value value, next; /* next: GLIA_NONE where it stays */
  double first;
  const char *of; /* path of the parameter that it starts as a copy of; NULL: as `first` */
  int module;
};

/* Layers that learn by a loss of their own (local.c). */
struct nn_module {
  int end,
      parameters_end; /* behind its layers, and its parameters in the order in which they were made */
  glia_value sum;     /* weighted loss of a micro-batch */
};

struct glia_model {
  struct glia_arena arena;
  struct glia_graph *g;
  glia_dtype dtype, storage; /* of computation; of parameters, and of what layers hand on */
  bool evaluating;           /* the layers are being built for evaluation */
  bool smooth; /* a network by itself (network.c): all of it is a smooth function of one sample */
  double gain; /* then: of the first weights */
  int64_t micro_batch;
  int n_fields;
  struct nn_field *field;
  glia_value weight, position, stop, rate, step, seed, failed;
  int n_layers;
  struct nn_layer *layer;
  int n_parameters, parameters_capacity;
  struct nn_parameter *parameter; /* in byte order of paths, once the chain stands */
  struct glia_model_parameter *listed;
  int n_kept, kept_capacity;
  struct nn_kept *kept;
  int n_losses;
  struct nn_loss *loss;
  struct nn_optimizer optimizer; /* of parameters in no group */
  double clip_norm;              /* 0: none */
  double ema;                    /* decay of the moving averages of parameters; 0: none */
  bool ema_eval;                 /* eval and predict use them */
  struct glia_model_rows rows;
  glia_value
      loss_sum; /* of a micro-batch, in training: what is differentiated; GLIA_NONE with modules */
  struct glia_yaml_doc *local;  /* the model with auxiliary networks, NULL without `local` */
  int n_modules, modules_built; /* 0: one loss for all */
  struct nn_module *module;
  const struct nn_rate_kind *schedule;
  double schedule_v[NN_MAX_OPTIONS];
};

/** What a name in `from`, `of` or `target` means: a layer (index >= 0), or a field of the data (-1 - index); `input` is
 *  field x. at: for messages. Layers from the first `n_layers` count. */
GLIA_NODISCARD glia_status glia_ref_find_(const struct glia_model *m, const struct glia_yaml *at,
                                          const char *name, int n_layers, int *out);
/** The value of a reference: layers as they are, fields as float value = stored * scale + offset. */
glia_value glia_ref_value_(struct glia_model *m, int ref, bool training);

/** With `local`: the configuration whose model and loss have the auxiliary networks, and the modules; else config itself. */
GLIA_NODISCARD glia_status glia_local_read_(struct glia_model *m, const struct glia_yaml *config,
                                            const struct glia_yaml **of_model);
/** The first n_layers are built for training: where a module ends there, its loss and gradients. */
GLIA_NODISCARD glia_status glia_module_end_(struct glia_model *m, int n_layers);
/** Loss number `index` of the modules' list, which reads one of the first n_layers. */
GLIA_NODISCARD glia_status glia_module_loss_(struct glia_model *m, int index, int n_layers,
                                             glia_value *sum);

/* Stages of building, in order. */
/** A list of layers, read and not yet built; and all of them built for evaluation, as often as wanted. */
GLIA_NODISCARD glia_status glia_layers_read_(struct glia_model *m, const struct glia_yaml *list);
GLIA_NODISCARD glia_status glia_layers_build_(struct glia_model *m);
GLIA_NODISCARD glia_status glia_chain_read_(struct glia_model *m, const struct glia_yaml *config);
GLIA_NODISCARD glia_status glia_losses_read_(struct glia_model *m, const struct glia_yaml *config);
GLIA_NODISCARD glia_status glia_optimizer_read_(struct glia_model *m,
                                                const struct glia_yaml *config);
GLIA_NODISCARD glia_status glia_schedule_read_(struct glia_model *m,
                                               const struct glia_yaml *config);
GLIA_NODISCARD glia_status glia_metrics_read_(struct glia_model *m, const struct glia_yaml *config);
/** Their outputs of the entry point eval. */
void glia_metrics_build_(struct glia_model *m, struct glia_entry *e);
/** What a loss compares, in the shapes that its kind wants; sets its places where it has a mask. */
void glia_loss_operands_(struct glia_model *m, struct nn_loss *t, bool training, glia_value *of,
                         glia_value *target);
extern const struct nn_loss_kind glia_loss_bce_;
GLIA_NODISCARD glia_status glia_ema_read_(struct glia_model *m, const struct glia_yaml *config);
/** Averages move towards the parameters as this step leaves them: next [n_parameters]. */
void glia_ema_build_(struct glia_model *m, const glia_value *next);
GLIA_NODISCARD glia_status glia_entries_build_(struct glia_model *m);

/** Weighted sum of all losses over a micro-batch (f64 scalar); *correct: weighted number of right labels, GLIA_NONE when
 *  no loss has labels. */
GLIA_NODISCARD glia_status glia_losses_build_(struct glia_model *m, bool training, glia_value *sum,
                                              glia_value *correct);

#endif
