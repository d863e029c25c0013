/* Single calls of products and convolutions: memory for one, its best time, and who else computes it. */
#ifndef PRODUCTS_H
#define PRODUCTS_H

#include "glia_profile.h"

/* Memory for one call of a kernel, filled with numbers of ordinary size. */
struct product_call {
  struct glia_operand in[2];
  struct glia_call call;
  void *memory[4];
};

/** Whether a unit is one product or convolution of floats. */
bool product_is(const struct glia_unit_info *u);

/** Whether two nodes are the same call on other numbers. */
bool product_same(const struct glia_graph *g, const struct glia_node *a, const struct glia_node *b);

/** Memory for a call of this kernel on the node's shapes; false: there is none. product_drop follows either way. */
bool product_prepare(const struct glia_graph *g, const struct glia_node *n,
                     const struct glia_kernel_choice *choice, struct product_call *c);
void product_drop(struct product_call *c);

/** Seconds of the quickest of several calls. */
double product_best_s(void (*run)(const struct glia_call *), const struct glia_call *c);

/** A matmul by BLAS. */
void product_by_blas(const struct glia_call *c);

/** A float32 matmul by oneDNN's dnnl_sgemm, one thread; NULL where its library is not installed. Looked for at run time: nothing here
 *  depends on it. */
void (*product_onednn(void))(const struct glia_call *);

/** Multiplications and additions of the definition. */
double product_flops(const struct glia_graph *g, const struct glia_node *n);

#endif
