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
  if ($1 == "softirq" && NF == 12) {
    split("HI TIMER NET_TX NET_RX BLOCK IRQ_POLL TASKLET SCHED HRTIMER RCU", type)
    for (i = 1; i <= 10; i++) say("node_softirqs_functions_total{type=\"" type[i] "\"}", $(i + 2))
  }
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

file ~ /^net\/(snmp|netstat)$/ {
  if (NR % 2) { for (i = 1; i <= NF; i++) field[i] = $i; next }
  wanted = " Ip_InReceives Ip_InDiscards Ip_OutRequests Ip_OutDiscards Ip_ReasmFails Icmp_InErrors Icmp_InDestUnreachs " \
    "Tcp_ActiveOpens Tcp_PassiveOpens Tcp_AttemptFails Tcp_EstabResets Tcp_CurrEstab Tcp_InSegs Tcp_OutSegs Tcp_RetransSegs " \
    "Tcp_InErrs Tcp_OutRsts Udp_InDatagrams Udp_OutDatagrams Udp_NoPorts Udp_InErrors Udp_RcvbufErrors Udp_SndbufErrors " \
    "TcpExt_ListenOverflows TcpExt_ListenDrops TcpExt_TCPTimeouts TcpExt_TCPLostRetransmit TcpExt_TCPFastRetrans " \
    "TcpExt_TCPSynRetrans TcpExt_TCPRcvQDrop TcpExt_TCPBacklogDrop TcpExt_SyncookiesSent IpExt_InOctets IpExt_OutOctets "
  for (i = 2; i <= NF; i++) {
    name = substr($1, 1, length($1) - 1) "_" field[i]
    if (good($i) && index(wanted, " " name " ")) say("node_netstat_" name, $i)
  }
}

file == "interrupts" && /:/ {
  total = 0
  for (i = 2; i <= NF && $i ~ /^[0-9]+$/; i++) total += $i
  kind = substr($1, 1, length($1) - 1)
  if (kind ~ /^[0-9]+$/) sum["devices"] += total
  else if (index(" NMI LOC PMI IWI RES CAL TLB TRM THR DFR MCE ERR MIS ", " " kind " "))
    say("node_interrupts_total{type=\"" kind "\"}", total)
}

file == "schedstat" && /^cpu/ { cores++; for (i = 1; i <= 3; i++) sum[i] += $(i + 7) }

file == "self/mountstats" && /^device/ { nfs = / fstype nfs4? /; mounts += nfs; next }
file == "self/mountstats" && nfs && $1 == "bytes:" { sum["r"] += $2; sum["w"] += $3; sum["sr"] += $6; sum["sw"] += $7 }
file == "self/mountstats" && nfs && $1 ~ /^[A-Z_]+:$/ {
  sum["req"] += $2; sum["sent"] += $3; sum["out"] += $4; sum["q"] += $7; sum["resp"] += $8; sum["whole"] += $9
}

file == "lustre" && $3 == "samples" { sum[$1] += $1 ~ /_bytes$/ ? $7 : $2; mounts++ }

