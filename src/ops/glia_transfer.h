/* Values on their way between stages, for graphs that are cut by hand (glia_stage.h): what a graph sends, stage by stage, before or after it
 * is differentiated. On one process nothing moves. The adjoint of a message is the message back.
 */
#ifndef GLIA_TRANSFER_H
#define GLIA_TRANSFER_H

#include "glia_graph.h"

/** x on its way from one stage to another; only glia_receive may read it. */
GLIA_API glia_value glia_send(struct glia_graph *g, glia_value x, int from, int to);
/** What was sent, where it was sent to. */
GLIA_API glia_value glia_receive(struct glia_graph *g, glia_value sent);

#endif
