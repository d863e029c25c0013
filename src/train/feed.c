/* Micro-batches for an engine: see feed_priv.h. */
#include "feed_priv.h"

#include <stdlib.h>
#include <string.h>

static glia_status fill(void *self, int64_t index, int worker, void *const *data)
{
  const struct feed *f = self;
  const int64_t b = f->order.micro_batch;
  int64_t *row = f->row + worker * b, *position = f->position + worker * b;
  float *weight = f->weight + worker * b;

  GLIA_TRY(glia_feed_kept_(f));
  glia_order_fill(&f->order, f->step, index, row, weight, position);
  for (int i = 0; i < f->n_inputs; i++) {
    if (data[i] == NULL) continue;
    switch (f->role[i]) {
    case ROLE_FIELD:
      if (f->prefetch != NULL)
        GLIA_TRY(glia_prefetch_take_(f->prefetch, index, f->ahead[i], data[i]));
      else
        GLIA_TRY(glia_source_read(f->source, f->field[i], b, row,
                                  f->step / glia_order_steps(&f->order), data[i]));
      break;
    case ROLE_WEIGHT:
      memcpy(data[i], weight, (size_t)b * sizeof *weight);
      break;
    case ROLE_POSITION:
      memcpy(data[i], position, (size_t)b * sizeof *position);
      break;
    case ROLE_STOP: {
      const struct glia_observer *o = f->observer;
      *(double *)data[i] =
          o != NULL && o->stop_requested != NULL && o->stop_requested(o->self) ? 1.0 : 0.0;
      break;
    }
    case ROLE_NONE:
      break;
    }
  }
  return GLIA_OK;
}

/* What an input of the graph is filled with. */
static feed_role role_of(const struct glia_input *in)
{
  if (in->per != GLIA_PER_MICRO_BATCH || in->name[0] == '$') return ROLE_NONE;
  if (strcmp(in->name, "weight") == 0) return ROLE_WEIGHT;
  if (strcmp(in->name, "position") == 0) return ROLE_POSITION;
  return strcmp(in->name, "stop") == 0 ? ROLE_STOP : ROLE_FIELD;
}

/* The field that an input is filled from. */
static glia_status find_field(const struct glia_source *source, const struct glia_input *in,
                              int64_t micro_batch, int *out)
{
  char has[128], wants[128];
  const int field = glia_source_field(source, in->name);

  GLIA_CHECK(field >= 0, GLIA_E_MISSING, "%s has no field %s, which the model reads", source->name,
             in->name);
  const struct glia_type *row = &source->field[field].row;
  struct glia_type full = *row;
  full.rank++;
  for (int k = row->rank; k > 0; k--) full.dim[k] = row->dim[k - 1];
  full.dim[0] = micro_batch;
  GLIA_CHECK(glia_type_equal(&full, &in->type), GLIA_E_SHAPE,
             "%s: field %s gives micro-batches of %s, the model reads %s", source->name, in->name,
             glia_type_text(&full, has, sizeof has),
             glia_type_text(&in->type, wants, sizeof wants));
  *out = field;
  return GLIA_OK;
}

glia_status glia_source_suits(const struct glia_source *source, const struct glia_model *model,
                              int64_t micro_batch)
{
  const struct glia_input *in;
  const int n = glia_graph_inputs(glia_model_graph(model), &in);
  int field;

  for (int i = 0; i < n; i++)
    if (role_of(&in[i]) == ROLE_FIELD) GLIA_TRY(find_field(source, &in[i], micro_batch, &field));
  return GLIA_OK;
}

/* All fields that the model reads, in the order of the graph's inputs. */
static glia_status read_ahead(struct feed *f, const struct glia_engine *engine, int64_t first,
                              int64_t last, int64_t memory_bytes)
{
  const int64_t v = f->order.batch / f->order.micro_batch;
  int64_t lo, hi;
  int n = 0;
  int *field = calloc((size_t)f->n_inputs + 1, sizeof *field);

  GLIA_CHECK(field != NULL, GLIA_E_MEMORY, "%d fields", f->n_inputs);
  for (int i = 0; i < f->n_inputs; i++)
    if (f->role[i] == ROLE_FIELD) {
      f->ahead[i] = n;
      field[n++] = f->field[i];
    }
  glia_engine_range(engine, v, &lo, &hi);
  const glia_status st = glia_prefetch_create_(f->source, &f->order, lo, hi, n, field, first, last,
                                               memory_bytes, &f->prefetch);
  free(field);
  return st;
}

void glia_feed_begin_(struct feed *f, int64_t step)
{
  f->step = step;
  if (f->prefetch != NULL) glia_prefetch_begin_(f->prefetch, step);
}

glia_status glia_feed_init_(struct feed *f, const struct glia_graph *g, struct glia_source *source,
                            const struct glia_order *order, const struct glia_engine *engine,
                            int64_t first, int64_t last, int64_t memory_bytes)
{
  const int workers = glia_engine_threads(engine);
  const struct glia_input *in;
  const size_t rows = (size_t)workers * (size_t)order->micro_batch;
  glia_status st = GLIA_OK;

  *f = (struct feed){.order = *order, .source = source, .workers = workers};
  f->feed = (struct glia_feed){.self = f, .fill = fill};
  f->n_inputs = glia_graph_inputs(g, &in);
  f->role = calloc((size_t)f->n_inputs + 1, sizeof *f->role);
  f->field = calloc((size_t)f->n_inputs + 1, sizeof *f->field);
  f->ahead = calloc((size_t)f->n_inputs + 1, sizeof *f->ahead);
  f->row = calloc(rows, sizeof *f->row);
  f->position = calloc(rows, sizeof *f->position);
  f->weight = calloc(rows, sizeof *f->weight);
  GLIA_CHECK_TO(fail, st,
                f->role != NULL && f->field != NULL && f->ahead != NULL && f->row != NULL &&
                    f->position != NULL && f->weight != NULL,
                GLIA_E_MEMORY, "micro-batches of %d workers", workers);
  for (int i = 0; i < f->n_inputs; i++) {
    f->role[i] = role_of(&in[i]);
    if (f->role[i] == ROLE_FIELD)
      GLIA_TRY_TO(fail, st, find_field(source, &in[i], order->micro_batch, &f->field[i]));
  }
  if (source->slow) GLIA_TRY_TO(fail, st, read_ahead(f, engine, first, last, memory_bytes));
  return GLIA_OK;
fail:
  glia_feed_fini_(f);
  return st;
}

void glia_feed_fini_(struct feed *f)
{
  glia_prefetch_destroy_(&f->prefetch);
  free(f->role);
  free(f->field);
  free(f->ahead);
  free(f->row);
  free(f->position);
  free(f->weight);
  *f = (struct feed){0};
}

void glia_feed_keep_(struct feed *f, glia_status st)
{
  if (st == GLIA_OK || f->kept != GLIA_OK) return;
  f->kept = st;
  strncpy(f->trace, glia_trace(), sizeof f->trace - 1);
}

glia_status glia_feed_kept_(const struct feed *f)
{
  if (f->kept != GLIA_OK) glia_trace_set(f->trace);
  return f->kept;
}

glia_status glia_meet_(const struct glia_meeting *m, glia_status st)
{
  return m != NULL && m->agree != NULL ? m->agree(m->self, st) : st;
}
