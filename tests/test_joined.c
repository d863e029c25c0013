/* Steps of a tile that one kernel of several results runs: the same bits as one by one, whatever is the same all over a tile, in every
 * order of operands, and left alone where somebody reads what is inside. */
#include "glia_kernels.h"
#include "glia_ops.h"
#include "glia_random.h"
#include "program_priv.h"
#include "run_graph.h"
#include "tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  ROWS = 3,
  CHANNELS = 2,
  ARRAYS = 4,
  NUMBERS = 4,
  CHAINS = 6,
  ADAM = 5,
  BELOW = CHAINS, /* these must not run as one */
  MASKED,
  ALL,
  SLOPES = 2,
  TURNS = 16,
  MOST = 5, /* results of a chain */
  KINDS = 4,
  SAME = 64, /* as many times in each tile */
  BY_PLACE = 2,
  LONGEST = 1024
};

/* A channel's places: whole tiles, so that its numbers are the same all over each; not; and from here on numbers of each place
 * instead, other ones in each tile or the same. */
static const int64_t places[KINDS] = {LONGEST, 300, 96, SAME};

struct graph {
  struct glia_graph *g;
  glia_value array[ARRAYS], number[NUMBERS]; /* all of one shape */
  glia_value flag, zero;
  int turn;
  int n;
  glia_value wanted[MOST];
};

/* A sum or product, its operands exchanged by bit `bit` of the turn. */
static glia_value either(const struct graph *c, bool product, glia_value a, glia_value b, int bit)
{
  const bool swap = (c->turn >> bit & 1) != 0;

  return (product ? glia_mul : glia_add)(c->g, swap ? b : a, swap ? a : b);
}

static void want(struct graph *c, glia_value v) { c->wanted[c->n++] = v; }

/* Forward: what a normalisation keeps, what the next layer reads, where its slope is one. */
static glia_value forward(struct graph *c, bool beside, glia_relation relation)
{
  const glia_value z = glia_mul(c->g, glia_sub(c->g, c->array[0], c->number[0]), c->number[1]);
  const glia_value scaled = either(c, true, z, c->number[2], 0);
  const glia_value line = either(c, false, scaled, c->number[3], 1);
  const glia_value v = beside ? glia_add(c->g, c->array[1], line) : line;

  want(c, z);
  want(c, glia_relu(c->g, v));
  want(c, glia_compare(c->g, relation, v, c->zero));
  return v;
}

/* Reverse: what goes on, and the sums that its factors want. */
static glia_value slopes(struct graph *c, bool of_sum)
{
  const glia_value a =
      of_sum ? glia_add(c->g, c->array[0], c->array[2]) : c->array[0]; /* of two readers */
  const glia_value d = glia_select(c->g, c->flag, a, c->zero);

  want(c, glia_reduce_sum(c->g, d, 3, (int[]){0, 2, 3}, false));
  want(c, either(c, true, c->number[0], d, 0));
  want(c, glia_reduce_sum(c->g, either(c, true, c->array[1], d, 1), 3, (int[]){0, 2, 3}, false));
  return of_sum ? a : d;
}

/* A mask made within the tile, for two readers; the first product, used there alone, takes the register of its smaller elements. */
static glia_value slopes_inside(struct graph *c)
{
  const glia_value flag = glia_compare(c->g, GLIA_GT, c->array[3], c->zero);
  const glia_value other = glia_select(c->g, flag, c->array[2], c->zero);
  const glia_value d = glia_select(c->g, flag, c->array[0], c->zero);
  const glia_value scaled = either(c, true, c->number[0], d, 0);

  want(c, other);
  want(c, either(c, true, c->array[1], d, 1));
  want(c, glia_sqrt(c->g, scaled));
  return d;
}

static glia_value slope_of_normal(struct graph *c)
{
  const glia_value part =
      either(c, false, c->number[0], either(c, true, c->array[0], c->number[1], 0), 1);
  const glia_value d = glia_sub(c->g, c->array[1], either(c, true, c->number[2], part, 2));

  want(c, either(c, true, c->number[3], d, 3));
  want(c, glia_reduce_sum(c->g, d, 3, (int[]){0, 2, 3}, false));
  return part;
}

