/* What `glia theory --data` estimates. */
#ifndef THEORY_H
#define THEORY_H

#include "cli.h"
#include "glia_comm.h"
#include "glia_source.h"
#include "glia_theory_fit.h"

/** Load and SNR of --data; says what it found, and when to stop by it. *out: the same for scripts, on rank 0. th->snr is NaN where the
 *  data do not tell it; then that was said.
 *  Collective: yes. Ownership: the caller's reference to *out. */
GLIA_NODISCARD glia_status theory_from_data(struct glia_args *a, struct glia_theory *th,
                                            json_t **out);

/** Load and SNR of rows with fields x and y; labels are one output a class.
 *  Collective: yes, same bits for any number of ranks. Errors: GLIA_E_MISSING, those of glia_theory_fit. */
GLIA_NODISCARD glia_status theory_fit_source(struct glia_comm *comm, struct glia_source *source,
                                             struct glia_theory_fit *out);

#endif
