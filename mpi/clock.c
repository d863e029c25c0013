/* Clock offsets by ping-pong; see glia_clock.h. */
#include "glia_clock.h"
#include "glia_log.h"
#include "mpi_priv.h"

#include <stdatomic.h>

enum { ROUNDS = 32, TAG_CLOCK = 17 };

static atomic_bool stalled;

void glia_stall_note_(void) { atomic_store(&stalled, true); }

bool glia_stalled(void) { return atomic_load(&stalled); }

static glia_status tell(struct glia_comm *c, double s, int rank)
{
  return glia_comm_send_(c, &s, sizeof s, rank, TAG_CLOCK, "comparing clocks");
}

static glia_status hear(struct glia_comm *c, double *s, int rank)
{
  return glia_comm_receive_(c, s, sizeof *s, rank, TAG_CLOCK, "comparing clocks");
}

/* Rank 0 answers with its time. */
static glia_status answer(struct glia_comm *c, int rank)
{
  for (int i = 0; i < ROUNDS; i++) {
    double s = 0.0;
    GLIA_TRY(hear(c, &s, rank));
    GLIA_TRY(tell(c, glia_time_s(), rank));
  }
  return GLIA_OK;
}

static glia_status ask(struct glia_comm *c, double *offset_s, double *error_s)
{
  for (int i = 0; i < ROUNDS; i++) {
    double theirs_s = 0.0;
    const double sent_s = glia_time_s();
    GLIA_TRY(tell(c, sent_s, 0));
    GLIA_TRY(hear(c, &theirs_s, 0));
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