/* Adam's moments and step: all are wanted. */
static glia_value update(struct graph *c)
{
  const glia_value *k = c->number, old = c->array[0], d = c->array[1], second = c->array[2];
  const glia_value first = glia_add(c->g, old, glia_mul(c->g, glia_sub(c->g, d, old), k[0]));
  const glia_value square = glia_mul(c->g, glia_mul(c->g, d, d), k[2]);
  const glia_value next = glia_add(c->g, either(c, true, second, k[1], 0), square);
  const glia_value below = glia_add(c->g, either(c, true, glia_sqrt(c->g, next), k[3], 1), k[0]);
  const glia_value step = glia_mul(c->g, glia_div(c->g, first, below), k[1]);

  want(c, first);
  want(c, next);
  want(c, glia_sub(c->g, c->array[3], step));
  return first;
}

/* Returns a value that the chain's kernel keeps to itself, where it has one. */
static glia_value chain(struct graph *c, int which)
{
  switch (which) {
  case 0:
  case 1:
    return forward(c, which == 1, GLIA_GT);
  case 2:
  case 3:
    return slopes(c, which == 3);
  case ADAM:
    return update(c);
  case BELOW:
    return forward(c, false, GLIA_LT);
  case MASKED:
    return slopes_inside(c);
  default:
    return slope_of_normal(c);
  }
}

static void build(struct graph *c, glia_dtype dtype, int kind)
{
  static const char *const name[ARRAYS + NUMBERS + 1] = {"a", "b", "c", "d",   "k",
                                                         "l", "m", "n", "flag"};
  const int64_t dim[4] = {ROWS, CHANNELS, 2, places[kind] / 2};
  const bool by_place = kind >= BY_PLACE;
  const struct glia_type all = glia_type_make(dtype, 4, dim);
  const struct glia_type each = by_place ? glia_type_make(dtype, 2, (int64_t[]){2, dim[3]})
                                         : glia_type_make(dtype, 1, (int64_t[]){CHANNELS});

  CU_ASSERT_FATAL(glia_graph_new(&c->g) == GLIA_OK);
  for (int i = 0; i < ARRAYS; i++) c->array[i] = glia_input(c->g, name[i], GLIA_PER_STEP, all);
  for (int i = 0; i < NUMBERS; i++)
    c->number[i] = glia_broadcast(c->g, glia_input(c->g, name[ARRAYS + i], GLIA_PER_STEP, each), 4,
                                  dim, by_place ? (int[]){-1, -1, 0, 1} : (int[]){-1, 0, -1, -1});
  c->flag =
      glia_input(c->g, name[ARRAYS + NUMBERS], GLIA_PER_STEP, glia_type_make(GLIA_BOOL, 4, dim));
  c->zero = glia_full(c->g, all, 0.0);
}

/* Steps that stand behind the first of those that one kernel runs, of all groups. */
static int joined_steps(struct graph *c, const struct glia_kernels *kernels)
{
  struct glia_program *p = NULL;
  struct glia_entry *e = glia_graph_entry(c->g, "look");
  char name[16];
  int n = 0;

  for (int i = 0; i < c->n; i++) {
    snprintf(name, sizeof name, "%d", i);
    glia_entry_output(c->g, e, name, c->wanted[i]);
  }
  CU_ASSERT_FATAL(glia_program_compile(c->g, kernels, &p) == GLIA_OK);
  for (int i = 0; i < p->n_entries; i++)
    for (int r = 0; r < REGIONS && strcmp(p->entry[i].entry->name, "look") == 0; r++)
      for (int u = 0; u < p->entry[i].list[r].n; u++)
        for (int s = 0; s < p->entry[i].list[r].unit[u].n_steps; s++)
          n += p->entry[i].list[r].unit[u].step[s].n_joined;
  glia_program_destroy(&p);
  return n;
}

struct outcome {
  int joined, n;
  size_t bytes[MOST];
  void *out[MOST];
};

