/* The command line, read and checked against a command's table. */
#include "cli_priv.h"

#include "glia_text.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 96 };

const struct glia_option cli_common_options[] = {
    {.name = "json", .help = "print one JSON object on standard output and nothing else there"},
    {.name = "help", .letter = 'h', .help = "show this text"},
    {0},
};

static int words_of(const struct glia_option *o)
{
  return o->kind == GLIA_OPTION_FLAG ? 0 : o->words > 1 ? o->words : 1;
}

/* The first option of either table for which `name` (or `letter`, when name is NULL) fits; NULL: none. */
static const struct glia_option *find(const struct glia_command *command, const char *name,
                                      char letter)
{
  const struct glia_option *const table[] = {command->options, cli_common_options};

  for (size_t t = 0; t < GLIA_COUNT(table); t++)
    for (const struct glia_option *o = table[t]; o != NULL && o->name != NULL; o++)
      if (name != NULL ? strcmp(o->name, name) == 0 : o->letter == letter) return o;
  return NULL;
}

static glia_status unknown_option(const struct glia_command *command, const char *name,
                                  const char *typed)
{
  const struct glia_option *const table[] = {command->options, cli_common_options};
  const char *known[OPTIONS_MAX + 1];
  int n = 0;

  for (size_t t = 0; t < GLIA_COUNT(table); t++)
    for (const struct glia_option *o = table[t]; o != NULL && o->name != NULL && n < OPTIONS_MAX;
         o++)
      known[n++] = o->name;
  known[n] = NULL;
  const char *nearest = glia_nearest(name, known);
  if (nearest != NULL)
    return GLIA_FAIL(GLIA_E_USAGE, "unknown option '%s': did you mean '--%s'?", typed, nearest);
  return GLIA_FAIL(GLIA_E_USAGE, "unknown option '%s': 'glia %s --help' lists them", typed,
                   command->name);
}

static glia_status check_range(const struct glia_option *o, const char *word, double v)
{
  GLIA_CHECK(!(o->lo < o->hi) || (v >= o->lo && v <= o->hi), GLIA_E_USAGE,
             "--%s: found %s, expected %g to %g", o->name, word, o->lo, o->hi);
  return GLIA_OK;
}

static glia_status check_choice(const struct glia_option *o, const char *word)
{
  char all[512] = "";
  size_t used = 0;

  for (const char *const *c = o->choices; *c != NULL; c++) {
    if (strcmp(*c, word) == 0) return GLIA_OK;
    if (used < sizeof all)
      used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", used > 0 ? ", " : "", *c);
  }
  const char *nearest = glia_nearest(word, o->choices);
  if (nearest != NULL)
    return GLIA_FAIL(GLIA_E_USAGE, "--%s: unknown value '%s': did you mean '%s'?", o->name, word,
                     nearest);
  return GLIA_FAIL(GLIA_E_USAGE, "--%s: unknown value '%s': expected one of %s", o->name, word,
                   all);
}

/* "0.5,1,2": NULL out only counts. Returns how many, or -1. */
static int parse_reals(const char *text, double *out)
{
  char one[64];
  int n = 0;

  for (const char *p = text;; p++) {
    const size_t len = strcspn(p, ",");
    double v;
    if (len >= sizeof one) return -1;
    memcpy(one, p, len);
    one[len] = '\0';
    if (!glia_parse_real(one, &v)) return -1;
    if (out != NULL) out[n] = v;
    n++;
    p += len;
    if (*p == '\0') return n;
  }
}

static glia_status check_reals(const struct glia_option *o, const char *word)
{
  const int n = parse_reals(word, NULL);

  GLIA_CHECK(n > 0, GLIA_E_USAGE, "--%s: found '%s', expected numbers parted by commas", o->name,
             word);
  double *v = calloc((size_t)n, sizeof *v);
  GLIA_CHECK(v != NULL, GLIA_E_MEMORY, "--%s: %d numbers", o->name, n);
  parse_reals(word, v);
  glia_status st = GLIA_OK;
  for (int i = 0; i < n && st == GLIA_OK; i++) st = check_range(o, word, v[i]);
  free(v);
  return st;
}

static glia_status check_word(const struct glia_option *o, const char *word)
{
  int64_t i = 0;
  double v = 0.0;

  switch (o->kind) {
  case GLIA_OPTION_FLAG:
    break;
  case GLIA_OPTION_TEXT:
    return o->choices != NULL ? check_choice(o, word) : GLIA_OK;
  case GLIA_OPTION_INT:
    GLIA_CHECK(glia_parse_int(word, &i), GLIA_E_USAGE, "--%s: found '%s', expected a whole number",
               o->name, word);
    return check_range(o, word, (double)i);
  case GLIA_OPTION_REAL:
    GLIA_CHECK(glia_parse_real(word, &v), GLIA_E_USAGE, "--%s: found '%s', expected a number",
               o->name, word);
    return check_range(o, word, v);
  case GLIA_OPTION_REALS:
    return check_reals(o, word);
  case GLIA_OPTION_DURATION:
    GLIA_CHECK(glia_parse_duration(word, &v) == GLIA_OK, GLIA_E_USAGE,
               "--%s: found '%s', expected a duration such as 90, 5m, 2h or 1-00:00:00", o->name,
               word);
    return check_range(o, word, v);
  case GLIA_OPTION_SIZE:
    GLIA_CHECK(glia_parse_size(word, &i) == GLIA_OK, GLIA_E_USAGE,
               "--%s: found '%s', expected a size such as 4096, 64KiB or 1.5GiB", o->name, word);
    return check_range(o, word, (double)i);
  }
  return GLIA_OK;
}

