#!/bin/sh
# The exchange on 1, 2 and 4 ranks, in the long form 6 as well, more than there may be cores: a rank that waits must give its core to
# the others.
# mpi_exchange.mpi itself goes through 1, 2 and 3 ranks.
launcher=${MPIRUN:-mpirun}
if ! command -v "${launcher%% *}" >/dev/null 2>&1; then
  echo "1..0 # SKIP no launcher (${launcher%% *}) on this machine"
  exit 0
fi
ranks="1 2 4${GLIA_TEST_LONG:+ 6}"
echo "1..$(($(echo "$ranks" | wc -w) * 2))"
i=0
for kind in mpi_exchange mpi_exchange_node; do
  for np in $ranks; do
    i=$((i + 1))
    if out=$(NP=$np LIMIT=${LIMIT:-120} "$srcdir/tests/mpirun.sh" "$builddir/$kind.mpi" 2>&1) &&
      ! printf '%s\n' "$out" | grep -q '^not ok'; then
      echo "ok $i - ${kind}_has_the_same_bits_on_${np}_ranks"
    else
      printf '%s\n' "$out" | sed 's/^/# /'
      echo "not ok $i - ${kind}_has_the_same_bits_on_${np}_ranks"
    fi
  done
done
