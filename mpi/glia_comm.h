/* Ranks that work together: a duplicate of an MPI communicator that returns its errors.
 *
 * NULL is a communicator of one: every call below takes it, so a program without MPI needs no second path.
 * With GLIA_SAFE=1 each collective first compares its name and arguments across ranks and answers GLIA_E_RANKS, instead of
 * waiting for ever, when ranks have parted. Calls come from one thread, the one that may call MPI.
 * mpi.h is not needed here; who needs the MPI communicator itself includes glia_mpi.h.
 */
#ifndef GLIA_COMM_H
#define GLIA_COMM_H

#include "glia_status.h"

struct glia_comm;

/** All ranks of the job; also tells the log which rank this is. MPI must be running.
 *  Collective: yes, over MPI_COMM_WORLD. Ownership: *out is yours to destroy, before MPI_Finalize. Errors: GLIA_E_MPI, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_comm_world(struct glia_comm **out);

/** Ranks of equal color form a communicator, ordered by key and then by rank; color < 0 joins none and gets NULL.
 *  Collective: yes. Ownership: *out is yours to destroy. Errors: GLIA_E_MPI, GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_comm_split(struct glia_comm *comm, int color, int key,
                                                    struct glia_comm **out);

/** Destroy *comm and set it to NULL; NULL is welcome. Collective: yes. */
GLIA_API void glia_comm_destroy(struct glia_comm **comm);

GLIA_API int glia_comm_rank(const struct glia_comm *comm);
GLIA_API int glia_comm_size(const struct glia_comm *comm);

/** Rank and size among those that share this node's memory. */
GLIA_API int glia_comm_local_rank(const struct glia_comm *comm);
GLIA_API int glia_comm_local_size(const struct glia_comm *comm);

/** The first rank of this node: a color with which glia_comm_split makes a communicator for each node. */
GLIA_API int glia_comm_node(const struct glia_comm *comm);

/** Name of the node of a rank. Ownership: borrowed, as long as comm. */
GLIA_API const char *glia_comm_host(const struct glia_comm *comm, int rank);

/** Wait for all. Collective: yes. Errors: GLIA_E_MPI. */
GLIA_API GLIA_NODISCARD glia_status glia_comm_barrier(struct glia_comm *comm);

/** Bring root's bytes to all; any size. Collective: yes, same bytes and root. Errors: GLIA_E_MPI. */
GLIA_API GLIA_NODISCARD glia_status glia_comm_bcast(struct glia_comm *comm, void *data,
                                                    size_t bytes, int root);

/** Bring every rank's text to root.
 *  out  at root [size] texts by rank, one block: free(*out). NULL on other ranks.
 *  Collective: yes, same root. Ownership: root frees *out. Errors: GLIA_E_MPI; GLIA_E_MEMORY, on all ranks alike. */
GLIA_API GLIA_NODISCARD glia_status glia_comm_gather_text(struct glia_comm *comm, const char *text,
                                                          int root, char ***out);

typedef enum { GLIA_COMM_MIN, GLIA_COMM_MAX, GLIA_COMM_SUM } glia_comm_op;

/** x [n] over all ranks, element by element, in place. Sums of reals depend on the number of ranks: what must have the
 *  same bits on any number goes through the exchange.
 *  Collective: yes, same op and n. Errors: GLIA_E_MPI. */
GLIA_API GLIA_NODISCARD glia_status glia_comm_reduce_i64(struct glia_comm *comm, glia_comm_op op,
                                                         int64_t *x, int n);
GLIA_API GLIA_NODISCARD glia_status glia_comm_reduce_f64(struct glia_comm *comm, glia_comm_op op,
                                                         double *x, int n);

#endif
