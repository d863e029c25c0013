#!/bin/sh
# glia data as people run it.
. "$srcdir/tests/points.sh"

python=
for p in "${PYTHON3:-python3}" python3 /usr/bin/python3; do
  if "$p" -c '' 2>/dev/null; then python=$p; break; fi
done
left() { ls "$dir" | grep -c "^$1"; } # files that begin so

exits 0 "$glia" data synth moons -o "$dir/m.h5" --n 300 --seed 3 --noise 0.05 --json &&
  [ "$(key kind)" = dataset ] && grep -q '"n": *300' "$out" && grep -q '"n": *60' "$out" && [ ! -s "$err" ]
point "data synth makes a dataset and says what it made, as JSON alone"
cp "$dir/m.h5" "$dir/kept.h5"
exits 73 "$glia" data synth moons -o "$dir/m.h5" && said 'exists already: --force replaces it' && cmp -s "$dir/m.h5" "$dir/kept.h5"
point "an existing file is kept"
exits 0 "$glia" data synth moons -o "$dir/m.h5" --n 300 --seed 3 --noise 0.05 --force && cmp -s "$dir/m.h5" "$dir/kept.h5"
point "the same seed makes the same file"
launcher=$(printf '%s' "${MPIRUN:-mpirun -n NP}" | sed 's/NP/2/')
if command -v "${launcher%% *}" >/dev/null; then
  # shellcheck disable=SC2086 # a command and its words
  exits 0 $launcher "$glia" data synth moons -o "$dir/two.h5" --n 300 --seed 3 --noise 0.05 &&
    cmp -s "$dir/two.h5" "$dir/m.h5" && [ "$(grep -c 'train: ' "$out")" = 1 ]
  point "under mpirun one process makes it"
else
  skip "under mpirun one process makes it" "no ${launcher%% *}"
fi
exits 64 "$glia" data synth moon -o "$dir/x.h5" && said 'did you mean moons' && exits 64 "$glia" data synth moons && said '-o F.h5'
point "a slip is answered by the nearest kind"
exits 74 "$glia" data synth moons -o "$dir/no/folder/x.h5" && said 'No such file or directory'
point "a folder that is not there is named"

exits 0 "$glia" data info "$dir/m.h5" && grep -q 'train: 300 rows' "$out" && grep -q '2 classes: 0 x 150 1 x 150' "$out"
point "data info tells people of splits and classes"
grep -q '^ *-[0-9.]* |[^|]*[.:=+*#%@-][^|]*| [0-9.]*$' "$out" && exits 0 "$glia" data info "$dir/m.h5" --json &&
  grep -o '"histogram": *\[[^]]*\]' "$out" | awk -F'[][,]' '
    { n = s = 0; for (i = 2; i < NF; i++) if ($i != "") { n++; s += $i }; seen[n " " s]++ }
    END { exit !(seen["32 600"] == 1 && seen["32 120"] == 1 && seen["0 0"] == 2) }'
point "and a histogram that counts every value, of fields that are no classes"
exits 66 "$glia" data info "$dir/none.h5" && said 'none.h5: No such file'; point "a missing file is exit 66"
echo 'no hdf5' >"$dir/text.h5"
exits 65 "$glia" data info "$dir/text.h5" && said 'text.h5 is not an HDF5 file'; point "another file is exit 65"
head -c 900 "$dir/m.h5" >"$dir/cut.h5"
exits 65 "$glia" data info "$dir/cut.h5" && said 'cut.h5: damaged or cut short'; point "a cut file is exit 65"

cat >"$dir/t.csv" <<'CSV'
a,b,kind
1,2.5,cat
3,4,dog
5,6,cat
CSV
exits 0 "$glia" data import csv "$dir/t.csv" --label kind -o "$dir/t.h5" && grep -q '2 classes: 0 (cat) x 2 1 (dog) x 1' "$out"
point "csv with words as classes"
tr , '\t' <"$dir/t.csv" >"$dir/t.tsv" && exits 0 "$glia" data import tsv "$dir/t.tsv" --label kind -o "$dir/tabs.h5" && grep -q '2 classes: 0 (cat) x 2 1 (dog) x 1' "$out" &&
  exits 64 "$glia" data import cifar --label kind -o "$dir/no.h5" && said 'does not go with cifar'
