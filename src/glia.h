/* The whole public interface of libglia. */
#ifndef GLIA_H
#define GLIA_H

#include "glia_status.h"

#endif