/* A command line being read. */
struct reader {
  const struct glia_command *command;
  int argc;
  char **argv;
  int at;
  struct glia_args *args;
};

/* Is it a known option, written out? Then it is no argument of another. */
static bool is_known_option(const struct reader *r, const char *word)
{
  return strncmp(word, "--", 2) == 0 && find(r->command, word + 2, '\0') != NULL;
}

/* Take the arguments of option o; `attached` is the text behind '=' or behind a letter, or NULL. */
static glia_status take_option(struct reader *r, const struct glia_option *o, const char *attached)
{
  struct glia_given *given = &r->args->given[r->args->n_given];
  const int n = words_of(o);

  GLIA_CHECK(n > 0 || attached == NULL, GLIA_E_USAGE, "--%s takes no argument", o->name);
  GLIA_CHECK(n <= 1 || attached == NULL, GLIA_E_USAGE, "--%s wants %s as words of their own",
             o->name, o->argument);
  given->option = o;
  for (int i = 0; i < n; i++) {
    const char *word = attached;
    if (word == NULL) {
      GLIA_CHECK(r->at < r->argc && !is_known_option(r, r->argv[r->at]), GLIA_E_USAGE,
                 "--%s wants %s", o->name, o->argument);
      word = r->argv[r->at++];
    }
    GLIA_TRY(check_word(o, word));
    given->word[i] = word;
  }
  r->args->n_given++;
  return GLIA_OK;
}

static glia_status take_long(struct reader *r, const char *word)
{
  char name[64];
  const size_t n = strcspn(word + 2, "=");

  GLIA_CHECK(n < sizeof name, GLIA_E_USAGE, "unknown option '%.60s...'", word);
  memcpy(name, word + 2, n);
  name[n] = '\0';
  const struct glia_option *o = find(r->command, name, '\0');
  if (o == NULL) return unknown_option(r->command, name, word);
  return take_option(r, o, word[2 + n] == '=' ? word + 2 + n + 1 : NULL);
}

static glia_status take_short(struct reader *r, const char *word)
{
  const struct glia_option *o = find(r->command, NULL, word[1]);

  if (o == NULL) return unknown_option(r->command, word + 1, word);
  return take_option(r, o, word[2] != '\0' ? word + 2 : NULL);
}

/* "key.path=value", where a file name is unlikely. */
static bool is_override(const char *word)
{
  const char *p = word;

  while (isalnum((unsigned char)*p) || *p == '_' || *p == '.' || *p == '-') p++;
  return p > word && *p == '=';
}

static glia_status take_words(struct reader *r, bool *help)
{
  struct glia_args *args = r->args;
  bool options_end = false;

  while (r->at < r->argc) {
    const char *word = r->argv[r->at++];
    const bool dashed = !options_end && word[0] == '-' && word[1] != '\0';
    if (dashed && strcmp(word, "--") == 0) {
      options_end = true;
    } else if (dashed && word[1] == '-') {
      GLIA_TRY(take_long(r, word));
    } else if (dashed && !isdigit((unsigned char)word[1])) { /* -5 is a number */
      GLIA_TRY(take_short(r, word));
    } else if (r->command->overrides && is_override(word)) {
      args->override[args->n_overrides++] = word;
    } else {
      args->word[args->n_words++] = word;
    }
    if (args->n_given > 0 && strcmp(args->given[args->n_given - 1].option->name, "help") == 0) {
      *help = true;
      return GLIA_OK;
    }
  }
  return GLIA_OK;
}

/* An option that would be ignored is refused. */
static glia_status check_company(const struct glia_args *args)
{
  for (int i = 0; i < args->n_given; i++) {
    const struct glia_option *o = args->given[i].option;
    GLIA_CHECK(o->with == NULL || glia_args_has(args, o->with), GLIA_E_USAGE,
               "--%s says nothing without --%s", o->name, o->with);
  }
  return GLIA_OK;
}

glia_status cli_parse(const struct glia_command *command, int argc, char **argv,
                      struct glia_args *args, bool *help)
{
  struct reader r = {.command = command, .argc = argc, .argv = argv, .args = args};
  const size_t n = (size_t)argc + 1;
  const char *usage = command->usage != NULL ? command->usage : "";

