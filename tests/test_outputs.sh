#!/bin/sh
# No command writes over what it reads: every option that names a file to write against every word and option that names one to read,
# as help lists them. A new option that reads a file and does not say so in its table (.input) fails here.
set -u
. "$srcdir/tests/points.sh"
cd "$dir" || exit 99

# Command, what it writes, how many words it needs. What else of its options has a file as its argument is read.
cat >tables <<'END'
agent|record|0
data export|output|1
data import|output|2
data info|sheet|1
data synth|output|1
detect score|output figure report|1
detect train|output|1
discover|output plot|1
export|output|1
hessian|output|1
measures|output|1
pinn|output plot|1
plot|output|1
predict|output|1
report|output|1
spectrum|values output|1
study run|figure record|1
theory|output|0
train|trace csv|1
END

# keeps WORDS...: refused with that reason, and the file is what it was.
keeps() {
  printf kept >shared
  exits 64 "$glia" "$@" && said 'is what is read: what is written wants another name' && [ "$(cat shared)" = kept ]
}
# Options of a command and what they name: "data F.h5".
named() {
  # shellcheck disable=SC2086
  "$glia" $1 --help | sed -n '/^Options/,/^$/s/^ *\(-[a-z], \)\{0,1\} *--\([a-z-]*\) \([A-Z][^ ]*\( [A-Z]\)\{0,1\}\).*/\2 \3/p'
}
"$glia" help --json | tr '{' '\n' | sed -n 's/.*"name": "\([^"]*\)".*/\1/p' >commands
printf other >other
checked=0
while IFS='|' read -r command writes words; do
  grep -qx "$command" commands || continue # PETSc is missing
  case $command in # what an option needs beside it
    "data import") format=csv ;;
    agent) format="--listen 127.0.0.1:0" ;;
    spectrum) format="--layer x" ;;
    *) format= ;;
  esac
  named "$command" >options
  bad=
  for out_option in $writes; do
    force=; grep -q . options && "$glia" $command --help | grep -q -- '--force ' && force=--force
    other=; [ "$words" = 0 ] || other=other
    if [ "$words" -gt 0 ] && [ "$command" != "data synth" ] && [ "$command" != "study run" ]; then
      # shellcheck disable=SC2086
      keeps $command $format shared "--$out_option" shared $force || bad="$bad [its word by --$out_option]"
      ln -sf shared link
      # shellcheck disable=SC2086
      keeps $command $format shared "--$out_option" link $force || bad="$bad [its word by a link]"
      checked=$((checked + 1))
    fi
    while read -r option argument; do
      case " $writes " in *" $option "*) continue ;; esac
      [ "$command $option" = "detect train update" ] && continue # it is replaced whole, by what goes on from it
      case $argument in
        "X Y") set -- other shared ;;
        F | FILE | STORE | *.h5 | *.yaml | *.csv | *.json) set -- shared ;;
        *) continue ;;
      esac
      # shellcheck disable=SC2086
      keeps $command $format $other "--$option" "$@" "--$out_option" shared $force || bad="$bad [--$option by --$out_option]"
      checked=$((checked + 1))
    done <options
  done
  [ -z "$bad" ]; point "$command$bad"
done <tables
[ "$checked" -ge 15 ]; point "options were found ($checked)"
keeps train other data.file=shared --trace shared && keeps train other data.file=shared --csv shared; point "an override is read"
exits 64 "$glia" pinn shared --resume other --plot shared.svg -o other --force && said 'other is what is read'; point "another output among several"

# Each command that names a file to write is in the table above.
missing=
while read -r command; do
  case $command in demo* | man | inject | collect | bench) continue ;; esac
  grep -q "^$command|" tables && continue
  named "$command" | grep -E '^(output|plot|figure|report|values|record|trace|csv|sheet) ' >/dev/null && missing="$missing [$command]"
done <commands
[ -z "$missing" ]; point "every command that writes a file is looked at$missing"
finish
