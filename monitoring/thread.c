/* Threads that do little; see thread_priv.h. */
#include "thread_priv.h"

#include <errno.h>
#include <stddef.h>

enum { STACK_BYTES = 64 << 10 };

int glia_thread_start_(pthread_t *thread, void *(*run)(void *), void *self)
{
  pthread_attr_t attributes;
  int failed = EINVAL;

#ifndef GLIA_SANITIZED
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  failed = pthread_create(thread, &attributes, run, self);
  pthread_attr_destroy(&attributes);
#else
  (void)attributes;
#endif
  return failed == EINVAL ? pthread_create(thread, NULL, run, self) : failed;
}
