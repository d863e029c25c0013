/* Communicators: a duplicate that returns errors, who sits on which node, and the small collectives. */
#include "mpi_priv.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "glia_log.h"

enum { STAGING_BYTES = 1 << 20, TAG_TEXT = 1 };

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

/* Ranks in MPI_COMM_WORLD, which messages name: known without asking, so also to who waits for the first meeting. */
static glia_status number_processes(struct glia_comm *c)
{
  MPI_Group own = MPI_GROUP_NULL, world = MPI_GROUP_NULL;
  glia_status st = GLIA_OK;

  GLIA_TRY_MPI(MPI_Comm_group(c->mpi, &own));
  GLIA_TRY_MPI_TO(done, st, MPI_Comm_group(MPI_COMM_WORLD, &world));
  for (int r = 0; r < c->size; r++) {
    int to = r;
    GLIA_TRY_MPI_TO(done, st, MPI_Group_translate_ranks(own, 1, &r, world, &to));
    c->process[r][0] = to;
  }

done:
  if (world != MPI_GROUP_NULL) MPI_Group_free(&world);
  MPI_Group_free(&own);
  return st;
}

/* Hosts of all ranks and the place of this one on its node. */
static glia_status look_around(struct glia_comm *c)
{
  char name[MPI_MAX_PROCESSOR_NAME] = "";
  int length = 0;
  MPI_Comm node = MPI_COMM_NULL;

  GLIA_TRY_MPI(MPI_Get_processor_name(name, &length));
  snprintf(c->host[c->rank], GLIA_HOST_BYTES, "%.*s", GLIA_HOST_BYTES - 1, name);
  GLIA_TRY(glia_comm_share_(c, c->host, GLIA_HOST_BYTES, "comparing hosts"));
  GLIA_TRY_MPI(MPI_Comm_split_type(c->mpi, MPI_COMM_TYPE_SHARED, c->rank, MPI_INFO_NULL, &node));
  GLIA_TRY_MPI(MPI_Comm_rank(node, &c->local_rank));
  GLIA_TRY_MPI(MPI_Comm_size(node, &c->local_size));
  c->node = c->rank;
  GLIA_TRY_MPI(MPI_Bcast(&c->node, 1, MPI_INT, 0, node));
  GLIA_TRY_MPI(MPI_Comm_free(&node));
  return GLIA_OK;
}

glia_status glia_comm_send_(struct glia_comm *c, const void *x, int bytes, int to, int tag,
                            const char *op)
{
  MPI_Request request;

  memcpy(c->staging, x, (size_t)bytes);
  GLIA_TRY_MPI(MPI_Isend(c->staging, bytes, MPI_BYTE, to, tag, c->mpi, &request));
  return glia_comm_wait_(c, &request, op);
}

glia_status glia_comm_receive_(struct glia_comm *c, void *x, int bytes, int from, int tag,
                               const char *op)
{
  MPI_Request request;

  GLIA_TRY_MPI(MPI_Irecv(c->staging, bytes, MPI_BYTE, from, tag, c->mpi, &request));
  GLIA_TRY(glia_comm_wait_(c, &request, op));
  memcpy(x, c->staging, (size_t)bytes);
  return GLIA_OK;
}

glia_status glia_comm_cast_(struct glia_comm *c, void *x, size_t bytes, int root)
{
  for (size_t at = 0; at < bytes; at += STAGING_BYTES) {
    const size_t n = bytes - at < STAGING_BYTES ? bytes - at : STAGING_BYTES;
    MPI_Request request;
    c->entered++;
    if (c->rank == root) memcpy(c->staging, (char *)x + at, n);
    GLIA_TRY_MPI(MPI_Ibcast(c->staging, (int)n, MPI_BYTE, root, c->mpi, &request));
    GLIA_TRY(glia_comm_wait_(c, &request, "a broadcast"));
    if (c->rank != root) memcpy((char *)x + at, c->staging, n);
  }
  return GLIA_OK;
}

