/* Asked to stop: by a person, a scheduler, or a time limit. */
#include "cli.h"

#include <signal.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t requested; /* the first signal */
static volatile sig_atomic_t insisted;  /* was there an INT or TERM already? */
static struct timespec first;           /* when; written before `insisted`, by the handler alone */

void glia_stop_request(int signal_number)
{
  if (requested == 0) requested = signal_number;
}

int glia_stop_requested(void) { return requested; }

/* USR1 is a friendly warning that TERM follows; it never counts as the first of two. Some senders (timeout(1)) signal
 * the process and its group, so the same request may arrive twice within a moment. */
static void on_signal(int number)
{
  struct timespec now;

  glia_stop_request(number);
  if (number == SIGUSR1) return;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (!insisted) {
    first = now;
    insisted = 1;
    return;
  }
  const double since_s =
      (double)(now.tv_sec - first.tv_sec) + 1e-9 * (double)(now.tv_nsec - first.tv_nsec);
  if (since_s >= 1.0) _exit(128 + number);
}

void glia_stop_catch(void)
{
  static const int number[] = {SIGINT, SIGTERM, SIGUSR1};
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < GLIA_COUNT(number); i++) sigaddset(&action.sa_mask, number[i]);
  for (size_t i = 0; i < GLIA_COUNT(number); i++) sigaction(number[i], &action, NULL);
}
