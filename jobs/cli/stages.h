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
/** Engine of this rank, and where its states are in the table of all: rank 0 has memory for all of them, to write checkpoints from;
 *  others have NULL for those of other stages. Collective: no. Errors: GLIA_E_MEMORY, GLIA_E_RANKS. */
GLIA_NODISCARD glia_status stages_engine(struct stages *stages, struct session *s);
/** Bring an array of the table from rank 0 to all that hold it. Collective: yes. */
GLIA_NODISCARD glia_status stages_spread(struct stages *stages, struct session *s, int i);
/** Bring all states to rank 0, as they are between two steps. Collective: yes. Errors: GLIA_E_MPI. */
GLIA_NODISCARD glia_status stages_collect(struct stages *stages, struct session *s);

/** What the pipeline did, for rank 0's report; null elsewhere. Collective: yes. Errors: GLIA_E_MPI, GLIA_E_MEMORY. */
GLIA_NODISCARD glia_status stages_report(struct stages *stages, struct session *s, json_t **out);
/** It as a table, a line for each rank; NULL: nothing. */
void stages_print(const struct glia_args *a, const json_t *report);
/** What the ranks of this rank's pipeline waited; after stages_report. NULL: no stages, or too few steps. */
const struct idle *stages_idle(const struct stages *stages);

#endif
