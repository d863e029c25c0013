/* glia export: the weights of a checkpoint for other programs. */
#include "cli.h"
#include "glia_weights.h"

#include <stdlib.h>
#include <string.h>

static const char *const types[] = {"keep", "f32", "f16", "bf16", NULL};

static const struct glia_option options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = GLIA_OPTION_TEXT,
     .argument = "FILE",
     .help = "NAME.safetensors or NAME.npz; required",
     .output = GLIA_OUTPUT_NEW},
    {.name = "force", .kind = GLIA_OPTION_FLAG, .help = "replace an existing file"},
    {.name = "as",
     .kind = GLIA_OPTION_TEXT,
     .argument = "TYPE",
     .choices = types,
     .help = "element type of floats (keep)"},
    {.name = "names",
     .kind = GLIA_OPTION_TEXT,
     .argument = "MAP.yaml",
     .help = "our names to theirs: lines such as '01-linear: fc1' or '01-linear/weight: fc1.w'",
     .input = true},
    {.name = "split",
     .kind = GLIA_OPTION_SIZE,
     .argument = "SIZE",
     .help = "safetensors in several files of at most SIZE, behind NAME.safetensors.index.json"},
    {0}};

struct set {
  struct glia_weights *w;
  int n;
  struct glia_array *array; /* [n] named as in the checkpoint */
  char (*name)[1024];       /* [n] theirs */
};

/* What a model is made of: parameters, and what layers keep beside them. */
static bool is_of_model(const char *path)
{
  return strncmp(path, "params/", 7) == 0 || strncmp(path, "state/", 6) == 0;
}

static glia_status read_arrays(struct set *s)
{
  const struct glia_weight *list;
  const int all = glia_weights_list(s->w, &list);

  s->array = calloc((size_t)all + 1, sizeof *s->array);
  s->name = calloc((size_t)all + 1, sizeof *s->name);
  GLIA_CHECK(s->array != NULL && s->name != NULL, GLIA_E_MEMORY, "%d arrays", all);
  for (int i = 0; i < all; i++) {
    if (!is_of_model(list[i].name)) continue;
    struct glia_array *a = &s->array[s->n++];
    *a =
        (struct glia_array){list[i].name, list[i].type, malloc(glia_type_bytes(&list[i].type) + 1)};
    GLIA_CHECK(a->data != NULL, GLIA_E_MEMORY, "%s", a->path);
    GLIA_TRY(glia_weights_read(s->w, i, a->type.dtype, a->data));
  }
  GLIA_CHECK(s->n > 0, GLIA_E_DATA, "there are no parameters to export");
  return GLIA_OK;
}

static glia_status rename_arrays(struct set *s, const char *map)
{
  struct glia_yaml_doc *doc = NULL;
  const struct glia_yaml *names = NULL;
  glia_status st = GLIA_OK;

  if (map != NULL) {
    GLIA_TRY(glia_yaml_parse_file(map, &doc));
    names = glia_yaml_root(doc);
    st = glia_weights_check_names(names, s->n, s->array);
  }
  for (int i = 0; i < s->n && st == GLIA_OK; i++)
    st = glia_weights_name(names, s->array[i].path, s->name[i], sizeof s->name[i]);
  for (int i = 0; i < s->n && st == GLIA_OK; i++) s->array[i].path = s->name[i];
  glia_yaml_destroy(&doc);
  return st;
}

static glia_status export(struct glia_args *a, struct set *s)
{
  const char *out = glia_args_text(a, "output", NULL), *as = glia_args_text(a, "as", "keep");
  int64_t numbers = 0;
  int type = 0;

  GLIA_CHECK(out != NULL, GLIA_E_USAGE, "-o FILE is missing: where shall the weights go?");
  while (strcmp(types[type], as) != 0) type++;
  GLIA_TRY(glia_weights_open(a->word[0], &s->w));
  GLIA_TRY(read_arrays(s));
  GLIA_TRY(rename_arrays(s, glia_args_text(a, "names", NULL)));
  const glia_status made = glia_weights_write(out, glia_args_has(a, "force"), s->n, s->array,
                                              (glia_weights_as)type, glia_args_size(a, "split", 0));
  GLIA_TRY(glia_cli_made(made, out));
  json_t *names = json_array();
  for (int i = 0; i < s->n; i++) {
    char text[128];
    numbers += glia_type_count(&s->array[i].type);
    json_array_append_new(names, glia_json_text(s->array[i].path));
    glia_type_text(&s->array[i].type, text, sizeof text);
    const bool other = type > 0 && glia_dtype_is_float(s->array[i].type.dtype);
    glia_cli_print(a, "  %s %s%s\n", s->array[i].path, other ? types[type] : "",
                   other ? strchr(text, ' ') : text);
  }
  glia_cli_print(a, "%s: %d arrays, %lld numbers\n", out, s->n, (long long)numbers);
  return glia_cli_json(a, json_pack("{s:o, s:o, s:I}", "file", glia_json_text(out), "arrays", names,
                                    "numbers", (json_int_t)numbers));
}

static glia_status run(struct glia_args *a)
{
  struct set s = {0};
  const glia_status st = export(a, &s);

  for (int i = 0; i < s.n; i++) free(s.array[i].data);
  free(s.array);
  free(s.name);
  glia_weights_close(&s.w);
  return st;
}

const struct glia_command glia_command_export_ = {
    .name = "export",
    .summary = "weights of a checkpoint as safetensors or .npz",
    .usage = "CHECKPOINT -o FILE",
    .options = options,
    .details = "CHECKPOINT is a file, or a folder whose newest good checkpoint is taken. "
               "Parameters are written, and "
               "what layers keep beside them (running means); the optimizer's state is not. "
               "Without --names "
               "an array 01-linear/weight is called 01-linear.weight.",
    .example = "glia export run -o model.safetensors\nglia export run -o model.npz --as f16 "
               "--names map.yaml",
    .run = run,
    .alone = true,
    .min_words = 1,
    .max_words = 1,
};
