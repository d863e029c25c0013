/* States of a model whose stages are on several ranks: each rank holds its own. What is read from files or written passes by rank 0, one
 * array at a time. */
#include "glia_agree.h"
#include "glia_sha256.h"
#include "stages_priv.h"

#include <stdlib.h>
#include <string.h>

glia_status stages_lay_out_(struct stages *g, struct session *s)
{
  const struct glia_state *state;

  s->n_arrays = glia_graph_states(glia_model_graph(s->model), &state);
  s->array = calloc((size_t)s->n_arrays + 1, sizeof *s->array);
  GLIA_CHECK(s->array != NULL, GLIA_E_MEMORY, "a table of %d arrays", s->n_arrays);
  for (int i = 0; i < s->n_arrays; i++) {
    const int own = glia_stage_state(g->stage, i);
    const size_t bytes = glia_type_bytes(&state[i].type);
    s->array[i] = (struct glia_array){state[i].path, state[i].type,
                                      own >= 0 ? glia_engine_state(s->engine, own) : NULL};
    if (bytes > g->passing_bytes) g->passing_bytes = bytes;
  }
  g->passing = calloc(1, g->passing_bytes + 1);
  GLIA_CHECK(g->passing != NULL, GLIA_E_MEMORY, "%zu bytes for a state of another stage",
             g->passing_bytes);
  return GLIA_OK;
}

static void *room_for(const struct stages *g, const struct session *s, int i)
{
  return s->array[i].data != NULL ? s->array[i].data : g->passing;
}

static glia_status bring(struct stages *g, struct session *s, struct glia_comm *comm, int root,
                         int i)
{
  return glia_comm_bcast(comm, room_for(g, s, i), glia_type_bytes(&s->array[i].type), root);
}

glia_status stages_spread(struct stages *g, struct session *s, int i, const void *from)
{
  void *to = room_for(g, s, i);

  if (from != NULL && from != to) memcpy(to, from, glia_type_bytes(&s->array[i].type));
  return bring(g, s, s->comm, 0, i);
}

static int place_of(const struct session *s, const char *path)
{
  int i = 0;

  while (strcmp(s->array[i].path, path) != 0) i++;
  return i;
}

glia_status stages_load(struct stages *g, struct session *s, struct glia_checkpoint *c, int n,
                        const struct glia_array *wanted, bool exact)
{
  struct glia_array *one = calloc((size_t)n + 1, sizeof *one);
  glia_status st = one != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "a table of %d arrays", n);

  for (int i = 0; i < n && st == GLIA_OK; i++)
    one[i] = (struct glia_array){wanted[i].path, wanted[i].type, NULL};
  if (st == GLIA_OK && c != NULL) st = glia_checkpoint_read(c, n, one, exact);
  st = glia_agree(s->comm, st);
  for (int i = 0; i < n && st != GLIA_E_MPI;
       i++) { /* after a failure the others still wait for what comes */
    const int at = place_of(s, wanted[i].path);
    one[i].data = room_for(g, s, at);
    if (c != NULL && st == GLIA_OK) st = glia_checkpoint_read(c, 1, &one[i], false);
    const glia_status moved = bring(g, s, s->comm, 0, at);
    if (moved != GLIA_OK) st = moved;
  }
  free(one);
  return glia_agree(s->comm, st);
}

/* ---- to rank 0 */

/* Who writes: rank 0's pipeline. */
static bool takes_part(const struct stages *g, const struct session *s)
{
  return glia_comm_rank(s->comm) < g->ranks;
}

/* State i, on all ranks of the pipeline for a moment: where it is stays valid until the next. */
static glia_status pass(struct stages *g, struct session *s, int i, const void **data)
{
  *data = room_for(g, s, i);
  return bring(g, s, g->pipe, glia_stage_owner(g->stage, i), i);
}

static int by_path(const void *a, const void *b)
{
  return strcmp((*(const struct glia_array *const *)a)->path,
                (*(const struct glia_array *const *)b)->path);
}

