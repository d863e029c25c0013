/* Start, end and errors of PETSc: see glia_petsc.h. */
#include "petsc_priv.h"

#include "glia_agree.h"
#include "glia_log.h"
#include "glia_mpi.h"

#include <slepcsys.h>
#include <stdio.h>
#include <stdlib.h>

static MPI_Comm own = MPI_COMM_NULL;
static _Thread_local char last[256];

/* Keep the innermost text and let PETSc return. */
static PetscErrorCode keep_text(MPI_Comm comm, int line, const char *function, const char *file,
                                PetscErrorCode n, PetscErrorType p, const char *text, void *self)
{
  (void)comm;
  (void)self;
  if (p == PETSC_ERROR_INITIAL)
    snprintf(last, sizeof last, "%s (%s:%d: %s)", text, file, line, function);
  return n;
}

glia_status glia_petsc_fail_(PetscErrorCode error, const char *file, int line, const char *function,
                             const char *call)
{
  const char *general = NULL;

  PetscErrorMessage(error, &general, NULL);
  glia_trace_push_(true, file, line, function, "PETSc: %s: %s", general != NULL ? general : "error",
                   last[0] != '\0' ? last : call);
  last[0] = '\0';
  return error == PETSC_ERR_MEM ? GLIA_E_MEMORY : GLIA_E_INTERNAL;
}

static glia_status begin(void)
{
  const char *words = getenv("PETSC_OPTIONS");

  GLIA_TRY_PETSC(PetscOptionsSetValue(NULL, "-no_signal_handler", "true"));
  GLIA_TRY_PETSC(PetscOptionsSetValue(NULL, "-skip_petscrc", "true"));
  GLIA_TRY_PETSC(SlepcInitialize(NULL, NULL, NULL, NULL));
  GLIA_TRY_PETSC(PetscPushErrorHandler(keep_text, NULL));
  if (words != NULL && words[0] != '\0')
    glia_log(GLIA_LOG_WARN, "petsc", "options", "PETSC_OPTIONS=\"%s\"", words);
  return GLIA_OK;
}

glia_status glia_petsc_begin(struct glia_comm *comm)
{
  if (own != MPI_COMM_NULL) return GLIA_OK;
  GLIA_TRY_MPI(MPI_Comm_dup(glia_comm_mpi(comm), &own));
  PETSC_COMM_WORLD = own;
  return glia_agree(comm, begin());
}

void glia_petsc_end(void)
{
  if (own == MPI_COMM_NULL) return;
  PetscPopErrorHandler();
  SlepcFinalize();
  MPI_Comm_free(&own);
}
