#!/bin/sh
# The builds that leave something out: the agent alone, and all but what needs PETSc. Each is configured and built from nothing.
. "$srcdir/tests/points.sh"
within_s=1500
cc=$(sed -n 's/^CC = //p' "$builddir/Makefile")
# builds OPTION TARGET...: in a folder named after the option; shared objects would compile all twice.
builds() {
  option=$1; shift
  mkdir "$dir/$option" && cd "$dir/$option" && exits 0 "$srcdir/configure" --quiet --disable-shared "--$option" CC="$cc" &&
    exits 0 make -s "$@"
}

if [ -e "$srcdir/config.status" ]; then
  skip "builds that leave something out" "the sources are configured where they are"
  finish
fi
builds enable-agent-only; point "the agent is built alone"
cd "$dir/enable-agent-only" && [ ! -e glia ] && ./glia-agent --version >"$out" 2>"$err" && grep -q '^glia-agent ' "$out" &&
  ldd ./glia-agent >"$out" && grep -q libmicrohttpd "$out" && ! grep -E 'libmpi|hdf5|petsc|slepc|openblas|jansson' "$out"
point "and needs hwloc and libmicrohttpd, but neither MPI nor HDF5"

builds without-petsc all; point "all but what needs PETSc is built"
cd "$dir/without-petsc" && exits 69 ./glia spectrum x && said 'needs PETSc and SLEPc' && exits 0 ./glia study list && grep -q '^moons' "$out" &&
  ! grep -q '^generalization' "$out" && ldd ./glia >"$out" && ! grep -E 'petsc|slepc' "$out"
point "it says what it lacks, and runs without their libraries"
finish
