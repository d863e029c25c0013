/* How to solve: keys of the configuration beside the problem's. */
#include "glia_solve.h"
#include "solve_priv.h"

#include <string.h>

const char *const *glia_solve_keys(void)
{
  static const char *const keys[] = {"network", "points", "curriculum", "optimizer",
                                     "steps",   "time",   "tolerance",  "target",
                                     "seed",    "seeds",  NULL};

  return keys;
}

static glia_status read_network(const struct glia_yaml *root, struct glia_pinn_network *n)
{
  static const char *const keys[] = {"depth",   "width",         "activation", "gain", "harmonics",
                                     "fourier", "fourier_scale", "model",      NULL};
  const struct glia_yaml *node = glia_yaml_get(root, "network");
  int64_t depth = n->depth, width = n->width, harmonics = n->harmonics, fourier = n->fourier;
  int activation = (int)n->activation;

  if (node == NULL) return GLIA_OK;
  GLIA_TRY(glia_yaml_check_keys(node, keys));
  GLIA_TRY(glia_yaml_get_int(node, "depth", 1, GLIA_JET_LAYERS - 1, &depth));
  GLIA_TRY(glia_yaml_get_int(node, "width", 1, 512, &width));
  GLIA_TRY(glia_yaml_get_int(node, "harmonics", 1, 16, &harmonics));
  GLIA_TRY(glia_yaml_get_int(node, "fourier", 0, 24, &fourier));
  GLIA_TRY(glia_yaml_get_real(node, "fourier_scale", 1e-3, 1e3, &n->fourier_scale));
  GLIA_TRY(glia_yaml_get_choice(node, "activation", glia_jet_activation_names(), &activation));
  GLIA_TRY(glia_yaml_get_real(node, "gain", 1e-3, 1e3, &n->gain));
  n->model = glia_yaml_get(node, "model");
  for (int i = 0; i < 3 && n->model != NULL; i++)
    if (glia_yaml_get(node, keys[i]) != NULL)
      return glia_yaml_error(glia_yaml_get(node, keys[i]), "model says which layers there are");
  if (activation == GLIA_JET_LINEAR)
    return glia_yaml_error(glia_yaml_get(node, "activation"), "linear layers solve nothing");
  n->depth = (int)depth;
  n->width = (int)width;
  n->harmonics = (int)harmonics;
  n->fourier = (int)fourier;
  n->activation = (glia_jet_activation)activation;
  return GLIA_OK;
}

/* *asked: the user wants points gathered. */
static glia_status read_points(const struct glia_yaml *root, const struct glia_problem *p,
                               struct glia_solve_config *c, bool *asked)
{
  static const char *const keys[] = {"interior", "condition", "kind", "redraw",
                                     "causal",   "gather",    NULL};
  static const char *const kinds[] = {"sobol", "grid", "random", NULL};
  const struct glia_yaml *node = glia_yaml_get(root, "points");
  int kind = (int)c->kind;
  int64_t gather = -1;

  if (node == NULL) return GLIA_OK;
  GLIA_TRY(glia_yaml_check_keys(node, keys));
  GLIA_TRY(glia_yaml_get_int(node, "interior", 1, 10000000, &c->interior));
  GLIA_TRY(glia_yaml_get_int(node, "condition", 1, 10000000, &c->condition));
  GLIA_TRY(glia_yaml_get_int(node, "redraw", 0, 1000000, &c->redraw));
  GLIA_TRY(glia_yaml_get_choice(node, "kind", kinds, &kind));
  GLIA_TRY(glia_yaml_get_real(node, "causal", 0.0, 1e12, &c->causal));
  if (c->causal > 0.0 && p->time < 0)
    return glia_yaml_error(glia_yaml_get(node, "causal"),
                           "the domain has no t: nothing comes before anything");
  c->kind = (glia_points_kind)kind;
  GLIA_TRY(glia_yaml_get_int(node, "gather", 0, 1000000, &gather));
  if (gather > 0 && (c->redraw > 0 || c->causal > 0.0))
    return glia_yaml_error(glia_yaml_get(node, "gather"),
                           "redraw and causal place and weigh points in other ways");
  if (gather >= 0 || c->redraw > 0 || c->causal > 0.0 || c->kind != GLIA_POINTS_SOBOL)
    c->gather = gather > 0 ? gather : 0;
  *asked = gather > 0;
  return GLIA_OK;
}

