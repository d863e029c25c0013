/* Help and manual pages, from the same tables. */
#include "cli_priv.h"

#include <string.h>

enum { COLUMNS = 96, INDENT = 30 };

static const char purpose[] =
    "trains neural networks across a cluster and watches the health of its nodes";

static const struct {
  int code;
  const char *meaning;
} exits[] = {
    {0, "done"},
    {64, "command line not understood"},
    {65, "data are malformed, or shapes disagree"},
    {66, "something that was named is missing"},
    {69, "not supported"},
    {70, "an internal error, or message passing failed"},
    {71, "out of memory"},
    {73, "would overwrite, or another run is using it"},
    {74, "reading or writing failed"},
    {75, "stopped in good order: requeue me, I will resume"},
    {78, "configuration not understood"},
};

static const struct {
  const char *name;
  const char *meaning;
} variables[] = {
    {"GLIA_CPU", "plain, avx2 or avx512: no kernels of ours for a better CPU than this, for the "
                 "bits of another "
                 "machine (OPENBLAS_CORETYPE for OpenBLAS); the ranks of one run go down to the "
                 "lowest of their "
                 "nodes by themselves"},
    {"GLIA_LOG", "error, warn, info (default) or debug"},
    {"GLIA_LOG_RANKS", "all: every rank logs, not rank 0 alone"},
    {"GLIA_PROGRESS", "off: no progress on standard error"},
};

bool cli_in_group(const struct glia_command *command, const char *word)
{
  const size_t n = strlen(word);

  return strncmp(command->name, word, n) == 0 && command->name[n] == ' ';
}

/* Words of text behind what stands at column `at`, broken at COLUMNS and indented. */
static void wrap(FILE *f, const char *text, int at, int indent)
{
  while (*text != '\0') {
    const int n = (int)strcspn(text, " ");
    if (at > indent && at + 1 + n > COLUMNS) {
      fprintf(f, "\n%*s", indent, "");
      at = indent;
    } else if (at > indent) {
      fputc(' ', f);
      at++;
    }
    fprintf(f, "%.*s", n, text);
    at += n;
    text += n;
    text += strspn(text, " ");
  }
  fputc('\n', f);
}

/* A name in the left column, its meaning in the right one. */
static void row(FILE *f, const char *left, const char *right)
{
  int at = fprintf(f, "  %s", left);

  if (at > INDENT - 2) {
    fputc('\n', f);
    at = 0;
  }
  fprintf(f, "%*s", INDENT - at, "");
  wrap(f, right, INDENT, INDENT);
}

static void option_names(const struct glia_option *o, char *out, size_t size)
{
  char letter[8] = "    ";

  if (o->letter != 0) snprintf(letter, sizeof letter, "-%c, ", o->letter);
  snprintf(out, size, "%s--%s%s%s", letter, o->name, o->argument != NULL ? " " : "",
           o->argument != NULL ? o->argument : "");
}

/* Lines of text, each behind two blanks. */
static void indented(FILE *f, const char *text)
{
  while (*text != '\0') {
    const int n = (int)strcspn(text, "\n");
    fprintf(f, "%s%.*s\n", n > 0 ? "  " : "", n, text);
    text += n + (text[n] == '\n');
  }
}

static void list_commands(FILE *f, const char *group)
{
  for (const struct glia_command *const *c = cli_commands; *c != NULL; c++)
    if (!(*c)->hidden && (group == NULL || cli_in_group(*c, group)))
      row(f, (*c)->name, (*c)->summary);
}

static void help_glia(FILE *f)
{
  fprintf(f, "glia %s\n\nUsage: glia COMMAND [options]\n\nCommands:\n", purpose);
  list_commands(f, NULL);
  fprintf(f, "\nEvery command has --help, with an example, and --json for scripts.\n"
             "'glia help COMMAND' is the same as 'glia COMMAND --help'.\n\n"
             "Example:\n  glia help version\n");
}

void cli_help(FILE *f, const struct glia_command *command)
{
  char names[128];

  if (command == NULL) {
    help_glia(f);
    return;
  }
  fprintf(f, "glia %s: %s\n\nUsage: glia %s%s%s [options]\n\nOptions:\n", command->name,
          command->summary, command->name, command->usage != NULL ? " " : "",
          command->usage != NULL ? command->usage : "");
  const struct glia_option *const table[] = {command->options, cli_common_options};
  for (size_t t = 0; t < GLIA_COUNT(table); t++)
    for (const struct glia_option *o = table[t]; o != NULL && o->name != NULL; o++) {
      option_names(o, names, sizeof names);
      row(f, names, o->help);
    }
  if (command->details != NULL) {
    fputc('\n', f);
    for (const char *p = command->details; *p != '\0';) {
      const int n = (int)strcspn(p, "\n");
      char line[1024];
      snprintf(line, sizeof line, "%.*s", n, p);
      wrap(f, line, 0, 0);
      p += n + (p[n] == '\n');
    }
  }
  fprintf(f, "\nExample:\n");
  indented(f, command->example);
}

