/* Communicators: a duplicate that returns errors, who sits on which node, and the small collectives. */
#include "mpi_priv.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glia_log.h"

enum { PIECE_BYTES = 1 << 30, TAG_TEXT = 1 };

glia_status glia_mpi_fail_(int error, const char *file, int line, const char *function,
                           const char *call)
{
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;

  if (MPI_Error_string(error, text, &length) != MPI_SUCCESS)
    snprintf(text, sizeof text, "error %d", error);
  glia_trace_push_(true, file, line, function, "%s: %s", call, text);
  return GLIA_E_MPI;
}

bool glia_mpi_count_(int64_t n, int *out)
{
  if (n < 0 || n > INT_MAX) return false;
  *out = (int)n;
  return true;
}

/* Hosts of all ranks and the place of this one on its node. */
static glia_status look_around(struct glia_comm *c)
{
  char name[MPI_MAX_PROCESSOR_NAME] = "";
  char mine[GLIA_HOST_BYTES];
  int length = 0;
  MPI_Comm node = MPI_COMM_NULL;

  GLIA_TRY_MPI(MPI_Get_processor_name(name, &length));
  snprintf(mine, sizeof mine, "%.*s", GLIA_HOST_BYTES - 1, name);
  GLIA_TRY_MPI(
      MPI_Allgather(mine, GLIA_HOST_BYTES, MPI_CHAR, c->host, GLIA_HOST_BYTES, MPI_CHAR, c->mpi));
  GLIA_TRY_MPI(MPI_Comm_split_type(c->mpi, MPI_COMM_TYPE_SHARED, c->rank, MPI_INFO_NULL, &node));
  GLIA_TRY_MPI(MPI_Comm_rank(node, &c->local_rank));
  GLIA_TRY_MPI(MPI_Comm_size(node, &c->local_size));
  GLIA_TRY_MPI(MPI_Comm_free(&node));
  return GLIA_OK;
}

glia_status glia_comm_cast_(struct glia_comm *c, void *x, int n, MPI_Datatype type, int root)
{
  MPI_Request request;

  c->entered++;
  GLIA_TRY_MPI(MPI_Ibcast(x, n, type, root, c->mpi, &request));
  return glia_comm_wait_(c, &request, "a broadcast");
}

glia_status glia_comm_fold_(struct glia_comm *c, void *x, int n, MPI_Datatype type, MPI_Op op)
{
  MPI_Request request;

  c->entered++;
  GLIA_TRY_MPI(MPI_Iallreduce(MPI_IN_PLACE, x, n, type, op, c->mpi, &request));
  return glia_comm_wait_(c, &request, "a meeting");
}

/* Take over a communicator that is ours already. All ranks learn whether each got its memory, or none goes on. */
static glia_status adopt(MPI_Comm mpi, struct glia_comm **out)
{
  glia_status st = GLIA_OK;
  struct glia_comm *c = calloc(1, sizeof *c);
  const char *safe = getenv("GLIA_SAFE");
  int all[2] = {c != NULL,
                safe != NULL && strcmp(safe, "1") == 0}; /* memory everywhere; safe somewhere */

  *out = NULL;
  GLIA_TRY_MPI_TO(fail, st, MPI_Comm_set_errhandler(mpi, MPI_ERRORS_RETURN));
  if (c != NULL) {
    c->mpi = mpi;
    GLIA_TRY_MPI_TO(fail, st, MPI_Comm_rank(mpi, &c->rank));
    GLIA_TRY_MPI_TO(fail, st, MPI_Comm_size(mpi, &c->size));
    c->host = calloc((size_t)c->size, sizeof *c->host);
    c->calls = calloc((size_t)c->size, sizeof *c->calls);
    c->meeting = calloc(1, glia_meeting_bytes_());
    c->process = calloc((size_t)c->size, sizeof *c->process);
    all[0] = c->host != NULL && c->calls != NULL && c->meeting != NULL && c->process != NULL;
  }
  all[0] = -all[0];
  GLIA_TRY_MPI_TO(fail, st, MPI_Allreduce(MPI_IN_PLACE, all, 2, MPI_INT, MPI_MAX, mpi));
  GLIA_CHECK_TO(fail, st, all[0] == -1, GLIA_E_MEMORY, "no memory for a communicator");
  if (!all[1]) {
    free(c->calls);
    c->calls = NULL;
  }
  GLIA_TRY_TO(fail, st, look_around(c));
  GLIA_TRY_TO(fail, st, glia_roll_enter_(c));
  *out = c;
  return GLIA_OK;

fail:
  if (c != NULL) {
    free(c->host);
    free(c->calls);
    free(c->meeting);
    free(c->process);
    free(c);
  }
  MPI_Comm_free(&mpi);
  return st;
}

