/* What the files of the study runner share: see study.h for what a study is. */
#ifndef STUDY_PRIV_H
#define STUDY_PRIV_H

#include "stats.h"
#include "study.h"

#include "glia_arena.h"

/* Certainty of all intervals. */
#define STUDY_LEVEL 0.95

/* table.c: all studies in their order, NULL-terminated. */
const struct glia_study *const *study_list(void);

/** By name. Errors: GLIA_E_USAGE, naming the nearest. */
GLIA_NODISCARD glia_status study_find(const char *name, const struct glia_study **out);

int study_variants(const struct glia_study *s);
int study_settings(const struct glia_study *s); /* at least 1 */
int study_measures(const struct glia_study *s);
int study_gates(const struct glia_study *s);
/* Number of a name, -1: none. NULL is the first setting or measure. */
int study_variant_index(const struct glia_study *s, const char *name);
int study_setting_index(const struct glia_study *s, const char *name);
int study_measure_index(const struct glia_study *s, const char *name);

/* "mlp", or "mlp/noise-0.3" where there are several settings, into out; returns out. */
const char *study_row_name(const struct glia_study *s, int variant, int setting, char *out,
                           size_t size);

/** Is the study sound: lists present, names known, every gate with a control of its own or the study's?
 *  Errors: GLIA_E_INTERNAL with what is wrong. */
GLIA_NODISCARD glia_status study_check(const struct glia_study *s);

/** Did the user give data exactly where the study needs some? Errors: GLIA_E_MISSING (how to get them), GLIA_E_USAGE. */
GLIA_NODISCARD glia_status study_data_check(const struct glia_study *s, const char *data);

/* ---- cells.c: a run */

struct study_plan {
  const struct glia_study *study;
  const char *dir; /* where cells and results land */
  bool quick;
  int64_t seeds;
  int group;        /* ranks per cell */
  const char *data; /* file; NULL: none */
  char data_sha256[65];
};

struct study_outcome {
  int64_t cells, cells_run; /* of the table; run now, by all ranks */
  bool stopped;             /* by a signal, before all were run */
  struct study_table table; /* on rank 0, unless stopped; free with study_table_free */
};

/** Run what is not finished yet, then read the whole table.
 *  Collective: yes.
 *  Errors: GLIA_E_USAGE (more ranks per cell than there are), GLIA_E_EXISTS (dir holds another study), GLIA_E_BUSY,
 *          GLIA_E_IO, and those of the cells. */
GLIA_NODISCARD glia_status study_run(const struct study_plan *p, struct glia_comm *comm,
                                     struct study_outcome *out);
void study_table_free(struct study_table *t);

/* A cell by its number: variant-major, then setting, then seed. */
struct study_place {
  int variant, setting;
  int64_t seed; /* index from 0 */
};
struct study_place study_place(const struct study_plan *p, int64_t cell);
int64_t study_cells(const struct study_plan *p);

/* ---- identity.c */

/* Over all cells and gates: a record of another definition is out of date. */
void study_definition(const struct glia_study *s, char out[65]);
/* Over all that decides the values of one cell. */
void study_cell_hash(const struct study_plan *p, int64_t cell, char out[65]);
GLIA_NODISCARD glia_status study_sha256_file(const char *path, char out[65]);

/* ---- files.c */

/** A cell's file: DIR/cells/HASH.h5. Free with free(). */
GLIA_NODISCARD glia_status study_cell_path(const struct study_plan *p, int64_t cell, char **out);
/** Measurements of a finished cell. *found = false: not there, or damaged (which is logged). */
GLIA_NODISCARD glia_status study_cell_read(const struct study_plan *p, int64_t cell, double *value,
                                           bool *found);
GLIA_NODISCARD glia_status study_cell_write(const struct study_plan *p, int64_t cell,
                                            const double *value, double wall_s);
/** Make the folders; refuse one that holds the results of another study. */
GLIA_NODISCARD glia_status study_dir_prepare(const struct study_plan *p);
/* Files of cells in the folder, of whatever definition. */
int64_t study_dir_count(const struct study_plan *p);

/* ---- gates.c: what the table says */

struct study_effect {
  int variant, setting, measure;
  struct stats_interval difference; /* to the baseline */
};

struct study_verdict {
  const struct study_gate *gate;
  const char *variant; /* whose value it is */
  double value;
  bool pass;
  bool has_control;
  double control_value;
  bool control_fails;
};

/* The first measure that some cell of the setting has: sweeps do not know before what their runs can measure, and settings may ask
 * different things. */
int study_primary(const struct study_table *t, int setting);
/* Has any cell of the setting a value of it? */
bool study_measured(const struct study_table *t, int measure, int setting);

struct study_effect study_effect(const struct study_table *t, const char *measure,
                                 const char *variant, const char *against, const char *setting);

/** Verdict on gate i. control: the control stands in the method's place, and there is no second control. */
struct study_verdict study_judge(const struct study_table *t, int gate, bool control);

/** Do all gates pass, and all controls fail? */
bool study_passes(const struct study_table *t, bool control);

/* "lower end of the effect on accuracy": what a gate's value is, into out; returns out. */
const char *study_gate_text(const struct study_table *t, const struct study_gate *g, char *out,
                            size_t size);

/** DIR/results.h5: cells, variants, effects, gates (docs/formats/study.md). Errors: GLIA_E_IO. */
GLIA_NODISCARD glia_status study_results_write(const struct study_plan *p,
                                               const struct study_table *t);

/** A picture: a point per seed, means and effects with their intervals, limits of gates. Errors: those of a figure. */
GLIA_NODISCARD glia_status study_picture(const struct study_plan *p, const struct study_table *t,
                                         const char *path);

/* ---- sweep.c */

/** A study made from a training YAML with a `sweep:` in it. All is in the arena.
 *  Errors: GLIA_E_CONFIG with file and line, GLIA_E_MISSING, GLIA_E_IO, GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status study_sweep(struct glia_arena *a, const char *path, int n_overrides,
                                       const char *const *override, struct glia_study *out,
                                       const char **data);

/* ---- methods.c: what was run last, what is planned */

struct study_record {
  const char *study, *definition; /* 64 digits */
  int64_t seeds;
  const char *gate;
  double value, limit;
  bool pass, control_fails;
};

/* The record of a gate; NULL where there is none of this definition. */
const struct study_record *study_recorded(const struct glia_study *s, const char *gate);

/** docs/methods.md. The caller frees. */
GLIA_NODISCARD glia_status study_methods_page(char **out);

/** Put the outcome into the table of records at `path`, in place of the study's earlier one. Errors: GLIA_E_IO. */
GLIA_NODISCARD glia_status study_record_write(const struct study_table *t, const char *path);

#endif
