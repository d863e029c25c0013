#!/bin/sh
# Mechanical house rules: format, order of rooms, foreign headers, each header alone, cppcheck.
# usage: lint.sh SRCDIR BUILDDIR
set -u
src=$(CDPATH='' cd -- "$1" && pwd)
build=$(CDPATH='' cd -- "$2" && pwd)
cd "$src" || exit 70
status=0
bad() { echo "lint: $*"; status=1; }
# What stands on standard input is what is wrong.
complain() {
  found=$(cat)
  [ -z "$found" ] || { echo "$found" | sed 's/^/lint: /'; status=1; }
}
sources=$(find src mpi io monitoring jobs tests bench examples \( -name '*.c' -o -name '*.h' \) | sort)
jobs=$(nproc 2>/dev/null || echo 2)

if command -v clang-format >/dev/null 2>&1; then
  complain <<END
$(echo "$sources" | xargs -P "$jobs" -n 40 clang-format --dry-run --Werror 2>&1 |
    sed -n 's/^\([^:]*\):[0-9]*:[0-9]*: error: .*/\1: not formatted (clang-format -i \1)/p' | sort -u)
END
fi

# Rooms are ordered; each may include what stands before it. One room owns each foreign library.
# shellcheck disable=SC2086
complain <<END
$(awk -v build="$build" '
  function room(f) {
    if (f ~ /^src\/core\//) return 1
    if (f ~ /^src\/graph\//) return 2
    if (f ~ /^src\/ops\//) return 3
    if (f ~ /^src\/kernels\//) return 4
    if (f ~ /^src\/nn\//) return 5
    if (f ~ /^src\/train\//) return 6
    if (f ~ /^mpi\//) return 7
    if (f ~ /^io\//) return 8
    if (f ~ /^(src\/analysis|src\/pde|monitoring)\//) return 9
    if (f ~ /^(bench|jobs)\//) return 10
    return 99
  }
  function own(pattern, rooms) { owner[pattern] = rooms }
  BEGIN {
    own("^(hdf5[.]h|H5)", "io"); own("^mpi[.]h", "mpi io jobs"); own("^(cblas[.]h|dnnl)", "src/kernels")
    own("^xxhash", "io"); own("^(petsc|slepc)", "src/analysis src/pde"); own("^yaml[.]h", "src/core"); own("^cairo", "io")
    own("^(microhttpd|curl/)", "monitoring"); own("^hwloc", "src/core monitoring")
    for (i = 1; i < ARGC; i++) {
      name = ARGV[i]; sub(/.*\//, "", name)
      if (ARGV[i] ~ /\.(h|def|inc)$/ && ARGV[i] !~ /^(tests|examples)\//) where[name] = ARGV[i]
    }
  }
  /^#include "/ && room(FILENAME) < 99 {
    split($0, part, "\""); name = part[2]; sub(/.*\//, "", name)
    if (!(name in where) && (getline line < (build "/" part[2])) >= 0) next # made by the build
    if (!(name in where)) { print FILENAME ": includes " part[2] ", which is in no room"; next }
    from = where[name]
    if (from == "src/glia.h") next
    if (room(from) > room(FILENAME)) print FILENAME ": includes " from " from a later room"
    if (FILENAME ~ /^monitoring\/samplers\// && from !~ /^(src\/core|monitoring\/samplers)\//)
      print FILENAME ": a sampler includes core only, not " part[2]
  }
  /^#include </ && FILENAME !~ /^(tests|bench)\// {
    split($0, part, /[<>]/); top = FILENAME; sub(/\/.*/, "", top); dir = FILENAME; sub(/\/[^\/]*$/, "", dir)
    for (pattern in owner)
      if (part[2] ~ pattern && index(" " owner[pattern] " ", " " top " ") == 0 && index(" " owner[pattern] " ", " " dir " ") == 0)
        print FILENAME ": " part[2] " belongs to: " owner[pattern]
  }' $sources $(find src mpi io monitoring jobs bench -name '*.def' -o -name '*.inc'))
END

# Every source named in the code is in the bibliography.
for key in $(sed -n 's/.*\.source = "\([a-z0-9]*\)".*/\1/p; s/.*Source: \([a-z]*[0-9][0-9][0-9][0-9]\).*/\1/p' $sources | sort -u); do
  grep -q "{$key," docs/papers.bib || bad "source $key is not in docs/papers.bib"
done

# Each header compiles alone.
cc=$(sed -n 's/^CC = //p' "$build/Makefile")
flags=$(sed -n 's/^\(YAML\|JANSSON\|MPI\|HDF5\|CUNIT\|HWLOC\|PETSC\)_CFLAGS = //p' "$build/Makefile" | tr '\n' ' ')
dirs='-Isrc -Isrc/core -Isrc/graph -Isrc/ops -Isrc/kernels -Isrc/nn -Isrc/train -Impi -Iio -Isrc/analysis -Isrc/pde -Imonitoring -Imonitoring/samplers -Ijobs -Ijobs/studies -Itests'
alone="$cc -std=c17 -fsyntax-only -Wall -Werror -include $build/config.h -x c $dirs $flags"
complain <<END
$(echo "$sources" | grep '\.h$' | ALONE=$alone xargs -P "$jobs" -n 1 sh -c '$ALONE "$0" 2>/dev/null || echo "$0: does not compile alone"')
END

if command -v cppcheck >/dev/null 2>&1; then
  # shellcheck disable=SC2086
  cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability --inline-suppr \
    --suppress=missingIncludeSystem --error-exitcode=1 -j "$jobs" $dirs -DGLIA_API= src mpi io monitoring jobs 2>&1 || bad "cppcheck"
fi
[ "$status" = 0 ] && echo "lint: clean"
exit "$status"