glia_status stages_sha256(struct stages *g, struct session *s, char parameters[65], char state[65])
{
  const struct glia_array **order = calloc((size_t)s->n_arrays + 1, sizeof *order);
  struct glia_sha256 h[2];
  const void *data;

  GLIA_TRY(glia_agree(s->comm, order != NULL
                                   ? GLIA_OK
                                   : GLIA_FAIL(GLIA_E_MEMORY, "a list of %d arrays", s->n_arrays)));
  for (int i = 0; i < s->n_arrays; i++) order[i] = &s->array[i];
  qsort(order, (size_t)s->n_arrays, sizeof *order, by_path);
  for (int k = 0; k < 2; k++) glia_sha256_init(&h[k]);
  glia_status st = GLIA_OK;
  for (int k = 0; k < s->n_arrays && takes_part(g, s) && st == GLIA_OK; k++) {
    st = pass(g, s, (int)(order[k] - s->array), &data);
    if (st == GLIA_OK)
      glia_sha256_update(&h[strncmp(order[k]->path, "params/", 7) != 0], data,
                         glia_type_bytes(&order[k]->type));
  }
  free(order);
  glia_sha256_hex(&h[0], parameters);
  glia_sha256_hex(&h[1], state);
  return st;
}

/* A checkpoint that is being written: arrays come in the order of the table. */
struct parcel {
  struct stages *g;
  struct session *s;
  int next;
  glia_status status;
};

static glia_status fetch(void *self, int i, const void **data)
{
  struct parcel *p = self;

  GLIA_CHECK(i == p->next, GLIA_E_INTERNAL, "array %d of a checkpoint after %d", i, p->next);
  p->next++;
  p->status = pass(p->g, p->s, i, data);
  return p->status;
}

/* The sum of each array, from who holds it. */
static glia_status sum_arrays(struct stages *g, struct session *s, char (*sum)[65])
{
  for (int i = 0; i < s->n_arrays; i++) {
    const int owner = glia_stage_owner(g->stage, i);
    if (owner == glia_comm_rank(g->pipe))
      glia_checkpoint_sum(&s->array[i], s->array[i].data, sum[i]);
    GLIA_TRY(glia_comm_bcast(g->pipe, sum[i], sizeof *sum, owner));
  }
  return GLIA_OK;
}

static glia_status write_one(struct stages *g, struct session *s, const struct stages_checkpoint *c,
                             char (*sum)[65])
{
  struct parcel parcel = {.g = g, .s = s};
  const struct glia_checkpoint_pieces pieces = {.self = &parcel,
                                                .fetch = fetch,
                                                .sum = (const char(*)[65])sum,
                                                .parameters_sha256 = c->parameters_sha256,
                                                .state_sha256 = c->state_sha256};
  const void *data;
  glia_status st = GLIA_OK;

  if (glia_comm_rank(s->comm) == 0)
    st = glia_checkpoint_write_pieces(s->config.checkpoint_dir, c->step, s->n_arrays, s->array,
                                      &pieces, s->config_text, c->n_attributes, c->attribute);
  while (parcel.next < s->n_arrays && parcel.status == GLIA_OK) { /* others send all the same */
    const glia_status moved = fetch(&parcel, parcel.next, &data);
    if (st == GLIA_OK) st = moved;
  }
  return st;
}

glia_status stages_write(struct stages *g, struct session *s, const struct stages_checkpoint *c)
{
  if (!takes_part(g, s)) return GLIA_OK;
  char(*sum)[65] = calloc((size_t)s->n_arrays + 1, sizeof *sum);
  glia_status st =
      sum != NULL ? GLIA_OK : GLIA_FAIL(GLIA_E_MEMORY, "sums of %d arrays", s->n_arrays);

  st = glia_agree(g->pipe, st);
  if (st == GLIA_OK) st = sum_arrays(g, s, sum);
  if (st == GLIA_OK) st = write_one(g, s, c, sum);
  free(sum);
  return st;
}
