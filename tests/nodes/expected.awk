# The same numbers as monitoring/samplers, found another way: fields by awk, devices by patterns of their names.
function say(name, value) { printf "%s %.17g\n", name, value }
function good(word) { return word ~ /^[0-9]+(\.[0-9]+)?$/ && length(word) <= 20 && !(length(word) == 20 && word > "18446744073709551615") }

file == "loadavg" && NR == 1 {
  for (i = 1; i <= 3; i++) if (good($i)) say("node_load" (i == 1 ? 1 : i == 2 ? 5 : 15), $i)
}

file == "stat" && $1 == "cpu" {
  split("user nice system idle iowait irq softirq steal", mode)
  for (i = 1; i <= 8; i++) if (good($(i + 1))) say("node_cpu_seconds_total{mode=\"" mode[i] "\"}", $(i + 1) / 100)
}
file == "stat" && good($2) {
  if ($1 == "ctxt") say("node_context_switches_total", $2)
  if ($1 == "processes") say("node_forks_total", $2)
  if ($1 == "intr") say("node_intr_total", $2)
  if ($1 == "softirq") say("node_softirqs_total", $2)
  if ($1 == "procs_running" || $1 == "procs_blocked") say("node_" $1, $2)
}

file == "meminfo" && $1 ~ /^[A-Za-z_()]+:$/ && good($2) && $3 == "kB" {
  key = substr($1, 1, length($1) - 1)
  sub(/\(/, "_", key); sub(/\)/, "", key)
  wanted = " MemTotal MemFree MemAvailable Buffers Cached SwapCached Active Inactive Active_anon Inactive_anon Active_file " \
    "Inactive_file Unevictable Mlocked SwapTotal SwapFree Dirty Writeback AnonPages Mapped Shmem SReclaimable SUnreclaim " \
    "KernelStack PageTables CommitLimit Committed_AS AnonHugePages HardwareCorrupted "
  if (index(wanted, " " key " ")) say("node_memory_" key "_bytes", $2 * 1024)
}

file == "vmstat" && good($2) {
  wanted = " pgpgin pgpgout pswpin pswpout pgfault pgmajfault pgfree pgactivate pgdeactivate pgscan_kswapd pgscan_direct " \
    "pgsteal_kswapd pgsteal_direct allocstall_normal allocstall_movable workingset_refault_anon workingset_refault_file " \
    "oom_kill drop_pagecache pgmigrate_success numa_hit numa_miss numa_local numa_other numa_hint_faults " \
    "numa_pages_migrated compact_stall compact_fail thp_fault_alloc thp_fault_fallback thp_split_page "
  if (index(wanted, " " $1 " ")) say("node_vmstat_" $1, $2)
}

file ~ /^pressure/ && match($0, /total=[0-9]+/) {
  what = substr(file, 10)
  value = substr($0, RSTART + 6, RLENGTH - 6) / 1e6
  if ($1 == "some" && what != "irq") say("node_pressure_" what "_waiting_seconds_total", value)
  if ($1 == "full" && what != "cpu") say("node_pressure_" what "_stalled_seconds_total", value)
}

file == "net/dev" && /:/ {
  seen++
  sub(/:/, " ")
  if ($1 != "lo" && $1 !~ /^veth/) {
    if (NF < 17) broken = 1
    for (i = 1; i <= 16; i++) sum[i] += $(i + 1)
  }
}

file == "diskstats" {
  seen++
  if (NF < 14) broken = 1
  whole_disk = $3 ~ /^(sd[a-z]+|hd[a-z]|vd[a-z]|nvme[0-9]+n[0-9]+|mmcblk[0-9]+(boot[0-9])?|xvda1)$/
  if (whole_disk) {
    if (disks++ == 0 || NF - 3 < fewest) fewest = NF - 3
    for (i = 1; i <= 17; i++) sum[i] += $(i + 3)
  }
}

END {
  if (broken || !seen) exit
  if (file == "net/dev") {
    split("bytes packets errs drop fifo frame compressed multicast bytes packets errs drop fifo colls carrier compressed", f)
    for (i = 1; i <= 16; i++) say("node_network_" (i <= 8 ? "receive_" : "transmit_") f[i] "_total", sum[i])
  }
  if (file == "diskstats") {
    split("reads_completed reads_merged read_bytes read_time_seconds writes_completed writes_merged written_bytes " \
      "write_time_seconds io_now io_time_seconds io_time_weighted_seconds discards_completed discards_merged " \
      "discarded_sectors discard_time_seconds flush_requests flush_requests_time_seconds", f)
    for (i = 1; i <= (disks ? fewest : 17); i++)
      say("node_disk_" f[i] (i == 9 ? "" : "_total"), sum[i] * (f[i] ~ /bytes/ ? 512 : f[i] ~ /seconds/ ? 0.001 : 1))
  }
}
