/* nvidia: the GPUs through NVML, loaded when the agent runs and never linked: no library, no GPU.  Source: NVIDIA's NVML API
 * reference; its first call costs seconds, each query about a millisecond.
 *
 * Recorded nodes have none. GLIA_NVML names another library to load. */
#include "numbers.h"

#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  GPUS,
  POWER,
  TEMPERATURE_MAX,
  BUSY_MEAN,
  BUSY_MIN,
  MEMORY_USED,
  MEMORY_TOTAL,
  ECC,
  REPLAYS,
  THROTTLED,
  N_METRICS
};

static const struct glia_metric metrics[N_METRICS] = {
    [GPUS] = {"glia_gpus", "1", GLIA_METRIC_GAUGE, "GPUs that answer"},
    [POWER] = {"glia_gpu_power_watts", "W", GLIA_METRIC_GAUGE, "power of all GPUs"},
    [TEMPERATURE_MAX] = {"glia_gpu_temperature_max_celsius", "Cel", GLIA_METRIC_GAUGE,
                         "hottest GPU"},
    [BUSY_MEAN] = {"glia_gpu_busy_mean_ratio", "1", GLIA_METRIC_GAUGE, "busy share of the GPUs"},
    [BUSY_MIN] = {"glia_gpu_busy_min_ratio", "1", GLIA_METRIC_GAUGE,
                  "busy share of the idlest GPU"},
    [MEMORY_USED] = {"glia_gpu_memory_used_bytes", "B", GLIA_METRIC_GAUGE,
                     "memory in use on all GPUs"},
    [MEMORY_TOTAL] = {"glia_gpu_memory_bytes", "B", GLIA_METRIC_GAUGE, "memory of all GPUs"},
    [ECC] = {"glia_gpu_ecc_uncorrected_total", "1", GLIA_METRIC_COUNTER,
             "memory errors that could not be corrected, since the driver's start"},
    [REPLAYS] = {"glia_gpu_pcie_replays_total", "1", GLIA_METRIC_COUNTER,
                 "PCIe messages sent again"},
    [THROTTLED] = {"glia_gpus_throttled", "1", GLIA_METRIC_GAUGE,
                   "GPUs slowed down by heat or power"},
};

/* What of NVML is used, as its header declares it: all return 0 for success. */
typedef void *device;
struct utilization {
  unsigned int gpu, memory; /* percent */
};
struct memory {
  unsigned long long total, free, used; /* bytes */
};
enum { SENSOR_GPU = 0, ERRORS_UNCORRECTED = 1, SINCE_START = 0 };
/* Slowed by software power cap, hardware, software or hardware heat, power brake. */
#define SLOWED 0xECULL

struct nvml {
  int (*init)(void);
  int (*shutdown)(void);
  int (*count)(unsigned int *n);
  int (*handle)(unsigned int i, device *d);
  int (*power)(device d, unsigned int *milliwatts);
  int (*temperature)(device d, int sensor, unsigned int *celsius);
  int (*busy)(device d, struct utilization *u);
  int (*memory)(device d, struct memory *m);
  int (*ecc)(device d, int type, int counter, unsigned long long *n);
  int (*replays)(device d, unsigned int *n);
  int (*throttle)(device d, unsigned long long *reasons);
};

static const struct {
  const char *name;
  size_t at;
} symbol[] = {{"nvmlInit_v2", offsetof(struct nvml, init)},
              {"nvmlShutdown", offsetof(struct nvml, shutdown)},
              {"nvmlDeviceGetCount_v2", offsetof(struct nvml, count)},
              {"nvmlDeviceGetHandleByIndex_v2", offsetof(struct nvml, handle)},
              {"nvmlDeviceGetPowerUsage", offsetof(struct nvml, power)},
              {"nvmlDeviceGetTemperature", offsetof(struct nvml, temperature)},
              {"nvmlDeviceGetUtilizationRates", offsetof(struct nvml, busy)},
              {"nvmlDeviceGetMemoryInfo", offsetof(struct nvml, memory)},
              {"nvmlDeviceGetTotalEccErrors", offsetof(struct nvml, ecc)},
              {"nvmlDeviceGetPcieReplayCounter", offsetof(struct nvml, replays)},
              {"nvmlDeviceGetCurrentClocksThrottleReasons", offsetof(struct nvml, throttle)}};

