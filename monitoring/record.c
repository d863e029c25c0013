/* Recording to a telemetry file; see glia_record.h. */
#include "glia_record.h"

#include "glia_log.h"
#include "glia_rates.h"
#include "glia_telemetry.h"
#include "topology_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { UNIT_BYTES = 16 };
static const double flush_s = 2.0; /* at most this much is lost by a kill */

struct glia_recorder {
  struct glia_telemetry_writer *file;
  int node; /* its number in the file */
};

/* Last folder of a path: "nodes/vm-1/" gives "vm-1". */
static void folder_name(const char *root, char *out, size_t size)
{
  const char *end = root + strlen(root);

  while (end > root && end[-1] == '/') end--;
  const char *at = end;
  while (at > root && at[-1] != '/') at--;
  snprintf(out, size, "%.*s", (int)(end - at), at);
}

const char *glia_host_name(const char *root, char *out, size_t size)
{
  char path[4096];
  ssize_t n = -1;

  snprintf(path, sizeof path, "%s/proc/sys/kernel/hostname", root);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    n = read(fd, out, size - 1);
    close(fd);
  }
  out[n > 0 ? n : 0] = '\0';
  out[strcspn(out, "/\n")] = '\0'; /* what a group of a file cannot be called */
  if (out[0] == '\0') folder_name(root, out, size);
  if (out[0] == '\0' || out[0] == '.') snprintf(out, size, "node");
  return out;
}

static glia_status add_node(struct glia_recorder *r, const char *host,
                            const struct glia_sample_set *set)
{
  const int64_t n = glia_sample_set_count(set);
  const struct glia_metric *metric = glia_sample_set_metrics(set);
  const size_t room = n > 0 ? (size_t)n : 1;
  const char **name = malloc(room * sizeof *name);
  const char **unit = malloc(room * sizeof *unit);
  char(*text)[UNIT_BYTES] = malloc(room * sizeof *text);
  glia_status st = GLIA_OK;

  GLIA_CHECK_TO(done, st, name != NULL && unit != NULL && text != NULL, GLIA_E_MEMORY,
                "no memory for %lld names", (long long)n);
  for (int64_t i = 0; i < n; i++) {
    name[i] = metric[i].name;
    unit[i] = glia_rates_unit(&metric[i], text[i], sizeof text[i]);
  }
  GLIA_TRY_TO(done, st, glia_telemetry_add_node(r->file, host, (int)n, name, unit, &r->node));

done:
  free(text);
  free(unit);
  free(name);
  return st;
}

/* What the machine is made of, for those who fold or compare its metrics later; a recorded node cannot tell. */
static glia_status add_topology(struct glia_recorder *r, const char *root)
{
  char *xml = NULL;

  if (strcmp(root, "/") != 0) return GLIA_OK;
  if (glia_topology_xml_(&xml) != GLIA_OK) { /* a sandbox may hide it: no reason not to record */
    glia_log(GLIA_LOG_WARN, "monitoring", "no-topology", "reason=\"%s\"", glia_trace_message());
    glia_trace_clear();
    return GLIA_OK;
  }
  const glia_status st = glia_telemetry_text(r->file, r->node, "topology", xml);
  free(xml);
  return st;
}

glia_status glia_recorder_open(const char *path, bool force, const char *root,
                               const struct glia_sample_set *set, struct glia_recorder **out)
{
  char host[GLIA_HOST_BYTES];
  glia_status st;

  *out = NULL;
  struct glia_recorder *r = calloc(1, sizeof *r);
  GLIA_CHECK(r != NULL, GLIA_E_MEMORY, "no memory to record to %s", path);
  GLIA_TRY_TO(fail, st, glia_telemetry_create(path, force, flush_s, &r->file));
  GLIA_TRY_TO(fail, st, add_node(r, glia_host_name(root, host, sizeof host), set));
  GLIA_TRY_TO(fail, st, add_topology(r, root));
  GLIA_TRY_TO(fail, st, glia_telemetry_flush(r->file));
  *out = r;
  return GLIA_OK;

fail:
  glia_recorder_abort(&r);
  return st;
}

glia_status glia_recorder_add(struct glia_recorder *recorder, const struct glia_agent_row *row)
{
  GLIA_TRY(glia_telemetry_append(recorder->file, recorder->node, 1, &row->when.realtime_ns,
                                 row->values));
  return GLIA_OK;
}

glia_status glia_recorder_event(struct glia_recorder *recorder, int64_t time_ns, const char *text)
{
  GLIA_TRY(glia_telemetry_event(recorder->file, time_ns, "", text));
  return GLIA_OK;
}

glia_status glia_recorder_close(struct glia_recorder **recorder)
{
  const glia_status st = glia_telemetry_commit(&(*recorder)->file);

  glia_recorder_abort(recorder);
  return st;
}

void glia_recorder_abort(struct glia_recorder **recorder)
{
  if (*recorder == NULL) return;
  glia_telemetry_abort(&(*recorder)->file);
  free(*recorder);
  *recorder = NULL;
}