/* Are all equations linear in the unknowns? Then their solutions stay as smooth as what drives them. */
static bool linear(const struct glia_problem *p)
{
  enum { SEEN = 256 };
  int node[SEEN];

  for (int k = 0; k < p->n_equations; k++) {
    const int n = glia_expr_unknowns(p->pool, p->equation[k], SEEN, node);
    for (int i = 0; i < n; i++) {
      const int slope = glia_expr_partial(p->pool, p->equation[k], node[i]);
      if (slope == GLIA_EXPR_NONE || glia_expr_reads(p->pool, slope, GLIA_EXPR_UNKNOWN, -1))
        return false;
    }
  }
  return true;
}

glia_status glia_solve_config_read(const struct glia_yaml *root, const struct glia_problem *p,
                                   struct glia_solve_config *c)
{
  /* Two layers of 16 serve smooth solutions: Poisson's, the wave and the heat equation are solved to 1e-10 and better.
   * What is not linear and moves in time may steepen, and gets four layers of 16, which after 80 steps are at a tenth of the loss that
   * three of 20 are at, and four times as many points: with four a weight
   * Burgers' equation ends at a loss of 2e-6 and an error of 0.2, since the front hides between them. After 40 steps it stands where it will
   * stay, and points are drawn closer there.
   * Where a re-entrant corner is unfolded, the solution is smooth in more coordinates: two layers of 16 end at 1e-4 on the L-shape, three
   * of 20 at 4e-6. */
  struct glia_corner_ corner;
  bool asked = false;
  const bool steep = p->time >= 0 && !linear(p), bent = glia_problem_corners_(p, 1, &corner) > 0;

  *c = (struct glia_solve_config){.network = {.depth = steep  ? 4
                                                       : bent ? 3
                                                              : 2,
                                              .width = bent && !steep ? 20 : 16,
                                              .activation = steep ? GLIA_JET_TANH : GLIA_JET_SIN,
                                              .gain = 1.5,
                                              .harmonics = 1,
                                              .fourier_scale = 2.0},
                                  .kind = GLIA_POINTS_SOBOL,
                                  .per_weight = steep ? 16 : 4,
                                  .gather = steep ? 40 : 0,
                                  .steps = 500,
                                  .target = 1e-3,
                                  .seed = 1,
                                  .seeds = 1};
  GLIA_TRY(read_network(root, &c->network));
  GLIA_TRY(read_points(root, p, c, &asked));
  GLIA_TRY(glia_yaml_get_choice(root, "optimizer", glia_fit_method_names(), &c->method));
  if (!glia_fit_draws_anew(c->method) && (c->redraw > 0 || c->causal > 0.0 || asked))
    return glia_yaml_error(
        glia_yaml_get(root, "optimizer"),
        "%s keeps what it has learnt of the points: points.redraw, points.causal "
        "and points.gather want another optimizer",
        glia_fit_method_names()[c->method]);
  /* the steps of others are many, and the front is not there so early */
  if (c->method != 0 && !asked) c->gather = 0;
  GLIA_TRY(glia_yaml_get_int(root, "steps", 0, 10000000, &c->steps));
  GLIA_TRY(glia_curriculum_read_(root, p, c));
  GLIA_TRY(glia_yaml_get_duration(root, "time", &c->time_s));
  GLIA_TRY(glia_yaml_get_real(root, "tolerance", 0.0, 1e300, &c->tolerance));
  GLIA_TRY(glia_yaml_get_real(root, "target", 0.0, 1e300, &c->target));
  GLIA_TRY(glia_yaml_get_int(root, "seed", 0, INT64_MAX, &c->seed));
  return glia_yaml_get_int(root, "seeds", 1, 1000, &c->seeds);
}
