/* A library with the calls of NVML that the agent loads, for nodes without GPUs: two, the second of which is slowed down by heat, does not count
 * memory errors (error 3, not supported), and is as large as it gets. With GLIA_NVML_BROKEN nothing initialises. */
#include <stdlib.h>

struct utilization {
  unsigned int gpu, memory;
};
struct memory {
  unsigned long long total, free, used;
};

static int gpu[2] = {0, 1};

#define CALL __attribute__((visibility("default"))) int

CALL nvmlInit_v2(void);
CALL nvmlShutdown(void);
CALL nvmlDeviceGetCount_v2(unsigned int *n);
CALL nvmlDeviceGetHandleByIndex_v2(unsigned int i, void **d);
CALL nvmlDeviceGetPowerUsage(const int *d, unsigned int *milliwatts);
CALL nvmlDeviceGetTemperature(const int *d, int sensor, unsigned int *celsius);
CALL nvmlDeviceGetUtilizationRates(const int *d, struct utilization *u);
CALL nvmlDeviceGetMemoryInfo(const int *d, struct memory *m);
CALL nvmlDeviceGetTotalEccErrors(const int *d, int type, int counter, unsigned long long *n);
CALL nvmlDeviceGetPcieReplayCounter(const int *d, unsigned int *n);
CALL nvmlDeviceGetCurrentClocksThrottleReasons(const int *d, unsigned long long *reasons);

int nvmlInit_v2(void) { return getenv("GLIA_NVML_BROKEN") != NULL ? 9 : 0; }
int nvmlShutdown(void) { return 0; }

int nvmlDeviceGetCount_v2(unsigned int *n)
{
  *n = 2;
  return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int i, void **d)
{
  *d = &gpu[i];
  return 0;
}

int nvmlDeviceGetPowerUsage(const int *d, unsigned int *milliwatts)
{
  *milliwatts = *d == 0 ? 61500 : 400000;
  return 0;
}

int nvmlDeviceGetTemperature(const int *d, int sensor, unsigned int *celsius)
{
  *celsius = *d == 0 ? 41 : 88;
  return sensor;
}

int nvmlDeviceGetUtilizationRates(const int *d, struct utilization *u)
{
  *u = (struct utilization){.gpu = *d == 0 ? 10 : 100, .memory = 50};
  return 0;
}

int nvmlDeviceGetMemoryInfo(const int *d, struct memory *m)
{
  m->total = 80ULL << 30;
  m->used = *d == 0 ? 1ULL << 30 : 80ULL << 30;
  m->free = m->total - m->used;
  return 0;
}

int nvmlDeviceGetTotalEccErrors(const int *d, int type, int counter, unsigned long long *n)
{
  *n = type == 1 && counter == 0 ? 7 : 1000;
  return *d == 0 ? 0 : 3;
}

int nvmlDeviceGetPcieReplayCounter(const int *d, unsigned int *n)
{
  *n = *d == 0 ? 2 : 3;
  return 0;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(const int *d, unsigned long long *reasons)
{
  *reasons = *d == 0 ? 0x1 : 0x40; /* idle; hardware slows down for heat */
  return 0;
}
