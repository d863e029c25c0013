#!/bin/sh
# What a recorded node must give, read by awk instead of C: "name value", sorted; metrics not listed must be missing.
# usage: expected.sh NODE > NODE/expected     (NODE holds proc/ and perhaps sys/)
node=${1:?usage: expected.sh NODE}
dir=$(dirname "$0")

# The whole lines of a file: what follows the last newline was cut.
lines() { [ -f "$node/proc/$1" ] && head -n "$(wc -l < "$node/proc/$1")" "$node/proc/$1" 2>/dev/null; }
# Sums over devices need the whole file.
whole() { [ -f "$node/proc/$1" ] && [ -z "$(tail -c 1 "$node/proc/$1")" ] && cat "$node/proc/$1"; }

# Every line of every file of /sys, behind its path.
system() { [ ! -d "$node/sys" ] || find "$node/sys" -type f | LC_ALL=C sort | while read -r f; do sed "s|^|$f |" "$f"; done; }

{
  for f in stat loadavg meminfo vmstat pressure/cpu pressure/memory pressure/io pressure/irq net/snmp net/netstat interrupts; do
    lines "$f" | LC_ALL=C awk -v file="$f" -f "$dir/expected.awk"
  done
  cat "$node"/proc/fs/lustre/llite/*/stats 2>/dev/null | LC_ALL=C awk -v file=lustre -f "$dir/expected.awk"
  system | LC_ALL=C awk -v file=sys -f "$dir/expected.awk"
} | LC_ALL=C sort > "/tmp/expected.$$"
for f in net/dev diskstats schedstat self/mountstats; do
  whole "$f" | LC_ALL=C awk -v file="$f" -f "$dir/expected.awk"
done | LC_ALL=C sort - "/tmp/expected.$$"
rm -f "/tmp/expected.$$"
