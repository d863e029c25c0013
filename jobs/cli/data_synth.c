/* glia data synth: small made-up datasets. */
#include "data.h"
#include "glia_synth.h"
#include "glia_text.h"

#include <stdio.h>
#include <string.h>

static const struct glia_option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.h5",
     .help = "the file to write; required",
     .output = GLIA_OUTPUT_NEW},
    {.name = "force", .kind = GLIA_OPTION_FLAG, .help = "replace an existing file"},
    {.name = "n",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 1,
     .hi = 1e9,
     .help = "rows for training (1000)"},
    {.name = "test-n",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 0,
     .hi = 1e9,
     .help = "rows for testing (a fifth of those for training)"},
    {.name = "seed",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 0,
     .hi = 9e15,
     .help = "same seed, same rows (0)"},
    {.name = "noise",
     .kind = GLIA_OPTION_REAL,
     .argument = "X",
     .lo = 0.0,
     .hi = 1e6,
     .help = "standard deviation of what is added (0.1)"},
    {0},
};

static glia_status find_kind(const char *name, const struct glia_synth **out)
{
  const struct glia_synth *kind = NULL;
  const int n = glia_synth_kinds(&kind);
  const char *known[32] = {NULL};
  char list[512] = "";

  for (int i = 0; i < n && i < 31; i++) {
    known[i] = kind[i].name;
    snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s", i > 0 ? ", " : "",
             kind[i].name);
  }
  *out = glia_synth_find(name);
  const char *near = *out == NULL ? glia_nearest(name, known) : NULL;
  GLIA_CHECK(*out != NULL, GLIA_E_USAGE, "unknown kind '%.40s': %s%s%s", name,
             near != NULL ? "did you mean " : "there are ", near != NULL ? near : list,
             near != NULL ? "?" : "");
  return GLIA_OK;
}

static glia_status run(struct glia_args *a)
{
  const struct glia_synth *kind = NULL;
  struct glia_import_out out;
  const int64_t n = glia_args_int(a, "n", 1000);

  GLIA_TRY(find_kind(a->word[0], &kind));
  GLIA_TRY(data_begin(a, "synth", &out, NULL));
  const glia_status st = glia_synth_write(kind, n, glia_args_int(a, "test-n", n / 5),
                                          (uint64_t)glia_args_int(a, "seed", 0),
                                          glia_args_real(a, "noise", 0.1), out.path, out.force);
  GLIA_TRY(data_end(&out, st));
  return data_describe(a, out.path, NULL);
}

const struct glia_command glia_command_data_synth_ = {
    .name = "data synth",
    .summary = "make up a small dataset",
    .usage = "blobs|linear|moons|spirals -o F.h5",
    .options = options,
    .details = "blobs: four clouds in the plane, four classes. linear: ten inputs and a noisy "
               "linear target. moons: two half "
               "circles, two classes. spirals: two arms, two classes. The same seed makes the same "
               "rows on any machine.",
    .example = "glia data synth moons -o moons.h5 --n 2000 --seed 1 --noise 0.15",
    .run = run,
    .alone = true,
    .min_words = 1,
    .max_words = 1,
};