  *args = (struct glia_args){.command = command, .size = 1};
  *help = false;
  args->word = calloc(n, sizeof *args->word);
  args->override = calloc(n, sizeof *args->override);
  args->given = calloc(n, sizeof *args->given);
  GLIA_CHECK(args->word != NULL && args->override != NULL && args->given != NULL, GLIA_E_MEMORY,
             "no memory for the command line");
  GLIA_TRY(take_words(&r, help));
  if (*help) return GLIA_OK;
  args->json = glia_args_has(args, "json");
  GLIA_TRY(check_company(args));
  GLIA_CHECK(args->n_words >= command->min_words, GLIA_E_USAGE, "something is missing: glia %s %s",
             command->name, usage);
  GLIA_CHECK(command->max_words < 0 || args->n_words <= command->max_words, GLIA_E_USAGE,
             "'%s' is too much: glia %s%s%s [options]", args->word[command->max_words],
             command->name, *usage != '\0' ? " " : "", usage);
  return GLIA_OK;
}

void cli_args_free(struct glia_args *args)
{
  free(args->word);
  free(args->override);
  free(args->given);
  args->word = NULL;
  args->override = NULL;
  args->given = NULL;
}

/* The last time the option was given, or NULL. */
static const struct glia_given *last(const struct glia_args *args, const char *name)
{
  const struct glia_option *o = find(args->command, name, '\0');

  assert(o != NULL && "an option that is in the command's table");
  for (int i = args->n_given; i-- > 0;)
    if (args->given[i].option == o) return &args->given[i];
  return NULL;
}

bool glia_args_has(const struct glia_args *args, const char *name)
{
  return last(args, name) != NULL;
}

const char *glia_args_text(const struct glia_args *args, const char *name, const char *otherwise)
{
  const struct glia_given *g = last(args, name);

  return g != NULL ? g->word[0] : otherwise;
}

glia_status glia_args_token(const struct glia_args *args, const char *name, size_t size, char *out)
{
  const char *path = glia_args_text(args, name, NULL);

  out[0] = '\0';
  if (path == NULL) return GLIA_OK;
  FILE *f = fopen(path, "r");
  GLIA_CHECK(f != NULL, GLIA_E_CONFIG, "%s: %s", path, strerror(errno));
  const bool good = fgets(out, (int)size, f) != NULL;
  const bool whole = good && (strchr(out, '\n') != NULL || feof(f) || fgetc(f) == EOF);
  fclose(f);
  out[strcspn(out, "\r\n")] = '\0';
  GLIA_CHECK(!good || whole, GLIA_E_CONFIG, "%s: a token of more than %zu bytes", path, size - 2);
  GLIA_CHECK(good && out[0] != '\0', GLIA_E_CONFIG, "%s: expected a token on its first line", path);
  return GLIA_OK;
}

int64_t glia_args_int(const struct glia_args *args, const char *name, int64_t otherwise)
{
  const struct glia_given *g = last(args, name);

  if (g != NULL) glia_parse_int(g->word[0], &otherwise);
  return otherwise;
}

double glia_args_real(const struct glia_args *args, const char *name, double otherwise)
{
  const struct glia_given *g = last(args, name);

  if (g != NULL) glia_parse_real(g->word[0], &otherwise);
  return otherwise;
}

double glia_args_duration(const struct glia_args *args, const char *name, double otherwise_s)
{
  const struct glia_given *g = last(args, name);

  if (g != NULL && glia_parse_duration(g->word[0], &otherwise_s) != GLIA_OK)
    abort(); /* checked before */
  return otherwise_s;
}

int64_t glia_args_size(const struct glia_args *args, const char *name, int64_t otherwise_bytes)
{
  const struct glia_given *g = last(args, name);

  if (g != NULL && glia_parse_size(g->word[0], &otherwise_bytes) != GLIA_OK)
    abort(); /* checked before */
  return otherwise_bytes;
}

const char *const *glia_args_words(const struct glia_args *args, const char *name)
{
  const struct glia_given *g = last(args, name);

  return g != NULL ? g->word : NULL;
}

int glia_args_times(const struct glia_args *args, const char *name)
{
  int n = 0;

  for (int i = 0; i < args->n_given; i++) n += strcmp(args->given[i].option->name, name) == 0;
  return n;
}

const char *glia_args_text_at(const struct glia_args *args, const char *name, int i)
{
  for (int k = 0; k < args->n_given; k++)
    if (strcmp(args->given[k].option->name, name) == 0 && i-- == 0) return args->given[k].word[0];
  return NULL;
}

glia_status glia_args_reals(const struct glia_args *args, const char *name, double **out, int *n)
{
  const struct glia_given *g = last(args, name);

  *out = NULL;
  *n = 0;
  if (g == NULL) return GLIA_OK;
  *n = parse_reals(g->word[0], NULL);
  *out = malloc((size_t)*n * sizeof **out);
  GLIA_CHECK(*out != NULL, GLIA_E_MEMORY, "no memory for --%s", name);
  parse_reals(g->word[0], *out);
  return GLIA_OK;
}
