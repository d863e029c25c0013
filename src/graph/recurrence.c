/* The linear recurrence h_t = a_t h_t-1 + b_t as a loop: one group of elementwise nodes a step, forward and in reverse mode.
 *
 * It is the associative scan of pairs (a, b) under (a, b) then (a', b') = (a a', a' b + b'). One worker has one thread, so steps
 * in order do the fewest operations there are: linear in the number of steps, and so does the derivative, whose adjoint is
 * such a recurrence from the last step to the first.  Source: martin2018.
 */
#include "glia_control.h"
#include "graph_priv.h"

glia_value glia_linear_recurrence(struct glia_graph *g, glia_value a, glia_value b, glia_value h0,
                                  bool reverse)
{
  const struct glia_scan_options options = {.reverse = reverse};
  glia_value rows = GLIA_NONE;
  struct glia_body *body = glia_body_begin(g);
  struct glia_graph *in = glia_body_graph(body);
  const glia_value h = glia_body_carry(body, h0);
  const glia_value decay = glia_body_each(body, a), add = glia_body_each(body, b);

  if (in != NULL && in->status == GLIA_OK) {
    const glia_value next = g->basis->add(in, g->basis->mul(in, decay, h), add);
    glia_body_next(body, h, next);
    glia_body_stack(body, next);
  }
  glia_scan(g, &body, &options, NULL, &rows);
  return rows;
}
