/* The workers of an engine: a team runs what it is given, once each, and an epilogue that they share has the bits of one that one
 * of them runs alone. */
#include "program_priv.h"
#include "tap.h"
#include "team_priv.h"
#include "train_rig.h"

#include <stdlib.h>
#include <time.h>

enum { MOST = 4, RUNS = 2000 };

static void count(void *arg, int index) { ((long *)arg)[16 * index]++; } /* lines of their own */

static void each_member_runs_once_however_long_it_slept(void)
{
  static long ran[16 * MOST];
  const struct timespec nap = {0, 2000000}; /* longer than a member waits awake */
  struct team t;

  for (int n = 1; n <= MOST; n++) {
    CU_ASSERT_EQUAL_FATAL(glia_team_start_(&t, n), GLIA_OK);
    for (int i = 0; i < 16 * MOST; i++) ran[i] = 0;
    for (int i = 0; i < RUNS; i++) {
      if (i % (RUNS / 8) == 0) nanosleep(&nap, NULL);
      glia_team_run_(&t, count, ran);
      for (int k = 0; k < n; k++) CU_ASSERT_EQUAL(ran[16 * k], i + 1);
    }
    glia_team_stop_(&t);
  }
}

static const char wide[] =
    "data: {file: none, batch: 48, micro_batch: 8}\n"
    "model: [{linear: 210}, batch_norm, relu, {linear: 201}, tanh, {linear: 2}]\n"
    "loss: cross_entropy\n"
    "optimizer: {adam: {lr: 1e-2, weight_decay: 1e-3}}\n"
    "clip_norm: 1\n";

/* Units of the epilogue that workers share. */
static int n_shared(const struct glia_program *p)
{
  int n = 0;

  for (int e = 0; e < p->n_entries; e++) {
    const struct list *list = &p->entry[e].list[REGION_EPILOGUE];
    for (int i = 0; i < list->n; i++) n += list->unit[i].together;
  }
  return n;
}

static void any_number_of_workers_updates_the_same_bits(void)
{
  enum { STEPS = 6 };
  struct train_rig one, many;

  train_rig_start(&one, wide, "memory", 1, NULL);
  CU_ASSERT(n_shared(one.program) > 0);
  CU_ASSERT_EQUAL(train_rig_train(&one, NULL, NULL, NULL, 0, STEPS), GLIA_OK);
  for (int threads = 2; threads <= 5; threads++) {
    train_rig_start(&many, wide, "memory", threads, NULL);
    CU_ASSERT_EQUAL(train_rig_train(&many, NULL, NULL, NULL, 0, STEPS), GLIA_OK);
    CU_ASSERT(train_rig_same(&one, &many));
    train_rig_end(&many);
  }
  train_rig_end(&one);
}

TAP_MAIN("team", TAP(each_member_runs_once_however_long_it_slept),
         TAP(any_number_of_workers_updates_the_same_bits))
