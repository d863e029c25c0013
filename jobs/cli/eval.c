/* glia eval: loss and accuracy of a checkpoint on a data set. */
#include "glia_agree.h"
#include "glia_augment.h"
#include "glia_dataset.h"
#include "passes.h"
#include "session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rank 0 opens the checkpoint, or the newest good one of a folder; every rank gets its configuration. */
static glia_status open_checkpoint(struct session *s, const char *path, struct glia_checkpoint **c,
                                   char **config)
{
  glia_status st = GLIA_OK;
  int64_t size = 0;

  if (glia_comm_rank(s->comm) == 0) {
    st = glia_checkpoint_open_path(path, c);
    if (st == GLIA_OK) size = (int64_t)strlen(glia_checkpoint_config(*c)) + 1;
  }
  GLIA_TRY(glia_agree(s->comm, st));
  GLIA_TRY(glia_comm_bcast(s->comm, &size, sizeof size, 0));
  *config = calloc(1, (size_t)size);
  GLIA_TRY(glia_agree(
      s->comm, *config != NULL
                   ? GLIA_OK
                   : GLIA_FAIL(GLIA_E_MEMORY, "a configuration of %lld bytes", (long long)size)));
  if (*c != NULL) memcpy(*config, glia_checkpoint_config(*c), (size_t)size);
  return glia_comm_bcast(s->comm, *config, (size_t)size, 0);
}

static glia_status evaluate(struct glia_args *a, struct session *s, struct glia_checkpoint **c,
                            char **config)
{
  struct glia_source *source = NULL;
  struct glia_eval_result r;
  char file[4096 + 16];
  const char *split = glia_args_text(a, "split", "test");

  GLIA_TRY(glia_comm_world(&s->comm));
  GLIA_TRY(open_checkpoint(s, a->word[0], c, config));
  const char *data = glia_args_text(a, "data", NULL);
  const char *override[1] = {file};
  if (data != NULL) snprintf(file, sizeof file, "data.file=\"%s\"", data);
  GLIA_TRY(session_configure_text(s, a->word[0], *config, data != NULL, override));
  GLIA_TRY(session_build(s));
  GLIA_TRY(session_load(s, *c, true));
  glia_status opened =
      glia_dataset_open(s->config.data_file, split, (size_t)s->config.memory_bytes, &source);
  if (opened == GLIA_OK)
    opened = glia_augment_source(glia_yaml_get(glia_yaml_root(s->doc), "data"), s->config.seed,
                                 false, &source);
  if (opened == GLIA_OK) opened = session_check_labels(s, source);
  opened = glia_agree(s->comm, opened);
  if (opened != GLIA_OK) {
    glia_source_close(&source);
    return opened;
  }
  struct passes passes;
  passes_begin(&passes, "eval", NULL);
  passes_watch(&passes, s->engine, source->n, s->config.micro_batch, s->eval_micro_batches);
  const glia_status st = glia_evaluate(s->model, s->engine, source, s->config.micro_batch,
                                       s->eval_micro_batches, &s->meeting, &r);
  passes_end(&passes, s->engine);
  glia_source_close(&source);
  GLIA_TRY(st);
  if (isnan(r.accuracy))
    glia_cli_print(a, "%s: loss %.6g on %lld rows\n", split, r.loss, (long long)r.n);
  else
    glia_cli_print(a, "%s: accuracy %.4f, loss %.4f on %lld rows\n", split, r.accuracy, r.loss,
                   (long long)r.n);
  for (int i = 0; i < r.n_metrics; i++)
    glia_cli_print(a, "  %s %.6g\n", r.metric[i].name, r.metric[i].value);
  json_t *j = json_pack("{s:o, s:o, s:I}", "loss", glia_json_real(r.loss), "accuracy",
                        glia_json_real(r.accuracy), "n", (json_int_t)r.n);
  session_add_metrics(j, &r);
  return glia_cli_json(a, j);
}

static glia_status run(struct glia_args *args)
{
  struct session s = {0};
  struct glia_checkpoint *c = NULL;
  char *config = NULL;
  const glia_status st = evaluate(args, &s, &c, &config);

  glia_checkpoint_close(&c);
  session_close(&s);
  free(config);
  return st;
}

static const char *const splits[] = {"train", "valid", "test", NULL};

static const struct glia_option options[] = {
    {.name = "data",
     .kind = GLIA_OPTION_TEXT,
     .argument = "F.h5",
     .help = "data set to evaluate on; else the one it was trained on",
     .input = true},
    {.name = "split",
     .kind = GLIA_OPTION_TEXT,
     .argument = "SPLIT",
     .choices = splits,
     .help = "train, valid or test (test)"},
    {0}};

const struct glia_command glia_command_eval_ = {
    .name = "eval",
    .summary = "loss and accuracy of a checkpoint on a data set",
    .usage = "CHECKPOINT",
    .options = options,
    .details = "CHECKPOINT is a file, or a folder whose newest good checkpoint is taken.",
    .example =
        "glia eval run/step-0000002345.h5 --data fashion.h5\nmpirun -n 2 glia eval run --json",
    .run = run,
    .min_words = 1,
    .max_words = 1,
    .parallel = true,
};
