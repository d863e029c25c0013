/* Evaluation and prediction: whole sources through the eval and predict entry points. */
#include "feed_priv.h"
#include "measure_priv.h"

#include <math.h>
#include <string.h>

/* A pass over a source; outputs of micro-batches are kept where metrics are asked for. */
struct sweep {
  struct feed feed; /* the first member: keep_rows finds the rest behind it */
  struct measure *measure;
};

static glia_status keep_rows(void *self, int64_t index, int worker, const void *const *data)
{
  struct sweep *w = self;
  const struct glia_order *o = &w->feed.order;
  const int64_t first = w->feed.step * o->batch + index * o->micro_batch;

  (void)worker;
  glia_measure_take_(w->measure, first,
                     o->n - first < o->micro_batch ? o->n - first : o->micro_batch, data);
  return GLIA_OK;
}

/* measure: NULL, or where outputs of the rows go. */
static glia_status sweep(const struct glia_model *model, struct glia_engine *engine,
                         const char *entry, struct glia_source *source, int64_t micro_batch,
                         int64_t micro_batches, const struct glia_meeting *meeting,
                         struct measure *measure, glia_status (*after)(void *self), void *self)
{
  const struct glia_order order = {
      .n = source->n, .batch = micro_batch * micro_batches, .micro_batch = micro_batch};
  struct sweep w = {.measure = measure};
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_meet_(meeting, glia_feed_init_(&w.feed, glia_model_graph(model), source, &order,
                                               engine, 0, glia_order_steps(&order), 0)));
  if (measure != NULL) w.feed.feed.take = keep_rows;
  for (int64_t s = 0; s < glia_order_steps(&order) && st == GLIA_OK; s++) {
    glia_feed_begin_(&w.feed, s);
    st = glia_engine_step(engine, entry, micro_batches, &w.feed.feed);
    if (st == GLIA_E_MPI) break; /* the exchange broke: nobody is sure to come to a meeting */
    const double *failed = glia_engine_output(engine, entry, "failed");
    if ((failed != NULL && *failed > 0.0) || st != GLIA_OK) st = glia_meet_(meeting, st);
    if (st == GLIA_OK && after != NULL) st = after(self);
  }
  glia_feed_fini_(&w.feed);
  return st;
}

glia_status glia_sweep(const struct glia_model *model, struct glia_engine *engine,
                       const char *entry, struct glia_source *source, int64_t micro_batch,
                       int64_t micro_batches, const struct glia_meeting *meeting,
                       glia_status (*after)(void *self), void *self)
{
  return sweep(model, engine, entry, source, micro_batch, micro_batches, meeting, NULL, after,
               self);
}

struct sums {
  struct glia_engine *engine;
  double loss, weight, correct;
};

static double sum_output(struct glia_engine *e, const char *name, double missing)
{
  const double *v = glia_engine_output(e, "eval", name);

  return v != NULL ? *v : missing;
}

static glia_status add_sums(void *self)
{
  struct sums *s = self;

  s->loss += sum_output(s->engine, "loss_sum", NAN);
  s->weight += sum_output(s->engine, "weight_sum", NAN);
  s->correct += sum_output(s->engine, "correct_sum", NAN);
  return GLIA_OK;
}

glia_status glia_evaluate(const struct glia_model *model, struct glia_engine *engine,
                          struct glia_source *source, int64_t micro_batch, int64_t micro_batches,
                          const struct glia_meeting *meeting, struct glia_eval_result *out)
{
  struct sums s = {.engine = engine};
  struct measure measure;

  *out = (struct glia_eval_result){.n = source->n, .loss = NAN, .accuracy = NAN};
  glia_status st = glia_meet_(meeting, glia_measure_init_(&measure, model, source->n));
  if (st == GLIA_OK)
    st = sweep(model, engine, "eval", source, micro_batch, micro_batches, meeting,
               measure.rows->n_metrics > 0 ? &measure : NULL, add_sums, &s);
  if (st == GLIA_OK) st = glia_measure_share_(&measure, meeting);
  if (st == GLIA_OK) st = glia_meet_(meeting, glia_measure_(&measure, out));
  glia_measure_fini_(&measure);
  GLIA_TRY(st);
  out->loss = s.loss / s.weight;
  out->accuracy = s.correct / s.weight;
  return GLIA_OK;
}

/* Hands rows on as micro-batches finish; one worker, so in order. */
struct handing {
  struct feed feed;
  int output;
  size_t row_bytes;
  glia_status (*sink)(void *self, int64_t first, int64_t n, const void *rows);
  void *self;
};

static glia_status fill(void *self, int64_t index, int worker, void *const *data)
{
  struct handing *h = self;

  return h->feed.feed.fill(&h->feed, index, worker, data);
}

static glia_status take(void *self, int64_t index, int worker, const void *const *data)
{
  struct handing *h = self;
  const struct glia_order *o = &h->feed.order;
  const int64_t first = h->feed.step * o->batch + index * o->micro_batch;
  const int64_t n = o->n - first < o->micro_batch ? o->n - first : o->micro_batch;

  (void)worker;
  return n > 0 ? h->sink(h->self, first, n, data[h->output]) : GLIA_OK;
}

glia_status glia_predict_entry(const struct glia_model *model, struct glia_engine *engine,
                               const char *entry, struct glia_source *source, int64_t micro_batch,
                               glia_status (*sink)(void *self, int64_t first, int64_t n,
                                                   const void *rows),
                               void *self)
{
  const struct glia_order order = {
      .n = source->n, .batch = micro_batch, .micro_batch = micro_batch};
  struct handing h = {.sink = sink, .self = self};
  glia_status st = GLIA_OK;

  GLIA_TRY(glia_feed_init_(&h.feed, glia_model_graph(model), source, &order, engine, 0,
                           glia_order_steps(&order), 0));
  const struct glia_feed feed = {.self = &h, .fill = fill, .take = take};
  for (int64_t s = 0; s < glia_order_steps(&order) && st == GLIA_OK; s++) {
    glia_feed_begin_(&h.feed, s);
    st = glia_engine_step(engine, entry, 1, &feed);
  }
  glia_feed_fini_(&h.feed);
  return st;
}

glia_status glia_predict(const struct glia_model *model, struct glia_engine *engine,
                         struct glia_source *source, int64_t micro_batch,
                         glia_status (*sink)(void *self, int64_t first, int64_t n,
                                             const void *rows),
                         void *self)
{
  return glia_predict_entry(model, engine, "predict", source, micro_batch, sink, self);
}
