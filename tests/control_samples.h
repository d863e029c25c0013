/* Control flow as the table test takes it: each entry has samples, in the manner of an operator. */
#ifndef CONTROL_SAMPLES_H
#define CONTROL_SAMPLES_H

#include "glia_op.h"

/* NULL-terminated; only name, derivative, stand_in and sample are set. */
const struct glia_op *const *control_samples(void);

#endif
