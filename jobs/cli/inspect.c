/* A checkpoint put back to work for an analysis: see inspect.h. */
#include "inspect.h"

#include "glia_agree.h"
#include "glia_augment.h"
#include "glia_bf16.h"
#include "glia_dataset.h"
#include "glia_weights.h"

#include <stdlib.h>
#include <string.h>

/* The first rank opens the checkpoint; every rank gets its configuration. */
static glia_status open_checkpoint(struct inspection *i, const char *path)
{
  struct glia_comm *comm = i->s.comm;
  int64_t size = 0;
  glia_status st = GLIA_OK;

  if (glia_comm_rank(comm) == 0) {
    st = glia_checkpoint_open_path(path, &i->c);
    if (st == GLIA_OK) size = (int64_t)strlen(glia_checkpoint_config(i->c)) + 1;
  }
  GLIA_TRY(glia_agree(comm, st));
  GLIA_TRY(glia_comm_bcast(comm, &size, sizeof size, 0));
  i->config = calloc(1, (size_t)size);
  st = i->config != NULL ? GLIA_OK : GLIA_E_MEMORY;
  if (st != GLIA_OK) st = GLIA_FAIL(st, "a configuration of %lld bytes", (long long)size);
  GLIA_TRY(glia_agree(comm, st));
  if (i->c != NULL) memcpy(i->config, glia_checkpoint_config(i->c), (size_t)size);
  return glia_comm_bcast(comm, i->config, (size_t)size, 0);
}

static const struct glia_array *find(const struct glia_checkpoint *c, const char *path)
{
  const struct glia_array *a;
  const int n = glia_checkpoint_arrays(c, &a);

  for (int k = 0; k < n; k++)
    if (strcmp(a[k].path, path) == 0) return &a[k];
  return NULL;
}

double inspect_number(const void *data, glia_dtype dtype, int64_t i)
{
  switch (dtype) {
#define X(NAME, name, ctype, bytes, is_float)                                                      \
  case GLIA_##NAME:                                                                                \
    return (double)((const ctype *)data)[i];
    GLIA_DTYPE_LIST(X)
#undef X
  case GLIA_BF16:
    return (double)glia_bf16_wide(((const uint16_t *)data)[i]);
  default:
    return (double)NAN;
  }
}

/* One array of the file into one of the model's, float32 and bf16 widened to float64. */
static glia_status load(struct inspection *i, const struct glia_array *to)
{
  const struct glia_array *from = find(i->c, to->path);
  struct glia_array in = *to;
  void *narrow = NULL;

  if (from != NULL && to->type.dtype == GLIA_F64 &&
      (from->type.dtype == GLIA_F32 || from->type.dtype == GLIA_BF16)) {
    in.type.dtype = from->type.dtype;
    in.data = narrow = malloc(glia_type_bytes(&in.type) + 1);
    GLIA_CHECK(narrow != NULL, GLIA_E_MEMORY, "array %s", to->path);
  }
  const glia_status st = glia_checkpoint_read(i->c, 1, &in, false);
  for (int64_t k = 0; st == GLIA_OK && narrow != NULL && k < glia_type_count(&in.type); k++)
    ((double *)to->data)[k] = inspect_number(narrow, in.type.dtype, k);
  free(narrow);
  return st;
}

static glia_status load_all(struct inspection *i)
{
  for (int k = 0; k < i->s.n_arrays; k++) {
    const struct glia_array *a = &i->s.array[k];
    glia_status st = GLIA_OK;
    if (strncmp(a->path, "params/", 7) != 0 && strncmp(a->path, "state/", 6) != 0) continue;
    if (i->c != NULL) st = load(i, a);
    GLIA_TRY(glia_agree(i->s.comm, st));
    GLIA_TRY(glia_comm_bcast(i->s.comm, a->data, glia_type_bytes(&a->type), 0));
  }
  return GLIA_OK;
}

glia_status inspect_open(struct inspection *i, struct glia_comm **comm, const char *path,
                         const char *data, const char *split,
                         glia_status (*extend)(struct glia_model *m))
{
  char file[4096 + 16];
  const char *override[2] = {"dtype=f64", file};

  if (comm != NULL) {
    i->s.comm = *comm;
    *comm = NULL;
  }
  i->s.extend = extend;
  GLIA_TRY(open_checkpoint(i, path));
  if (data != NULL) snprintf(file, sizeof file, "data.file=\"%s\"", data);
  GLIA_TRY(session_configure_text(&i->s, path, i->config, data != NULL ? 2 : 1, override));
  GLIA_TRY(session_build(&i->s));
  GLIA_TRY(load_all(i));
  const struct glia_yaml *of_data = glia_yaml_get(glia_yaml_root(i->s.doc), "data");
  glia_status st = glia_dataset_open(i->s.config.data_file, split, 0, &i->rows);
  if (st == GLIA_OK) st = glia_augment_source(of_data, i->s.config.seed, false, &i->rows);
  GLIA_TRY(glia_agree(i->s.comm, st));
  GLIA_CHECK(i->rows->n > 0, GLIA_E_DATA, "%s has no rows", i->rows->name);
  return GLIA_OK;
}

/* Is it part of the network, as measures see it? */
static bool is_of_network(const struct glia_array *a)
{
  return (strncmp(a->path, "params/", 7) == 0 || strncmp(a->path, "state/", 6) == 0) &&
         a->type.dtype == GLIA_F64;
}

glia_status inspect_start(struct inspection *i)
{
  struct glia_array *wanted = calloc((size_t)i->s.n_arrays + 1, sizeof *wanted);
  glia_status st = GLIA_OK;
  int n = 0;

  i->start = calloc((size_t)i->s.n_arrays + 1, sizeof *i->start);
  if (wanted == NULL || i->start == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "an initial network");
  for (int k = 0; st == GLIA_OK && k < i->s.n_arrays; k++) {
    if (!is_of_network(&i->s.array[k])) continue;
    wanted[n] = i->s.array[k];
    wanted[n].data = i->start[k] = malloc(glia_type_bytes(&wanted[n].type) + 1);
    if (i->start[k] == NULL) st = GLIA_FAIL(GLIA_E_MEMORY, "an initial network");
    n++;
  }
  if (st == GLIA_OK) st = glia_weights_take(i->s.config.init, i->s.config.init_names, n, wanted);
  free(wanted);
  return st;
}

void inspect_close(struct inspection *i)
{
  for (int k = 0; i->start != NULL && k < i->s.n_arrays; k++) free(i->start[k]);
  free(i->start);
  glia_source_close(&i->rows);
  glia_checkpoint_close(&i->c);
  session_close(&i->s);
  free(i->config);
}
