/* Layer parallel in a run: which rank runs which stages, and what of it is told. ranks = data groups x stages: rank r runs stage
 * r % stages of data group r / stages. */
#ifndef STAGES_H
#define STAGES_H

#include "idle.h"
#include "session.h"

struct stages;

/** Cut the model: balanced, or as parallel.cuts says. NULL where parallel.stages is 1.
 *  Collective: yes. Ownership: stages_close. Errors: GLIA_E_CONFIG with a sentence that helps, those of the cut; on all ranks alike. */
GLIA_NODISCARD glia_status stages_open(struct session *s, struct stages **out);
/** After the engine is gone. */
void stages_close(struct stages **stages);

/** Program of this rank. Errors: as glia_stage_compile. */
GLIA_NODISCARD glia_status stages_compile(struct stages *stages, const struct session *s,
                                          struct glia_program **out);
/** Ranks that run the same stage: who sums gradients. NULL: this one alone. Ownership: borrowed. */
struct glia_comm *stages_data_group(const struct stages *stages);
int stages_groups(const struct stages *stages);
/** Cost of a micro-batch in a rank's stages, to compare them by; 1 without stages. */
double stages_cost(const struct stages *stages, int rank);
/** Engine of this rank, and where its states are in the table of all; NULL for those of other stages.
 *  Collective: no. Errors: GLIA_E_MEMORY, GLIA_E_RANKS. */
GLIA_NODISCARD glia_status stages_engine(struct stages *stages, struct session *s);

/* Each rank holds its own states; what files hold passes by rank 0, an array at a time (stages_states.c). */

/** Bring array i of the table from rank 0, where its bytes are at `from` (NULL: in place), to all that hold it. Collective: yes. */
GLIA_NODISCARD glia_status stages_spread(struct stages *stages, struct session *s, int i,
                                         const void *from);
/** Read arrays of the table from a checkpoint that rank 0 has open (NULL elsewhere), to who holds them.
 *  exact  as glia_checkpoint_read.  Collective: yes. Errors: as that, on all ranks alike. */
GLIA_NODISCARD glia_status stages_load(struct stages *stages, struct session *s,
                                       struct glia_checkpoint *c, int n,
                                       const struct glia_array *wanted, bool exact);
/** The two hashes of glia_checkpoint.h over all stages, as they are between two steps: on rank 0.
 *  Collective: yes. Errors: GLIA_E_MPI, GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status stages_sha256(struct stages *stages, struct session *s,
                                         char parameters[65], char state[65]);

struct stages_checkpoint {
  int64_t step;
  int n_attributes;
  const struct glia_attribute *attribute;
  const char *parameters_sha256, *state_sha256; /* NULL: not put into the file */
};
/** Write a checkpoint of the states between two steps into checkpoint.dir. Collective: yes. Errors: those of
 *  glia_checkpoint_write_pieces on rank 0 alone, which the caller agrees on; GLIA_E_MPI. */
GLIA_NODISCARD glia_status stages_write(struct stages *stages, struct session *s,
                                        const struct stages_checkpoint *c);

/** What the pipeline did, for rank 0's report; null elsewhere. Collective: yes. Errors: GLIA_E_MPI, GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status stages_report(struct stages *stages, struct session *s, json_t **out);
/** It as a table, a line for each rank; NULL: nothing. */
void stages_print(const struct glia_args *a, const json_t *report);
/** What the ranks of this rank's pipeline waited; after stages_report. NULL: no stages, or too few steps. */
const struct idle *stages_idle(const struct stages *stages);

#endif
