/* All ranks adopt the worst status and learn whose it was; all ranks compare a text. */
#include "glia_agree.h"
#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_sha256.h"
#include "mpi_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRACE_BYTES = 4096, MESSAGE_BYTES = 1024, PIECE_BYTES = 4096, SHOWN_BYTES = 120 };
enum { NAMED_BYTES = TRACE_BYTES + MESSAGE_BYTES + 128 };

/* The owner's trace, its first line saying whose it is. */
static void name_owner(const char *trace, const char *message, int owner, char out[NAMED_BYTES])
{
  const size_t line = strcspn(trace, "\n");
  const size_t words = strlen(message);

  if (line > words && strncmp(trace + line - words, message, words) == 0)
    snprintf(out, NAMED_BYTES, "%.*srank %d failed: %s", (int)(line - words), trace, owner,
             trace + line - words);
  else /* a message that was cut, or a trace that was set: keep its lines below */
    snprintf(out, NAMED_BYTES, "agree.c:%d: %s: rank %d failed: %s\n%s", __LINE__, __func__, owner,
             message, trace);
}

/* The owner of the worst status tells what happened. */
static glia_status hear(struct glia_comm *c, glia_status st, glia_status agreed, int owner)
{
  char trace[TRACE_BYTES] = "";
  char theirs[MESSAGE_BYTES] = "";
  char named[NAMED_BYTES];

  const char *message = glia_trace_message();
  if (*message == '\0') message = glia_status_text(agreed);
  if (c->rank == owner) {
    snprintf(trace, sizeof trace, "%s", glia_trace());
    snprintf(theirs, sizeof theirs, "%s", message);
  }
  GLIA_TRY(glia_comm_cast_(c, trace, sizeof trace, owner));
  GLIA_TRY(glia_comm_cast_(c, theirs, sizeof theirs, owner));
  int all_alike = st == agreed && strcmp(message, theirs) == 0;
  GLIA_TRY(glia_comm_fold_(c, &all_alike, 1, MPI_INT, MPI_LAND));
  if (all_alike) return agreed;
  name_owner(trace, theirs, owner, named);
  glia_trace_set(named);
  return agreed;
}

glia_status glia_agree(struct glia_comm *c, glia_status st)
{
  if (glia_comm_size(c) == 1) return st;
  struct {
    int value, rank;
  } worst = {(int)st, c->rank};
  GLIA_TRY(glia_comm_same_call_(c, "agree"));
  GLIA_TRY(glia_comm_fold_(c, &worst, 1, MPI_2INT, MPI_MAXLOC));
  return worst.value == GLIA_OK ? GLIA_OK : hear(c, st, (glia_status)worst.value, worst.rank);
}

/* First byte in which this rank's text differs from rank 0's, or -1; both ends counted. Piece by piece, so that no memory
 * is needed that one rank might not have. */
static glia_status first_difference(struct glia_comm *c, const char *text, int64_t *out)
{
  const int64_t mine = (int64_t)strlen(text) + 1;
  int64_t length = mine;
  char piece[PIECE_BYTES];

  *out = -1;
  GLIA_TRY(glia_comm_cast_(c, &length, sizeof length, 0));
  for (int64_t at = 0; at < length; at += PIECE_BYTES) {
    const int n = length - at < PIECE_BYTES ? (int)(length - at) : PIECE_BYTES;
    if (c->rank == 0) memcpy(piece, text + at, (size_t)n);
    GLIA_TRY(glia_comm_cast_(c, piece, (size_t)n, 0));
    for (int i = 0; i < n && *out < 0; i++)
      if (at + i >= mine || text[at + i] != piece[i]) *out = at + i;
  }
  return GLIA_OK;
}

/* The line around byte `at`, shortened about it, in quotes; and its number. */
static int64_t show_line(const char *text, int64_t at, char out[SHOWN_BYTES])
{
  const int64_t end = (int64_t)strlen(text);
  int64_t line = 1;
  int64_t from = 0;

  if (at > end) at = end;
  for (int64_t i = 0; i < at; i++)
    if (text[i] == '\n') {
      line++;
      from = i + 1;
    }
  const bool cut = at - from > SHOWN_BYTES / 2;
  if (cut) from = at - SHOWN_BYTES / 4;
  const int n = (int)strcspn(text + from, "\n");
  const int room = SHOWN_BYTES - 10;
  snprintf(out, SHOWN_BYTES, "'%s%.*s%s'", cut ? "..." : "", n < room ? n : room, text + from,
           n < room ? "" : "...");
  return line;
}

