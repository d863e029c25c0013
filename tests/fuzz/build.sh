#!/bin/sh
# Build every fuzz target with clang, libFuzzer, address and undefined-behaviour sanitizers into OUT.
# usage: build.sh SRCDIR OUT, with CPPFLAGS and LIBS as make knows them
set -eu
src=$1 out=$2
cc=${FUZZ_CC:-clang}
flags="-std=c17 -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -DGLIA_SANITIZED=1 -DGLIA_HAVE_PETSC"
mkdir -p "$out/obj"
LIBS=$(printf '%s\n' "$LIBS" | tr ' ' '\n' | grep -v '\.la$' | tr '\n' ' ') # libraries of others alone
sources=$(ls "$src"/src/core/*.c "$src"/src/graph/type.c "$src"/src/graph/schedule*.c "$src"/src/train/order.c "$src"/src/train/source.c \
  "$src"/src/train/config.c "$src"/io/*.c "$src"/src/pde/expr*.c "$src"/src/pde/text.c "$src"/src/pde/problem*.c \
  "$src"/src/pde/domain.c "$src"/src/pde/seam.c "$src"/src/pde/corner.c "$src"/src/pde/sobol.c "$src"/src/pde/discover.c "$src"/tests/fuzz/fuzz_*.c | grep -v -e /figure -e /report.c)
newest=$(ls -t "$src"/src/*/*.h "$src"/io/*.h "$src"/tests/fuzz/*.h "$src"/tests/fuzz/*.def | head -1)
for f in $sources; do
  rest=${f%/*}
  o=$out/obj/${rest##*/}-$(basename "$f" .c).o # names repeat among folders
  [ "$o" -nt "$f" ] && [ "$o" -nt "$newest" ] && continue
  # shellcheck disable=SC2086
  echo "$cc $flags -fsanitize=fuzzer-no-link $CPPFLAGS -I$src/tests/fuzz -c $f -o $o"
done | xargs -r -d '\n' -n 1 -P "${JOBS:-2}" sh -ec
rm -f "$out/libfuzzed.a"
ar rc "$out/libfuzzed.a" "$out"/obj/*.o
for t in $(sed -n 's/^X(\(.*\))$/\1/p' "$src/tests/fuzz/targets.def"); do
  # shellcheck disable=SC2086
  $cc $flags -fsanitize=fuzzer $CPPFLAGS -I"$src/tests/fuzz" -DFUZZ_TARGET="fuzz_$t" "$src/tests/fuzz/fuzz.c" \
    "$out/libfuzzed.a" $LIBS -o "$out/fuzz_$t"
done
