/* A list of layers as a function by itself: see glia_network.h. A model without data, losses and optimizer. */
#include "glia_network.h"
#include "nn_priv.h"

#include <stdlib.h>
#include <string.h>

struct glia_network {
  struct glia_model model;
  struct nn_field x;
};

glia_status glia_network_create(const struct glia_yaml *list, struct glia_graph *g, double gain,
                                struct glia_network **out)
{
  struct glia_network *n = calloc(1, sizeof *n);

  *out = NULL;
  GLIA_CHECK(n != NULL, GLIA_E_MEMORY, "a network");
  struct glia_model *m = &n->model;
  m->g = g;
  m->dtype = m->storage = GLIA_F64;
  m->smooth = true;
  m->gain = gain;
  n->x = (struct nn_field){.name = "x", .scale = 1.0, .value = GLIA_NONE};
  m->n_fields = 1;
  m->field = &n->x;
  /* in evaluation nothing is drawn: what these are is never read */
  m->weight = m->position = m->stop = m->rate = m->step = m->seed = m->failed = GLIA_NONE;
  const glia_status st = glia_layers_read_(m, list);
  if (st != GLIA_OK) {
    glia_network_destroy(&n);
    return st;
  }
  *out = n;
  return GLIA_OK;
}

void glia_network_destroy(struct glia_network **n)
{
  if (n == NULL || *n == NULL) return;
  glia_arena_fini(&(*n)->model.arena);
  free(*n);
  *n = NULL;
}

glia_status glia_network_apply(struct glia_network *n, glia_value x, int64_t outputs, glia_value *y)
{
  struct glia_model *m = &n->model;
  const struct glia_type *type = glia_value_type_(m, x);
  const struct nn_layer *last = &m->layer[m->n_layers - 1];
  char text[128];

  GLIA_TRY(glia_graph_status(m->g));
  GLIA_CHECK(type->rank == 2 && type->dtype == GLIA_F64, GLIA_E_ARGUMENT,
             "a network reads rows of numbers in float64");
  m->micro_batch = type->dim[0];
  n->x.value = x;
  n->x.row = glia_type_make(GLIA_F64, 1, &type->dim[1]);
  GLIA_TRY(glia_layers_build_(m));
  *y = last->out[false];
  type = glia_value_type_(m, *y);
  if (type->rank != 2 || type->dim[1] != outputs)
    return glia_layer_error_(last, "gives rows of shape %s, expected [%lld], a number an unknown",
                             glia_row_text_(m, *y, text, sizeof text), (long long)outputs);
  return GLIA_OK;
}

void glia_network_initialize(const struct glia_network *n, uint64_t seed, int state, void *out)
{
  glia_model_initialize(&n->model, seed, state, out);
}

/* The activation of jets that a layer is; -1: it is another layer. */
static int activation_of(const struct nn_layer *l)
{
  const char *const *names = glia_jet_activation_names();

  for (int f = 0; names[f] != NULL; f++)
    if (f != GLIA_JET_LINEAR && strcmp(names[f], l->kind->name) == 0)
      return f == GLIA_JET_GELU && l->v[0] != 0.0 ? -1 : f;
  return -1;
}

/* A dense layer with all options but its units at their defaults. */
static bool is_plain(const struct nn_layer *l)
{
  return strcmp(l->kind->name, "linear") == 0 && l->v[1] != 0.0 && l->v[2] == 0.0 &&
         l->n_transforms == 0;
}

int glia_network_dense(const struct glia_network *n, int most, struct glia_network_dense *out)
{
  const struct glia_model *m = &n->model;
  int count = 0;

  for (int i = 0; i < m->n_layers; i++) {
    const struct nn_layer *l = &m->layer[i];
    const int f = activation_of(l);
    if (l->n_in != 1 || l->in[0] != i - 1) return 0; /* -1: the inputs */
    if (is_plain(l)) {
      if (count == most) return 0;
      out[count++] = (struct glia_network_dense){l->name, (int64_t)l->v[0], GLIA_JET_LINEAR};
    } else if (f < 0 || count == 0 || out[count - 1].activation != GLIA_JET_LINEAR)
      return 0;
    else
      out[count - 1].activation = (glia_jet_activation)f;
  }
  return count > 0 && out[count - 1].activation == GLIA_JET_LINEAR ? count : 0;
}
