#!/bin/sh
# Curves of a run for other programs: CSV lines, TensorBoard's events, and one page of a report.
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"

cat >run.yaml <<'YAML'
seed: 3
data: {file: moons.h5, batch: 64, micro_batch: 8}
model: [linear: 8, tanh, linear: 2]
loss: cross_entropy
optimizer: {adam: {lr: 1e-2}}
clip_norm: 1.0
max_steps: 30
checkpoint: {dir: run, every: 10}
YAML
trains 1 --csv run.csv --tensorboard tb && loss=$(key train_loss) &&
  awk -F, 'NR == 1 { exit $0 != "step,loss,rate,grad_norm,wall_s,time_s" }' run.csv &&
  awk -F, 'NR > 1 { bad += NF != 6 || $1 != NR - 1 || $2 + 0 <= 0 || $4 + 0 <= 0 || $6 < 1.5e9 } END { exit bad || NR != 31 }' run.csv &&
  [ -n "$loss" ]
point "a line of CSV for every step"
cp run.csv whole.csv
# rows of steps after the checkpoint are of the start that was lost, a last line may be cut
rm run/step-0000000030.h5; printf '31,0.1' >>run.csv
trains 2 --resume --csv run.csv --tensorboard tb max_steps=35 && [ "$(key resumed_from_step)" = 20 ] &&
  awk -F, 'NR > 1 { bad += NF != 6 || $1 != NR - 1 } END { exit bad || NR != 36 }' run.csv &&
  [ "$(cut -d, -f1-4 whole.csv | sed 31q)" = "$(cut -d, -f1-4 run.csv | sed 31q)" ]
point "a resumed run on two ranks goes on with them, and repeats the lost steps with the same figures"
echo 'name,value' >other.csv; cp other.csv kept.csv
exits 73 "$glia" train run.yaml checkpoint=null --csv other.csv && said 'holds other data' && cmp -s other.csv kept.csv; point "somebody's file is not overwritten"
exits 74 "$glia" train run.yaml checkpoint=null --csv no/folder.csv && said 'No such file'; point "nor one written where there is no folder"
if [ -w /dev/full ]; then
  ln -s /dev/full full.csv.tmp
  exits 74 "$glia" train run.yaml checkpoint=null --csv full.csv && said 'No space left'; point "a full disk is found before the first step"
  rm -f full.csv.tmp
else
  skip "a full disk is found before the first step" "no /dev/full"
fi

# the events, read by the formats' own descriptions: crc32c bit by bit, protobuf field by field
if find_python struct; then
"$python" - tb run.csv >>"$err" 2>&1 <<'PY'
import csv, glob, os, struct, sys
def crc32c(data):
    c = 0xffffffff
    for byte in data:
        for bit in range(8):
            c = (c >> 1) ^ (0x82f63b78 if (c ^ (byte >> bit)) & 1 else 0)
    return c ^ 0xffffffff
assert crc32c(b"123456789") == 0xe3069283          # the check value of the standard
masked = lambda d: (((crc32c(d) >> 15) | (crc32c(d) << 17)) + 0xa282ead8) & 0xffffffff
def records(path):
    data, at = open(path, "rb").read(), 0
    while at < len(data):
        head = data[at:at + 8]; n, = struct.unpack("<Q", head)
        assert struct.unpack("<I", data[at + 8:at + 12])[0] == masked(head)
        body = data[at + 12:at + 12 + n]; assert len(body) == n
        assert struct.unpack("<I", data[at + 12 + n:at + 16 + n])[0] == masked(body)
        at += 16 + n
        yield body
def fields(b):
    at, out = 0, []
    def varint():
        nonlocal at
        v = shift = 0
        while True:
            byte = b[at]; at += 1; v |= (byte & 127) << shift; shift += 7
            if byte < 128: return v
    while at < len(b):
        k = varint()
        if k & 7 == 0: v = varint()
        elif k & 7 == 1: v = struct.unpack("<d", b[at:at + 8])[0]; at += 8
        elif k & 7 == 5: v = struct.unpack("<f", b[at:at + 4])[0]; at += 4
        else: n = varint(); v = b[at:at + n]; at += n
        out.append((k >> 3, v))
    return dict(out)
files = sorted(glob.glob(os.path.join(sys.argv[1], "events.out.tfevents.*")))
assert len(files) == 2, files
seen, starts, tags = {}, [], set()
for path in files:
    events = [fields(r) for r in records(path)]
    assert events[0][3] == b"brain.Event:2"
    for e in events[1:]:
        step = e.get(2, 0)
        if 7 in e:                                   # START: what was said of later steps is void
            assert fields(e[7])[1] == 1
            starts.append(step)
            seen = {k: v for k, v in seen.items() if k[1] < step}
            continue
        value = fields(fields(e[5])[1]); tag = value[1].decode(); tags.add(tag)
        assert (tag, step) not in seen and e[1] > 1.5e9
        seen[tag, step] = value[2]
assert starts == [21], starts
assert tags == {"train/loss", "train/rate", "train/grad_norm", "time/step_s", "test/loss", "test/accuracy"}, tags
rows = list(csv.DictReader(open(sys.argv[2])))
assert len(rows) == 35
for row in rows:
    for tag, name in ("train/loss", "loss"), ("train/rate", "rate"), ("train/grad_norm", "grad_norm"):
        assert abs(seen[tag, int(row["step"])] - float(row[name])) <= 1e-6 * abs(float(row[name])), (tag, row)
assert 0.5 < seen["test/accuracy", 35] <= 1.0
PY
point "TensorBoard's events hold the same, every record with its checksums, and void what was lost"
else
  skip "TensorBoard's events hold the same, every record with its checksums, and void what was lost" "no python3"
fi

exits 0 "$glia" report run -o run.html --json && [ "$(key reason)" = completed ] && [ "$(key sessions)" = 2 ] && [ "$(key last_step)" = 35 ] &&
  grep -q 'Completed after 35 steps' run.html && grep -q 'test accuracy' run.html && grep -q 'clip_norm' run.html && grep -q '<svg' run.html &&
  ! grep -qE '(src|href)="(https?:)?//' run.html
point "a report holds outcome, curves, starts and configuration, and nothing from outside"
exits 66 "$glia" report nowhere -o x.html && said nowhere && exits 64 "$glia" report run && said 'no -o'; point "a report of nothing is refused"
finish
