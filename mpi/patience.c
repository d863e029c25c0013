/* Waiting for other ranks, but not for ever: who waits long calls the roll, names the missing, and in the end gives up. */
#include "mpi_priv.h"

#include "glia_log.h"
#include "glia_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { SPINS = 1000, TAG_ROLL = 1 };

static const double hear_s = 0.25; /* the roll was called: time that the answers get */

/* One rank's answer to the roll. Who waits tells it to all; who never waits is not heard, and is the one missed. */
struct answer {
  MPI_Request request; /* of what was told to this rank */
  int64_t told;        /* what it carries: no other may be told before it is gone */
  int64_t heard;       /* collectives that this rank had entered when it last spoke; -1 never */
};

struct glia_roll {
  MPI_Comm mpi;
  int64_t told;          /* collectives entered when this rank last spoke */
  struct answer rank[1]; /* [size] */
};

glia_status glia_roll_create_(struct glia_comm *c)
{
  const size_t bytes = sizeof(struct glia_roll) + (size_t)c->size * sizeof(struct answer);
  struct glia_roll *roll = calloc(1, bytes);
  int all = roll != NULL;

  GLIA_TRY_MPI(MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_MIN, c->mpi));
  if (!all) {
    free(roll);
    return GLIA_FAIL(GLIA_E_MEMORY, "no memory for the roll of %d ranks", c->size);
  }
  roll->told = -1;
  for (int r = 0; r < c->size; r++)
    roll->rank[r] = (struct answer){.request = MPI_REQUEST_NULL, .heard = -1};
  c->roll = roll;
  GLIA_TRY_MPI(MPI_Comm_dup(c->mpi, &roll->mpi));
  return GLIA_OK;
}

void glia_roll_destroy_(struct glia_comm *c)
{
  struct glia_roll *roll = c->roll;
  bool pending = false;

  if (roll == NULL) return;
  for (int r = 0; r < c->size; r++) {
    int gone = 1;
    if (MPI_Test(&roll->rank[r].request, &gone, MPI_STATUS_IGNORE) != MPI_SUCCESS || !gone)
      pending = true;
  }
  if (pending) return; /* a message may still leave from there */
  MPI_Comm_free(&roll->mpi);
  free(roll);
  c->roll = NULL;
}

/* Tell all that this rank waits, and in which collective; once for each. */
static glia_status speak(struct glia_comm *c)
{
  struct glia_roll *roll = c->roll;

  if (roll->told == c->entered) return GLIA_OK;
  roll->told = c->entered;
  for (int r = 0; r < c->size; r++) {
    struct answer *a = &roll->rank[r];
    int gone = 1;
    if (r == c->rank) continue;
    GLIA_TRY_MPI(MPI_Test(&a->request, &gone, MPI_STATUS_IGNORE));
    if (!gone) continue; /* it does not even take the last one */
    a->told = c->entered;
    GLIA_TRY_MPI(MPI_Isend(&a->told, 1, MPI_INT64_T, r, TAG_ROLL, roll->mpi, &a->request));
  }
  return GLIA_OK;
}

static glia_status hear(struct glia_comm *c)
{
  struct glia_roll *roll = c->roll;

  for (;;) {
    MPI_Status from;
    int there = 0;
    int64_t entered = 0;
    GLIA_TRY_MPI(MPI_Iprobe(MPI_ANY_SOURCE, TAG_ROLL, roll->mpi, &there, &from));
    if (!there) return GLIA_OK;
    GLIA_TRY_MPI(MPI_Recv(&entered, 1, MPI_INT64_T, from.MPI_SOURCE, TAG_ROLL, roll->mpi,
                          MPI_STATUS_IGNORE));
    if (entered > roll->rank[from.MPI_SOURCE].heard) roll->rank[from.MPI_SOURCE].heard = entered;
  }
}

glia_status glia_roll_call_(struct glia_comm *c)
{
  if (c->roll == NULL) return GLIA_OK;
  GLIA_TRY(speak(c));
  return hear(c);
}

/* Who has not come as far as this rank, as far as one hears. */
static void name_missing(const struct glia_comm *c, char *out, size_t size)
{
  size_t used = 0;

  out[0] = '\0';
  for (int r = 0; r < c->size; r++)
    if (r != c->rank && c->roll->rank[r].heard < c->entered)
      used = glia_comm_name_(c, r, out, used, size);
  if (used == 0) snprintf(out, size, "nobody: all wait");
}

double glia_stall_seconds_(const char *name, double otherwise_s)
{
  const char *text = getenv(name);
  double s = 0.0;

  return text != NULL && glia_parse_real(text, &s) && s >= 0.0 ? s : otherwise_s;
}

/* A long wait: call the roll, then name the missing once, in the end give up. */
static glia_status lose_patience(struct glia_comm *c, const char *op, double waited_s, bool *warned)
{
  const double warn_s = glia_stall_seconds_("GLIA_STALL_WARN_S", GLIA_STALL_WARN_S_);
  const double abort_s = glia_stall_seconds_("GLIA_STALL_ABORT_S", GLIA_STALL_ABORT_S_);
  const double roll_s = warn_s < abort_s ? warn_s : abort_s;
  char missing[512];

  if (waited_s < roll_s) return GLIA_OK;
  GLIA_TRY(glia_roll_call_(c));
  const bool give_up = waited_s >= abort_s;
  if (waited_s < roll_s + hear_s || (*warned && !give_up)) return GLIA_OK;
  name_missing(c, missing, sizeof missing);
  if (!*warned)
    glia_log(GLIA_LOG_WARN, "mpi", "stall", "host=%s op=\"%s\" waited_s=%.1f missing=\"%s\"",
             c->host[c->rank], op, waited_s, missing);
  *warned = true;
  if (!give_up) return GLIA_OK;
  c->parted = true;
  glia_stall_note_();
  return GLIA_FAIL(GLIA_E_MPI,
                   "rank %d on %s waited %.1f s in %s for rank %s: cut off, or hangs "
                   "(GLIA_STALL_ABORT_S sets the limit)",
                   c->rank, c->host[c->rank], waited_s, op, missing);
}

glia_status glia_comm_wait_(struct glia_comm *c, MPI_Request *request, const char *op)
{
  const double start_s = glia_time_s();
  bool warned = false;
  int done = 0;

  for (int64_t i = 0;; i++) {
    GLIA_TRY_MPI(MPI_Test(request, &done, MPI_STATUS_IGNORE));
    if (done) return GLIA_OK;
    if (i < SPINS) continue;
    /* who waits gives up the core soon: the others may need it to come */
    nanosleep(&(struct timespec){.tv_nsec = i < 2 * SPINS ? 10000 : 1000000}, NULL);
    if (i % 64 == 0) GLIA_TRY(lose_patience(c, op, glia_time_s() - start_s, &warned));
  }
}
