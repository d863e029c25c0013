/* See peer.h. */
#include "peer.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ANSWER = PEER_ANSWER };

/* One line of the child's. */
static bool hear(struct peer *p, char *answer)
{
  if (fgets(answer, ANSWER, p->from) == NULL) return false;
  answer[strcspn(answer, "\n")] = '\0';
  return true;
}

static void run_python(const char *python, const char *program, const int *in, const int *out)
{
  dup2(in[0], STDIN_FILENO);
  dup2(out[1], STDOUT_FILENO);
  /* Products of one thread unless told otherwise, as ours; and memory that is kept, as ours: every array of a step beyond 128 KiB is
   * otherwise mapped, paged in and given back, which on a virtual machine costs more than the arithmetic. 32 MiB: the most that every
   * glibc takes. */
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  setenv("MALLOC_MMAP_THRESHOLD_", "33554432", 1);
  setenv("MALLOC_TRIM_THRESHOLD_", "1073741824", 1);
  setenv("MALLOC_TOP_PAD_", "67108864", 1);
  setenv("GLOO_SOCKET_IFNAME", "lo", 0); /* processes of one node */
  execlp(python, python, "-c", program, (char *)NULL);
  _exit(127);
}

/* Whether this Python came up and has PyTorch. */
static bool start(struct peer *p, const char *python, const char *program)
{
  int in[2], out[2];
  char answer[ANSWER];

  /* a second peer must not hold the ends of the first, or that one never reads that we are gone */
  if (pipe2(in, O_CLOEXEC) != 0) return false;
  if (pipe2(out, O_CLOEXEC) != 0) {
    close(in[0]);
    close(in[1]);
    return false;
  }
  p->pid = fork();
  if (p->pid == 0) run_python(python, program, in, out);
  close(in[0]);
  close(out[1]);
  p->to = fdopen(in[1], "w");
  p->from = fdopen(out[0], "r");
  if (p->pid > 0 && p->to != NULL && p->from != NULL && hear(p, answer) &&
      sscanf(answer, "ready %63s", p->version) == 1)
    return true;
  peer_close(p);
  return false;
}

/* Python's complaint about a missing module is no news to who reads the bench. */
static bool has_torch(const char *python)
{
  const pid_t pid = fork();
  int status = 0;

  if (pid == 0) {
    if (freopen("/dev/null", "w", stderr) == NULL) _exit(127);
    execlp(python, python, "-c", "import torch, numpy", (char *)NULL);
    _exit(127);
  }
  return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
         WEXITSTATUS(status) == 0;
}

glia_status peer_open(struct peer *p, const char *program)
{
  const char *const python[] = {getenv("PYTHON3"), "python3", "/usr/bin/python3"};

  *p = (struct peer){0};
  signal(SIGPIPE, SIG_IGN); /* a child that died shows at the next answer */
  for (size_t i = 0; i < GLIA_COUNT(python); i++)
    if (python[i] != NULL && has_torch(python[i]) && start(p, python[i], program)) return GLIA_OK;
  return GLIA_OK;
}

void peer_close(struct peer *p)
{
  if (p->to != NULL) fclose(p->to); /* the child reads its end and leaves */
  if (p->from != NULL) fclose(p->from);
  if (p->pid > 0) waitpid(p->pid, NULL, 0);
  *p = (struct peer){0};
}

/* An answer that begins with ok. */
static glia_status ask(struct peer *p, char *answer)
{
  fflush(p->to);
  GLIA_CHECK(hear(p, answer), GLIA_E_IO, "the PyTorch process ended: its message is above");
  GLIA_CHECK(strncmp(answer, "ok", 2) == 0, GLIA_E_IO, "PyTorch answers '%s'", answer);
  return GLIA_OK;
}

glia_status peer_ask(struct peer *p, char *answer, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  vfprintf(p->to, format, args);
  va_end(args);
  fputc('\n', p->to);
  return ask(p, answer);
}

glia_status peer_array(struct peer *p, const char *name, const struct glia_type *type, int64_t rows,
                       const void *data)
{
  char answer[ANSWER];
  size_t bytes = glia_type_bytes(type);

  fprintf(p->to, "array %s %s", name,
          type->dtype == GLIA_F32   ? "float32"
          : type->dtype == GLIA_F64 ? "float64"
                                    : "uint8");
  if (rows > 0) {
    fprintf(p->to, " %lld", (long long)rows);
    bytes *= (size_t)rows;
  }
  for (int k = 0; k < type->rank; k++) fprintf(p->to, " %lld", (long long)type->dim[k]);
  fputc('\n', p->to);
  fwrite(data, 1, bytes, p->to);
  return ask(p, answer);
}

glia_status peer_build(struct peer *p, struct workload *w, int threads)
{
  const struct glia_state *state;
  const int n = glia_graph_states(w->graph, &state);
  char answer[ANSWER];

  GLIA_TRY(peer_array(p, "x", &w->kind->x, w->kind->batch, w->x));
  if (w->kind->y.dtype != GLIA_BOOL)
    GLIA_TRY(peer_array(p, "y", &w->kind->y, w->kind->batch, w->y));
  for (int i = 0; i < n; i++)
    if (strncmp(state[i].path, "params/", strlen("params/")) == 0)
      GLIA_TRY(peer_array(p, state[i].path, &state[i].type, 0, glia_engine_state(w->engine, i)));
  GLIA_TRY(peer_ask(p, answer, "build %s %d %.17g", w->kind->name, threads, w->kind->clip_norm));
  snprintf(p->variant, sizeof p->variant, "%.60s", answer + strlen("ok "));
  return GLIA_OK;
}

glia_status peer_join(struct peer *p, const char *file, int rank, int size)
{
  char answer[ANSWER];

  return peer_ask(p, answer, "join %s %d %d", file, rank, size);
}

glia_status peer_run(struct peer *p, int n, double *took_s, double *loss)
{
  char answer[ANSWER];

  fprintf(p->to, "run %d\n", n);
  fflush(p->to);
  GLIA_CHECK(hear(p, answer) && sscanf(answer, "%lf %lf", took_s, loss) == 2, GLIA_E_IO,
             "the PyTorch process ended: its message is above");
  return GLIA_OK;
}

glia_status peer_reset(struct peer *p)
{
  char answer[ANSWER];

  fprintf(p->to, "reset\n");
  return ask(p, answer);
}