glia_status glia_comm_wrap(MPI_Comm from, struct glia_comm **out)
{
  int running = 0;
  int over = 0;
  MPI_Comm mpi = MPI_COMM_NULL;

  *out = NULL;
  GLIA_TRY_MPI(MPI_Initialized(&running));
  GLIA_TRY_MPI(MPI_Finalized(&over));
  GLIA_CHECK(running && !over, GLIA_E_MPI, "MPI is not running: MPI_Init first");
  GLIA_TRY(glia_roll_open_(from));
  GLIA_TRY_MPI(MPI_Comm_dup(from, &mpi));
  return adopt(mpi, out);
}

glia_status glia_comm_world(struct glia_comm **out)
{
  GLIA_TRY(glia_comm_wrap(MPI_COMM_WORLD, out));
  glia_log_set_rank((*out)->rank, (*out)->size);
  return GLIA_OK;
}

glia_status glia_comm_split(struct glia_comm *comm, int color, int key, struct glia_comm **out)
{
  MPI_Comm mpi = MPI_COMM_NULL;

  *out = NULL;
  if (comm == NULL) return GLIA_OK;
  GLIA_TRY(glia_comm_same_call_(comm, "split"));
  GLIA_TRY_MPI(MPI_Comm_split(comm->mpi, color < 0 ? MPI_UNDEFINED : color, key, &mpi));
  return mpi == MPI_COMM_NULL ? GLIA_OK : adopt(mpi, out);
}

void glia_comm_destroy(struct glia_comm **comm)
{
  struct glia_comm *c = *comm;
  int over = 0;

  if (c == NULL) return;
  *comm = NULL;
  if (c->parted) return; /* its messages may still come, and the others may not */
  if (MPI_Finalized(&over) == MPI_SUCCESS && !over) MPI_Comm_free(&c->mpi);
  free(c->host);
  free(c->calls);
  free(c->meeting);
  free(c->process);
  free(c);
}

MPI_Comm glia_comm_mpi(const struct glia_comm *c) { return c != NULL ? c->mpi : MPI_COMM_SELF; }
int glia_comm_rank(const struct glia_comm *c) { return c != NULL ? c->rank : 0; }
int glia_comm_size(const struct glia_comm *c) { return c != NULL ? c->size : 1; }
int glia_comm_local_rank(const struct glia_comm *c) { return c != NULL ? c->local_rank : 0; }
int glia_comm_local_size(const struct glia_comm *c) { return c != NULL ? c->local_size : 1; }

size_t glia_comm_name_(const struct glia_comm *c, int rank, char *out, size_t used, size_t size)
{
  if (used >= size) return used;
  const int n = snprintf(out + used, size - used, "%s%d (%s)", used > 0 ? ", " : "", rank,
                         glia_comm_host(c, rank));
  return used + (n > 0 ? (size_t)n : 0);
}

const char *glia_comm_host(const struct glia_comm *c, int rank)
{
  return c != NULL && rank >= 0 && rank < c->size ? c->host[rank] : "localhost";
}

glia_status glia_comm_same_call_(struct glia_comm *c, const char *format, ...)
{
  char mine[GLIA_CALL_BYTES] = "";
  va_list args;

  if (c == NULL || c->calls == NULL) return GLIA_OK;
  va_start(args, format);
  vsnprintf(mine, sizeof mine, format, args);
  va_end(args);
  GLIA_TRY_MPI(
      MPI_Allgather(mine, GLIA_CALL_BYTES, MPI_CHAR, c->calls, GLIA_CALL_BYTES, MPI_CHAR, c->mpi));
  for (int r = 1; r < c->size; r++)
    GLIA_CHECK(strcmp(c->calls[0], c->calls[r]) == 0, GLIA_E_RANKS,
               "ranks have parted: rank 0 calls %s, rank %d calls %s", c->calls[0], r, c->calls[r]);
  return GLIA_OK;
}

glia_status glia_comm_barrier(struct glia_comm *c)
{
  if (c == NULL) return GLIA_OK;
  GLIA_TRY(glia_comm_same_call_(c, "barrier"));
  MPI_Request request;
  c->entered++;
  GLIA_TRY_MPI(MPI_Ibarrier(c->mpi, &request));
  GLIA_TRY(glia_comm_wait_(c, &request, "a barrier"));
  return GLIA_OK;
}

glia_status glia_comm_bcast(struct glia_comm *c, void *data, size_t bytes, int root)
{
  char *at = data;

  if (c == NULL) return GLIA_OK;
  GLIA_TRY(glia_comm_same_call_(c, "bcast of %zu bytes from rank %d", bytes, root));
  for (size_t left = bytes; left > 0;) {
    const size_t piece = left < PIECE_BYTES ? left : PIECE_BYTES;
    GLIA_TRY(glia_comm_cast_(c, at, (int)piece, MPI_BYTE, root));
    at += piece;
    left -= piece;
  }
  return GLIA_OK;
}

