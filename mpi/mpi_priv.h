/* What the files of this room share. */
#ifndef GLIA_MPI_PRIV_H
#define GLIA_MPI_PRIV_H

#include "glia_link.h"
#include "glia_mpi.h"

enum { GLIA_HOST_BYTES = 64, GLIA_CALL_BYTES = 160 };

struct glia_comm {
  MPI_Comm mpi;
  int rank, size;
  int local_rank, local_size;
  int node; /* the first rank of this node */
  int node_ranks; /* that share the node's cores: also those of communicators beside this one, split from the same */
  char (*host)[GLIA_HOST_BYTES];  /* [size] */
  char (*calls)[GLIA_CALL_BYTES]; /* [size] with GLIA_SAFE=1, else NULL */
  int64_t *length;                /* [size] of the texts that are gathered */
  char *
      staging; /* what is on its way: a wait that is given up leaves no message to memory of a caller */
  int64_t (*process)
      [2]; /* [size]: rank in MPI_COMM_WORLD, known from the start; which of its communicators */
  int64_t entered, told; /* collectives that this rank has begun; of which the roll knows */
  struct glia_link link; /* once measured; nodes 0: not yet */
  bool
      parted; /* a meeting was given up: its messages may still come, so nothing here may be freed */
};

/** Whether its node has more ranks than cores: then who waits gives up the core at once. */
bool glia_comm_crowded_(const struct glia_comm *comm);

/** With GLIA_SAFE=1: are all ranks in the same call, with the same arguments? The text says which and with what.
 *  Collective: yes. Errors: GLIA_E_RANKS, on all ranks alike, naming the first rank that differs from rank 0; GLIA_E_MPI. */
GLIA_NODISCARD glia_status glia_comm_same_call_(struct glia_comm *comm, const char *format, ...)
    GLIA_PRINTF(2, 3);

/** Defaults of GLIA_STALL_WARN_S and GLIA_STALL_ABORT_S. */
#define GLIA_STALL_WARN_S_  5.0
#define GLIA_STALL_ABORT_S_ 300.0

/** A wait of this process went past its limit: see glia_stalled. */
void glia_stall_note_(void);

/** A number of seconds from the environment. */
double glia_stall_seconds_(const char *name, double otherwise_s);

/** Wait for a collective or a message, but not for ever. Past GLIA_STALL_WARN_S one line of the log says in which
 *  operation this rank waits, and for whom; past GLIA_STALL_ABORT_S the wait ends with that text.
 *  op  "meeting", for the message
 *  Errors: GLIA_E_MPI. After it the communicator is `parted`: its messages may still come, so end the program. */
GLIA_NODISCARD glia_status glia_comm_wait_(struct glia_comm *comm, MPI_Request *request,
                                           const char *op);

/** Wait for all ranks of a communicator that is not ours yet, so that what follows, which waits without a limit, finds them there. Who waits long
 *  says so to all others, in words of one byte with tag 32767 in `from`; all are taken out again.
 *  Collective: over from. Errors: GLIA_E_MPI. */
GLIA_NODISCARD glia_status glia_knock_(MPI_Comm from);

/** The same for who waits by itself: to be called now and then. *warned: false at first. */
GLIA_NODISCARD glia_status glia_comm_patience_(struct glia_comm *comm, const char *op,
                                               double waited_s, bool *warned);

/** The collectives of this room: MPI's, by way of `staging`, and waited for as above. Any size, piece by piece.
 *  Collective: yes. Errors: GLIA_E_MPI. */
GLIA_NODISCARD glia_status glia_comm_cast_(struct glia_comm *comm, void *x, size_t bytes, int root);
GLIA_NODISCARD glia_status glia_comm_fold_(struct glia_comm *comm, void *x, int n,
                                           MPI_Datatype type, MPI_Op op);

/** Every rank's part to all.
 *  all  [size, bytes], this rank's part in its place; lives as long as comm
 *  op   for the message
 *  Collective: yes. Errors: GLIA_E_MPI. */
GLIA_NODISCARD glia_status glia_comm_share_(struct glia_comm *comm, void *all, int bytes,
                                            const char *op);

/** One message by way of `staging`, at most 1 MiB, waited for as above. Collective: no. Errors: GLIA_E_MPI. */
GLIA_NODISCARD glia_status glia_comm_send_(struct glia_comm *comm, const void *x, int bytes, int to,
                                           int tag, const char *op);
GLIA_NODISCARD glia_status glia_comm_receive_(struct glia_comm *comm, void *x, int bytes, int from,
                                              int tag, const char *op);

/** A wait lasts long: tell the others that this rank is alive and how far it came, and hear who else is.
 *  Collective: no. Errors: GLIA_E_MPI. */
GLIA_NODISCARD glia_status glia_roll_call_(struct glia_comm *comm);

/** The roll of all ranks, once: when `from` has all of them. Without one everybody counts as missing.
 *  Collective: over from. Errors: GLIA_E_MEMORY, GLIA_E_MPI. */
GLIA_NODISCARD glia_status glia_roll_open_(MPI_Comm from);
/** Make a communicator known to the roll. Collective: yes. Errors: GLIA_E_MPI. */
GLIA_NODISCARD glia_status glia_roll_enter_(struct glia_comm *comm);

/** The number by which messages name a rank of a communicator: its rank in MPI_COMM_WORLD, which is the same whichever communicator it is
 *  met in, and which a person knows. */
int glia_comm_world_rank_(const struct glia_comm *comm, int rank);

/** Append "rank (host)" to a list of `used` characters; returns its new length. */
size_t glia_comm_name_(const struct glia_comm *comm, int rank, char *out, size_t used, size_t size);

/** A count for MPI. False when it does not fit an int. */
GLIA_NODISCARD bool glia_mpi_count_(int64_t n, int *out);

#endif
