/* The frame of `glia COMMAND [options]`: tables from which parsing, help and manual pages are made.
 *
 * A command is one file with a `const struct glia_command glia_command_NAME_` and one line in commands.def. Its run
 * function gets arguments that were checked already, and returns a status: the frame prints what went wrong, ends all
 * ranks with one exit code, and lets nothing but one JSON object reach standard output under --json.
 */
#ifndef CLI_H
#define CLI_H

#include "glia_status.h"

#include <jansson.h>

enum { GLIA_OPTION_WORDS = 4, GLIA_EXIT_REQUEUE = 75 };

typedef enum {
  GLIA_OPTION_FLAG,
  GLIA_OPTION_TEXT,
  GLIA_OPTION_INT,
  GLIA_OPTION_REAL,
  GLIA_OPTION_REALS,    /* "0.5,1,2" */
  GLIA_OPTION_DURATION, /* "90", "5m", "1-00:00:00"; seconds */
  GLIA_OPTION_SIZE      /* "64KiB"; bytes */
} glia_option_kind;

/* A file that an option names and the command makes: looked at before the work, whose result would be lost otherwise. */
typedef enum {
  GLIA_OUTPUT_NONE,
  GLIA_OUTPUT_NEW,  /* one that is there stands in the way, unless --force is given */
  GLIA_OUTPUT_ANEW, /* one that is there is replaced */
  GLIA_OUTPUT_FIGURE, /* the same, and its ending is a picture's; the numbers beside it are looked at, too */
  GLIA_OUTPUT_PAGE, /* the same, and its ending is .html */
  GLIA_OUTPUT_PLACE /* written in its place while the command runs: it just may be nothing that is read */
} glia_output;

struct glia_option {
  const char *name; /* without the dashes; NULL ends a table */
  char letter;      /* the same as -o; 0: none */
  glia_option_kind kind;
  const char *argument; /* how help calls it: "FILE", "IMAGES LABELS"; NULL for a flag */
  int words; /* arguments of a text option that takes several (at most GLIA_OPTION_WORDS); 0 and 1: one */
  double lo; /* numbers below or above are refused, where lo < hi */
  double hi;
  const char *const *choices; /* the only texts allowed, NULL-terminated; NULL: any */
  const char *help;           /* one sentence without a full stop */
  glia_output output;         /* of a text option */
  const char
      *with;  /* the option beside which alone it says anything: refused without; NULL: none */
  bool input; /* its arguments name files that are read: no output may be one of them */
};

struct glia_args;

struct glia_command {
  const char *name;    /* "version", "data import" */
  const char *summary; /* one line: no capital, no full stop */
  const char *usage;   /* what follows the name, "CONFIG.yaml [key=value ...]"; NULL: nothing */
  const struct glia_option
      *options;        /* its own; NULL: none. --help and --json come by themselves. */
  const char *details; /* paragraphs, parted by an empty line; NULL: none */
  const char *example; /* lines of shell; required */
  glia_status (*run)(struct glia_args *args);
  int min_words;  /* how many words it takes that are no options */
  int max_words;  /* < 0: any number */
  bool overrides; /* words of the form key=value are overrides, and counted apart */
  bool parallel;  /* runs on all ranks: MPI is started before run and ended behind it */
  bool alone;     /* one process does it, however many a launcher starts: the others end at once */
  bool each_node; /* the same, but one on each node */
  bool hidden;    /* not listed */
};

struct glia_given {
  const struct glia_option *option;
  const char *word[GLIA_OPTION_WORDS];
};

/* What the user said; all text is borrowed from argv. */
struct glia_args {
  const struct glia_command *command;
  bool json;
  int n_words;
  const char **word; /* [n_words] in their order */
  int n_overrides;
  const char **override; /* [n_overrides] "key=value" */
  int rank; /* of this process among `size`; 0 of 1 where the command is not parallel; as launched where it is each node's */
  int size;
  int exit_code; /* with which a run that succeeds ends; 0 unless run sets it, to GLIA_EXIT_REQUEUE for one */
  int n_given;
  struct glia_given *given; /* [n_given] options in their order */
  bool json_written;
};

/* Options, by their long name. All were checked when the command line was read; the last one given wins. Asking for
 * an option that is not in the command's table is a mistake in the program, and an assertion. */

/** Was the option given? */
bool glia_args_has(const struct glia_args *args, const char *name);
const char *glia_args_text(const struct glia_args *args, const char *name, const char *otherwise);
int64_t glia_args_int(const struct glia_args *args, const char *name, int64_t otherwise);
double glia_args_real(const struct glia_args *args, const char *name, double otherwise);
/** The first line of the file that the option names, such as a bearer token; "" when it was not given. out [size]. Errors: GLIA_E_CONFIG. */
GLIA_NODISCARD glia_status glia_args_token(const struct glia_args *args, const char *name,
                                           size_t size, char *out);
/** Seconds. */
double glia_args_duration(const struct glia_args *args, const char *name, double otherwise_s);
/** Bytes. */
int64_t glia_args_size(const struct glia_args *args, const char *name, int64_t otherwise_bytes);

/** The arguments of an option that takes several, or NULL when it was not given. */
const char *const *glia_args_words(const struct glia_args *args, const char *name);

/** How often the option was given, and the first argument of the i-th time. */
int glia_args_times(const struct glia_args *args, const char *name);
const char *glia_args_text_at(const struct glia_args *args, const char *name, int i);

/** Numbers of a GLIA_OPTION_REALS. *out [*n] is the caller's to free(); NULL and 0 when not given. */
GLIA_NODISCARD glia_status glia_args_reals(const struct glia_args *args, const char *name,
                                           double **out, int *n);

/* Output. */

/** For people: to standard output, on rank 0, and not under --json. */
void glia_cli_print(const struct glia_args *args, const char *format, ...) GLIA_PRINTF(2, 3);

/** For scripts: the one object of --json, on rank 0; elsewhere and without --json it is dropped. At most once a run.
 *
 *  Ownership: takes object, also when it fails. Errors: GLIA_E_IO, GLIA_E_MEMORY (object is NULL).
 */
GLIA_NODISCARD glia_status glia_cli_json(struct glia_args *args, json_t *object);

/** Under --json: standard output is the object's again, for a program that this one becomes and that prints it. Errors: GLIA_E_IO. */
GLIA_NODISCARD glia_status glia_cli_give_stdout(void);

/** The status of making `out`: where a file of that name stands in the way, says how to replace it. */
GLIA_NODISCARD glia_status glia_cli_made(glia_status st, const char *out);

/** A number, or null where it is not finite (JSON has no NaN). */
json_t *glia_json_real(double v);

/** A text from outside (a name of a file, of what a file holds): JSON is UTF-8, and json_string and "s" of json_pack have no value
 *  for another. U+FFFD stands for each byte of no character; null for NULL. */
json_t *glia_json_text(const char *text);

/** The same for a key. Ownership: takes value. */
void glia_json_set(json_t *object, const char *key, json_t *value);

/* Signals (signals.c). */

/** From now on SIGINT, SIGTERM and SIGUSR1 ask for an orderly end; a second SIGINT or SIGTERM, a second or more after
 *  the first, ends the process at once. */
void glia_stop_catch(void);

/** The signal that asked to stop, or 0. */
int glia_stop_requested(void);

/** Ask as a signal would (a time limit, a test). Async-signal-safe. */
void glia_stop_request(int signal_number);

#endif
