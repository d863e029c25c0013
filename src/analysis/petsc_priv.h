/* Errors of PETSc and SLEPc as ours. */
#ifndef PETSC_PRIV_H
#define PETSC_PRIV_H

#include "glia_petsc.h"

#include <petscsys.h>

/** Put PETSc's own text of its last failure into the trace. */
glia_status glia_petsc_fail_(PetscErrorCode error, const char *file, int line, const char *function,
                             const char *call);

/* Pass a failure of PETSc up: GLIA_TRY_PETSC(VecDuplicate(x, &y)); */
#define GLIA_TRY_PETSC(call)                                                                       \
  do {                                                                                             \
    const PetscErrorCode petsc_error_ = (call);                                                    \
    if (petsc_error_ != 0)                                                                         \
      return glia_petsc_fail_(petsc_error_, __FILE__, __LINE__, __func__, #call);                  \
  } while (0)

/* Keep it in `st` and go to the clean-up label. */
#define GLIA_TRY_PETSC_TO(label, st, call)                                                         \
  do {                                                                                             \
    const PetscErrorCode petsc_error_ = (call);                                                    \
    if (petsc_error_ != 0) {                                                                       \
      (st) = glia_petsc_fail_(petsc_error_, __FILE__, __LINE__, __func__, #call);                  \
      goto label;                                                                                  \
    }                                                                                              \
  } while (0)

#endif
