#!/bin/sh
# Layers over sequences and graphs step by step against PyTorch, and a hundred steps of a CNN and (where the text is) of a GPT.
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
text=$GLIA_TEST_DATA/tiny_shakespeare/input.txt # beside this checkout: see env.sh
[ -r "$text" ] || text=
"$builddir/dump_torch_layers" ${text:+"$text"} >torch_layers.$$.txt || { echo "1..1"; echo "not ok 1 - dump_torch_layers runs"; rm -f torch_layers.$$.txt; exit 1; }
"$python" "$srcdir/tests/torch_layers.py" <torch_layers.$$.txt
st=$?
rm -f torch_layers.$$.txt
exit $st
