/* PETSc and SLEPc for one process' life: on a duplicate communicator, without signal handlers, rc files or output of their own. */
#ifndef GLIA_PETSC_H
#define GLIA_PETSC_H

#include "glia_comm.h"

/** Start PETSc and SLEPc on a duplicate of comm; MPI must be running. Started already: nothing to do.
 *  Words in the environment's PETSC_OPTIONS are read, and logged since they can change results.
 *  Collective: yes. Errors: GLIA_E_MPI, GLIA_E_INTERNAL (text of PETSc). */
GLIA_API GLIA_NODISCARD glia_status glia_petsc_begin(struct glia_comm *comm);

/** End them, before MPI ends; not started is welcome. Collective: yes. */
GLIA_API void glia_petsc_end(void);

#endif