glia_status glia_comm_fold_(struct glia_comm *c, void *x, int n, MPI_Datatype type, MPI_Op op)
{
  int size = 0;

  GLIA_TRY_MPI(MPI_Type_size(type, &size));
  const int most = STAGING_BYTES / size;
  for (int at = 0; at < n; at += most) {
    const int k = n - at < most ? n - at : most;
    char *piece = (char *)x + (size_t)at * (size_t)size;
    MPI_Request request;
    c->entered++;
    memcpy(c->staging, piece, (size_t)k * (size_t)size);
    GLIA_TRY_MPI(MPI_Iallreduce(MPI_IN_PLACE, c->staging, k, type, op, c->mpi, &request));
    GLIA_TRY(glia_comm_wait_(c, &request, "a meeting"));
    memcpy(piece, c->staging, (size_t)k * (size_t)size);
  }
  return GLIA_OK;
}

glia_status glia_comm_share_(struct glia_comm *c, void *all, int bytes, const char *op)
{
  MPI_Request request;

  c->entered++;
  GLIA_TRY_MPI(
      MPI_Iallgather(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, all, bytes, MPI_BYTE, c->mpi, &request));
  return glia_comm_wait_(c, &request, op);
}

static void release(struct glia_comm *c)
{
  free(c->host);
  free(c->calls);
  free(c->process);
  free(c->length);
  free(c->staging);
  free(c);
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
    c->process = calloc((size_t)c->size, sizeof *c->process);
    c->length = calloc((size_t)c->size, sizeof *c->length);
    c->staging = malloc(STAGING_BYTES);
    all[0] = c->host != NULL && c->calls != NULL && c->process != NULL && c->length != NULL &&
             c->staging != NULL;
  }
  all[0] = -all[0];
  GLIA_TRY_MPI_TO(fail, st, MPI_Allreduce(MPI_IN_PLACE, all, 2, MPI_INT, MPI_MAX, mpi));
  GLIA_CHECK_TO(fail, st, all[0] == -1, GLIA_E_MEMORY, "no memory for a communicator");
  if (!all[1]) {
    free(c->calls);
    c->calls = NULL;
  }
  GLIA_TRY_TO(fail, st, number_processes(c));
  GLIA_TRY_TO(fail, st, look_around(c));
  c->node_ranks = c->local_size;
  GLIA_TRY_TO(fail, st, glia_roll_enter_(c));
  *out = c;
  return GLIA_OK;

fail:
  if (c != NULL && c->parted) return st; /* as in glia_comm_destroy */
  if (c != NULL) release(c);
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
  GLIA_TRY(glia_knock_(from)); /* what follows waits without a limit */
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
  GLIA_TRY(glia_comm_barrier(comm)); /* MPI_Comm_split itself waits without a limit */
  GLIA_TRY(glia_comm_same_call_(comm, "split"));
  GLIA_TRY_MPI(MPI_Comm_split(comm->mpi, color < 0 ? MPI_UNDEFINED : color, key, &mpi));
  if (mpi == MPI_COMM_NULL) return GLIA_OK;
  GLIA_TRY(adopt(mpi, out));
  (*out)->node_ranks = comm->node_ranks;
  return GLIA_OK;
}

bool glia_comm_crowded_(const struct glia_comm *c)
{
  return c->node_ranks > sysconf(_SC_NPROCESSORS_ONLN);
}

void glia_comm_destroy(struct glia_comm **comm)
{
  struct glia_comm *c = *comm;
  int over = 0;

  if (c == NULL) return;
  *comm = NULL;
  if (c->parted) return; /* its messages may still come, and the others may not */
  if (MPI_Finalized(&over) == MPI_SUCCESS && !over) MPI_Comm_free(&c->mpi);
  release(c);
}

MPI_Comm glia_comm_mpi(const struct glia_comm *c) { return c != NULL ? c->mpi : MPI_COMM_SELF; }
int glia_comm_rank(const struct glia_comm *c) { return c != NULL ? c->rank : 0; }
int glia_comm_size(const struct glia_comm *c) { return c != NULL ? c->size : 1; }
int glia_comm_local_rank(const struct glia_comm *c) { return c != NULL ? c->local_rank : 0; }
int glia_comm_node(const struct glia_comm *c) { return c != NULL ? c->node : 0; }

