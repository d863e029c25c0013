#!/bin/sh
# Scores of the combined kind beside a second reading of docs/formats/models.md in Python.
. "$srcdir/tests/points.sh"
if [ "$PYTHON3" = none ] || ! "$PYTHON3" -c 'import h5py, numpy' 2>/dev/null; then echo "1..0 # SKIP no h5py"; exit 0; fi
again() { exits 0 "$PYTHON3" "$srcdir/tests/scores_again.py" "$@"; }
again make "$dir/t.h5" && exits 0 "$glia" detect train "$dir/t.h5" -o "$dir/m.h5" && exits 0 "$glia" detect score "$dir/t.h5" --models "$dir/m.h5" -o "$dir/s.h5" &&
  again "$dir/m.h5" "$dir/t.h5" "$dir/s.h5"
point "scores are there twice"
# met NODE WORDS: what its rows had is what the node is for, or the test tests nothing
met() { grep -q "^$1 .* $2\$" "$out"; }
met short 'day 0 logarithmic 1 gaps 1 alarmed 1 unscored 1'; point "a node by the second: heavy tails, a gap, missing values, an alarm"
met days 'day 1 logarithmic [01] gaps 1 alarmed 1 unscored 1'; point "a node by the day: the same"
# float32: weights have 24 bits, and so have scores
agree() {
  for name in short days; do
    off=$(sed -n "s/^$name off \([^ ]*\) .*/\1/p" "$out")
    about "$off" 0 1e-5; point "$name: the program and the page agree$1 (within $off)"
  done
}
agree
# Files of earlier versions: weights in float64, of more than 24 bits, and a profile of the day where it does not count.
again age "$dir/m.h5" && exits 0 "$glia" detect score "$dir/t.h5" --models "$dir/m.h5" -o "$dir/old.h5" && again "$dir/m.h5" "$dir/t.h5" "$dir/old.h5" 700
point "a model file of an earlier version is read"
agree ", of it too"
finish
