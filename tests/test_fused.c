/* Chains of elementwise nodes that one kernel computes: the same bits as node by node, in every order of operands, and left alone
 * where somebody reads what is inside. */
#include "glia_kernels.h"
#include "glia_ops.h"
#include "glia_random.h"
#include "program_priv.h"
#include "run_graph.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
  N = 1300, /* two tiles and a part */
  OPERANDS = 6,
  CHAINS = 22,
  TWICE = 12,
  NORMS = 13, /* the first of those in normalisations */
  OTHER = 21, /* like a pattern, but for its relation */
  TURNS = 8
};

/* A sum or product, its operands exchanged by bit `bit` of `turn`. */
static glia_value either(struct glia_graph *g, bool product, glia_value a, glia_value b, int turn,
                         int bit)
{
  const bool swap = (turn >> bit & 1) != 0;

  return (product ? glia_mul : glia_add)(g, swap ? b : a, swap ? a : b);
}

/* Those of few nodes, which stand in what has several jets. */
static glia_value short_chain(struct glia_graph *g, int which, const glia_value *x, int turn,
                              glia_value *inside)
{
  const glia_value ab = either(g, true, x[0], x[1], turn, 0),
                   cd = either(g, true, x[2], x[3], turn, 1);

  *inside = ab;
  switch (which) {
  case 3:
    *inside = either(g, false, x[4], ab, turn, 2);
    return either(g, false, *inside, cd, turn, 1);
  case 4:
    *inside = either(g, true, x[4], cd, turn, 2);
    return either(g, false, ab, *inside, turn, 0);
  case 5:
    return either(g, false, ab, cd, turn, 2);
  case 6:
    *inside = either(g, true, ab, x[2], turn, 1);
    return either(g, false, *inside, x[3], turn, 2);
  case 7:
    return either(g, false, ab, x[2], turn, 1);
  case 8:
    return glia_sub(g, x[2], ab);
  case 9:
    return glia_neg(g, ab);
  case 10:
    return either(g, true, ab, x[2], turn, 1);
  case TWICE: /* what is inside is wanted from without as well */
    return either(g, false, either(g, false, ab, cd, turn, 2), ab, turn, 1);
  default:
    *inside = either(g, false, x[0], x[1], turn, 0);
    return either(g, false, *inside, x[2], turn, 1);
  }
}

/* Those of normalisations and what stands behind them. */
static glia_value normal_chain(struct glia_graph *g, int which, const glia_value *x, int turn,
                               glia_value *inside)
{
  const glia_value d = glia_sub(g, x[0], x[1]);

  *inside = d;
  switch (which) {
  case NORMS:
  case NORMS + 1:
    *inside = either(g, false, x[1], either(g, true, x[2], x[4], turn, 0), turn, 1);
    return either(
        g, true,
        glia_sub(g, x[0], which == NORMS ? either(g, true, x[3], *inside, turn, 2) : *inside), x[5],
        turn, 0);
  case NORMS + 2:
    return either(g, true, glia_mul(g, d, d), x[2], turn, 0);
  case NORMS + 3:
    return glia_mul(g, d, d);
  case NORMS + 4:
    return either(g, true, d, x[2], turn, 0);
  case NORMS + 5:
    *inside = either(g, false, x[0], either(g, true, x[1], x[2], turn, 0), turn, 1);
    return glia_relu(g, *inside);
  case NORMS + 6:
    *inside = either(g, false, x[0], x[1], turn, 0);
    return glia_relu(g, *inside);
  default: {
    const glia_value holds = glia_compare(g, which == OTHER ? GLIA_LT : GLIA_GT, x[0], x[1]);
    *inside = glia_cast(g, holds, glia_graph_node(g, x[0])->type.dtype);
    return glia_select(g, holds, x[2], x[1]);
  }
  }
}

/* Chain `which` over x [OPERANDS]; *inside is a value in its middle. */
static glia_value chain(struct glia_graph *g, int which, const glia_value *x, int turn,
                        glia_value *inside)
{
  switch (which) {
  case 0:
    *inside = glia_sub(g, x[1], x[0]);
    return either(g, false, x[0], either(g, true, *inside, x[2], turn, 0), turn, 1);
  case 1:
    *inside = glia_mul(g, x[2], x[2]);
    return either(g, false, either(g, true, x[0], x[1], turn, 0),
                  either(g, true, *inside, x[3], turn, 1), turn, 2);
  case 2:
    *inside = either(g, false, either(g, true, glia_sqrt(g, x[2]), x[3], turn, 0), x[4], turn, 1);
    return glia_sub(g, x[0], either(g, true, glia_div(g, x[1], *inside), x[5], turn, 2));
  default:
    return (which < NORMS ? short_chain : normal_chain)(g, which, x, turn, inside);
  }
}

