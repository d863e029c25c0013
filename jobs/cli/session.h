/* A run put together: ranks, configuration, data, model, engine. Shared by train, eval, predict. */
#ifndef SESSION_H
#define SESSION_H

#include "cli.h"
#include "glia_checkpoint.h"
#include "glia_comm.h"
#include "glia_train.h"

struct placement; /* placement.h */
struct stages;    /* stages.h */

struct session {
  struct glia_comm *comm;
  struct glia_yaml_doc *doc;
  char *config_text; /* canonical */
  struct glia_train_config config;
  struct glia_source *train, *test; /* test: NULL when there is none */
  char *columns, *fill; /* of x, where the data come from a table (dataset.md); NULL: not known */
  struct glia_model *model;
  struct glia_program *program;
  struct {
    double bytes, kept_bytes, extra_work; /* see glia_program_info; the most of any rank */
  } values;                               /* of a micro-batch in training */
  struct glia_exchange *exchange;
  struct glia_engine *engine;
  struct placement *placement;
  bool
      once_per_node; /* set by the caller: it writes states before the first step alone, all ranks the same */
  bool
      staged; /* set by the caller, who trains: parallel.stages and the link count; others run the model in one piece */
  bool budgeted;         /* set by the caller: parallel.memory counts */
  bool unlabelled;       /* set by the caller: nothing looks at labels, so they may be wrong */
  struct stages *stages; /* NULL: one */
  struct glia_meeting meeting;
  int n_arrays;
  struct glia_array *array; /* the state table, in place */
  char model_hash[65];
  char parameters_sha256[65],
      state_sha256[65];       /* rank 0: of the state that ends a run, once it is known */
  int64_t eval_micro_batches; /* per engine step of an evaluation */
  glia_status (*extend)(
      struct glia_model *m); /* set by the caller: entry points to add before compiling */
};

/** Where the ranks of a communicator agree: borrowed. */
struct glia_meeting session_meeting(struct glia_comm *comm);

/** Configuration from a file and overrides: read on every rank, the same on all.
 *  Collective: yes. */
GLIA_NODISCARD glia_status session_configure(struct session *s, const char *path, int n_overrides,
                                             const char *const *override);

/** Configuration from text (a checkpoint's). Collective: yes. */
GLIA_NODISCARD glia_status session_configure_text(struct session *s, const char *name,
                                                  const char *text, int n_overrides,
                                                  const char *const *override);

/** Data, model, program, exchange and engine; the state is zero. Rows that the caller has set (train, test) stand in the
 *  place of data.file. Collective: yes. */
GLIA_NODISCARD glia_status session_build(struct session *s);

/** Initial state: a function of the seed; then the parameters of config.init, if any. Collective: yes. */
GLIA_NODISCARD glia_status session_initialize(struct session *s);

/** Take arrays from a checkpoint that rank 0 has open (NULL elsewhere): parameters alone, or the whole state.
 *  Collective: yes. */
GLIA_NODISCARD glia_status session_load(struct session *s, struct glia_checkpoint *c,
                                        bool model_only);

/** Whether labels that losses look at through a mask are labels, in rows held in memory; NULL is welcome. Those of the session's own
 *  rows are known to be. Collective: no.  Errors: GLIA_E_DATA, with how many are not, and where the first is. */
GLIA_NODISCARD glia_status session_check_labels(const struct session *s,
                                                const struct glia_source *source);

/** What `metrics:` names, by name beside loss and accuracy. */
void session_add_metrics(json_t *object, const struct glia_eval_result *r);

/** Free all. Collective: yes. */
void session_close(struct session *s);

#endif
