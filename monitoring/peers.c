/* Nodes of one job should look alike; see glia_watch.h. */
#include "watch_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double LEAST = 0.05; /* of the level, or absolute for shares */
static const double FRESH_S = 5.0;

static int by_value(const void *a, const void *b)
{
  const double x = *(const double *)a;
  const double y = *(const double *)b;

  return (x > y) - (x < y);
}

/* Median of v [n], n >= 1; sorts. */
static double median(int n, double *v)
{
  qsort(v, (size_t)n, sizeof *v, by_value);
  return 0.5 * (v[(n - 1) / 2] + v[n / 2]);
}

void glia_peers_score(int n, int columns, const float *const *value, double *work, double *score,
                      int *worst)
{
  double *most = work + n;

  for (int i = 0; i < n; i++) {
    score[i] = most[i] = 0.0;
    worst[i] = 0;
  }
  for (int j = 0; j < columns; j++) {
    int there = 0;
    for (int i = 0; i < n; i++)
      if (!isnan(value[i][j])) work[there++] = (double)value[i][j];
    if (there < GLIA_WATCH_PEERS_LEAST) continue;
    const double middle = median(there, work);
    for (int i = 0, k = 0; i < n; i++)
      if (!isnan(value[i][j])) work[k++] = fabs((double)value[i][j] - middle);
    const double spread = fmax(1.4826 * median(there, work), LEAST * fmax(fabs(middle), 1.0));
    for (int i = 0; i < n; i++) {
      if (isnan(value[i][j])) continue;
      const double z = fabs((double)value[i][j] - middle) / spread;
      if (z > most[i]) {
        score[i] = most[i]; /* the second largest */
        most[i] = z;
        worst[i] = j;
      } else if (z > score[i]) {
        score[i] = z;
      }
    }
  }
}

void glia_watch_forget_peers_(struct glia_watch *w)
{
  free(w->group);
  free((void *)w->row);
  free(w->work);
  free(w->score);
  free(w->worst);
}

/* Room for all nodes in one group. */
static bool make_room(struct glia_watch *w)
{
  if (w->n <= w->room) return true;
  glia_watch_forget_peers_(w);
  const size_t n = (size_t)w->n;
  w->group = calloc(n, sizeof(struct watched *));
  w->row = calloc(n, sizeof(const float *));
  w->work = calloc(2 * n, sizeof *w->work);
  w->score = calloc(n, sizeof *w->score);
  w->worst = calloc(n, sizeof *w->worst);
  w->room =
      w->group != NULL && w->row != NULL && w->work != NULL && w->score != NULL && w->worst != NULL
          ? w->n
          : 0;
  return w->room > 0;
}

static int by_group(const void *a, const void *b)
{
  const struct watched *x = *(struct watched *const *)a;
  const struct watched *y = *(struct watched *const *)b;

  if (x->job != y->job) return x->job < y->job ? -1 : 1;
  if (x->names != y->names) return x->names->hash < y->names->hash ? -1 : 1;
  return strcmp(x->name, y->name);
}

/* Nodes without a job may do different things: they are compared only where one of them has nothing else to be judged by. */
static bool worth_it(int n, struct watched *const *node)
{
  bool unwatched = false;

  for (int i = 0; i < n; i++) unwatched = unwatched || !glia_watch_scored_(node[i]);
  return n >= GLIA_WATCH_PEERS_LEAST && (node[0]->job > 0 || unwatched);
}

/* Nodes [n] that run the same job and have the same columns. */
static void compare_group(struct glia_watch *w, int n, struct watched *const *node, int64_t now_ns)
{
  for (int i = 0; i < n; i++) w->row[i] = node[i]->last;
  glia_peers_score(n, node[0]->n_columns, w->row, w->work, w->score, w->worst);
  memcpy(w->work, w->score, (size_t)n * sizeof *w->score);
  const double middle = median(n, w->work);
  for (int i = 0; i < n; i++) {
    struct watched *t = node[i];
    t->peer_score = w->score[i];
    t->peers = n;
    const bool judged = t->job > 0 || !glia_watch_scored_(t);
    const bool odd =
        judged && t->peer_score > WATCH_PEERS_ODD && t->peer_score > WATCH_PEERS_TIMES * middle;
    t->above = odd ? t->above + 1 : 0;
    if (odd)
      snprintf(t->text[GLIA_WATCH_PEERS], sizeof t->text[0],
               "%s is unlike that of the %d nodes of job %lld", t->names->name[w->worst[i]], n,
               (long long)t->job);
    glia_watch_set_(w, t, GLIA_WATCH_PEERS, t->above >= WATCH_PEERS_PERSISTENCE, now_ns, now_ns);
  }
}

void glia_watch_compare(struct glia_watch *w, int64_t now_ns)
{
  int n = 0;

  if (!make_room(w)) return; /* no memory: no comparison */
  for (int i = 0; i < w->n; i++) {
    struct watched *t = w->node[i];
    const bool fresh = t->last_ns > 0 && 1e-9 * (double)(now_ns - t->last_ns) <= FRESH_S;
    t->peers = 0;
    t->peer_score = (double)NAN;
    if (fresh) w->group[n++] = t;
  }
  qsort(w->group, (size_t)n, sizeof(struct watched *), by_group);
  for (int from = 0, to; from < n; from = to) {
    const struct watched *t = w->group[from];
    for (to = from; to < n && w->group[to]->job == t->job && w->group[to]->names == t->names;) to++;
    if (worth_it(to - from, w->group + from)) compare_group(w, to - from, w->group + from, now_ns);
  }
}