struct outcome {
  int steps; /* of the group */
  void *y, *middle;
};

static struct outcome run(glia_dtype dtype, int which, int turn, bool look_inside, bool fused,
                          void *const *in)
{
  static const char *const name[OPERANDS] = {"a", "b", "c", "d", "e", "f"};
  struct glia_kernels kernels = *glia_kernels_default();
  struct glia_graph *g = NULL;
  struct glia_program *p = NULL;
  glia_value x[OPERANDS], inside;
  struct outcome o = {0};
  void *out[2] = {NULL, NULL};

  if (!fused) kernels.fuse = NULL;
  CU_ASSERT_FATAL(glia_graph_new(&g) == GLIA_OK);
  for (int i = 0; i < OPERANDS; i++)
    x[i] = glia_input(g, name[i], GLIA_PER_STEP, glia_type_make(dtype, 1, (int64_t[]){N}));
  const glia_value y = chain(g, which, x, turn, &inside);
  const glia_value wanted[2] = {y, inside};
  CU_ASSERT_FATAL(run_graph(g, &kernels, in, look_inside ? 2 : 1, wanted, out));
  struct glia_entry *e = glia_graph_entry(g, "look");
  for (int i = 0; i < (look_inside ? 2 : 1); i++)
    glia_entry_output(g, e, i == 0 ? "y" : "inside", wanted[i]);
  CU_ASSERT_FATAL(glia_program_compile(g, &kernels, &p) == GLIA_OK);
  for (int i = 0; i < p->n_entries; i++)
    for (int r = 0; r < REGIONS && strcmp(p->entry[i].entry->name, "look") == 0; r++)
      for (int u = 0; u < p->entry[i].list[r].n; u++)
        o.steps += p->entry[i].list[r].unit[u].n_steps;
  glia_program_destroy(&p);
  glia_graph_destroy(&g);
  o.y = out[0];
  o.middle = out[1];
  return o;
}

/* No number in one operand each; all equal; zeros of both signs; and infinity. Elsewhere the first operand has both signs, for relu. */
static double number(int operand, int i)
{
  enum { NO_NUMBER = 5, EQUAL = 20, ZERO = 30, INFINITE = 40 };

  if (i == NO_NUMBER + operand) return (double)NAN;
  if (i == EQUAL) return 0.5;
  if (i >= ZERO && i < ZERO + OPERANDS) return i == ZERO + operand ? -0.0 : 0.0;
  if (i == INFINITE + operand) return (double)INFINITY;
  return (operand == 0 ? -0.5 : 0.1) + glia_random_uniform(11, (uint64_t)operand, (uint64_t)i);
}

static void *numbers(glia_dtype dtype, int operand)
{
  void *to = malloc(N * sizeof(double));

  CU_ASSERT_FATAL(to != NULL);
  for (int i = 0; i < N; i++) {
    const double u = number(operand, i);
    if (dtype == GLIA_F32)
      ((float *)to)[i] = (float)u;
    else
      ((double *)to)[i] = u;
  }
  return to;
}

static void compare(glia_dtype dtype)
{
  const size_t bytes = N * glia_dtype_size(dtype);
  void *in[OPERANDS];

  for (int i = 0; i < OPERANDS; i++) in[i] = numbers(dtype, i);
  for (int which = 0; which < CHAINS; which++)
    for (int turn = 0; turn < TURNS; turn++)
      for (int look = 0; look < 2; look++) {
        const struct outcome one = run(dtype, which, turn, look != 0, true, in),
                             many = run(dtype, which, turn, look != 0, false, in);
        CU_ASSERT(memcmp(one.y, many.y, bytes) == 0);
        CU_ASSERT(look == 0 || memcmp(one.middle, many.middle, bytes) == 0);
        CU_ASSERT(which == OTHER                ? one.steps == many.steps
                  : look != 0 || which == TWICE ? one.steps <= many.steps
                                                : one.steps == 1 && many.steps >= 2);
        free(one.y);
        free(one.middle);
        free(many.y);
        free(many.middle);
      }
  for (int i = 0; i < OPERANDS; i++) free(in[i]);
}

static void a_chain_of_float32_has_the_bits_of_its_nodes(void) { compare(GLIA_F32); }
static void a_chain_of_float64_has_the_bits_of_its_nodes(void) { compare(GLIA_F64); }

TAP_MAIN("fused", TAP(a_chain_of_float32_has_the_bits_of_its_nodes),
         TAP(a_chain_of_float64_has_the_bits_of_its_nodes))
