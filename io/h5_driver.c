/* A driver for HDF5 that never fails while writing.
 *
 * After a failed write (disk full, quota, file size limit) HDF5 1.10 can neither flush nor close the file, keeps its ids for
 * ever and crashes at exit. Here the first error is kept for us to ask for, later writes are dropped, and HDF5 closes in peace.
 */
#include "h5_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if H5_VERSION_GE(1, 12, 0)
#include <H5FDdevelop.h>
#endif

/* What travels in the access property list. */
struct access {
  int *error;
};

struct driver {
  H5FD_t base; /* HDF5's, must be first */
  int fd;
  int *error; /* errno of the first failure; outlives the file */
  haddr_t eoa;
  haddr_t eof;
};

static struct driver *of(H5FD_t *f) { return (struct driver *)f; }
static const struct driver *of_const(const H5FD_t *f) { return (const struct driver *)f; }

static void fail(struct driver *d, int error)
{
  if (*d->error == 0) *d->error = error;
}

static H5FD_t *open_file(const char *name, unsigned flags, hid_t fapl, haddr_t maxaddr)
{
  struct driver *d = calloc(1, sizeof *d);
  const struct access *a = H5Pget_driver_info(fapl);
  struct stat s;

  (void)maxaddr;
  if (d == NULL) return NULL;
  d->error = a->error;
  d->fd =
      open(name, O_RDWR | O_CLOEXEC | ((flags & H5F_ACC_TRUNC) != 0 ? O_CREAT | O_TRUNC : 0), 0666);
  if (d->fd < 0 || fstat(d->fd, &s) != 0) {
    if (d->fd >= 0) close(d->fd);
    free(d);
    return NULL;
  }
  d->eof = (haddr_t)s.st_size;
  return &d->base;
}

static herr_t close_file(H5FD_t *f)
{
  close(of(f)->fd);
  free(f);
  return 0;
}

static herr_t query(const H5FD_t *f, unsigned long *flags)
{
  (void)f;
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

static haddr_t get_eoa(const H5FD_t *f, H5FD_mem_t type) { return (void)type, of_const(f)->eoa; }
static haddr_t get_eof(const H5FD_t *f, H5FD_mem_t type) { return (void)type, of_const(f)->eof; }

static herr_t set_eoa(H5FD_t *f, H5FD_mem_t type, haddr_t eoa)
{
  (void)type;
  of(f)->eoa = eoa;
  return 0;
}

static herr_t read_bytes(H5FD_t *f, H5FD_mem_t type, hid_t dxpl, haddr_t at, size_t size, void *out)
{
  const struct driver *d = of(f);
  char *to = out;

  (void)type;
  (void)dxpl;
  while (size > 0) {
    const ssize_t n = pread(d->fd, to, size, (off_t)at);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return -1;
    if (n == 0) { /* beyond the end: zeros */
      memset(to, 0, size);
      break;
    }
    to += n;
    at += (haddr_t)n;
    size -= (size_t)n;
  }
  return 0;
}

static herr_t write_bytes(H5FD_t *f, H5FD_mem_t type, hid_t dxpl, haddr_t at, size_t size,
                          const void *data)
{
  struct driver *d = of(f);
  const char *from = data;

  (void)type;
  (void)dxpl;
  while (size > 0 && *d->error == 0) {
    const ssize_t n = pwrite(d->fd, from, size, (off_t)at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      fail(d, n < 0 ? errno : ENOSPC);
      break;
    }
    from += n;
    at += (haddr_t)n;
    size -= (size_t)n;
  }
  if (at + size > d->eof) d->eof = at + size;
  return 0;
}

static herr_t truncate_file(H5FD_t *f, hid_t dxpl, hbool_t closing)
{
  struct driver *d = of(f);

  (void)dxpl;
  (void)closing;
  if (d->eoa == d->eof) return 0;
  if (*d->error == 0 && ftruncate(d->fd, (off_t)d->eoa) != 0) fail(d, errno);
  d->eof = d->eoa;
  return 0;
}

static const H5FD_class_t driver_class = {
#if H5_VERSION_GE(1, 14, 0)
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)512,
#endif
    .name = "glia",
    .maxaddr = ((haddr_t)1 << 62) - 1,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(struct access),
    .open = open_file,
    .close = close_file,
    .query = query,
    .get_eoa = get_eoa,
    .set_eoa = set_eoa,
    .get_eof = get_eof,
    .read = read_bytes,
    .write = write_bytes,
    .truncate = truncate_file,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

glia_status glia_h5_driver_use_(hid_t fapl, int *error)
{
  static hid_t driver = -1;

  /* HDF5 may have been closed and opened again by the program: then the old id is void. */
  if (driver < 0 || H5Iis_valid(driver) <= 0) driver = H5FDregister(&driver_class);
  GLIA_TRY_H5(driver, GLIA_E_INTERNAL, "cannot register the file driver");
  GLIA_TRY_H5(H5Pset_driver(fapl, driver, &(struct access){error}), GLIA_E_INTERNAL,
              "cannot choose the file driver");
  return GLIA_OK;
}
