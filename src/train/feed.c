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

  glia_order_fill(&f->order, f->step, index, row, weight, position);
  for (int i = 0; i < f->n_inputs; i++) {
    if (data[i] == NULL) continue;
    switch (f->role[i]) {
    case ROLE_FIELD:
      GLIA_TRY(f->source->read(f->source->self, f->field[i], b, row, data[i]));
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

static glia_status bind_field(struct feed *f, int i, const struct glia_input *in)
{
  char has[128], wants[128];
  const int field = glia_source_field(f->source, in->name);

  GLIA_CHECK(field >= 0, GLIA_E_MISSING, "%s has no field %s, which the model reads",
             f->source->name, in->name);
  const struct glia_type *row = &f->source->field[field].row;
  struct glia_type full = *row;
  full.rank++;
  for (int k = row->rank; k > 0; k--) full.dim[k] = row->dim[k - 1];
  full.dim[0] = f->order.micro_batch;
  GLIA_CHECK(glia_type_equal(&full, &in->type), GLIA_E_SHAPE,
             "%s: field %s gives micro-batches of %s, the model reads %s", f->source->name,
             in->name, glia_type_text(&full, has, sizeof has),
             glia_type_text(&in->type, wants, sizeof wants));
  f->role[i] = ROLE_FIELD;
  f->field[i] = field;
  return GLIA_OK;
}

glia_status glia_feed_init_(struct feed *f, const struct glia_graph *g, struct glia_source *source,
                            const struct glia_order *order, int workers)
{
  const struct glia_input *in;
  const size_t rows = (size_t)workers * (size_t)order->micro_batch;
  glia_status st = GLIA_OK;

  *f = (struct feed){.order = *order, .source = source, .workers = workers};
  f->feed = (struct glia_feed){.self = f, .fill = fill};
  f->n_inputs = glia_graph_inputs(g, &in);
  f->role = calloc((size_t)f->n_inputs + 1, sizeof *f->role);
  f->field = calloc((size_t)f->n_inputs + 1, sizeof *f->field);
  f->row = calloc(rows, sizeof *f->row);
  f->position = calloc(rows, sizeof *f->position);
  f->weight = calloc(rows, sizeof *f->weight);
  GLIA_CHECK_TO(fail, st,
                f->role != NULL && f->field != NULL && f->row != NULL && f->position != NULL &&
                    f->weight != NULL,
                GLIA_E_MEMORY, "micro-batches of %d workers", workers);
  for (int i = 0; i < f->n_inputs; i++) {
    f->role[i] = ROLE_NONE;
    if (in[i].per != GLIA_PER_MICRO_BATCH || in[i].name[0] == '$') continue;
    if (strcmp(in[i].name, "weight") == 0)
      f->role[i] = ROLE_WEIGHT;
    else if (strcmp(in[i].name, "position") == 0)
      f->role[i] = ROLE_POSITION;
    else if (strcmp(in[i].name, "stop") == 0)
      f->role[i] = ROLE_STOP;
    else
      GLIA_TRY_TO(fail, st, bind_field(f, i, &in[i]));
  }
  return GLIA_OK;
fail:
  glia_feed_fini_(f);
  return st;
}

void glia_feed_fini_(struct feed *f)
{
  free(f->role);
  free(f->field);
  free(f->row);
  free(f->position);
  free(f->weight);
  *f = (struct feed){0};
}

glia_status glia_meet_(const struct glia_meeting *m, glia_status st)
{
  return m != NULL && m->agree != NULL ? m->agree(m->self, st) : st;
}
