/* The whole public interface of libglia that does not need MPI or HDF5; those rooms have headers of their own beside it. */
#ifndef GLIA_H
#define GLIA_H

#include "glia_arena.h"
#include "glia_base.h"
#include "glia_control.h"
#include "glia_conv.h"
#include "glia_cpus.h"
#include "glia_engine.h"
#include "glia_exchange.h"
#include "glia_graph.h"
#include "glia_kernels.h"
#include "glia_log.h"
#include "glia_metrics.h"
#include "glia_model.h"
#include "glia_op.h"
#include "glia_ops.h"
#include "glia_order.h"
#include "glia_program.h"
#include "glia_progress.h"
#include "glia_random.h"
#include "glia_sha256.h"
#include "glia_source.h"
#include "glia_sparse.h"
#include "glia_status.h"
#include "glia_text.h"
#include "glia_train.h"
#include "glia_type.h"
#include "glia_yaml.h"

#endif
