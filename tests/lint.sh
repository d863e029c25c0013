#!/bin/sh
# Mechanical house rules: format, order of rooms, foreign headers, each header alone, cppcheck.
# usage: lint.sh SRCDIR BUILDDIR
set -u
src=$(CDPATH='' cd -- "$1" && pwd)
build=$(CDPATH='' cd -- "$2" && pwd)
cd "$src" || exit 70
status=0
bad() { echo "lint: $*"; status=1; }
sources=$(find src mpi io monitoring jobs tests bench examples \( -name '*.c' -o -name '*.h' \) | sort)

if command -v clang-format >/dev/null 2>&1; then
  for f in $sources; do
    clang-format --dry-run --Werror "$f" >/dev/null 2>&1 || bad "$f: not formatted (clang-format -i $f)"
  done
fi

# Rooms are ordered; each may include what stands before it.
room_of() {
  case $1 in
    src/core/*) echo 1 ;; src/graph/*) echo 2 ;; src/ops/*) echo 3 ;; src/kernels/*) echo 4 ;; src/nn/*) echo 5 ;;
    src/train/*) echo 6 ;; mpi/*) echo 7 ;; io/*) echo 8 ;; src/analysis/* | src/pde/* | monitoring/*) echo 9 ;;
    bench/* | jobs/*) echo 10 ;; *) echo 99 ;;
  esac
}
for f in $sources; do
  own=$(room_of "$f")
  [ "$own" != 99 ] || continue
  for h in $(sed -n 's/^#include "\(.*\)"$/\1/p' "$f"); do
    found=$(find src mpi io monitoring jobs bench -name "$(basename "$h")" | head -1)
    [ -n "$found" ] || { bad "$f: includes $h, which is in no room"; continue; }
    [ "$found" = src/glia.h ] && continue
    [ "$(room_of "$found")" -le "$own" ] || bad "$f: includes $found from a later room"
  done
  case $f in monitoring/samplers/*) rooms=' core ' ;; *) rooms= ;; esac
  if [ -n "$rooms" ]; then
    for h in $(sed -n 's/^#include "\(.*\)"$/\1/p' "$f"); do
      case $(find src mpi io monitoring jobs -name "$(basename "$h")" | head -1) in
        src/core/* | monitoring/samplers/*) ;;
        *) bad "$f: a sampler includes core only, not $h" ;;
      esac
    done
  fi
done

# One room owns each foreign library.
owner() {
  for f in $(grep -lE "^#include <($1)" $sources 2>/dev/null); do
    case $f in tests/* | bench/*) continue ;; esac
    case " $2 " in *" ${f%%/*} "* | *" $(dirname "$f") "*) ;; *) bad "$f: $1 belongs to: $2" ;; esac
  done
}
owner 'hdf5\.h|H5' 'io'
owner 'mpi\.h' 'mpi io jobs'
owner 'cblas\.h|dnnl' 'src/kernels'
owner 'petsc|slepc' 'src/analysis src/pde'
owner 'yaml\.h' 'src/core'
owner 'cairo' 'io'
owner 'microhttpd|curl/' 'monitoring'
owner 'hwloc' 'src/core monitoring'

# Every source named in the code is in the bibliography.
for key in $(sed -n 's/.*\.source = "\([a-z0-9]*\)".*/\1/p; s/.*Source: \([a-z]*[0-9][0-9][0-9][0-9]\).*/\1/p' $sources | sort -u); do
  grep -q "{$key," docs/papers.bib || bad "source $key is not in docs/papers.bib"
done

# Each header compiles alone.
cc=$(sed -n 's/^CC = //p' "$build/Makefile")
flags=$(sed -n 's/^\(YAML\|JANSSON\|MPI\|HDF5\|CUNIT\|HWLOC\|PETSC\)_CFLAGS = //p' "$build/Makefile" | tr '\n' ' ')
dirs='-Isrc -Isrc/core -Isrc/graph -Isrc/ops -Isrc/kernels -Isrc/nn -Isrc/train -Impi -Iio -Isrc/analysis -Imonitoring -Imonitoring/samplers -Ijobs -Ijobs/studies -Itests'
for h in $(echo "$sources" | grep '\.h$'); do
  # shellcheck disable=SC2086
  $cc -std=c17 -fsyntax-only -Wall -Werror -include "$build/config.h" -x c $dirs $flags "$h" 2>/dev/null || bad "$h: does not compile alone"
done

if command -v cppcheck >/dev/null 2>&1; then
  cppcheck --quiet --std=c11 --language=c --enable=warning,performance,portability --inline-suppr \
    --suppress=missingIncludeSystem --error-exitcode=1 -j "$(nproc)" $dirs -DGLIA_API= src mpi io monitoring jobs 2>&1 || bad "cppcheck"
fi
[ "$status" = 0 ] && echo "lint: clean"
exit "$status"
