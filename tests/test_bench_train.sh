#!/bin/sh
# The workloads of `glia bench train` are PyTorch's too (the bench ends with an error where losses part), and their plans of memory
# take at most 1.15 times what is alive at once. Speeds are told, not judged: machines are shared.
. "$srcdir/tests/points.sh"
within_s=$((${LIMIT:-300} - 10))
exits 0 "$glia" bench train --json
point "six workloads run, with PyTorch's losses where there is PyTorch"
sed -n 's/.*"geometric_mean_ratio": *\([^,]*\),.*/# geometric mean of the ratios: \1/p' "$out"
plans=$(tr '{' '\n' <"$out" | sed -n 's/.*"name": *"\([a-z]*\) arena of a worker".*"limit_fraction": *\([0-9.]*\).*/\1 \2/p')
[ "$(echo "$plans" | wc -l)" = 6 ] && echo "$plans" | awk '{ print "# " $1 ": " 1 / $2; if ($2 < 1 / 1.15) bad = 1 } END { exit bad }'
point "no plan takes more than 1.15 times what is alive at once"
if [ -n "${GLIA_TEST_LONG-}" ] && command -v mpirun >/dev/null 2>&1; then
  exits 0 mpirun -n 2 "$glia" bench scaling --json && grep -q 'batch 512, clipped np=2' "$out"
  point "two ranks, one and PyTorch's two processes have the same losses, with clipping and without"
else
  skip "two ranks, one and PyTorch's two processes have the same losses, with clipping and without" "set GLIA_TEST_LONG; needs mpirun"
fi
finish
