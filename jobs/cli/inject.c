/* glia inject: a bounded fault on this node, to prove that detection works. */
#include "cli.h"
#include "glia_inject.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <unistd.h>

static const struct glia_option options[] = {
    {.name = "for",
     .kind = GLIA_OPTION_DURATION,
     .argument = "T",
     .help = "how long, up to a day; required"},
    {.name = "threads",
     .kind = GLIA_OPTION_INT,
     .argument = "N",
     .lo = 1,
     .hi = 65536,
     .help = "cores to use (default: all that this process may use)"},
    {.name = "size",
     .kind = GLIA_OPTION_SIZE,
     .argument = "BYTES",
     .help =
         "memory to work on, or of the file of io; at most 1/8 of what is free, on the node and in "
         "the memory cgroup (default: what "
         "suits the kind)"},
    {.name = "root",
     .kind = GLIA_OPTION_TEXT,
     .argument = "DIR",
     .help = "governor: change DIR/sys instead of /sys"},
    {0},
};

/* Should memory run short, this process is to die first. The alarm is for what nobody thought of: it kills. */
static void promise_to_go_away(double duration_s)
{
  const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

  if (fd >= 0) {
    if (write(fd, "1000\n", 5) < 0) glia_trace_clear(); /* not allowed everywhere, and not needed */
    close(fd);
  }
  signal(SIGALRM, SIG_DFL);
  alarm((unsigned)ceil(duration_s) + 10);
}

static glia_status run(struct glia_args *args)
{
  const struct glia_injector *injector = NULL;
  struct glia_inject_result result;

  GLIA_TRY(glia_injector_find(args->word[0], &injector));
  GLIA_CHECK(glia_args_has(args, "for"), GLIA_E_USAGE,
             "--for T is missing: how long may the fault last?");
  const struct glia_inject_options how = {
      .duration_s = glia_args_duration(args, "for", 0.0),
      .threads = (int)glia_args_int(args, "threads", 0),
      .size_bytes = glia_args_size(args, "size", 0),
      .stop = glia_stop_requested,
      .root = glia_args_text(args, "root", NULL),
  };
  GLIA_CHECK(how.duration_s > 0.0 && how.duration_s <= 86400.0, GLIA_E_USAGE,
             "--for %g s: more than 0 and at most a day", how.duration_s);
  glia_stop_catch();
  promise_to_go_away(how.duration_s);
  GLIA_TRY(glia_inject_run(injector, &how, &result));
  alarm(0);
  const int n = result.policies > 0 ? result.policies : result.threads;
  glia_cli_print(args, "%s for %.1f s on %d %s%s%s", glia_injector_name(injector), result.wall_s, n,
                 result.policies > 0 ? "frequency polic" : "core",
                 result.policies > 0 ? (n == 1 ? "y" : "ies") : (n == 1 ? "" : "s"),
                 result.stopped ? ", stopped early" : "");
  if (result.size_bytes > 0)
    glia_cli_print(args, ", %.2f GB/s in %.0f MB", 1e-9 * result.bytes_per_s,
                   1e-6 * (double)result.size_bytes);
  glia_cli_print(args, "\n");
  return glia_cli_json(args,
                       json_pack("{s:s, s:f, s:b, s:i, s:f, s:I, s:f, s:i}", "kind",
                                 glia_injector_name(injector), "seconds", result.wall_s, "stopped",
                                 result.stopped, "threads", result.threads, "cpu_s", result.cpu_s,
                                 "size_bytes", (json_int_t)result.size_bytes, "bytes_per_s",
                                 result.bytes_per_s, "policies", result.policies));
}

const struct glia_command glia_command_inject_ = {
    .name = "inject",
    .summary = "cause a bounded fault on this node, to prove that detection works",
    .usage = "cpu|membw|leak|cache|io|network|governor --for T",
    .options = options,
    .details =
        "cpu keeps cores busy, as a program that runs away. membw streams through memory, "
        "as a neighbour that takes "
        "the bandwidth. leak takes more and more memory until the end, up to 1/8 of what is free. "
        "cache changes lines all over the last cache. io writes to $TMPDIR or /var/tmp and "
        "waits for the disk. network floods the loopback interface. governor sets the frequency "
        "governor to powersave, or performance where it is that already (as root, where the "
        "system has governors).\n\n"
        "The fault lives in threads of this one process: it ends by itself after T, at once "
        "on Ctrl-C or SIGTERM, and "
        "with the process however that ends. It uses no core that the process may not use. "
        "governor alone changes a setting: a second process puts it back when the first one ends "
        "or is killed, unless both are killed at once; it is refused while another one is on.",
    .example = "glia inject membw --for 20s",
    .run = run,
    .min_words = 1,
    .max_words = 1,
    .each_node = true,
};