int glia_comm_local_size(const struct glia_comm *c) { return c != NULL ? c->local_size : 1; }

int glia_comm_world_rank_(const struct glia_comm *c, int rank)
{
  return c != NULL ? (int)c->process[rank][0] : 0;
}

size_t glia_comm_name_(const struct glia_comm *c, int rank, char *out, size_t used, size_t size)
{
  if (used >= size) return used;
  const int n = snprintf(out + used, size - used, "%s%d (%s)", used > 0 ? ", " : "",
                         glia_comm_world_rank_(c, rank), glia_comm_host(c, rank));
  return used + (n > 0 ? (size_t)n : 0);
}

const char *glia_comm_host(const struct glia_comm *c, int rank)
{
  return c != NULL && rank >= 0 && rank < c->size ? c->host[rank] : "localhost";
}

glia_status glia_comm_same_call_(struct glia_comm *c, const char *format, ...)
{
  va_list args;

  if (c == NULL || c->calls == NULL) return GLIA_OK;
  va_start(args, format);
  vsnprintf(c->calls[c->rank], GLIA_CALL_BYTES, format, args);
  va_end(args);
  GLIA_TRY(glia_comm_share_(c, c->calls, GLIA_CALL_BYTES, c->calls[c->rank]));
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
  if (c == NULL) return GLIA_OK;
  GLIA_TRY(glia_comm_same_call_(c, "bcast of %zu bytes from rank %d", bytes, root));
  return glia_comm_cast_(c, data, bytes, root);
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

static glia_status receive_texts(struct glia_comm *c, char **block)
{
  for (int r = 0; r < c->size; r++)
    for (int64_t at = 0; r != c->rank && at < c->length[r]; at += STAGING_BYTES) {
      const int64_t left = c->length[r] - at;
      GLIA_TRY(glia_comm_receive_(c, block[r] + at,
                                  left < STAGING_BYTES ? (int)left : STAGING_BYTES, r, TAG_TEXT,
                                  "a gathering of texts"));
    }
  return GLIA_OK;
}

static glia_status send_text(struct glia_comm *c, const char *text, int root)
{
  const int64_t length = c->length[c->rank];

  for (int64_t at = 0; at < length; at += STAGING_BYTES) {
    const int64_t left = length - at;
    GLIA_TRY(glia_comm_send_(c, text + at, left < STAGING_BYTES ? (int)left : STAGING_BYTES, root,
                             TAG_TEXT, "a gathering of texts"));
  }
  return GLIA_OK;
}

glia_status glia_comm_gather_text(struct glia_comm *c, const char *text, int root, char ***out)
{
  const int64_t mine = (int64_t)strlen(text);
  char **block = NULL;
  glia_status st = GLIA_OK;
  int ready = 1;

  *out = NULL;
  if (c == NULL) {
    *out = text_block(&mine, 1);
    GLIA_CHECK(*out != NULL, GLIA_E_MEMORY, "no memory for a text of %lld bytes", (long long)mine);
    memcpy((*out)[0], text, (size_t)mine);
    return GLIA_OK;
  }
  GLIA_TRY(glia_comm_same_call_(c, "gather_text to rank %d", root));
  c->length[c->rank] = mine;
  GLIA_TRY(glia_comm_share_(c, c->length, sizeof *c->length, "a gathering of texts"));
  if (c->rank == root) ready = (block = text_block(c->length, c->size)) != NULL;
  GLIA_TRY_TO(done, st, glia_comm_cast_(c, &ready, sizeof ready, root));
  GLIA_CHECK_TO(done, st, ready, GLIA_E_MEMORY, "no memory for the texts of %d ranks at rank %d",
                c->size, root);
  if (block == NULL) return send_text(c, text, root);
  memcpy(block[root], text, (size_t)mine);
  GLIA_TRY_TO(done, st, receive_texts(c, block));
  *out = block;
  block = NULL;

done:
  free(block);
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
