/* A problem from its text, for tests of what is read and what is refused. */
#ifndef PDE_PROBLEM_H
#define PDE_PROBLEM_H

#include "glia_solve.h"
#include "tap.h"

#include <string.h>

static struct glia_problem q;
static struct glia_yaml_doc *doc;

static inline glia_status read_text(const char *text)
{
  GLIA_TRY(glia_yaml_parse_text("p.yaml", text, strlen(text), &doc));
  return glia_problem_read(glia_yaml_root(doc), &q);
}

static inline void forget(void)
{
  glia_problem_fini(&q);
  glia_yaml_destroy(&doc);
}

static inline void must_read(const char *text)
{
  const glia_status st = read_text(text);

  if (st != GLIA_OK) tap_note("%s%s", glia_trace(), q.fault);
  CU_ASSERT_EQUAL_FATAL(st, GLIA_OK);
}

static inline void refused(const char *text, const char *said)
{
  CU_ASSERT_EQUAL(read_text(text), GLIA_E_CONFIG);
  if (strstr(glia_trace_message(), said) == NULL)
    tap_note("expected '%s' in: %s", said, glia_trace_message());
  CU_ASSERT_PTR_NOT_NULL(strstr(glia_trace_message(), said));
  forget();
}

#endif
