#!/bin/sh
# Long work of analyses tells how far it is: on standard error, as a bar on a terminal, else in lines; standard output stays clean.
set -u
. "$srcdir/tests/points.sh"
. "$srcdir/tests/training.sh"
cat >run.yaml <<'END'
data: {file: moons.h5, batch: 40, micro_batch: 20}
model: [linear: 64, tanh, linear: 64, tanh, linear: 2]
loss: cross_entropy
epochs: 2
checkpoint: {dir: run}
END
exits 0 "$glia" train run.yaml || { sed 's/^/# /' "$err"; exit 99; }
find_python json || python=
"$glia" data synth moons -o big.h5 --n 100 --test-n 60000 >/dev/null || exit 99

cat >draws.py <<'END'
import os, pty, subprocess, sys
what, command = sys.argv[1], sys.argv[2:]
master, slave = pty.openpty()
p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=slave)
os.close(slave)
seen = b''
while True:
    try: part = os.read(master, 4096)
    except OSError: break
    if not part: break
    seen += part
words = p.stdout.read()
assert p.wait() == 0, seen
assert b' left' in seen and ('\r\x1b[K%s =' % what).encode() in seen, seen
assert seen.endswith(b'\r\x1b[K'), seen
assert b'\x1b' not in words and words, words
END

# tells WHAT COMMAND...: a line at the end, and one object on standard output.
tells() {
  what=$1; shift
  exits 0 "$glia" "$@" --json && grep -Eq "^$what: [0-9]+ $unit in [0-9]" "$err" &&
    [ "$(wc -l <"$out")" = 1 ] && grep -q '^{.*}$' "$out"
}
# draws WHAT COMMAND...: a bar with the time left on a terminal, cleared at the end; standard output is that of the command alone.
draws() {
  what=$1; shift
  timeout 120 "$python" "$dir/draws.py" "$what" "$glia" "$@" >"$out" 2>"$err"
}
unit=rows; tells eval eval run --data big.h5 && [ "$(key n)" = 60000 ]; point "eval tells rows"
unit=rows; tells predict predict run --data big.h5 -o o.npy; point "predict tells rows"
exits 0 env GLIA_PROGRESS=off "$glia" eval run --data big.h5 --json && ! said '^eval:'; point "GLIA_PROGRESS=off keeps it quiet"
if "$glia" help --json | grep -q '"hessian"'; then
  unit=products; tells hessian hessian run --top 3; point "hessian tells products"
  unit=passes; tells measures measures run run; point "measures tells passes"
  [ "$(sed -n 's/^measures: \([0-9]*\) .*/\1/p' "$err")" -gt 600 ]; point "of all its runs"
  unit=%; tells spectrum spectrum run && said '^spectrum: 100 % in'; point "spectrum tells its share"
  if [ -n "$python" ]; then
    draws hessian hessian run; point "hessian draws a bar"
    draws measures measures run; point "measures draws a bar"
  else
    skip "hessian draws a bar" "no Python"; skip "measures draws a bar" "no Python"
  fi
fi
finish
