#!/bin/sh
# Twenty steps through each layer with spatial axes or a norm against PyTorch, in float64.
python=
for p in "${PYTHON3:-python3}" /usr/bin/python3; do
  if "$p" -c 'import torch' 2>/dev/null; then
    python=$p
    break
  fi
done
if [ -z "$python" ]; then
  echo "1..0 # SKIP no Python with torch"
  exit 0
fi
"$builddir/dump_torch_cnn" >torch_cnn.$$.txt || { echo "1..1"; echo "not ok 1 - dump_torch_cnn runs"; rm -f torch_cnn.$$.txt; exit 1; }
"$python" "$srcdir/tests/torch_cnn.py" <torch_cnn.$$.txt
st=$?
rm -f torch_cnn.$$.txt
exit $st
