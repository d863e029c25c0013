#!/bin/sh
# Studies that need no data, from nothing to their gates: each passes, and fails with its method switched off.
. "$srcdir/tests/points.sh"
GLIA_PROGRESS=off; export GLIA_PROGRESS
within_s=1500
OMPI_MCA_ess_singleton_isolated=1; export OMPI_MCA_ess_singleton_isolated
glia=$(cd "$builddir" && pwd)/glia
cd "$dir" || exit 99
for name in generalization-frozen generalization-dynamics generalization-measures auglocal-parity; do
  "$glia" study list | grep -q "^$name" || { skip "$name" "built without PETSc"; continue; }
  exits 0 "$glia" study run $name --quick --dir $name && cp "$out" $name.txt && [ "$(tail -2 $name.txt | head -1)" = PASS ] &&
    ! grep -q '^FAIL' $name.txt && grep '^PASS .' $name.txt | sed 's/^/# /' &&
    exits 0 "$glia" study run $name --quick --dir $name --control && ! grep -q '^PASS .' "$out"
  point "$name passes its gates, and none with the method switched off"
done
finish