point "tsv and cifar are names of formats"
gzip -k "$dir/t.csv"
exits 0 "$glia" data import csv "$dir/t.csv.gz" "$dir/t.csv" --label 3 -o "$dir/t2.h5" --json && grep -q '"name": *"test"' "$out"
point "packed csv, with a test file"
printf 'size\tcolour\tkind\n1\tred\tcat\n\tblue\tdog\n4\tNA\tcat\n' >"$dir/words.tsv"
exits 65 "$glia" data import csv "$dir/words.tsv" --label kind --category colour -o "$dir/w.h5" && said "words.tsv:3: column 'size' is missing" &&
  exits 0 "$glia" data import csv "$dir/words.tsv" --label kind --category colour --missing mean -o "$dir/w.h5" --json &&
  [ "$(key cells_filled)" = 2 ] && said 'cells-filled cells=2' && tr -d ' \n' <"$out" | grep -q '"row_shape":\[3\]'
point "tab-separated words become columns, gaps are filled when that is asked for"
exits 65 "$glia" data info "$dir/w.h5" --sheet "$dir/w.png" 2>/dev/null; [ ! -e "$dir/w.png" ] && said 'holds no pictures'; point "a table has no contact sheet"
exits 64 "$glia" data import csv "$dir/t.csv" --label knd -o "$dir/x.h5"; a=$?
exits 66 "$glia" data import csv "$dir/t.csv" --label knd -o "$dir/x.h5" && said "did you mean 'kind'" && [ "$a" != 0 ]
point "a column that is not there"
exits 65 "$glia" data import csv "$dir/t.csv" -o "$dir/x.h5" && said "t.csv:2: column 'kind' holds 'cat'" && [ "$(left x)" = 0 ]
point "a cell that is no number is told with file, line and column, and no file is left"
exits 64 "$glia" data import csv "$dir/t.csv" --period 5 -o "$dir/x.h5" && said '--period does not go with csv'
point "an option of another format is refused"
exits 64 "$glia" data import cvs "$dir/t.csv" -o "$dir/x.h5" && said 'did you mean csv'; point "a format that is not there"
exits 64 "$glia" data import csv "$dir/t.csv" && said '-o F.h5 is missing'; point "an import says where to"

exits 73 timeout 20 "$glia" data import text /dev/zero -o "$dir/t.h5" && said 't.h5 exists already: --force replaces it' &&
  exits 74 timeout 20 "$glia" data import text /dev/zero -o "$dir/no/t.h5" && said 'No such file or directory'
point "what stands in the way of the output is told before the input is read"

# idx of 3 pictures of 2 x 2, 3 labels
printf '\000\000\010\003\000\000\000\003\000\000\000\002\000\000\000\002\001\002\003\004\005\006\007\010\011\012\013\014' >"$dir/x.idx"
printf '\000\000\010\001\000\000\000\003\000\001\002' >"$dir/y.idx"
exits 0 "$glia" data import idx --train "$dir/x.idx" "$dir/y.idx" --test "$dir/x.idx" "$dir/y.idx" -o "$dir/i.h5" &&
  grep -q 'x  *u8 \[2, 2\] x 0.00392157' "$out" && grep -q 'test: 3 rows' "$out"
