/* See profile.h. */
#include "profile.h"

#include "glia_profile.h"
#include "glia_timeline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TABLE_ROWS = 12 };

/* A unit and its calls by all threads. */
struct timed {
  struct glia_unit_info info;
  int64_t calls;
  double took_s;
};

/* Units of one name together. */
struct heap {
  const char *name;
  double took_s, bytes;
  int64_t calls;
};

static const char *kernel_of(const struct glia_unit_info *u)
{
  return u->members > 1 ? "group" : u->kernel;
}

/* "params/00-linear/weight" is the update of that parameter; a layer has its own name. */
static const char *layer_of(const struct glia_unit_info *u)
{
  if (u->scope == NULL) return u->region[0] == 'e' ? "(end of step)" : "(none)";
  return u->scope;
}

static int slowest_first(const void *a, const void *b)
{
  const struct heap *x = a, *y = b;

  return x->took_s > y->took_s ? -1 : x->took_s < y->took_s;
}

/* Sums by name, slowest first. heap [n]; returns how many. */
static int pile(const struct timed *unit, int n,
                const char *(*name_of)(const struct glia_unit_info *), struct heap *heap)
{
  int heaps = 0;

  for (int i = 0; i < n; i++) {
    if (unit[i].calls == 0) continue;
    const char *name = name_of(&unit[i].info);
    int h = 0;
    while (h < heaps && strcmp(heap[h].name, name) != 0) h++;
    if (h == heaps) heap[heaps++] = (struct heap){.name = name};
    heap[h].took_s += unit[i].took_s;
    heap[h].bytes += unit[i].info.bytes * (double)unit[i].calls;
    heap[h].calls += unit[i].calls;
  }
  qsort(heap, (size_t)heaps, sizeof *heap, slowest_first);
  return heaps;
}

static json_t *table(struct glia_args *a, const char *what, const struct heap *heap, int n,
                     double all_s, int64_t steps)
{
  json_t *rows = json_array();

  glia_cli_print(a, "%-44s %10s %6s %9s %9s\n", what, "ms a step", "%", "calls", "GB/s");
  for (int i = 0; i < n; i++) {
    const double step_s = heap[i].took_s / (double)steps,
                 calls = (double)heap[i].calls / (double)steps,
                 rate = heap[i].bytes / heap[i].took_s / 1e9;
    if (i < TABLE_ROWS)
      glia_cli_print(a, "%-44.44s %10.4f %6.1f %9.1f %9.1f\n", heap[i].name, 1e3 * step_s,
                     100.0 * heap[i].took_s / all_s, calls, rate);
    json_array_append_new(
        rows, json_pack("{s:s, s:o, s:o, s:o, s:o}", "name", heap[i].name, "seconds",
                        glia_json_real(step_s), "fraction", glia_json_real(heap[i].took_s / all_s),
                        "calls", glia_json_real(calls), "gbytes_per_s", glia_json_real(rate)));
  }
  glia_cli_print(a, "\n");
  return rows;
}

/* A unit on one line: what it ends in, with its type. */
static const char *unit_text(const struct glia_unit_info *u, char *out, size_t size)
{
  char type[96];

  snprintf(out, size, "%s %s%s%.0d %s", layer_of(u), u->kernel, u->members > 1 ? " of " : "",
           u->members > 1 ? u->members : 0, glia_type_text(&u->node->type, type, sizeof type));
  return out;
}

static json_t *by_unit(struct glia_args *a, const struct timed *unit, int n, double all_s,
                       int64_t steps)
{
  struct heap *heap = calloc((size_t)n + 1, sizeof *heap);
  char(*name)[256] = calloc((size_t)n + 1, sizeof *name);
  json_t *rows = NULL;
  int heaps = 0;

  for (int i = 0; i < n && heap != NULL && name != NULL; i++) {
    if (unit[i].calls == 0) continue;
    heap[heaps] = (struct heap){unit_text(&unit[i].info, name[heaps], sizeof *name), unit[i].took_s,
                                unit[i].info.bytes * (double)unit[i].calls, unit[i].calls};
    heaps++;
  }
  if (heap != NULL && name != NULL) {
    qsort(heap, (size_t)heaps, sizeof *heap, slowest_first);
    rows = table(a, "unit", heap, heaps, all_s, steps);
  }
  free(heap);
  free(name);
  return rows;
}

void profile_time(bool on) { glia_timeline_record(256, on, on); }

/* Units of an entry point with their times: *n of them. The caller frees. */
static struct timed *timed_units(const struct glia_program *p, const char *entry, int *n)
{
  const int most = glia_timeline_sums(0, NULL), units = glia_program_units(p, entry, 0, NULL);
  struct glia_event_sum *sum = calloc((size_t)most + 1, sizeof *sum);
  struct glia_unit_info *info = calloc((size_t)units + 1, sizeof *info);
  struct timed *unit = calloc((size_t)units + 1, sizeof *unit);

  *n = 0;
  if (sum != NULL && info != NULL && unit != NULL && most > 0) {
    const int sums = glia_timeline_sums(most, sum);
    *n = glia_program_units(p, entry, units, info);
    for (int i = 0; i < *n; i++) {
      unit[i].info = info[i];
      for (int k = 0; k < sums && k < most; k++)
        if (sum[k].kind == GLIA_EVENT_KERNEL && sum[k].arg == info[i].node->id &&
            strcmp(sum[k].name, info[i].kernel) == 0) {
          unit[i].calls = sum[k].n;
          unit[i].took_s = sum[k].total_s;
        }
    }
  }
  free(sum);
  free(info);
  return unit;
}

json_t *profile_report(struct glia_args *a, const struct glia_program *p, const char *entry,
                       int64_t steps)
{
  int n;
  struct timed *unit = timed_units(p, entry, &n);
  struct heap *heap = calloc((size_t)n + 1, sizeof *heap);
  json_t *j = NULL;
  double all_s = 0.0;

  if (unit != NULL && heap != NULL && n > 0 && steps > 0) {
    for (int i = 0; i < n; i++) all_s += unit[i].took_s;
    int heaps = pile(unit, n, kernel_of, heap);
    json_t *kernels = table(a, "kernel", heap, heaps, all_s, steps);
    heaps = pile(unit, n, layer_of, heap);
    json_t *layers = table(a, "layer or parameter", heap, heaps, all_s, steps);
    j = json_pack("{s:o, s:o, s:o}", "by_kernel", kernels, "by_layer", layers, "units",
                  by_unit(a, unit, n, all_s, steps));
  }
  free(unit);
  free(heap);
  return j != NULL ? j : json_null();
}
