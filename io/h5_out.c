/* HDF5 files being written: under a temporary name until they are whole. */
#include "bulk_priv.h"
#include "h5_priv.h"

#include <stdlib.h>
#include <string.h>

static glia_status create(struct glia_h5_out *o, enum glia_h5_way way)
{
  hid_t fapl = H5Pcreate(H5P_FILE_ACCESS);
  hid_t fcpl = H5Pcreate(H5P_FILE_CREATE);
  glia_status st = GLIA_OK;

  GLIA_TRY_H5_TO(out, st, fapl, GLIA_E_INTERNAL, "a property list");
  GLIA_TRY_TO(out, st, glia_h5_driver_use_(fapl, o->error));
  H5Pset_fclose_degree(fapl, H5F_CLOSE_STRONG);
  if (way != GLIA_H5_GROWING) {
    H5Pset_libver_bounds(fapl, H5F_LIBVER_V110, H5F_LIBVER_V110);
    H5Pset_alignment(fapl, GLIA_BULK_BYTES, GLIA_BULK_PAGE_BYTES);
  }
  H5Pset_obj_track_times(fcpl, false); /* of the root group */
  o->file = H5Fcreate(o->temp.temp, H5F_ACC_TRUNC, fcpl, fapl);
  GLIA_TRY_H5_TO(out, st, o->file, GLIA_E_IO, "cannot create %s", o->temp.temp);
out:
  glia_h5_close_(&fcpl);
  glia_h5_close_(&fapl);
  return st;
}

glia_status glia_h5_out_begin_(struct glia_h5_out *o, const char *path, const char *kind,
                               int format, bool force, enum glia_h5_way way)
{
  glia_status (*const put_text)(hid_t, const char *, const char *) =
      way == GLIA_H5_HEAPLESS ? glia_h5_put_fixed_text_ : glia_h5_put_text_;
  glia_status st = GLIA_OK;

  *o = (struct glia_h5_out){.file = -1};
  GLIA_TRY(glia_tempfile_begin_(&o->temp, path, force));
  o->error = calloc(1, sizeof *o->error);
  GLIA_CHECK_TO(fail, st, o->error != NULL, GLIA_E_MEMORY, "%s", path);
  GLIA_TRY_TO(fail, st, create(o, way));
  GLIA_TRY_TO(fail, st, put_text(o->file, "glia_kind", kind));
  GLIA_TRY_TO(fail, st, glia_h5_put_int_(o->file, "glia_format", format));
  GLIA_TRY_TO(fail, st, put_text(o->file, "glia_version", PACKAGE_VERSION));
  GLIA_TRY_TO(fail, st, glia_h5_out_check_(o));
  return GLIA_OK;
fail:
  glia_h5_out_abort_(o);
  return st;
}

glia_status glia_h5_out_check_(const struct glia_h5_out *o)
{
  GLIA_CHECK(*o->error == 0, GLIA_E_IO, "cannot write %s: %s", o->temp.path, strerror(*o->error));
  return GLIA_OK;
}

glia_status glia_h5_out_close_(struct glia_h5_out *o)
{
  GLIA_TRY_H5(H5Fflush(o->file, H5F_SCOPE_GLOBAL), GLIA_E_IO, "cannot write %s", o->temp.path);
  GLIA_TRY(glia_h5_out_check_(o));
  GLIA_TRY_H5(H5Fclose(o->file), GLIA_E_IO, "cannot write %s", o->temp.path);
  o->file = -1;
  GLIA_TRY(glia_h5_out_check_(o)); /* closing writes a little more */
  return GLIA_OK;
}

glia_status glia_h5_out_commit_(struct glia_h5_out *o)
{
  glia_status st = GLIA_OK;

  if (o->file >= 0) GLIA_TRY_TO(fail, st, glia_h5_out_close_(o));
  GLIA_TRY_TO(fail, st, glia_tempfile_commit_(&o->temp));
fail:
  glia_h5_out_abort_(o);
  return st;
}

void glia_h5_out_abort_(struct glia_h5_out *o)
{
  glia_h5_close_(&o->file);
  glia_tempfile_abort_(&o->temp);
  free(o->error);
  o->error = NULL;
}