struct state {
  void *library;
  struct nvml call;
  bool ready;
};

static glia_status open_under(void *state, const char *root)
{
  struct state *s = state;
  const char *name = getenv("GLIA_NVML");

  if (strcmp(root, "/") != 0) return GLIA_OK;
  s->library = dlopen(name != NULL ? name : "libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (s->library == NULL) return GLIA_OK;
  for (size_t i = 0; i < GLIA_COUNT(symbol); i++) {
    void *const found = dlsym(s->library, symbol[i].name);
    if (found == NULL) return GLIA_OK; /* too old a driver */
    memcpy((char *)&s->call + symbol[i].at, &found, sizeof found);
  }
  s->ready = s->call.init() == 0;
  return GLIA_OK;
}

static double percent(int failed, unsigned int v)
{
  return failed == 0 ? 0.01 * v : (double)GLIA_MISSING;
}
static double value(int failed, double v) { return failed == 0 ? v : (double)GLIA_MISSING; }

static void add_gpu(const struct nvml *call, device d, struct glia_fold fold[N_METRICS])
{
  unsigned int n = 0;
  unsigned long long large = 0;
  struct utilization use = {0};
  struct memory memory = {0};

  int failed = call->power(d, &n);
  glia_fold_add_(&fold[POWER], value(failed, 1e-3 * n));
  failed = call->temperature(d, SENSOR_GPU, &n);
  glia_fold_add_(&fold[TEMPERATURE_MAX], value(failed, n));
  failed = call->busy(d, &use);
  glia_fold_add_(&fold[BUSY_MEAN], percent(failed, use.gpu));
  failed = call->memory(d, &memory);
  glia_fold_add_(&fold[MEMORY_USED], value(failed, (double)memory.used));
  glia_fold_add_(&fold[MEMORY_TOTAL], value(failed, (double)memory.total));
  failed = call->ecc(d, ERRORS_UNCORRECTED, SINCE_START, &large);
  glia_fold_add_(&fold[ECC], value(failed, (double)large));
  failed = call->replays(d, &n);
  glia_fold_add_(&fold[REPLAYS], value(failed, n));
  failed = call->throttle(d, &large);
  glia_fold_add_(&fold[THROTTLED], value(failed, (large & SLOWED) != 0 ? 1.0 : 0.0));
  glia_fold_add_(&fold[GPUS], 1.0);
}

static void sample(void *state, double *out)
{
  struct state *s = state;
  struct glia_fold fold[N_METRICS] = {{0}};
  unsigned int n = 0;

  if (!s->ready || s->call.count(&n) != 0) return;
  for (unsigned int i = 0; i < n; i++) {
    device d = NULL;
    if (s->call.handle(i, &d) == 0) add_gpu(&s->call, d, fold);
  }
  for (int i = 0; i < N_METRICS; i++) out[i] = glia_fold_get_(&fold[i], GLIA_FOLD_SUM);
  out[TEMPERATURE_MAX] = glia_fold_get_(&fold[TEMPERATURE_MAX], GLIA_FOLD_MOST);
  out[BUSY_MEAN] = glia_fold_get_(&fold[BUSY_MEAN], GLIA_FOLD_MEAN);
  out[BUSY_MIN] = glia_fold_get_(&fold[BUSY_MEAN], GLIA_FOLD_LEAST);
}

static void close_all(void *state)
{
  struct state *s = state;

  if (s->ready) s->call.shutdown();
  if (s->library != NULL) dlclose(s->library);
}

const struct glia_sampler glia_sampler_nvidia_ = {
    .name = "nvidia",
    .metrics = metrics,
    .n_metrics = GLIA_COUNT(metrics),
    .state_size = sizeof(struct state),
    .period_s = 5.0,
    .open = open_under,
    .sample = sample,
    .close = close_all,
};
