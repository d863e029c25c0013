/* What `glia theory --data` estimates. */
#ifndef THEORY_H
#define THEORY_H

#include "cli.h"
#include "glia_theory.h"

/** Load and SNR of --data; says what it found, and when to stop by it. *out: the same for scripts, on rank 0.
 *  Collective: yes. Ownership: the caller's reference to *out. */
GLIA_NODISCARD glia_status theory_from_data(struct glia_args *a, struct glia_theory *th,
                                            json_t **out);

#endif
