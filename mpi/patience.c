/* Waiting for other ranks, but not for ever: who waits long calls the roll, names the missing, and in the end gives up. */
#include "mpi_priv.h"

#include "glia_log.h"
#include "glia_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of a word of the roll: who is first in the communicator, which of his it is, collectives that the speaker has entered. */
enum { SPINS = 1000, TAG_ROLL = 1, ROLL_WORDS = 3 };

static const double hear_s = 0.25; /* the roll was called: time that the answers get */

/* What was last told to a process, and last heard of it. */
struct answer {
  MPI_Request request;
  int64_t told[ROLL_WORDS]; /* none may be told before it is gone */
  int64_t heard[ROLL_WORDS];
};

/* One roll for all communicators, never freed: what is told to a rank that comes late is received late, or never, and a communicator
 * that is freed with a message on its way would leave that to the next one of its number. */
static struct {
  MPI_Comm mpi;
  struct answer *rank; /* [ranks of MPI_COMM_WORLD] */
  int64_t made;        /* communicators of this process */
} roll = {.mpi = MPI_COMM_NULL};

glia_status glia_roll_open_(MPI_Comm from)
{
  int relation = MPI_UNEQUAL;
  int size = 0;

  if (roll.rank != NULL) return GLIA_OK;
  GLIA_TRY_MPI(MPI_Comm_compare(from, MPI_COMM_WORLD, &relation));
  GLIA_TRY_MPI(MPI_Comm_size(from, &size));
  if ((relation != MPI_IDENT && relation != MPI_CONGRUENT) || size == 1) return GLIA_OK;
  struct answer *rank = calloc((size_t)size, sizeof *rank);
  int all = rank != NULL;
  GLIA_TRY_MPI(MPI_Allreduce(MPI_IN_PLACE, &all, 1, MPI_INT, MPI_MIN, from));
  if (!all) {
    free(rank);
    return GLIA_FAIL(GLIA_E_MEMORY, "no memory for the roll of %d ranks", size);
  }
  for (int r = 0; r < size; r++)
    rank[r] = (struct answer){.request = MPI_REQUEST_NULL, .heard = {-1, -1, -1}};
  roll.rank = rank;
  GLIA_TRY_MPI(MPI_Comm_dup(from, &roll.mpi));
  return GLIA_OK;
}

glia_status glia_roll_enter_(struct glia_comm *c)
{
  c->process[c->rank][1] = roll.made++;
  c->told = -1;
  return glia_comm_share_(c, c->process, sizeof *c->process, "a first meeting");
}

/* Tell all that this rank waits, and in which collective of which communicator; once for each. */
static glia_status speak(struct glia_comm *c)
{
  if (c->told == c->entered) return GLIA_OK;
  c->told = c->entered;
  for (int r = 0; r < c->size; r++) {
    struct answer *a = &roll.rank[c->process[r][0]];
    int gone = 1;
    if (r == c->rank) continue;
    GLIA_TRY_MPI(MPI_Test(&a->request, &gone, MPI_STATUS_IGNORE));
    if (!gone) continue; /* it does not even take the last one */
    memcpy(a->told, (int64_t[]){c->process[0][0], c->process[0][1], c->entered}, sizeof a->told);
    GLIA_TRY_MPI(MPI_Isend(a->told, ROLL_WORDS, MPI_INT64_T, (int)c->process[r][0], TAG_ROLL,
                           roll.mpi, &a->request));
  }
  return GLIA_OK;
}

static glia_status hear(void)
{
  for (;;) {
    MPI_Status from;
    int there = 0;
    GLIA_TRY_MPI(MPI_Iprobe(MPI_ANY_SOURCE, TAG_ROLL, roll.mpi, &there, &from));
    if (!there) return GLIA_OK;
    GLIA_TRY_MPI(MPI_Recv(roll.rank[from.MPI_SOURCE].heard, ROLL_WORDS, MPI_INT64_T,
                          from.MPI_SOURCE, TAG_ROLL, roll.mpi, MPI_STATUS_IGNORE));
  }
}

glia_status glia_roll_call_(struct glia_comm *c)
{
  if (roll.mpi == MPI_COMM_NULL) return GLIA_OK;
  GLIA_TRY(speak(c));
  return hear();
}

/* Did this rank come as far as the caller in the same communicator, as far as one hears? */
static bool here(const struct glia_comm *c, int r)
{
  if (r == c->rank) return true;
  if (roll.mpi == MPI_COMM_NULL) return false;
  const int64_t *heard = roll.rank[c->process[r][0]].heard;
  return heard[0] == c->process[0][0] && heard[1] == c->process[0][1] && heard[2] >= c->entered;
}

static void name_missing(const struct glia_comm *c, char *out, size_t size)
{
  size_t used = 0;

  out[0] = '\0';
  for (int r = 0; r < c->size; r++)
    if (!here(c, r)) used = glia_comm_name_(c, r, out, used, size);
  if (used == 0) snprintf(out, size, "nobody: all wait");
}

double glia_stall_seconds_(const char *name, double otherwise_s)
{
  const char *text = getenv(name);
  double s = 0.0;

  return text != NULL && glia_parse_real(text, &s) && s >= 0.0 ? s : otherwise_s;
}

/* A long wait: call the roll, then name the missing once, in the end give up. */
glia_status glia_comm_patience_(struct glia_comm *c, const char *op, double waited_s, bool *warned)
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
                   glia_comm_world_rank_(c, c->rank), c->host[c->rank], waited_s, op, missing);
}

glia_status glia_knock_(MPI_Comm from)
{
  const double start_s = glia_time_s();
  const double warn_s = glia_stall_seconds_("GLIA_STALL_WARN_S", GLIA_STALL_WARN_S_);
  const double abort_s = glia_stall_seconds_("GLIA_STALL_ABORT_S", GLIA_STALL_ABORT_S_);
  MPI_Request request;
  bool warned = false;
  int rank = 0;

  GLIA_TRY_MPI(MPI_Comm_rank(from, &rank));
  GLIA_TRY_MPI(MPI_Ibarrier(from, &request));
  for (int64_t i = 0;; i++) {
    int done = 0;
    GLIA_TRY_MPI(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
    if (done) return GLIA_OK;
    if (i > SPINS) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    const double waited_s = glia_time_s() - start_s;
    if (waited_s >= warn_s && !warned)
      glia_log(GLIA_LOG_WARN, "mpi", "stall",
               "op=\"the first meeting\" waited_s=%.1f missing=\"some rank\"", waited_s);
    warned = warned || waited_s >= warn_s;
    if (waited_s < abort_s) continue;
    glia_stall_note_();
    return GLIA_FAIL(GLIA_E_MPI,
                     "rank %d waited %.1f s in the first meeting, to which not all ranks came "
                     "(GLIA_STALL_ABORT_S sets the limit)",
                     rank, waited_s);
  }
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
    if (i % 64 == 0) GLIA_TRY(glia_comm_patience_(c, op, glia_time_s() - start_s, &warned));
  }
}
