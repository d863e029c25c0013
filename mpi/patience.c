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
enum { TAG_KNOCK = 32767 }; /* the last that MPI promises: the communicator is the caller's */

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

/* Who has come to the first meeting, as far as one hears. Words of it travel in a communicator that is not ours, so none stays there. */
struct knock {
  MPI_Comm from;
  int rank, size;
  int heard;  /* words, of which each rank says one to all others, */
  bool spoke; /* when it waits long, or when it hears of another that does */
  bool *here; /* [size]; NULL: no memory */
};

static glia_status say_here(struct knock *k)
{
  static const char word = 0; /* outlives its message, which may be taken late */

  k->spoke = true;
  for (int r = 0; r < k->size; r++) {
    MPI_Request request;
    if (r == k->rank) continue;
    GLIA_TRY_MPI(MPI_Isend(&word, 1, MPI_CHAR, r, TAG_KNOCK, k->from, &request));
    GLIA_TRY_MPI(MPI_Request_free(&request));
  }
  return GLIA_OK;
}

static glia_status take_word(struct knock *k, int source)
{
  MPI_Status from;
  char word;

  GLIA_TRY_MPI(MPI_Recv(&word, 1, MPI_CHAR, source, TAG_KNOCK, k->from, &from));
  k->heard++;
  if (k->here != NULL) k->here[from.MPI_SOURCE] = true;
  return GLIA_OK;
}

static glia_status hear_who_is_here(struct knock *k)
{
  for (;;) {
    MPI_Status from;
    int there = 0;
    GLIA_TRY_MPI(MPI_Iprobe(MPI_ANY_SOURCE, TAG_KNOCK, k->from, &there, &from));
    if (!there) return GLIA_OK;
    GLIA_TRY(take_word(k, from.MPI_SOURCE));
  }
}

/* All are here: take what was said meanwhile. */
static glia_status hear_all(struct knock *k)
{
  int words = k->spoke;

  GLIA_TRY_MPI(MPI_Allreduce(MPI_IN_PLACE, &words, 1, MPI_INT, MPI_SUM, k->from));
  while (k->heard < words - k->spoke) GLIA_TRY(take_word(k, MPI_ANY_SOURCE));
  return GLIA_OK;
}

/* Ranks in MPI_COMM_WORLD: "1, 3". Their hosts are not known yet. */
static glia_status name_not_here(const struct knock *k, char *out, size_t size)
{
  MPI_Group own = MPI_GROUP_NULL, world = MPI_GROUP_NULL;
  glia_status st = GLIA_OK;
  size_t used = 0;

  snprintf(out, size, "%s", k->here == NULL ? "of unknown number" : "nobody: all wait");
  GLIA_TRY_MPI(MPI_Comm_group(k->from, &own));
  GLIA_TRY_MPI_TO(done, st, MPI_Comm_group(MPI_COMM_WORLD, &world));
  for (int r = 0; k->here != NULL && r < k->size && used < size; r++) {
    int to = r;
    if (r == k->rank || k->here[r]) continue;
    GLIA_TRY_MPI_TO(done, st, MPI_Group_translate_ranks(own, 1, &r, world, &to));
    used += (size_t)snprintf(out + used, size - used, "%s%d", used > 0 ? ", " : "", to);
  }

done:
  if (world != MPI_GROUP_NULL) MPI_Group_free(&world);
  MPI_Group_free(&own);
  return st;
}

/* A long wait: say that this rank is here, hear who else is, then name the missing once, in the end give up. */
static glia_status knock_longer(struct knock *k, double waited_s, bool *warned)
{
  const double warn_s = glia_stall_seconds_("GLIA_STALL_WARN_S", GLIA_STALL_WARN_S_);
  const double abort_s = glia_stall_seconds_("GLIA_STALL_ABORT_S", GLIA_STALL_ABORT_S_);
  const double roll_s = warn_s < abort_s ? warn_s : abort_s;
  char missing[512];

  GLIA_TRY(hear_who_is_here(k));
  if (!k->spoke && (waited_s >= roll_s || k->heard > 0)) GLIA_TRY(say_here(k));
  const bool give_up = waited_s >= abort_s;
  if (waited_s < roll_s + hear_s || (*warned && !give_up)) return GLIA_OK;
  GLIA_TRY(name_not_here(k, missing, sizeof missing));
  if (!*warned)
    glia_log(GLIA_LOG_WARN, "mpi", "stall", "op=\"the first meeting\" waited_s=%.1f missing=\"%s\"",
             waited_s, missing);
  *warned = true;
  if (!give_up) return GLIA_OK;
  glia_stall_note_();
  return GLIA_FAIL(GLIA_E_MPI,
                   "rank %d waited %.1f s in the first meeting for rank %s "
                   "(GLIA_STALL_ABORT_S sets the limit)",
                   k->rank, waited_s, missing);
}

static glia_status knock(struct knock *k)
{
  const double start_s = glia_time_s();
  MPI_Request request;
  bool warned = false;

  GLIA_TRY_MPI(MPI_Comm_rank(k->from, &k->rank));
  GLIA_TRY_MPI(MPI_Comm_size(k->from, &k->size));
  k->here = calloc((size_t)k->size, sizeof *k->here);
  GLIA_TRY_MPI(MPI_Ibarrier(k->from, &request));
  for (int64_t i = 0;; i++) {
    int done = 0;
    GLIA_TRY_MPI(MPI_Test(&request, &done, MPI_STATUS_IGNORE));
    if (done) return hear_all(k);
    if (i < SPINS) continue;
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    GLIA_TRY(knock_longer(k, glia_time_s() - start_s, &warned));
  }
}

glia_status glia_knock_(MPI_Comm from)
{
  struct knock k = {.from = from};
  const glia_status st = knock(&k);

  free(k.here);
  return st;
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
