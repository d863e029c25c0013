/* Clock offsets by ping-pong; see glia_clock.h. */
#include "glia_clock.h"
#include "glia_log.h"
#include "mpi_priv.h"

#include <stdatomic.h>

enum { ROUNDS = 32, TAG_CLOCK = 17 };

static atomic_bool stalled;

void glia_stall_note_(void) { atomic_store(&stalled, true); }

bool glia_stalled(void) { return atomic_load(&stalled); }

static glia_status pass(struct glia_comm *c, MPI_Request *request)
{
  return glia_comm_wait_(c, request, "comparing clocks");
}

/* Rank 0 answers with its time. */
static glia_status answer(struct glia_comm *c, int rank)
{
  MPI_Request request;

  for (int i = 0; i < ROUNDS; i++) {
    double s = 0.0;
    GLIA_TRY_MPI(MPI_Irecv(&s, 1, MPI_DOUBLE, rank, TAG_CLOCK, c->mpi, &request));
    GLIA_TRY(pass(c, &request));
    s = glia_time_s();
    GLIA_TRY_MPI(MPI_Isend(&s, 1, MPI_DOUBLE, rank, TAG_CLOCK, c->mpi, &request));
    GLIA_TRY(pass(c, &request));
  }
  return GLIA_OK;
}

static glia_status ask(struct glia_comm *c, double *offset_s, double *error_s)
{
  MPI_Request request;

  for (int i = 0; i < ROUNDS; i++) {
    double theirs_s = 0.0;
    const double sent_s = glia_time_s();
    GLIA_TRY_MPI(MPI_Isend(&sent_s, 1, MPI_DOUBLE, 0, TAG_CLOCK, c->mpi, &request));
    GLIA_TRY(pass(c, &request));
    GLIA_TRY_MPI(MPI_Irecv(&theirs_s, 1, MPI_DOUBLE, 0, TAG_CLOCK, c->mpi, &request));
    GLIA_TRY(pass(c, &request));
    const double back_s = glia_time_s();
    if (i > 0 && (back_s - sent_s) / 2.0 >= *error_s) continue;
    *error_s = (back_s - sent_s) / 2.0;
    *offset_s = theirs_s - (sent_s + back_s) / 2.0;
  }
  return GLIA_OK;
}

glia_status glia_comm_clock(struct glia_comm *c, double *offset_s, double *error_s)
{
  *offset_s = *error_s = 0.0;
  for (int r = 1; r < glia_comm_size(c); r++) {
    if (c->rank == 0) GLIA_TRY(answer(c, r));
    if (c->rank == r) GLIA_TRY(ask(c, offset_s, error_s));
  }
  return GLIA_OK;
}
