/* glia version: what was built, with what. */
#include "cli.h"

#include <mpi.h>
#include <string.h>

static glia_status run(struct glia_args *args)
{
  char mpi[MPI_MAX_LIBRARY_VERSION_STRING] = "";
  int n = 0;

  if (MPI_Get_library_version(mpi, &n) != MPI_SUCCESS)
    mpi[0] = '\0'; /* allowed before MPI starts */
  mpi[strcspn(mpi, ",\n")] = '\0';
  glia_cli_print(args, "glia %s\n  compiler  %s\n  MPI       %s\n  JSON      jansson %s\n",
                 PACKAGE_VERSION, __VERSION__, mpi, JANSSON_VERSION);
  return glia_cli_json(args,
                       json_pack("{s:s, s:s, s:s, s:s}", "version", PACKAGE_VERSION, "compiler",
                                 __VERSION__, "mpi", mpi, "jansson", JANSSON_VERSION));
}

const struct glia_command glia_command_version_ = {
    .name = "version",
    .summary = "say which version this is and what it was built with",
    .example = "glia version --json",
    .run = run,
    .alone = true,
};