/* One block for `size` texts of the given lengths, with the pointers in front. */
static char **text_block(const int64_t *length, int size)
{
  size_t bytes = (size_t)size * sizeof(char *);

  for (int r = 0; r < size; r++) bytes += (size_t)length[r] + 1;
  char **block = malloc(bytes);
  if (block == NULL) return NULL;
  char *at = (char *)(block + size);
  for (int r = 0; r < size; r++) {
    block[r] = at;
    at += length[r];
    *at++ = '\0';
  }
  return block;
}

static glia_status receive_texts(struct glia_comm *c, const int64_t *length, char **block)
{
  for (int r = 0; r < c->size; r++)
    for (int64_t at = 0; r != c->rank && at < length[r]; at += PIECE_BYTES) {
      const int64_t left = length[r] - at;
      const int piece = left < PIECE_BYTES ? (int)left : PIECE_BYTES;
      MPI_Request request;
      GLIA_TRY_MPI(MPI_Irecv(block[r] + at, piece, MPI_CHAR, r, TAG_TEXT, c->mpi, &request));
      GLIA_TRY(glia_comm_wait_(c, &request, "a gathering of texts"));
    }
  return GLIA_OK;
}

static glia_status send_text(struct glia_comm *c, const char *text, int64_t length, int root)
{
  for (int64_t at = 0; at < length; at += PIECE_BYTES) {
    const int64_t left = length - at;
    const int piece = left < PIECE_BYTES ? (int)left : PIECE_BYTES;
    MPI_Request request;
    GLIA_TRY_MPI(MPI_Isend(text + at, piece, MPI_CHAR, root, TAG_TEXT, c->mpi, &request));
    GLIA_TRY(glia_comm_wait_(c, &request, "a gathering of texts"));
  }
  return GLIA_OK;
}

glia_status glia_comm_gather_text(struct glia_comm *c, const char *text, int root, char ***out)
{
  const int size = glia_comm_size(c);
  const int64_t mine = (int64_t)strlen(text);
  glia_status st = GLIA_OK;
  int64_t *length = NULL;
  char **block = NULL;
  int ready = 1;

  *out = NULL;
  GLIA_TRY(glia_comm_same_call_(c, "gather_text to rank %d", root));
  if (glia_comm_rank(c) == root) length = malloc((size_t)size * sizeof *length);
  if (glia_comm_rank(c) == root) ready = length != NULL;
  GLIA_TRY_TO(done, st, glia_comm_bcast(c, &ready, sizeof ready, root));
  GLIA_CHECK_TO(done, st, ready, GLIA_E_MEMORY, "no memory for %d lengths at rank %d", size, root);
  if (length != NULL) length[root] = mine;
  if (c != NULL) {
    MPI_Request request;
    c->entered++;
    GLIA_TRY_MPI_TO(
        done, st,
        MPI_Igather(&mine, 1, MPI_INT64_T, length, 1, MPI_INT64_T, root, c->mpi, &request));
    GLIA_TRY_TO(done, st, glia_comm_wait_(c, &request, "a gathering of texts"));
  }
  if (length != NULL) ready = (block = text_block(length, size)) != NULL;
  GLIA_TRY_TO(done, st, glia_comm_bcast(c, &ready, sizeof ready, root));
  GLIA_CHECK_TO(done, st, ready, GLIA_E_MEMORY, "no memory for the texts of %d ranks at rank %d",
                size, root);
  if (block == NULL) {
    GLIA_TRY_TO(done, st, send_text(c, text, mine, root));
  } else {
    memcpy(block[root], text, (size_t)mine);
    if (c != NULL) GLIA_TRY_TO(done, st, receive_texts(c, length, block));
    *out = block;
    block = NULL;
  }

done:
  free(block);
  free(length);
  return st;
}

static glia_status reduce(struct glia_comm *c, glia_comm_op op, void *x, int n, MPI_Datatype type,
                          const char *name)
{
  static const struct {
    const char *name;
    MPI_Op op;
  } ops[] = {[GLIA_COMM_MIN] = {"min", MPI_MIN},
             [GLIA_COMM_MAX] = {"max", MPI_MAX},
             [GLIA_COMM_SUM] = {"sum", MPI_SUM}};

  if (c == NULL) return GLIA_OK;
  GLIA_CHECK((unsigned)op < GLIA_COUNT(ops), GLIA_E_ARGUMENT, "no reduction has number %d",
             (int)op);
  GLIA_TRY(glia_comm_same_call_(c, "reduce_%s %s of %d", name, ops[op].name, n));
  return glia_comm_fold_(c, x, n, type, ops[op].op);
}

glia_status glia_comm_reduce_i64(struct glia_comm *c, glia_comm_op op, int64_t *x, int n)
{
  return reduce(c, op, x, n, MPI_INT64_T, "i64");
}

glia_status glia_comm_reduce_f64(struct glia_comm *c, glia_comm_op op, double *x, int n)
{
  return reduce(c, op, x, n, MPI_DOUBLE, "f64");
}
