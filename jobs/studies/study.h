/* A study: a published method against its baseline, on several seeds, with gates that say whether the effect is there.
 *
 * A study is one file NN_name.c with a `const struct glia_study glia_study_NAME_` and one line in studies.def. Its table
 * is variants x settings x seeds; each cell of it is one call of `cell` in a communicator of its own, and gives named
 * measurements. From the table come means, effects with their 95 % interval, and gates. Whoever runs it decides how many
 * ranks there are; the table has the same bits for any number, so a cell draws its random numbers from its seed alone.
 */
#ifndef STUDY_H
#define STUDY_H

#include "glia_comm.h"
#include "glia_source.h"

enum { STUDY_MEASURES_MAX = 48, STUDY_SEEDS_MAX = 1000, STUDY_ROWS_MAX = 1000 };

/* What is compared. Lists of variants, settings, measures and gates end with a NULL name. */
struct study_variant {
  const char *name; /* "mlp" */
  const char *what; /* one phrase */
  const char *const
      *set; /* "key=value" on top of the study's config, NULL-terminated; NULL: none */
};

/* Under what it is compared: noise, sparsity, another data set. */
struct study_setting {
  const char *name; /* "noise-0.3" */
  const char *what;
  double value; /* for the cell function; its meaning is the study's */
  const char *const *set;
};

struct study_measure {
  const char *name; /* "accuracy" */
  const char *unit; /* "1", "s" */
  const char *what;
};

typedef enum {
  STUDY_MEAN,      /* of the variant */
  STUDY_EFFECT,    /* mean difference to the baseline */
  STUDY_EFFECT_LO, /* lower end of that difference's 95 % interval */
  STUDY_EFFECT_HI, /* upper end */
  STUDY_OWN        /* `value` computes it */
} study_gate_kind;

typedef enum { STUDY_AT_LEAST, STUDY_AT_MOST } study_direction;

struct study_table;

/* What must hold. The same value with the control in the variant's place must fail, else the gate proves nothing. */
struct study_gate {
  const char *name;
  const char *why; /* the reason for the limit, with its source or measurement */
  study_gate_kind kind;
  study_direction direction;
  double limit;
  const char *measure; /* NULL: the first */
  const char *setting; /* NULL: the first */
  const char *variant; /* NULL: the study's method */
  const char *against; /* NULL: the study's baseline */
  const char *control; /* NULL: the study's control */
  double (*value)(const struct study_table *t, const struct study_gate *gate, const char *variant);
};

struct study_cell;

struct glia_study {
  const char *name;   /* "moons"; how the command line calls it */
  int number;         /* of the published method in methods.def; 0: none of them */
  const char *title;  /* what is asked, in one line */
  const char *source; /* key in docs/papers.bib */
  int version; /* count up when `cell` changes what it computes: finished cells are run again */
  const char *config; /* YAML of a training run for study_train; NULL: the cell needs none */
  const struct study_variant *variant;
  const struct study_setting *setting;     /* NULL: one without a name */
  const struct study_measure *measure;     /* the first is what tables and pictures show */
  const struct study_gate *gate;           /* NULL: none (sweeps) */
  const char *baseline, *method, *control; /* variants; control is the method switched off */
  int64_t first_seed, seeds, quick_seeds;  /* seeds are first_seed, first_seed + 1, ... */
  bool unpaired;                           /* equal seeds of two variants have nothing in common */
  const char *
      quick_note; /* what else --quick makes smaller ("3 of 20 epochs"); NULL: nothing, cells are shared */
  const char *data; /* what the user must have, and how to get it; NULL: nothing */
  /** One cell. Measure with study_put, every measure once; a NaN is a value too (the run diverged).
   *  Collective: yes, over the cell's communicator. */
  glia_status (*cell)(struct study_cell *c);
};

/* The tables and the cell of a file that calls them so. */
#define STUDY_TABLES                                                                               \
  .variant = variants, .setting = settings, .measure = measures, .gate = gates, .cell = cell

/* What a cell is told. */
struct study_cell {
  const struct glia_study *study;
  const struct study_variant *variant;
  const struct study_setting *setting; /* NULL: the study has none */
  int64_t seed;
  bool quick;
  const char *data;       /* the user's file; NULL: the study needs none */
  struct glia_comm *comm; /* borrowed */
  bool stopped;           /* set by the cell: it was asked to stop, and nothing of it is kept */
  double value[STUDY_MEASURES_MAX];
  /* how far the cell is, in [0, 1]; may be NULL */
  void (*progress)(void *self, double share);
  void *self;
};

/** Set a measurement; the name must be one of the study's. */
void study_put(struct study_cell *c, const char *measure, double value);

/** Train by the study's config with the variant's and setting's keys and the cell's seed, then test; puts those of
 *  "accuracy", "test_loss" and "train_loss" that the study measures (NaN where the run has none).
 *
 *  train, test  rows; *train NULL: config's data.file with its splits. Taken, and set to NULL.
 *
 *  Collective: yes.  Errors: those of configuration, data and training, agreed on by the cell's ranks. */
GLIA_NODISCARD glia_status study_train(struct study_cell *c, struct glia_source **train,
                                       struct glia_source **test);

struct session;

/** The configuration of a cell's training run, for cells that train in a way of their own: the study's config with the keys of variant and
 *  setting and this seed. s->comm is set by the caller. Errors: GLIA_E_CONFIG. */
GLIA_NODISCARD glia_status study_configure(const struct study_cell *c, int64_t seed,
                                           struct session *s);
/** Build a configured session and train it; *train_loss as it ends. c->stopped where a signal ended it.
 *  Collective: yes. Errors: those of model, data and training, agreed on. */
GLIA_NODISCARD glia_status study_learn(struct study_cell *c, struct session *s, double *train_loss);

/* The finished table: value [variants, settings, seeds, measures]. */
struct study_table {
  const struct glia_study *study;
  int variants, settings, measures;
  int64_t seeds;
  double *value;
};

/** Values of one measure, one per seed, into out [seeds <= STUDY_SEEDS_MAX]. NULL names: baseline for variant, else the first. Unknown names
 *  are a mistake in the study, and an assertion. */
void study_values(const struct study_table *t, const char *measure, const char *variant,
                  const char *setting, double *out);

/** Mean over the seeds. */
double study_mean(const struct study_table *t, const char *measure, const char *variant,
                  const char *setting);

#endif
