#!/bin/sh
# Build every fuzz target with clang, libFuzzer, address and undefined-behaviour sanitizers into OUT.
# usage: build.sh SRCDIR OUT, with SOURCES (of the library), CPPFLAGS and LIBS as make knows them
set -eu
src=$1 out=$2
cc=${FUZZ_CC:-clang}
flags="-std=c17 -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined -DGLIA_SANITIZED=1 -DGLIA_HAVE_PETSC"
mkdir -p "$out/obj"
LIBS=$(printf '%s\n' "$LIBS" | tr ' ' '\n' | grep -v '\.la$' | tr '\n' ' ') # libraries of others alone
sources=$(printf "$src/%s\n" $SOURCES | grep '\.c$'; ls "$src"/tests/fuzz/fuzz_*.c)
newest=$(ls -t "$src"/src/*/*.h "$src"/io/*.h "$src"/mpi/*.h "$src"/monitoring/*.h "$src"/tests/fuzz/*.h "$src"/tests/fuzz/*.def | head -1)
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
