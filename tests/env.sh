# Sourced before every test: a known environment.
LC_ALL=C; export LC_ALL
unset GLIA_LOG GLIA_LOG_RANKS GLIA_SAFE OMP_NUM_THREADS
# More ranks than cores is normal here: let waiting ranks give up the core. Root may run mpirun in tests only.
OMPI_MCA_mpi_yield_when_idle=1
OMPI_MCA_btl_vader_single_copy_mechanism=none
OMPI_MCA_hwloc_base_binding_policy=none
OMPI_MCA_rmaps_base_oversubscribe=1
export OMPI_MCA_mpi_yield_when_idle OMPI_MCA_btl_vader_single_copy_mechanism
export OMPI_MCA_hwloc_base_binding_policy OMPI_MCA_rmaps_base_oversubscribe
if [ "$(id -u)" = 0 ]; then
  OMPI_ALLOW_RUN_AS_ROOT=1; OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  export OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM
fi
# Shared data sets, where this checkout has them beside it; tests that need them skip otherwise.
: "${GLIA_TEST_DATA=$srcdir/../shared/data}"; export GLIA_TEST_DATA
# Fonts stay loaded until the process ends; the leak checker need not name them.
: "${LSAN_OPTIONS=suppressions=$srcdir/tests/lsan.supp:print_suppressions=0}"; export LSAN_OPTIONS
