/* A recording served as live agents. */
#ifndef REPLAY_H
#define REPLAY_H

#include "cli.h"

/* Serve the nodes of a telemetry file or a store at --listen until stopped or --for is over: /NODE/rows answers as that node's agent
 * would, --speed times as fast as it was recorded. */
glia_status replay_run(struct glia_args *args);

#endif
