/* Names of the statuses and the per-thread trace. */
#include "glia_status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TRACE_BYTES = 4096 };

static _Thread_local char trace[TRACE_BYTES];
static _Thread_local char message[TRACE_BYTES / 4];

static const struct {
  const char *name;
  int exit_code;
  const char *text;
} status_table[] = {
#define X(name, code, text) {#name, code, text},
    GLIA_STATUS_LIST(X)
#undef X
};

static bool known(glia_status st) { return (unsigned)st < GLIA_COUNT(status_table); }

const char *glia_status_name(glia_status st) { return known(st) ? status_table[st].name : "?"; }
const char *glia_status_text(glia_status st)
{
  return known(st) ? status_table[st].text : "unknown status";
}
int glia_status_exit_code(glia_status st) { return known(st) ? status_table[st].exit_code : 70; }

const char *glia_trace(void) { return trace; }
const char *glia_trace_message(void) { return message; }

void glia_trace_clear(void)
{
  trace[0] = '\0';
  message[0] = '\0';
}

void glia_trace_set(const char *text)
{
  snprintf(trace, sizeof trace, "%s", text);
  /* "file:line: function: text\n": the message follows the second ": " */
  const char *m = strstr(trace, ": ");
  m = m != NULL ? strstr(m + 2, ": ") : NULL;
  m = m != NULL ? m + 2 : trace;
  snprintf(message, sizeof message, "%.*s", (int)strcspn(m, "\n"), m);
}

void glia_trace_push_(bool fresh, const char *file, int line, const char *function,
                      const char *format, ...)
{
  va_list args;
  char text[sizeof message];

  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  for (char *c = text; *c != '\0'; c++)
    if (*c == '\n') *c = ' ';

  const char *base = strstr(file, "src/"); /* "../src/core/x.c" reads "core/x.c" */
  if (fresh) {
    trace[0] = '\0';
    snprintf(message, sizeof message, "%s", text);
  }
  const size_t used = strlen(trace);
  snprintf(trace + used, sizeof trace - used, "%s:%d: %s: %s\n", base != NULL ? base + 4 : file,
           line, function, text);
}
