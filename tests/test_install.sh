#!/bin/sh
# The installed tree is enough for a stranger: headers, pkg-config file, library, manual pages.
set -u
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT INT TERM
echo 1..3
n=0
point() { # STATUS NAME
  n=$((n + 1))
  if [ "$1" = 0 ]; then echo "ok $n - $2"; else echo "not ok $n - $2"; sed 's/^/# /' "$dir/log" | tail -20; fi
}
make -s -C "$builddir" install DESTDIR="$dir" >"$dir/log" 2>&1
point $? installs_under_destdir
prefix=$(sed -n 's/^prefix = //p' "$builddir/Makefile")
PKG_CONFIG_PATH=$dir$prefix/lib/pkgconfig; export PKG_CONFIG_PATH
# shellcheck disable=SC2046
{ cc -std=c17 -Wall -Werror -o "$dir/example" "$srcdir/examples/third_derivative.c" \
    $(pkg-config --define-variable=prefix="$dir$prefix" --cflags --libs glia) -lm &&
  LD_LIBRARY_PATH=$dir$prefix/lib "$dir/example"; } >"$dir/log" 2>&1
point $? example_builds_and_runs_against_the_installed_tree
[ -s "$dir$prefix/share/man/man1/glia-train.1" ] && [ -x "$dir$prefix/bin/glia" ]
point $? program_and_manual_pages_are_there