static struct outcome run(glia_dtype dtype, int which, int turn, int kind, bool look_inside,
                          bool joined, void *const *in)
{
  struct glia_kernels kernels = *glia_kernels_default();
  struct graph c = {.turn = turn};
  struct outcome o = {0};

  if (!joined) kernels.join = NULL;
  build(&c, dtype, kind);
  const glia_value inside = chain(&c, which);
  if (look_inside) want(&c, inside);
  CU_ASSERT_FATAL(run_graph(c.g, &kernels, in, c.n, c.wanted, o.out));
  o.n = c.n;
  for (int i = 0; i < c.n; i++)
    o.bytes[i] = glia_type_bytes(&glia_graph_node(c.g, c.wanted[i])->type);
  o.joined = joined_steps(&c, &kernels);
  glia_graph_destroy(&c.g);
  return o;
}

/* Numbers of both signs; none, zeros of both signs and infinity here and there. */
static double number(int operand, int i)
{
  enum { NO_NUMBER = 5, ZERO = 30, INFINITE = 40 };

  if (operand < ARRAYS && i == NO_NUMBER + operand) return (double)NAN;
  if (i >= ZERO && i < ZERO + ARRAYS) return i == ZERO + operand ? -0.0 : 0.0;
  if (operand < ARRAYS && i == INFINITE + operand) return (double)INFINITY;
  return glia_random_uniform(11, (uint64_t)operand, (uint64_t)i) - 0.5;
}

static void *numbers(glia_dtype dtype, int operand)
{
  enum { N = ROWS * CHANNELS * LONGEST };
  void *to = malloc(N * sizeof(double));

  CU_ASSERT_FATAL(to != NULL);
  for (int i = 0; i < N; i++) {
    const double u = number(operand, i);
    if (operand == ARRAYS + NUMBERS)
      ((uint8_t *)to)[i] = u > 0.0;
    else if (dtype == GLIA_F32)
      ((float *)to)[i] = (float)u;
    else
      ((double *)to)[i] = u;
  }
  return to;
}

/* Results joined and not, of one chain. */
static void compare_one(glia_dtype dtype, int which, int turn, int kind, bool look, void *const *in)
{
  static const int most[ALL] = {4, 5, 3, 4, 3, 3}; /* steps of each kernel */
  const struct outcome one = run(dtype, which, turn, kind, look, true, in),
                       many = run(dtype, which, turn, kind, look, false, in);
  const bool hides =
      which < CHAINS && which != SLOPES && which != ADAM; /* these show all they make */
  const bool stays = kind != 0 && places[kind] != SAME &&
                     which != SLOPES; /* loads of each tile take registers that others had */

  for (int i = 0; i < one.n; i++) {
    CU_ASSERT(memcmp(one.out[i], many.out[i], one.bytes[i]) == 0);
    free(one.out[i]);
    free(many.out[i]);
  }
  CU_ASSERT(many.joined == 0);
  CU_ASSERT(look && hides ? one.joined < most[which]
            : stays       ? one.joined == 0
                          : one.joined == most[which]);
}

static void compare(glia_dtype dtype)
{
  void *in[ARRAYS + NUMBERS + 1];

  for (int i = 0; i < ARRAYS + NUMBERS + 1; i++) in[i] = numbers(dtype, i);
  for (int which = 0; which < ALL; which++)
    for (int kind = 0; kind < KINDS; kind++)
      for (int turn = 0; turn < TURNS; turn++)
        for (int look = 0; look < 2; look++) compare_one(dtype, which, turn, kind, look != 0, in);
  for (int i = 0; i < ARRAYS + NUMBERS + 1; i++) free(in[i]);
}

static void joined_steps_of_float32_have_the_bits_of_each(void) { compare(GLIA_F32); }
static void joined_steps_of_float64_have_the_bits_of_each(void) { compare(GLIA_F64); }

TAP_MAIN("joined", TAP(joined_steps_of_float32_have_the_bits_of_each),
         TAP(joined_steps_of_float64_have_the_bits_of_each))
