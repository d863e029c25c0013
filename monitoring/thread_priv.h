/* Threads that do little. */
#ifndef GLIA_THREAD_PRIV_H
#define GLIA_THREAD_PRIV_H

#include <pthread.h>

/* pthread_create with a stack of 64 KiB: a program of 10 MiB has no room for many of the usual 8 MiB. Where the program's
 * thread-local data do not fit into that, the usual one. Returns what pthread_create does. */
int glia_thread_start_(pthread_t *thread, void *(*run)(void *), void *self);

#endif