void cli_help_group(FILE *f, const char *group)
{
  fprintf(f, "Usage: glia %s COMMAND [options]\n\nCommands:\n", group);
  list_commands(f, group);
  fprintf(f, "\nExample:\n  glia help %s", group);
  for (const struct glia_command *const *c = cli_commands; *c != NULL; c++)
    if (!(*c)->hidden && cli_in_group(*c, group)) {
      fputs((*c)->name + strlen(group), f);
      break;
    }
  fputc('\n', f);
}

/* Text as roff shows it: '-' is a minus that can be copied, and no line is taken for a request. */
static void roff(FILE *f, const char *text)
{
  bool line_begins = true;

  for (; *text != '\0'; text++) {
    if (line_begins && (*text == '.' || *text == '\'')) fputs("\\&", f);
    if (*text == '-')
      fputs("\\-", f);
    else if (*text == '\\')
      fputs("\\e", f);
    else
      fputc(*text, f);
    line_begins = *text == '\n';
  }
}

static void man_item(FILE *f, const char *bold, const char *text)
{
  fprintf(f, ".TP\n.B ");
  roff(f, bold);
  fputc('\n', f);
  roff(f, text);
  fputc('\n', f);
}

void cli_man_name(const struct glia_command *command, char *out, size_t size)
{
  snprintf(out, size, "glia%s%s", command != NULL ? "-" : "", command != NULL ? command->name : "");
  for (char *c = out; *c != '\0'; c++)
    if (*c == ' ') *c = '-';
}

static void man_head(FILE *f, const struct glia_command *command)
{
  char name[96];

  cli_man_name(command, name, sizeof name);
  fprintf(f, ".TH ");
  for (const char *c = name; *c != '\0'; c++)
    fputc(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c, f);
  fprintf(f, " 1 \"\" \"glia " PACKAGE_VERSION "\" \"User commands\"\n.SH NAME\n");
  roff(f, name);
  fputs(" \\- ", f);
  roff(f, command != NULL ? command->summary : purpose);
  fputs("\n.SH SYNOPSIS\n.B glia ", f);
  roff(f, command != NULL ? command->name : "COMMAND");
  fputc('\n', f);
  if (command != NULL && command->usage != NULL) {
    roff(f, command->usage);
    fputc('\n', f);
  }
  fputs("[options]\n", f);
}

/* Paragraphs and examples: empty lines part them, others stand as they are written. */
static void man_paragraphs(FILE *f, const char *text)
{
  while (*text != '\0') {
    const int n = (int)strcspn(text, "\n");
    char line[1024];
    snprintf(line, sizeof line, "%.*s", n, text);
    if (n == 0)
      fputs(".PP\n", f);
    else
      roff(f, line), fputc('\n', f);
    text += n + (text[n] == '\n');
  }
}

static void man_command(FILE *f, const struct glia_command *command)
{
  char names[128];
  const struct glia_option *const table[] = {command->options, cli_common_options};

  if (command->details != NULL) {
    fputs(".SH DESCRIPTION\n", f);
    man_paragraphs(f, command->details);
  }
  fputs(".SH OPTIONS\n", f);
  for (size_t t = 0; t < GLIA_COUNT(table); t++)
    for (const struct glia_option *o = table[t]; o != NULL && o->name != NULL; o++) {
      option_names(o, names, sizeof names);
      man_item(f, names + strspn(names, " "), o->help);
    }
  fputs(".SH EXAMPLE\n.nf\n", f);
  man_paragraphs(f, command->example);
  fputs(".fi\n.SH SEE ALSO\n.BR glia (1)\n", f);
}

static void man_glia(FILE *f)
{
  char text[16];

  fputs(".SH COMMANDS\n", f);
  for (const struct glia_command *const *c = cli_commands; *c != NULL; c++)
    if (!(*c)->hidden) man_item(f, (*c)->name, (*c)->summary);
  fputs(".PP\nEach has a page of its own, glia\\-COMMAND, which says the same as its \\-\\-help.\n"
        ".SH EXIT STATUS\nAs in sysexits.h:\n",
        f);
  for (size_t i = 0; i < GLIA_COUNT(exits); i++) {
    snprintf(text, sizeof text, "%d", exits[i].code);
    man_item(f, text, exits[i].meaning);
  }
  fputs(".SH FILES\n", f);
  man_item(f, GLIA_DOC_DIR,
           "docs/formats, docs/recipes and examples, which pages and messages name");
  fputs(".SH ENVIRONMENT\n", f);
  for (size_t i = 0; i < GLIA_COUNT(variables); i++)
    man_item(f, variables[i].name, variables[i].meaning);
}

void cli_man(FILE *f, const struct glia_command *command)
{
  man_head(f, command);
  if (command != NULL)
    man_command(f, command);
  else
    man_glia(f);
}