glia_status glia_agree_same(struct glia_comm *c, const char *name, const char *text)
{
  char shown[2][SHOWN_BYTES] = {"",
                                ""}; /* rank 0's line, and that of the first rank that differs */
  int64_t at = -1;
  int64_t line = 0;

  if (glia_comm_size(c) == 1) return GLIA_OK;
  GLIA_TRY(glia_comm_same_call_(c, "agree_same on %s", name));
  GLIA_TRY(first_difference(c, text, &at));
  int who = at >= 0 ? c->rank : c->size;
  GLIA_TRY(glia_comm_fold_(c, &who, 1, MPI_INT, MPI_MIN));
  if (who == c->size) return GLIA_OK;
  GLIA_TRY(glia_comm_cast_(c, &at, sizeof at, who));
  if (c->rank == 0) line = show_line(text, at, shown[0]);
  if (c->rank == 0 && strchr(text, '\n') == NULL) line = 0; /* a word needs no line number */
  if (c->rank == who) show_line(text, at, shown[1]);
  GLIA_TRY(glia_comm_cast_(c, &line, sizeof line, 0));
  GLIA_TRY(glia_comm_cast_(c, shown[0], SHOWN_BYTES, 0));
  GLIA_TRY(glia_comm_cast_(c, shown[1], SHOWN_BYTES, who));
  char place[32] = "";
  if (line > 0) snprintf(place, sizeof place, ", line %lld", (long long)line);
  return GLIA_FAIL(GLIA_E_RANKS, "ranks disagree on %s%s: rank 0 has %s, rank %d has %s", name,
                   place, shown[0], who, shown[1]);
}

glia_status glia_agree_data(struct glia_comm *c, const char *name, const void *data, size_t bytes)
{
  struct glia_sha256 h;
  char sum[65], text[128];

  if (glia_comm_size(c) == 1) return GLIA_OK;
  glia_sha256_init(&h);
  if (bytes > 0) glia_sha256_update(&h, data, bytes);
  glia_sha256_hex(&h, sum);
  snprintf(text, sizeof text, "%zu bytes, sha256 %.12s", bytes, sum);
  return glia_agree_same(c, name, text);
}

#define LOWER "set GLIA_CPU and OPENBLAS_CORETYPE to the lowest on all ranks (mpirun -x)"

/* All go down to the least of what each can. Where one cannot, or its level has no place in the order, some may have gone. */
static glia_status lower(struct glia_comm *c)
{
  struct glia_kernels_isa isa;
  const glia_status known = glia_kernels_isa_of(glia_kernels_level(), &isa);
  int least[2] = {isa.cpu, isa.core};

  GLIA_TRY(glia_agree(c, known));
  GLIA_TRY(glia_comm_fold_(c, least, 2, MPI_INT, MPI_MIN));
  isa = (struct glia_kernels_isa){.cpu = least[0], .core = least[1]};
  GLIA_TRY(glia_agree(c, glia_kernels_lower(&isa)));
  return glia_agree_same(c, "the kernel level", glia_kernels_level());
}

static glia_status agree_level(struct glia_comm *c, bool refuse)
{
  char differ[MESSAGE_BYTES], why[MESSAGE_BYTES];

  glia_status st = glia_agree_same(c, "the kernel level", glia_kernels_level());
  if (st != GLIA_E_RANKS) return st;
  snprintf(differ, sizeof differ, "%s", glia_trace_message());
  glia_trace_clear();
  st = lower(c);
  if (st == GLIA_E_MPI) return st;
  if (st == GLIA_OK) {
    if (glia_comm_rank(c) == 0)
      glia_log(GLIA_LOG_INFO, "kernels", "levels-lowered", "to=\"%s\" why=\"%s\"",
               glia_kernels_level(), differ);
    return GLIA_OK;
  }
  snprintf(why, sizeof why, "%s", glia_trace_message());
  glia_trace_clear();
  if (refuse) return GLIA_FAIL(GLIA_E_RANKS, "%s (%s): " LOWER, differ, why);
  if (glia_comm_rank(c) == 0)
    glia_log(GLIA_LOG_WARN, "kernels", "levels-differ",
             "what=\"%s\" why=\"%s\" advice=\"" LOWER ": bits may differ from other runs\"", differ,
             why);
  return GLIA_OK;
}

glia_status glia_agree_setup(struct glia_comm *c, const char *name, const char *text, bool refuse)
{
  GLIA_TRY(glia_agree_same(c, name, text));
  return agree_level(c, refuse);
}
