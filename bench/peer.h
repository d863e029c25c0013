/* PyTorch as a peer: a child process that runs a program of ours, kept alive and asked block by block. */
#ifndef PEER_H
#define PEER_H

#include "workload.h"

#include <sys/types.h>

struct peer {
  pid_t pid; /* 0: there is none */
  FILE *to, *from;
  char version[64];
  char variant[64]; /* of the last workload: the quickest of those tried */
};

enum { PEER_ANSWER = 256 };

/** Start Python with PyTorch on a program: $PYTHON3, python3 of the path, or /usr/bin/python3. No such thing is no error: pid stays 0. */
GLIA_NODISCARD glia_status peer_open(struct peer *p, const char *program);
void peer_close(struct peer *p);

/** Hand over an array: of a type, or with `rows` > 0 so many of it. */
GLIA_NODISCARD glia_status peer_array(struct peer *p, const char *name,
                                      const struct glia_type *type, int64_t rows, const void *data);

/** Send a line, and get one that begins with "ok": into answer [PEER_ANSWER]. */
GLIA_NODISCARD glia_status peer_ask(struct peer *p, char *answer, const char *format, ...)
    GLIA_PRINTF(3, 4);

/** Become one of `size` processes of one node that meet in a file, which is not there yet: what is built from now on takes its share of
 *  the rows and averages gradients over all (DistributedDataParallel over Gloo).
 *  Collective: yes. */
GLIA_NODISCARD glia_status peer_join(struct peer *p, const char *file, int rank, int size);

/** Hand over data and weights as they are now, and build the same model. */
GLIA_NODISCARD glia_status peer_build(struct peer *p, struct workload *w, int threads);

/** n steps: how long they took (s), and the loss of the last one before its update. */
GLIA_NODISCARD glia_status peer_run(struct peer *p, int n, double *took_s, double *loss);

/** Back to the weights that were handed over. */
GLIA_NODISCARD glia_status peer_reset(struct peer *p);

#endif
