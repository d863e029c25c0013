/* What the files of the frame share. */
#ifndef CLI_PRIV_H
#define CLI_PRIV_H

#include "cli.h"

#include <stdio.h>

/* With which all ranks end when one of them gave up waiting for another; sysexits.h ends at 78. */
enum { GLIA_EXIT_STALLED = 79 };

/* All commands in their order, NULL-terminated; the program defines it (main.c, from commands.def). */
extern const struct glia_command *const cli_commands[];
/* Names of commands that need PETSc and SLEPc, where the build has none; NULL-terminated, from the program as well. */
extern const char *const cli_left_out[];

/* --help and --json, which every command has; ends with a NULL name. */
extern const struct glia_option cli_common_options[];

/* options.c: read argv [argc], what follows the command's name. *help: --help was asked for, and nothing else is
 * checked. Errors: GLIA_E_USAGE. The caller frees, also after a failure. */
glia_status cli_parse(const struct glia_command *command, int argc, char **argv,
                      struct glia_args *args, bool *help);
void cli_args_free(struct glia_args *args);

/* help.c: NULL stands for glia itself; group is the first word of two-word commands. */
void cli_help(FILE *f, const struct glia_command *command);
void cli_help_group(FILE *f, const char *group);
void cli_man(FILE *f, const struct glia_command *command);

/* File name of a page without its end: "glia-data-import". */
void cli_man_name(const struct glia_command *command, char *out, size_t size);

/* run.c */
int cli_main(int argc, char **argv);
/* The command that the first words name, and how many of them (1 or 2); NULL: none. */
const struct glia_command *cli_find(int argc, char **argv, int *used);
/* Refuse words that name no command; in a group the second word is at fault. */
glia_status cli_unknown(int argc, char **argv);
/* Print a failure that all ranks share before MPI runs; returns the exit code. */
int cli_fail_at_start(const struct glia_command *command, glia_status st);
/* Does the word begin two-word commands? */
bool cli_is_group(const char *word);

/* Is it "WORD ..." of a two-word command? */
bool cli_in_group(const struct glia_command *command, const char *word);

/* output.c: keep standard output for the JSON object; what else is printed goes to standard error. */
glia_status cli_keep_stdout(struct glia_args *args);
/* The message of this thread's failure, as "glia COMMAND: message", and at debug level the trace. */
void cli_print_failure(const struct glia_command *command, glia_status st);
/* Can the files that options name be made? All that stands against it by now. Errors: GLIA_E_EXISTS, GLIA_E_IO, GLIA_E_USAGE. */
glia_status cli_check_outputs(const struct glia_args *args);
/* Flush, and see whether all was written. */
glia_status cli_finish_output(const struct glia_args *args, glia_status st);

/* parallel.c */
/* Rank by the launcher's environment: before MPI runs, so that one rank alone complains. */
int cli_launcher_rank(void);
/* The same among the ranks of this node. */
int cli_launcher_local_rank(void);
/* Did a launcher tell a rank? */
bool cli_launched(void);
/* Start MPI, fill in rank and size. Errors: GLIA_E_USAGE (srun without PMIx), GLIA_E_MPI. */
glia_status cli_parallel_begin(struct glia_args *args);
/* What the first rank found before the run; the others adopt it. */
glia_status cli_parallel_follow(const struct glia_args *args, glia_status st);
/* All ranks meet, whoever must speak prints its failure, MPI ends; the same exit code on all ranks. */
int cli_parallel_end(const struct glia_args *args, glia_status st, int code);

#endif
