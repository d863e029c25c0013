/* Messages of a pipeline by MPI: see glia_messenger_mpi.h. */
#include "glia_agree.h"
#include "glia_messenger_mpi.h"
#include "mpi_priv.h"

#include "glia_log.h"

#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SPINS = 200, YIELDS = 20000 };

struct messenger {
  struct glia_comm *comm;
  MPI_Comm mpi; /* of its own: channels are tags */
  int n, tag_most;
  int64_t
      patient; /* looks before it sleeps between them: tasks are short, and a sleep takes longer than it says */
  MPI_Request *request; /* [n] */
  bool *comes;          /* [n] it is received */
  double *shared;       /* [size, most that is shared]: on its way, so none of a caller's */
  bool parted;          /* a sharing was given up: `shared` is still written */
};

/* Ranks that wait in one step call the same roll. */
static void begin(void *self) { ((struct messenger *)self)->comm->entered++; }

static glia_status open_handles(void *self, int n, int shared)
{
  struct messenger *m = self;

  free(m->request);
  free(m->comes);
  free(m->shared);
  m->shared = calloc((size_t)shared * (size_t)glia_comm_size(m->comm) + 1, sizeof *m->shared);
  m->request = malloc((size_t)n * sizeof(MPI_Request));
  m->comes = calloc((size_t)n, sizeof *m->comes);
  m->n = m->request != NULL && m->comes != NULL && m->shared != NULL ? n : 0;
  GLIA_CHECK(m->n == n, GLIA_E_MEMORY, "%d messages", n);
  for (int i = 0; i < n; i++) m->request[i] = MPI_REQUEST_NULL;
  return GLIA_OK;
}

/* Open MPI moves all that is under way when it is asked for anything. */
static void poll(void *self)
{
  const struct messenger *m = self;
  int there;

  (void)MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, m->mpi, &there, MPI_STATUS_IGNORE);
}

static glia_status check(const struct messenger *m, int handle, int channel, size_t bytes)
{
  GLIA_CHECK(handle >= 0 && handle < m->n && channel >= 0 && channel <= m->tag_most,
             GLIA_E_ARGUMENT, "message %d of %d, channel %d of %d", handle, m->n, channel,
             m->tag_most);
  GLIA_CHECK(bytes <= INT_MAX, GLIA_E_UNSUPPORTED,
             "%zu bytes are too many for a message between stages: make data.micro_batch smaller",
             bytes);
  return GLIA_OK;
}

static glia_status send(void *self, int handle, int channel, int to, size_t bytes, const void *data)
{
  struct messenger *m = self;

  GLIA_TRY(check(m, handle, channel, bytes));
  m->comes[handle] = false;
  GLIA_TRY_MPI(MPI_Isend(data, (int)bytes, MPI_BYTE, to, channel, m->mpi, &m->request[handle]));
  return GLIA_OK;
}

static glia_status receive(void *self, int handle, int channel, int from, size_t bytes, void *data)
{
  struct messenger *m = self;

  GLIA_TRY(check(m, handle, channel, bytes));
  m->comes[handle] = true;
  GLIA_TRY_MPI(MPI_Irecv(data, (int)bytes, MPI_BYTE, from, channel, m->mpi, &m->request[handle]));
  return GLIA_OK;
}

static glia_status wait_for(struct messenger *m, MPI_Request *request, const char *what,
                            void (*idle)(void *arg), void *arg)
{
  const double start_s = glia_time_s();
  bool warned = false;
  int done = 0;

  for (int64_t i = 0;; i++) {
    GLIA_TRY_MPI(MPI_Test(request, &done, MPI_STATUS_IGNORE));
    if (done) return GLIA_OK;
    idle(arg);
    if (i < SPINS) continue;
    /* who waits gives up the core: the others may need it to come */
    if (i < m->patient)
      sched_yield();
    else
      nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    if (i % 256 == 0)
      GLIA_TRY(glia_comm_patience_(m->comm, what, glia_time_s() - start_s, &warned));
  }
}

/* A wait was given up: what is being received must not come into memory that its owner frees. */
static void call_off(struct messenger *m)
{
  for (int i = 0; i < m->n; i++) {
    if (m->request[i] == MPI_REQUEST_NULL || !m->comes[i]) continue;
    MPI_Cancel(&m->request[i]);
    MPI_Request_free(&m->request[i]);
  }
}

static glia_status wait_handle(void *self, int handle, const char *what, void (*idle)(void *arg),
                               void *arg)
{
  struct messenger *m = self;

  const glia_status st = wait_for(m, &m->request[handle], what, idle, arg);
  if (st != GLIA_OK) call_off(m);
  return st;
}

static glia_status share(void *self, int n, double *x, void (*idle)(void *arg), void *arg)
{
  struct messenger *m = self;
  const size_t row = (size_t)n * sizeof *x, own = (size_t)m->comm->rank * (size_t)n;
  MPI_Request request;

  m->comm->entered++;
  memcpy(m->shared + own, x + own, row);
  GLIA_TRY_MPI(MPI_Iallgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, m->shared, n, MPI_DOUBLE, m->mpi,
                              &request));
  m->parted = true;
  GLIA_TRY(wait_for(m, &request, "what stages share", idle, arg));
  m->parted = false;
  memcpy(x, m->shared, row * (size_t)m->comm->size);
  return GLIA_OK;
}

glia_status glia_messenger_mpi_create(struct glia_comm *comm, struct glia_messenger *out)
{
  int found = 0, *most = NULL;
  struct messenger *m = calloc(1, sizeof *m);

  *out = (struct glia_messenger){0};
  const glia_status st =
      glia_agree(comm, m != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "a messenger"));
  if (st != GLIA_OK) {
    free(m);
    return st;
  }
  *m = (struct messenger){.comm = comm, .mpi = MPI_COMM_NULL, .tag_most = 32767};
  if (MPI_Comm_dup(glia_comm_mpi(comm), &m->mpi) != MPI_SUCCESS ||
      MPI_Comm_get_attr(m->mpi, MPI_TAG_UB, &most, &found) != MPI_SUCCESS) {
    free(m);
    return GLIA_FAIL(GLIA_E_MPI, "no communicator for messages between stages");
  }
  if (found) m->tag_most = *most;
  m->patient = glia_comm_crowded_(comm) ? SPINS : YIELDS;
  *out = (struct glia_messenger){.self = m,
                                 .rank = glia_comm_rank(comm),
                                 .size = glia_comm_size(comm),
                                 .begin = begin,
                                 .poll = poll,
                                 .send = send,
                                 .receive = receive,
                                 .wait = wait_handle,
                                 .share = share,
                                 .open = open_handles};
  return GLIA_OK;
}

void glia_messenger_mpi_destroy(struct glia_messenger *messenger)
{
  struct messenger *m = messenger->self;
  int over = 0;

  if (m == NULL) return;
  *messenger = (struct glia_messenger){0};
  if (m->parted) return;
  for (int i = 0; i < m->n; i++)
    if (m->request[i] != MPI_REQUEST_NULL) return; /* a message may still come into its memory */
  if (MPI_Finalized(&over) == MPI_SUCCESS && !over && !m->comm->parted) MPI_Comm_free(&m->mpi);
  free(m->request);
  free(m->comes);
  free(m->shared);
  free(m);
}
