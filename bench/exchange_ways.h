/* Other ways to sum one bucket over ranks, beside the default: what its order costs, and what fewer bytes save. */
#ifndef EXCHANGE_WAYS_H
#define EXCHANGE_WAYS_H

#include "bench.h"

#include "glia_exchange_mpi.h"

struct exchange_field {
  struct glia_comm *comm;
  struct glia_exchange *exchange;
  float *part, *total, *theirs;
  float *
      shown; /* memory that all ranks share, where they do: the total, then each rank's part; [1 + size, most] */
  int64_t most;
};

/** Rows: a bucket of 1 MiB in the canonical order of v micro-batches, beside one array per rank in any order, and beside an exact sum in
 *  fixed point. Collective: yes. */
GLIA_NODISCARD glia_status exchange_price(struct exchange_field *f, int64_t v,
                                          struct bench_report *r);

/** Rows: a bucket of so many bytes in bf16 and int8 between nodes, beside float32; none where all ranks share a node. Collective: yes. */
GLIA_NODISCARD glia_status exchange_wires(struct exchange_field *f, int64_t bytes,
                                          struct bench_report *r);

/** Rows: a bucket of so many bytes by messages alone, beside halving and doubling and beside MPI_Allreduce. Collective: yes. */
GLIA_NODISCARD glia_status exchange_halving(struct exchange_field *f, int64_t bytes,
                                            struct bench_report *r);

#endif
