/* glia data export: a split of a dataset as .npy or a table. */
#include "cli.h"
#include "glia_dataset.h"
#include "glia_rows_file.h"

#include <stdlib.h>
#include <string.h>

static const char *const splits[] = {"train", "valid", "test", NULL};

static const struct glia_option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = GLIA_OPTION_TEXT,
     .argument = "FILE",
     .help = "NAME.npy (one field) or NAME.csv; required",
     .output = GLIA_OUTPUT_NEW},
    {.name = "force", .kind = GLIA_OPTION_FLAG, .help = "replace an existing file"},
    {.name = "split",
     .kind = GLIA_OPTION_TEXT,
     .argument = "SPLIT",
     .choices = splits,
     .help = "train, valid or test (train)"},
    {.name = "field",
     .kind = GLIA_OPTION_TEXT,
     .argument = "NAME",
     .help = "the field to write; may be given several times for a table (.npy: x; table: all)"},
    {.name = "stored",
     .kind = GLIA_OPTION_FLAG,
     .help = "write what is stored, not stored x scale + offset"},
    {0}};

/* Which fields go out: those named, else x into .npy and all into a table. */
static glia_status choose(const struct glia_args *a, const struct glia_source *s, bool npy, int *n,
                          int *chosen)
{
  const int named = glia_args_times(a, "field");

  *n = 0;
  if (named == 0 && npy && glia_source_field(s, "x") >= 0) {
    chosen[(*n)++] = glia_source_field(s, "x");
    return GLIA_OK;
  }
  for (int i = 0; i < named; i++) {
    const char *name = glia_args_text_at(a, "field", i);
    const int at = glia_source_field(s, name);
    GLIA_CHECK(at >= 0, GLIA_E_MISSING, "%s has no field '%s'", s->name, name);
    GLIA_CHECK(*n < s->n_fields, GLIA_E_USAGE, "a field is named twice");
    chosen[(*n)++] = at;
  }
  for (int i = 0; named == 0 && i < s->n_fields; i++) chosen[(*n)++] = i;
  return GLIA_OK;
}

static glia_status copy(struct glia_source *s, int n, const int *chosen, struct glia_rows_file *f)
{
  enum { AT_ONCE = 256 };
  int64_t row[AT_ONCE];
  void **data = calloc((size_t)n + 1, sizeof *data);
  glia_status st = GLIA_OK;

  GLIA_CHECK(data != NULL, GLIA_E_MEMORY, "%d fields", n);
  for (int i = 0; i < n && st == GLIA_OK; i++) {
    data[i] = malloc((size_t)AT_ONCE * glia_type_bytes(&s->field[chosen[i]].row));
    if (data[i] == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "a block of rows");
  }
  for (int64_t at = 0; at < s->n && st == GLIA_OK; at += AT_ONCE) {
    const int64_t rows = s->n - at < AT_ONCE ? s->n - at : AT_ONCE;
    for (int64_t k = 0; k < rows; k++) row[k] = at + k;
    for (int i = 0; i < n && st == GLIA_OK; i++)
      st = s->read(s->self, chosen[i], rows, row, data[i]);
    if (st == GLIA_OK) st = glia_rows_file_append(f, rows, (const void *const *)data);
  }
  for (int i = 0; i < n; i++) free(data[i]);
  free(data);
  return st;
}

static glia_status write_fields(struct glia_args *a, struct glia_source *s, const char *split,
                                const char *out, int *chosen, struct glia_field *field)
{
  const size_t length = strlen(out);
  const bool npy = length > 4 && strcmp(out + length - 4, ".npy") == 0;
  struct glia_rows_file *f = NULL;
  int n = 0;

  GLIA_TRY(choose(a, s, npy, &n, chosen));
  for (int i = 0; i < n; i++) field[i] = s->field[chosen[i]];
  const glia_status made = glia_rows_file_create(out, glia_args_has(a, "force"), split, n, field,
                                                 s->n, !glia_args_has(a, "stored"), &f);
  GLIA_TRY(glia_cli_made(made, out));
  glia_status st = copy(s, n, chosen, f);
  if (st == GLIA_OK)
    st = glia_rows_file_commit(&f);
  else
    glia_rows_file_abort(&f);
  GLIA_TRY(st);
  glia_cli_print(a, "%s: %lld rows of %d field%s\n", out, (long long)s->n, n, n == 1 ? "" : "s");
  return glia_cli_json(a, json_pack("{s:o, s:I, s:i}", "file", glia_json_text(out), "n",
                                    (json_int_t)s->n, "fields", n));
}

static glia_status run(struct glia_args *a)
{
  const char *out = glia_args_text(a, "output", NULL), *split = glia_args_text(a, "split", "train");
  struct glia_source *s = NULL;
  glia_status st = GLIA_OK;

  GLIA_CHECK(out != NULL, GLIA_E_USAGE, "-o FILE is missing: where shall the rows go?");
  GLIA_TRY(glia_dataset_open(a->word[0], split, 0, &s));
  int *chosen = calloc((size_t)s->n_fields + 1, sizeof *chosen);
  struct glia_field *field = calloc((size_t)s->n_fields + 1, sizeof *field);
  if (chosen == NULL || field == NULL)
    st = GLIA_FAIL(GLIA_E_MEMORY, "%d fields", s->n_fields);
  else
    st = write_fields(a, s, split, out, chosen, field);
  free(chosen);
  free(field);
  glia_source_close(&s);
  return st;
}

const struct glia_command glia_command_data_export_ = {
    .name = "data export",
    .summary = "a split of a dataset as .npy or a table",
    .usage = "F.h5 -o FILE",
    .options = options,
    .details = "In a table a field of single numbers is a column of its name, others are columns "
               "NAME_0, NAME_1, ... Values are "
               "stored x scale + offset, as float32 in .npy, unless --stored is given.",
    .example = "glia data export fashion.h5 --split test --field x -o x.npy\nglia data export "
               "moons.h5 -o moons.csv",
    .run = run,
    .alone = true,
    .min_words = 1,
    .max_words = 1,
};
