/* What was run last, and what is planned: the records, and docs/methods.md made from them. */
#include "study_priv.h"

#include "glia_whole_file.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct method {
  int number;
  const char *title;
};

static const struct method methods[] = {
#define METHOD(number, title) {number, title},
#include "methods.def"
#undef METHOD
};

static const struct study_record records[] = {
#define RECORD(...) {__VA_ARGS__},
#include "recorded.def"
#undef RECORD
    {0},
};

const struct study_record *study_recorded(const struct glia_study *s, const char *gate)
{
  char definition[65];

  study_definition(s, definition);
  for (const struct study_record *r = records; r->study != NULL; r++)
    if (strcmp(r->study, s->name) == 0 && strcmp(r->gate, gate) == 0 &&
        strcmp(r->definition, definition) == 0)
      return r;
  return NULL;
}

static const struct glia_study *of_method(int number)
{
  for (const struct glia_study *const *s = study_list(); *s != NULL; s++)
    if ((*s)->number == number) return *s;
  return NULL;
}

static const char *direction(const struct study_gate *g)
{
  return g->direction == STUDY_AT_LEAST ? ">=" : "<=";
}

static void print_study(FILE *f, const struct glia_study *s)
{
  fprintf(f, "## %s\n\n", s->name);
  if (s->number > 0) fprintf(f, "Method %d. ", s->number);
  fprintf(f, "%c%s: %lld seeds (%lld with `--quick`).\n", toupper((unsigned char)s->title[0]),
          s->title + 1, (long long)s->seeds, (long long)s->quick_seeds);
  if (s->data != NULL) fprintf(f, "Needs %s.\n", s->data);
  fprintf(f, "\n| variant | what | |\n|---|---|---|\n");
  for (const struct study_variant *v = s->variant; v->name != NULL; v++)
    fprintf(f, "| `%s` | %s | %s |\n", v->name, v->what,
            strcmp(v->name, s->baseline) == 0  ? "baseline"
            : strcmp(v->name, s->method) == 0  ? "method"
            : strcmp(v->name, s->control) == 0 ? "control"
                                               : "");
  fprintf(f, "\n| gate | value | limit | last run | why |\n|---|---|---|---|---|\n");
  for (int i = 0; i < study_gates(s); i++) {
    const struct study_gate *g = &s->gate[i];
    const struct study_record *r = study_recorded(s, g->name);
    const struct study_table none = {.study = s};
    char text[160], value[48] = "";
    if (r != NULL) snprintf(value, sizeof value, "%.4g", r->value);
    fprintf(f, "| %s: %s | %s | %s %g | %s | %s |\n", g->name,
            study_gate_text(&none, g, text, sizeof text), value, direction(g), g->limit,
            r == NULL                     ? "none of this definition"
            : r->pass && r->control_fails ? "pass, control fails"
            : r->pass                     ? "pass, **control passes too**"
                                          : "**fail**",
            g->why);
  }
  fprintf(f, "\n");
}

static void print_page(FILE *f)
{
  fprintf(f, "# Methods\n\n"
             "Made by `glia study docs` from the tables of the program; `make check` compares. "
             "Values are those of the last recorded full\nrun (`glia study run NAME`). A control "
             "is the method switched off: its gates must fail.\n\n");
  for (const struct glia_study *const *s = study_list(); *s != NULL; s++) print_study(f, *s);
  fprintf(f, "## All methods\n\n| | method | study |\n|---|---|---|\n");
  for (size_t i = 0; i < GLIA_COUNT(methods); i++) {
    const struct glia_study *s = of_method(methods[i].number);
    fprintf(f, "| %d | %s | %s |\n", methods[i].number, methods[i].title,
            s != NULL ? s->name : "planned");
  }
}

glia_status study_methods_page(char **out)
{
  size_t size = 0;

  *out = NULL;
  FILE *f = open_memstream(out, &size);
  GLIA_CHECK(f != NULL, GLIA_E_MEMORY, "a page of methods");
  print_page(f);
  GLIA_CHECK(fclose(f) == 0, GLIA_E_MEMORY, "a page of methods");
  return GLIA_OK;
}

static void print_records(FILE *f, const struct study_table *t)
{
  char definition[65];

  study_definition(t->study, definition);
  for (int i = 0; i < study_gates(t->study); i++) {
    const struct study_verdict v = study_judge(t, i, false);
    fprintf(f, "RECORD(\"%s\", \"%s\", %lld, \"%s\", %.6g, %.6g, %s, %s)\n", t->study->name,
            definition, (long long)t->seeds, v.gate->name, v.value, v.gate->limit,
            v.pass ? "true" : "false", v.control_fails ? "true" : "false");
  }
}

/* Copy what is not of this study, then add its lines. */
glia_status study_record_write(const struct study_table *t, const char *path)
{
  char line[512], own[128];
  struct glia_whole_file to = {0};
  glia_status st = GLIA_OK;
  FILE *from = fopen(path, "r");

  GLIA_CHECK(from != NULL, GLIA_E_IO, "%s: %s", path, strerror(errno));
  GLIA_TRY_TO(out, st, glia_whole_open(path, &to));
  snprintf(own, sizeof own, "RECORD(\"%s\",", t->study->name);
  while (fgets(line, sizeof line, from) != NULL)
    if (strncmp(line, own, strlen(own)) != 0) fputs(line, to.f);
  print_records(to.f, t);
  GLIA_CHECK_TO(out, st, ferror(from) == 0, GLIA_E_IO, "%s: %s", path, strerror(errno));
  GLIA_TRY_TO(out, st, glia_whole_close(&to));
out:
  glia_whole_abort(&to);
  fclose(from);
  return st;
}
