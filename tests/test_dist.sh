#!/bin/sh
# A release holds what git tracks, so that it builds and runs every test as a checkout does, and nothing that is built.
. "$srcdir/tests/points.sh"
names="a release holds all that git tracks
and nothing that is built but configure and its like"
if [ ! -e "$srcdir/.git" ] || ! git -C "$srcdir" ls-files >"$dir/files" 2>"$err" || [ ! -s "$dir/files" ]; then
  echo "$names" >"$dir/names"
  while read -r name; do skip "$name" "no git, or no checkout of it"; done <"$dir/names"
  finish
fi
grep -vx '.gitignore' "$dir/files" | while read -r file; do [ ! -e "$srcdir/$file" ] || echo "$file"; done | LC_ALL=C sort >"$dir/tracked"
make -s -C "$builddir" distdir distdir="$dir/release" >"$dir/log" 2>&1 || sed 's/^/# /' "$dir/log" | tail -20
(cd "$dir/release" && find . -type f -o -type l) | sed 's,^[.]/,,' | LC_ALL=C sort >"$dir/released"
LC_ALL=C comm -23 "$dir/tracked" "$dir/released" >"$out"
[ -s "$dir/released" ] && [ ! -s "$out" ]; point "$(echo "$names" | sed -n 1p)"
# what autoreconf makes, and files that nobody has told git of yet
git -C "$srcdir" ls-files --others --exclude-standard >"$dir/new"
LC_ALL=C comm -13 "$dir/tracked" "$dir/released" | grep -vxF -f "$dir/new" |
  grep -vEx 'Makefile[.]in|aclocal[.]m4|configure|config[.]h[.]in|build-aux/[-a-z.]+|m4/[a-z0-9~_-]+[.]m4' >"$out"
[ -s "$dir/released" ] && [ ! -s "$out" ]; point "$(echo "$names" | sed -n 2p)"
finish
