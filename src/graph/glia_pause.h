/* Where long kernels look up from their work.
 *
 *     glia_pause();       // in a kernel, between tiles, about every 100 us
 *
 * Somebody else's small work may be waiting on this thread: messages that move only when they are looked at. Who has such work
 * hangs it up for the time being, thread by thread; a kernel that nobody wants to interrupt pays for a load and a branch.
 * What is called must touch nothing that kernels do. Products of our own and convolutions look up; calls of BLAS, FFTW and LAPACK do not.
 */
#ifndef GLIA_PAUSE_H
#define GLIA_PAUSE_H

#include "glia_status.h"

struct glia_pause {
  void (*call)(void *self); /* NULL: nobody wants to */
  void *self;
};

extern GLIA_API _Thread_local struct glia_pause glia_pause_;

static inline void glia_pause(void)
{
  if (glia_pause_.call != NULL) glia_pause_.call(glia_pause_.self);
}

#endif
