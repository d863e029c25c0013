/* What a command says: text for people, one JSON object for scripts, failures on standard error. */
#include "cli_priv.h"

#include "glia_figure.h"
#include "glia_file.h"
#include "glia_log.h"
#include "glia_text.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int json_fd = -1; /* where the object goes: standard output as it was at the start */

glia_status cli_keep_stdout(struct glia_args *args)
{
  if (!args->json) return GLIA_OK;
  json_fd = dup(STDOUT_FILENO);
  GLIA_CHECK(json_fd >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0, GLIA_E_IO,
             "cannot use standard output: %s", strerror(errno));
  return GLIA_OK;
}

glia_status glia_cli_give_stdout(void)
{
  GLIA_CHECK(json_fd < 0 || dup2(json_fd, STDOUT_FILENO) >= 0, GLIA_E_IO,
             "cannot use standard output: %s", strerror(errno));
  return GLIA_OK;
}

glia_status glia_cli_made(glia_status st, const char *out)
{
  return st == GLIA_E_EXISTS ? GLIA_FAIL(st, "%s exists already: --force replaces it", out) : st;
}

/* Is it what a word, an override or an option names to be read? */
static bool is_read(const struct glia_args *args, const char *path)
{
  for (int i = 0; i < args->n_words; i++)
    if (glia_file_same(args->word[i], path)) return true;
  for (int i = 0; i < args->n_overrides; i++)
    if (glia_file_same(strchr(args->override[i], '=') + 1, path)) return true;
  for (int i = 0; i < args->n_given; i++) {
    const struct glia_given *g = &args->given[i];
    for (int k = 0; g->option->input && k < GLIA_OPTION_WORDS && g->word[k] != NULL; k++)
      if (glia_file_same(g->word[k], path)) return true;
  }
  return false;
}

static glia_status check_output(const struct glia_args *args, glia_output kind, const char *path)
{
  const char *dot = strrchr(path, '.');

  if (is_read(args, path))
    return GLIA_FAIL(GLIA_E_USAGE, "%s is what is read: what is written wants another name", path);
  if (kind == GLIA_OUTPUT_PLACE) return GLIA_OK;
  if (kind == GLIA_OUTPUT_FIGURE) return glia_figure_may_write(path);
  GLIA_CHECK(kind != GLIA_OUTPUT_PAGE ||
                 (dot != NULL && (strcmp(dot, ".html") == 0 || strcmp(dot, ".htm") == 0)),
             GLIA_E_USAGE, "%s: a report is .html", path);
  const bool force = kind != GLIA_OUTPUT_NEW || glia_args_has(args, "force");
  const glia_status st = glia_file_may_make(path, force);
  return force ? st : glia_cli_made(st, path);
}

glia_status cli_check_outputs(const struct glia_args *args)
{
  for (int i = 0; i < args->n_given; i++) {
    const struct glia_given *g = &args->given[i];
    if (g->option->output != GLIA_OUTPUT_NONE)
      GLIA_TRY(check_output(args, g->option->output, g->word[0]));
  }
  return GLIA_OK;
}

void glia_cli_print(const struct glia_args *args, const char *format, ...)
{
  va_list list;

  if (args->json || args->rank != 0) return;
  va_start(list, format);
  vprintf(format, list);
  va_end(list);
}

json_t *glia_json_real(double v) { return isfinite(v) ? json_real(v) : json_null(); }

json_t *glia_json_text(const char *text)
{
  if (text == NULL) return json_null();
  char *clean = glia_text_utf8(text);
  json_t *string = clean != NULL ? json_string(clean) : NULL;

  free(clean);
  return string;
}

void glia_json_set(json_t *object, const char *key, json_t *value)
{
  char *clean = glia_text_utf8(key);

  if (clean != NULL)
    json_object_set_new(object, clean, value);
  else
    json_decref(value);
}

static glia_status write_all(int fd, const char *text)
{
  for (size_t left = strlen(text); left > 0;) {
    const ssize_t n = write(fd, text, left);
    if (n < 0 && errno == EINTR) continue;
    GLIA_CHECK(n > 0, GLIA_E_IO, "cannot write the result: %s", strerror(errno));
    text += n;
    left -= (size_t)n;
  }
  return GLIA_OK;
}

glia_status glia_cli_json(struct glia_args *args, json_t *object)
{
  GLIA_CHECK(object != NULL, GLIA_E_MEMORY, "no memory for the result");
  assert(json_is_object(object) && !args->json_written);
  args->json_written = true;
  if (!args->json || args->rank != 0) {
    json_decref(object);
    return GLIA_OK;
  }
  char *text = json_dumps(object, 0);
  json_decref(object);
  GLIA_CHECK(text != NULL, GLIA_E_MEMORY, "the result cannot be written as JSON");
  glia_status st = write_all(json_fd, text);
  free(text);
  if (st == GLIA_OK) st = write_all(json_fd, "\n");
  return st;
}

void cli_print_failure(const struct glia_command *command, glia_status st)
{
  const char *message = glia_trace_message();

  fflush(stdout);
  fprintf(stderr, "glia%s%s: %s\n", command != NULL ? " " : "",
          command != NULL ? command->name : "", *message != '\0' ? message : glia_status_text(st));
  if (glia_log_enabled(GLIA_LOG_DEBUG)) fputs(glia_trace(), stderr);
}

glia_status cli_finish_output(const struct glia_args *args, glia_status st)
{
  if (fflush(stdout) != 0 || ferror(stdout)) {
    if (st == GLIA_OK)
      st = GLIA_FAIL(GLIA_E_IO, "cannot write to standard output: %s", strerror(errno));
  }
  if (st == GLIA_OK && args->json && args->rank == 0 && !args->json_written)
    st = GLIA_FAIL(GLIA_E_INTERNAL, "the command has no JSON to print");
  if (json_fd >= 0 && close(json_fd) != 0 && st == GLIA_OK)
    st = GLIA_FAIL(GLIA_E_IO, "cannot write the result: %s", strerror(errno));
  json_fd = -1;
  return st;
}