point "idx"
printf '\000\000\010\001\000\000\000\002\000\001' >"$dir/y2.idx"
exits 65 "$glia" data import idx --train "$dir/x.idx" "$dir/y2.idx" -o "$dir/x.h5" && said 'x.idx has 3 rows, .*y2.idx has 2' && [ "$(left x.h5)" = 0 ]
point "pictures and labels that disagree"
head -c 20 "$dir/x.idx" >"$dir/cut.idx"
exits 65 "$glia" data import idx --train "$dir/cut.idx" "$dir/y.idx" -o "$dir/x.h5" && said 'cut.idx ends too early' && [ "$(left x.h5)" = 0 ]
point "a cut idx file leaves nothing"
exits 0 "$glia" data info "$dir/i.h5" --sheet "$dir/i.png" && mkdir "$dir/shots" "$dir/shots/sheet" && cp "$dir/i.png" "$dir/shots/sheet/" &&
  exits 0 "$glia" data import png "$dir/shots" -o "$dir/shots.h5" && grep -q 'x  *u8 \[3, [0-9]*, [0-9]*\] x' "$out" && grep -q '1 classes: 0 (sheet) x 1' "$out"
point "pictures on a contact sheet, which is a picture that can be imported"

if [ -n "$python" ] && "$python" -c 'import numpy' 2>/dev/null; then
  (cd "$dir" && "$python" -c 'import numpy as np; np.save("x.npy", np.arange(12, dtype=np.float32).reshape(4, 3)); np.save("y.npy", np.arange(4))')
  exits 0 "$glia" data import npy --train "$dir/x.npy" "$dir/y.npy" --test "$dir/x.npy" - --scale 0.5 -o "$dir/n.h5" &&
    grep -q 'x  *f32 \[3\] x 0.5 + 0, values 0 to 5.5, mean 2.75' "$out" && grep -q 'y  *i64' "$out"
  point "npy as numpy saves it"
else
  skip "npy as numpy saves it" "no numpy"
fi

mkdir "$dir/tele"
printf '1,2\n3,\n' >"$dir/tele/n1.train.csv"; printf '5,6\n7,8\n' >"$dir/tele/n1.test.csv"; printf '0\n1\n' >"$dir/tele/n1.test_label.csv"
xz "$dir/tele/n1.train.csv"
exits 0 "$glia" data import telemetry "$dir/tele" --period 5m -o "$dir/tele.h5" &&
  grep -q 'n1: 4 samples of 2 metrics over 15 min.*2 for training, 12.50 % missing, 1 of 2 labelled anomalous' "$out"
point "telemetry"
exits 0 "$glia" data info "$dir/tele.h5" --json && [ "$(key kind)" = telemetry ] && about "$(key span_s)" 900 900; point "data info of telemetry"

# A disk that is full, as a limit on the size of files.
(ulimit -f 8 && exits 74 "$glia" data synth linear --n 20000 -o "$dir/full.h5"); [ $? = 0 ] && said 'cannot write .*full.h5: File too large' && [ "$(left full)" = 0 ]
point "a full disk gives one error and no file"

# Interrupted while it reads from a pipe that never ends.
mkfifo "$dir/pipe"
env --default-signal=INT "$glia" data import csv "$dir/pipe" -o "$dir/p.h5" >"$out" 2>"$err" & child=$!
{ printf '1,2\n'; sleep 20; } >"$dir/pipe" & feeder=$!
sleep 0.5
kill -INT "$child"; wait "$child"; status=$?; child=
kill "$feeder" 2>/dev/null; wait "$feeder" 2>/dev/null
[ "$status" = 130 ] && [ "$(left p.h5)" = 0 ]
point "an interrupted import leaves no half file"

for c in import info synth; do
  exits 0 "$glia" data $c --help && grep -q "glia data $c" "$out" || break
done
point "each tells its use, with an example"

if [ -r "$GLIA_TEST_DATA/fashion_mnist/train-images-idx3-ubyte.gz" ]; then
  f=$GLIA_TEST_DATA/fashion_mnist
  exits 0 "$glia" data import idx --train "$f/train-images-idx3-ubyte.gz" "$f/train-labels-idx1-ubyte.gz" \
    --test "$f/t10k-images-idx3-ubyte.gz" "$f/t10k-labels-idx1-ubyte.gz" -o "$dir/fashion.h5" &&
    grep -q 'train: 60000 rows' "$out" && grep -q 'mean 0.286041, standard deviation 0.353024' "$out"
  point "Fashion-MNIST, with the figures on its page"
