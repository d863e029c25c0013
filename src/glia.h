/* The whole public interface of libglia. */
#ifndef GLIA_H
#define GLIA_H

#include "glia_log.h"
#include "glia_progress.h"
#include "glia_random.h"
#include "glia_sha256.h"
#include "glia_status.h"
#include "glia_text.h"
#include "glia_yaml.h"

#endif
