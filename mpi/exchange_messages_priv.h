/* State of the exchange by messages: what is planned for a bucket, and where its messages are. */
#ifndef GLIA_EXCHANGE_MESSAGES_PRIV_H
#define GLIA_EXCHANGE_MESSAGES_PRIV_H

#include "exchange_priv.h"
#include "wire_priv.h"

/* Groups of messages, see exchange_messages.c. */
enum { IN, OUT, BACK_OUT, BACK_IN, N_GROUPS };

struct group {
  int from, n; /* requests [from, from + n) */
  bool posted, done;
};

struct slot {
  /* plan: a function of bucket, v and the ranks */
  bool planned, whole, coded;
  struct glia_bucket bucket;
  int64_t v;
  int64_t mine; /* first element of the slice that this rank adds, */
  int n_mine;   /* and how many */
  int n_nodes;
  struct store node;  /* struct glia_part [n_nodes]: the nodes of all ranks, in order */
  struct store first; /* int [size + 1]: nodes first[r] to first[r + 1] are rank r's */
  struct store cut;   /* int64_t [size + 1]: elements cut[r] to cut[r + 1] are rank r's slice */
  struct store join;  /* struct glia_part [n_nodes]: work space */
  struct store room;  /* slice `rank` of the nodes of other ranks */
  /* coded: slices as they travel. A row holds all slices, that of rank r from code_at[r] on; a whole bucket once. */
  struct store code_at; /* size_t [size + 1] */
  struct store out, in,
      back; /* a row per own node; own slices of the nodes of others; a row of sums */
  struct store rest,
      rest_back; /* int8: float [n] of what goes out, [n_mine] of the own sum: what rounding left */
  struct store request, peer; /* MPI_Request, int: with which rank */
  size_t most_requests;       /* of any step so far */
  /* step */
  int n_own;
  struct glia_part own[2 * GLIA_TREE_MAX_PARTS];
  void *total;
  struct group group[N_GROUPS];
  int n_requests;
  int64_t added; /* elements of the own slice that are summed */
  bool unpacked; /* coded: the sums that came back stand in total */
};

struct messages {
  struct exchange x; /* first */
  MPI_Comm mpi;
  glia_wire wire;
  struct slot *slot;
  /* requests of all buckets under way, for one look at them: MPI_Request, where they stand, which are done; [most_requests] */
  struct store open, at, done;
  size_t most_requests;
};

/** Who holds what, who sends what to whom, and the memory for it; nothing is left to do when the last step was alike.
 *  Errors: GLIA_E_MEMORY, GLIA_E_UNSUPPORTED. */
GLIA_NODISCARD glia_status glia_messages_plan_(struct messages *m, struct slot *s,
                                               const struct glia_bucket *bucket, int64_t v);

/* What one message carries at most. Up to 64 KiB with its own header Open MPI sends over TCP without asking whether the other side is
 * ready. Of a larger message all of the rest goes into the socket at once when the answer comes, and the answer to what the other side
 * wants to send queues behind it: two ranks that begin a millisecond apart would send one after the other (docs/adr/0045). */
enum { PIECE_BYTES = 60 << 10 };

/** Bytes of n elements as they travel. */
size_t glia_message_bytes_(const struct messages *m, const struct slot *s, int n);

/** Slice of a rank: returns its number of elements, *from is the first. */
int glia_exchange_slice_(const struct slot *s, int rank, int64_t *from);

/** Own slice of node k: in the caller's memory, or in the room for what comes in. */
char *glia_exchange_own_(const struct messages *m, const struct slot *s, int k);

/** coded: own slice of another rank's node k as it comes in. */
char *glia_exchange_coded_(const struct messages *m, const struct slot *s, int k);

/** Element i of an array of the bucket's type. */
char *glia_exchange_at_(const struct slot *s, void *data, int64_t i);

#endif