else
  skip "Fashion-MNIST, with the figures on its page" "GLIA_TEST_DATA has no fashion_mnist"
fi

# Graphs: a small one by hand, and Cora against the closed form on its page.
printf 'src,dst\n0,1\n2,1\n1,0\n' >"$dir/e.csv"; printf 'node,feature,value\n0,1,0.5\n3,0,2\n' >"$dir/f.csv"; printf 'node,split\n0,train\n3,val\n' >"$dir/s.csv"
exits 0 "$glia" data import graph --edges "$dir/e.csv" --features "$dir/f.csv" --splits "$dir/s.csv" --nodes 4 -o "$dir/g.h5" --json &&
  [ "$(key entries)" = 4 ] && [ "$(key isolated)" = 1 ] && grep -q '"type": *"f32 \[4, 2\]"' "$out"
point "a graph from tables, both ways, twice given counted once"
printf '0,1\n1,7\n' >"$dir/e2.csv"
exits 65 "$glia" data import graph --edges "$dir/e2.csv" --nodes 4 -o "$dir/x.h5" && said "e2.csv:2: '7' is no number of a node from 0 to 3" && [ "$(left x.h5)" = 0 ]
point "an edge to nowhere is told with file and line"
c=$GLIA_TEST_DATA/cora
if [ -r "$c/edges.csv" ] && [ -n "$python" ] && "$python" -c 'import numpy, h5py' 2>/dev/null; then
  cat >"$dir/sgc.py" <<'PY'
import h5py, numpy as np, sys
f = h5py.File(sys.argv[1])
n = len(f["graph/ptr"]) - 1
s = np.zeros((n, n), "f4")
s[np.repeat(np.arange(n), np.diff(f["graph/ptr"][()])), f["graph/idx"][()]] = f["graph/val"][()]
x, y = f["nodes/x"][()], f["nodes/y"][()]
z = (s @ (s @ (x / x.sum(1, keepdims=True)))).astype("f8")
m = {k: f["nodes/" + k][()] > 0 for k in ("train", "valid", "test")}
a = z[m["train"]]
w = np.linalg.solve(a.T @ a + 1e-3 * np.eye(a.shape[1]), a.T @ np.eye(7)[y[m["train"]]])
print("%.3f %.3f" % tuple(((z[m[k]] @ w).argmax(1) == y[m[k]]).mean() for k in ("test", "valid")))
PY
  exits 0 "$glia" data import graph --edges "$c/edges.csv" --features "$c/features.csv" --labels "$c/labels.csv" --splits "$c/split.csv" \
    --self-loops --normalize symmetric -o "$dir/cora.h5" && [ "$("$python" "$dir/sgc.py" "$dir/cora.h5")" = "0.787 0.760" ]
  point "Cora: the accuracies of the closed form on its page"
else
  skip "Cora: the accuracies of the closed form on its page" "no Cora, or no NumPy with h5py"
fi

if [ -r "$GLIA_TEST_DATA/cifar10_subset/test_1000.bin.gz" ]; then
  c=$GLIA_TEST_DATA/cifar10_subset
  exits 0 "$glia" data import cifar10 "$c/test_1000.bin.gz" "$c/test_1000.bin.gz" --test-file "$c/test_1000.bin.gz" -o "$dir/c.h5" &&
    grep -q 'train: 2000 rows' "$out" && grep -q 'x  *u8 \[3, 32, 32\]' "$out" && grep -q '10 classes' "$out"
  point "CIFAR-10 in its binary version"
  zcat "$c/test_1000.bin.gz" | head -c 5000 >"$dir/c.bin"
  exits 65 "$glia" data import cifar10 "$dir/c.bin" -o "$dir/x.h5" && said 'record 1 has 1927 bytes of 3073' && [ "$(left x.h5)" = 0 ]
  point "a record cut short"
else
  skip "CIFAR-10 in its binary version" "GLIA_TEST_DATA has no cifar10_subset"
  skip "a record cut short" "GLIA_TEST_DATA has no cifar10_subset"
fi
finish
