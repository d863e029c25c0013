#!/bin/sh
# Names that are not UTF-8, of files and in files: JSON says them with U+FFFD for each byte of no character, and leaves no key out.
set -u
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
name=$(printf 'bad\377\376')
shown=$(printf 'bad\357\277\275\357\277\275')
mkdir "$name" 2>/dev/null || { echo "1..0 # SKIP the file system takes no such names"; exit 0; }
cp moons.h5 "$name/d.h5"
cat >"$name/run.yaml" <<END
data: {file: $dir/moons.h5, batch: 40, micro_batch: 20}
model: [linear: 4, relu, linear: 2]
loss: cross_entropy
epochs: 1
checkpoint: {dir: run}
END
(cd "$name" && "$glia" train run.yaml) >"$out" 2>"$err" || { sed 's/^/# /' "$err"; exit 99; }

# says KEY VALUE WORDS...: the command ends well, and its object has this.
says() {
  key=$1 value=$2; shift 2
  exits 0 "$glia" "$@" --json && [ "$(key "$key")" = "$value" ] || { echo "# $key: '$(key "$key")', expected '$value'"; return 1; }
}
says file "$shown/d.h5" data info "$name/d.h5"; point "data info"
says file "$shown/e.csv" data export "$name/d.h5" -o "$name/e.csv"; point "data export"
says file "$shown/s.h5" data synth moons -o "$name/s.h5"; point "data synth"
says file "$shown/i.h5" data import csv "$name/e.csv" -o "$name/i.h5"; point "data import"
says picture "$shown/p.svg" plot "$name/run" -o "$name/p.svg" && [ "$(key run)" = "$shown/run" ]; point "plot"
says page "$shown/p.html" report "$name/run" -o "$name/p.html" && [ "$(key run)" = "$shown/run" ]; point "report"
says file "$shown/o.h5" predict "$name/run" --data "$name/d.h5" -o "$name/o.h5"; point "predict"
says file "$shown/w.npz" export "$name/run" -o "$name/w.npz"; point "export"
if "$glia" help --json | grep -q '"measures"'; then
  says checkpoint "$shown/run" measures "$name/run"; point "measures"
else
  skip "measures" "no PETSc in this build"
fi
says file "$shown/t.h5" agent --record "$name/t.h5" --for 1 --period 0.5; point "agent --record"

exits 0 "$glia" agent --record long.h5 --for 3 --period 0.02 && says models "$shown/models.h5" detect train long.h5 -o "$name/models.h5" --kind bottleneck --epochs 1
point "detect train"

exits 64 "$glia" export "$name/run" -o "$name.safetensors" --split 1 && said 'the index names the parts, in UTF-8' &&
  [ ! -e "$name.safetensors.index.json" ]
point "an index of parts is not written that cannot name them"
says file "$shown/m.safetensors" export "$name/run" -o "$name/m.safetensors" --split 1 && grep -q '"m-00001-of-' "$name/m.safetensors.index.json"
point "the folder of an index may have any name"

if find_python h5py; then
  "$python" - >"$out" 2>"$err" <<'END'
import h5py
with h5py.File('d.h5', 'w') as f, h5py.File('moons.h5') as moons:
    for k, v in moons.attrs.items(): f.attrs[k] = v
    for split in ('train', 'test'):
        f[split + '/x'] = moons[split + '/x'][:]
        f[split.encode() + b'/y\xff'] = moons[split + '/y'][:]
    f.attrs['source'] = b'made up\xff'
END
  [ $? = 0 ] && exits 0 "$glia" data info d.h5 --json && grep -q "\"name\": \"y$(printf '\357\277\275')\", \"dtype\"" "$out" &&
    [ "$(key source)" = "made up$(printf '\357\277\275')" ]
  point "fields and notes of a file"
else
  skip "fields and notes of a file" "no h5py"
fi
finish
