/* Files in memory for targets; and libFuzzer's entry, where FUZZ_TARGET names one. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

const char *fuzz_file(const uint8_t *data, size_t size)
{
  static char path[64];
  static int fd = -1;

  if (fd < 0) fd = memfd_create("fuzz", MFD_CLOEXEC);
  if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size) abort();
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return path;
}

static char out[512];

static void remove_out(void) { unlink(out); }

const char *fuzz_out(void)
{
  if (out[0] == '\0') {
    const char *tmp = getenv("TMPDIR");
    snprintf(out, sizeof out, "%s/glia-fuzz-%ld.h5", tmp != NULL ? tmp : "/tmp", (long)getpid());
    atexit(remove_out);
  }
  return out;
}

#ifdef FUZZ_TARGET
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  FUZZ_TARGET(data, size);
  return 0;
}
#endif
