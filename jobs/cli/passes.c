/* Progress of passes over rows: see passes.h. */
#include "passes.h"

#include <math.h>

static void stepped(void *self, int64_t micro_batches)
{
  struct passes *p = self;

  p->seen += micro_batches * p->micro_batch;
  if (p->planned == 0) {
    glia_progress_update(&p->progress, fmin((double)p->seen, p->progress.total), p->note);
    return;
  }
  const double passes = fmin((double)p->seen / (double)p->rows, (double)p->planned);
  p->progress.total = p->before + (double)(p->planned * (1 + p->again) + p->later);
  glia_progress_update(&p->progress, p->before + passes, p->note);
}

void passes_begin(struct passes *p, const char *what, const char *unit)
{
  *p = (struct passes){0};
  glia_progress_begin(&p->progress, what, unit != NULL ? unit : "rows", 0.0);
}

void passes_watch(struct passes *p, struct glia_engine *e, int64_t n, int64_t micro_batch,
                  int64_t micro_batches)
{
  const int64_t batch = micro_batch * micro_batches;

  p->progress.total = (double)n;
  p->micro_batch = micro_batch;
  p->rows = (n + batch - 1) / batch * batch;
  p->seen = 0;
  p->before += (double)p->planned;
  p->planned = 0;
  glia_engine_watch(e, stepped, p);
}

void passes_end(struct passes *p, struct glia_engine *e)
{
  if (e != NULL) glia_engine_watch(e, NULL, NULL);
  glia_progress_end(&p->progress);
}
