/* glia help, and glia man: the tables as text and as manual pages. */
#include "cli_priv.h"

#include <errno.h>
#include <string.h>

/* The command named by the words of `args`; NULL for none given. *group: the words name a group instead. */
static glia_status named(const struct glia_args *args, const struct glia_command **out,
                         const char **group)
{
  static char copy[2][64];
  char *words[2] = {copy[0], copy[1]};
  int used = 0;

  *out = NULL;
  *group = NULL;
  for (int i = 0; i < args->n_words; i++) snprintf(copy[i], sizeof copy[i], "%s", args->word[i]);
  if (args->n_words == 0) return GLIA_OK;
  *out = cli_find(args->n_words, words, &used);
  if (*out != NULL && used == args->n_words) return GLIA_OK;
  if (*out == NULL && args->n_words == 1 && cli_is_group(words[0])) {
    *group = words[0];
    return GLIA_OK;
  }
  GLIA_CHECK(*out == NULL, GLIA_E_USAGE, "'glia %s' has no '%s'", words[0], words[1]);
  return cli_unknown(args->n_words, words);
}

static json_t *listing(void)
{
  json_t *all = json_array();

  for (const struct glia_command *const *c = cli_commands; *c != NULL; c++)
    if (!(*c)->hidden)
      json_array_append_new(all,
                            json_pack("{s:s, s:s}", "name", (*c)->name, "summary", (*c)->summary));
  return json_pack("{s:o}", "commands", all);
}

static glia_status run_help(struct glia_args *args)
{
  const struct glia_command *command;
  const char *group;

  GLIA_TRY(named(args, &command, &group));
  if (args->json) return glia_cli_json(args, listing());
  if (group != NULL)
    cli_help_group(stdout, group);
  else
    cli_help(stdout, command);
  return GLIA_OK;
}

const struct glia_command glia_command_help_ = {
    .name = "help",
    .summary = "say what glia or one of its commands does",
    .usage = "[COMMAND]",
    .example = "glia help version",
    .run = run_help,
    .max_words = 2,
    .alone = true,
};

static glia_status write_page(const char *folder, const struct glia_command *command)
{
  char name[96];
  char path[4096];

  cli_man_name(command, name, sizeof name);
  snprintf(path, sizeof path, "%s/%s.1", folder, name);
  FILE *f = fopen(path, "w");
  GLIA_CHECK(f != NULL, GLIA_E_IO, "%s: cannot write: %s", path, strerror(errno));
  cli_man(f, command);
  const bool bad = ferror(f) != 0;
  GLIA_CHECK(fclose(f) == 0 && !bad, GLIA_E_IO, "%s: cannot write: %s", path, strerror(errno));
  return GLIA_OK;
}

static glia_status run_man(struct glia_args *args)
{
  const char *folder = glia_args_text(args, "all", NULL);
  const struct glia_command *command;
  const char *group;

  if (folder != NULL) {
    GLIA_TRY(write_page(folder, NULL));
    for (const struct glia_command *const *c = cli_commands; *c != NULL; c++)
      if (!(*c)->hidden) GLIA_TRY(write_page(folder, *c));
    return glia_cli_json(args, listing());
  }
  GLIA_TRY(named(args, &command, &group));
  GLIA_CHECK(group == NULL, GLIA_E_USAGE, "each command of '%s' has its own page", group);
  if (args->json) return glia_cli_json(args, listing());
  cli_man(stdout, command);
  return GLIA_OK;
}

static const struct glia_option man_options[] = {
    {.name = "all",
     .kind = GLIA_OPTION_TEXT,
     .argument = "DIR",
     .help = "write the pages of glia and of all its commands into a folder"},
    {0},
};

const struct glia_command glia_command_man_ = {
    .name = "man",
    .summary = "print a manual page",
    .usage = "[COMMAND]",
    .options = man_options,
    .example = "glia man version | man -l -",
    .run = run_man,
    .max_words = 2,
    .hidden = true,
    .alone = true,
};