# Files of /sys: path and line.
function add(key, v, w) {
  if (!(key in n)) { lo[key] = v; hi[key] = v }
  n[key]++; sum[key] += v
  if (v < lo[key]) lo[key] = v
  if (v > hi[key]) hi[key] = v
}
file == "sys" {
  path = $1
  leaf = path; sub(/.*\//, "", leaf)
  if (path ~ /class\/hwmon/) {
    if (leaf ~ /^temp.*_input$/) add("temp", $2 / 1000)
    if (leaf ~ /^fan.*_input$/) add("fan", $2)
    if (leaf ~ /^power.*_input$/) add("power", $2 / 1e6)
    if (leaf ~ /^energy.*_input$/) add("energy", $2 / 1e6)
    if (leaf ~ /_alarm$/) add("alarm", $2)
  }
  if (path ~ /thermal_zone/ && leaf == "temp") add("zone", $2 / 1000)
  if (leaf == "cur_state") add("cooling", $2)
  if (leaf ~ /_throttle_count$/) add(leaf, $2)
  if (leaf == "scaling_max_freq") add("limit", $2 * 1000)
  if (leaf == "cpuinfo_max_freq") add("fastest", $2 * 1000)
  if (leaf == "scaling_governor") { governor[$2]++; governors++ }
  if (path ~ /powercap/ && leaf == "name") { folder = path; sub(/name$/, "", folder); zone[folder] = $2; sub(/-.*/, "", zone[folder]) }
  if (path ~ /powercap/ && leaf == "energy_uj") { folder = path; sub(/energy_uj$/, "", folder); energy[folder] = $2 / 1e6 }
  if (leaf == "ce_count" || leaf == "ue_count") add(leaf, $2)
  if (path ~ /node[0-9]+\/meminfo/) { if ($4 == "MemTotal:") total = $5; if ($4 == "MemFree:" && total) add("free", $5 / total) }
  if (leaf == "numastat") add($2, $3)
  if (path ~ /infiniband/) add(leaf, leaf == "state" ? substr($2, 1, 1) : $2)
  if (match(path, /job_[0-9]+/)) {
    id = substr(path, RSTART + 4, RLENGTH - 4)
    if (!(id in slot)) { slot[id] = 0 + jobs++; say("glia_job_id{slot=\"" slot[id] "\"}", id) }
    if (leaf == "memory.current") say("glia_job_memory_bytes{slot=\"" slot[id] "\"}", $2)
    if (leaf == "pids.current") say("glia_job_tasks{slot=\"" slot[id] "\"}", $2)
  }
}
function all(key, name, kind) {
  if (!(key in n)) return
  say(name, kind == "sum" ? sum[key] : kind == "mean" ? sum[key] / n[key] : kind == "min" ? lo[key] : hi[key])
}
function sys_end(  folder, k, i, parts, title) {
  all("temp", "glia_hwmon_temp_mean_celsius", "mean"); all("temp", "glia_hwmon_temp_max_celsius", "max")
  all("fan", "glia_hwmon_fan_min_rpm", "min"); all("fan", "glia_hwmon_fan_max_rpm", "max")
  all("power", "glia_hwmon_power_watts", "sum"); all("energy", "glia_hwmon_energy_joules_total", "sum")
  all("alarm", "glia_hwmon_alarms", "sum")
  all("zone", "glia_thermal_zone_mean_celsius", "mean"); all("zone", "glia_thermal_zone_max_celsius", "max")
  all("cooling", "glia_cooling_device_state_max", "max")
  all("core_throttle_count", "glia_cpu_core_throttles_total", "sum")
  all("package_throttle_count", "glia_cpu_package_throttles_total", "sum")
  all("limit", "glia_cpufreq_limit_min_hertz", "min"); all("limit", "glia_cpufreq_limit_mean_hertz", "mean")
  all("limit", "glia_cpufreq_limit_max_hertz", "max"); all("fastest", "glia_cpufreq_hardware_max_hertz", "max")
  split("performance schedutil ondemand conservative powersave userspace", parts)
  for (i = 1; governors && i <= 6; i++)
    say("glia_cpufreq_governor_ratio{governor=\"" parts[i] "\"}", governor[parts[i]] / governors)
  for (folder in energy) joules[zone[folder]] += energy[folder]
  for (k in joules) say("node_rapl_" k "_joules_total", joules[k])
  all("ce_count", "node_edac_correctable_errors_total", "sum"); all("ue_count", "node_edac_uncorrectable_errors_total", "sum")
  all("free", "glia_numa_free_min_ratio", "min"); all("free", "glia_numa_free_mean_ratio", "mean")
  all("free", "glia_numa_free_max_ratio", "max")
  all("numa_foreign", "node_memory_numa_numa_foreign_total", "sum")
  all("interleave_hit", "node_memory_numa_interleave_hit_total", "sum")
  split("port_rcv_packets port_xmit_packets port_xmit_wait port_rcv_errors port_xmit_discards symbol_error link_downed link_error_recovery", parts)
  split("port_packets_received port_packets_transmitted port_transmit_wait port_errors_received port_discards_transmitted symbol_error link_downed link_error_recovery", title)
  for (i = 1; i <= 8; i++) all(parts[i], "node_infiniband_" title[i] "_total", "sum")
  if ("port_rcv_data" in n) {
    say("node_infiniband_port_data_received_bytes_total", 4 * sum["port_rcv_data"])
    say("node_infiniband_port_data_transmitted_bytes_total", 4 * sum["port_xmit_data"])
  }
  all("state", "glia_infiniband_port_state_min", "min")
  if (seen_cgroup) say("glia_jobs", jobs + 0)
}
file == "sys" && $1 ~ /\/sys\/fs\/cgroup\// { seen_cgroup = 1 }

END {
  if (file == "interrupts" && NR) say("node_interrupts_total{type=\"devices\"}", sum["devices"])
  if (file == "schedstat" && cores) {
    say("node_schedstat_running_seconds_total", sum[1] / 1e9)
    say("node_schedstat_waiting_seconds_total", sum[2] / 1e9)
    say("node_schedstat_timeslices_total", sum[3])
  }
  if (file == "self/mountstats" && NR) {
    say("glia_nfs_mounts", mounts + 0)
    if (mounts) {
      m = "node_mountstats_nfs_"
      say(m "read_bytes_total", sum["r"]); say(m "write_bytes_total", sum["w"])
      say(m "total_read_bytes_total", sum["sr"]); say(m "total_write_bytes_total", sum["sw"])
      say(m "operations_requests_total", sum["req"]); say(m "operations_transmissions_total", sum["sent"])
      say(m "operations_major_timeouts_total", sum["out"]); say(m "operations_queue_time_seconds_total", sum["q"] / 1000)
      say(m "operations_response_time_seconds_total", sum["resp"] / 1000)
      say(m "operations_request_time_seconds_total", sum["whole"] / 1000)
    }
  }
  if (file == "lustre" && mounts) {
    split("read_bytes write_bytes open close getattr fsync create unlink statfs", f)
    split("read_bytes write_bytes opens closes getattrs fsyncs creates unlinks statfs_calls", g)
    for (i = 1; i <= 9; i++) say("glia_lustre_" g[i] "_total", sum[f[i]] + 0)
  }
  if (file == "sys") sys_end()
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
