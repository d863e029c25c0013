#!/bin/sh
# The installed tree is enough for a stranger: headers, pkg-config file, library, manual pages.
set -u
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT INT TERM
echo 1..7
n=0
point() { # STATUS NAME
  n=$((n + 1))
  if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; sed 's/^/# /' "$dir/log" | tail -20; fi
}
make -s -C "$builddir" install DESTDIR="$dir" >"$dir/log" 2>&1
point $? installs_under_destdir
prefix=$(sed -n 's/^prefix = //p' "$builddir/Makefile")
PKG_CONFIG_PATH=$dir$prefix/lib/pkgconfig; export PKG_CONFIG_PATH
# As if it were installed there: a variable defined on pkg-config's command line would be that of MPI's file, too.
sed "s|^prefix=.*|prefix=$dir$prefix|" "$builddir/glia.pc" >"$PKG_CONFIG_PATH/glia.pc"
# shellcheck disable=SC2046
{ cc -std=c17 -Wall -Werror -o "$dir/example" "$srcdir/examples/third_derivative.c" \
    $(pkg-config --cflags --libs glia) -lm &&
  LD_LIBRARY_PATH=$dir$prefix/lib "$dir/example"; } >"$dir/log" 2>&1
point $? example_builds_and_runs_against_the_installed_tree
[ -s "$dir$prefix/share/man/man1/glia-train.1" ] && [ -x "$dir$prefix/bin/glia" ]
point $? program_and_manual_pages_are_there
doc=$dir$(sed -n 's/^docdir = //p' "$builddir/Makefile" | sed "s|\${datarootdir}|$prefix/share|; s|\${PACKAGE_TARNAME}|glia|")
missing=
for file in $(cd "$srcdir" && ls docs/formats/*.md docs/recipes/*.py examples/*.* examples/pinn/*.yaml) README.md; do
  cmp -s "$srcdir/$file" "$doc/$file" || missing="$missing $file"
done
for file in $(for page in "$dir$prefix"/share/man/man1/*.1; do sed 's/\\//g' "$page"; done | grep -o 'docs/[a-z/-]*\.md'); do
  [ -f "$doc/$file" ] || missing="$missing $file"
done
{ [ -z "$missing" ] || echo "missing in $doc:$missing"; } >"$dir/log"
[ -z "$missing" ]
point $? formats_recipes_and_examples_are_installed
(mkdir "$dir/work" && cd "$dir/work" && "$dir$prefix/bin/glia" data synth moons -o moons.h5 &&
  "$dir$prefix/bin/glia" train "$doc/examples/moons.yaml" epochs=2 && "$dir$prefix/bin/glia" eval run) >"$dir/log" 2>&1 &&
  grep -q '^test: accuracy' "$dir/log"
point $? an_installed_example_trains
cat >"$dir/mpi.c" <<'END'
#include <glia.h>
#include <glia_mpi.h>

#include <stdio.h>

int main(int argc, char **argv)
{
  struct glia_comm *comm = NULL;
  int rank = -1;

  if (MPI_Init(&argc, &argv) != MPI_SUCCESS || glia_comm_world(&comm) != GLIA_OK) return 1;
  MPI_Comm_rank(glia_comm_mpi(comm), &rank);
  printf("rank %d of %d\n", rank, glia_comm_size(comm));
  glia_comm_destroy(&comm);
  return MPI_Finalize() != MPI_SUCCESS;
}
END
mpi=$(sed -n 's/^MPI_MODULE = //p' "$builddir/Makefile") # empty without MPI
if [ -n "$mpi" ]; then
  # shellcheck disable=SC2046
  { cc -std=c17 -Wall -Werror -o "$dir/mpi" "$dir/mpi.c" $(pkg-config --cflags --libs glia "$mpi") &&
    LD_LIBRARY_PATH=$dir$prefix/lib "$dir/mpi"; } >"$dir/log" 2>&1 && grep -q 'rank 0 of 1' "$dir/log" &&
    cc -std=c17 -Wall -Werror -c -o "$dir/mpi.o" "$dir/mpi.c" $(pkg-config --cflags glia) >>"$dir/log" 2>&1
  point $? headers_that_name_mpi_build_with_plain_cc
else
  n=$((n + 1)); echo "ok $n - headers_that_name_mpi_build_with_plain_cc # SKIP built without MPI"
fi
if [ -f "$dir$prefix/lib/libglia.a" ]; then
  rm "$dir$prefix/lib"/libglia.so*
  source=$dir/mpi.c; [ -n "$mpi" ] || source=$srcdir/examples/third_derivative.c
  # shellcheck disable=SC2046
  { cc -std=c17 -Wall -Werror -o "$dir/static" "$source" $(pkg-config --static --cflags --libs glia) &&
    "$dir/static" && ! ldd "$dir/static" | grep libglia; } >"$dir/log" 2>&1
  point $? example_links_with_the_static_library
else
  n=$((n + 1)); echo "ok $n - example_links_with_the_static_library # SKIP no static library is built"
fi
