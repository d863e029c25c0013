/* A differential equation with its domain and conditions, read from YAML. docs/formats/pinn.md describes the keys. */
#ifndef GLIA_PROBLEM_H
#define GLIA_PROBLEM_H

#include "glia_arena.h"
#include "glia_expr.h"
#include "glia_yaml.h"

enum {
  GLIA_PDE_COORDS = GLIA_EXPR_COORDS,
  GLIA_PDE_UNKNOWNS = 8,
  GLIA_PDE_PARAMETERS = 16,
  GLIA_PDE_CONSTANTS = 32,
  GLIA_PDE_EQUATIONS = 8,
  GLIA_PDE_CONDITIONS = 32,
  GLIA_PDE_FACES = 16, /* of one condition */
  GLIA_PDE_SHAPES = 16,
  GLIA_PDE_CORNERS = 256,
  GLIA_PDE_SEAMS = 8
};

typedef enum { GLIA_SHAPE_BOX, GLIA_SHAPE_DISK, GLIA_SHAPE_POLYGON } glia_shape_kind;

/* In the plane of the two coordinates that are not t. */
struct glia_shape {
  glia_shape_kind kind;
  double box[4];            /* x lo, x hi, y lo, y hi */
  double centre[2], radius; /* disk */
  int n;
  double corner[GLIA_PDE_CORNERS][2]; /* polygon */
};

/* Across period `coord` a start condition has a kink, which diffusion rounds off. */
struct glia_seam {
  int coord;
  double diffusion;
};

/* Where a condition holds: some coordinates fixed, the others free. */
struct glia_face {
  bool fixed[GLIA_PDE_COORDS];
  double at[GLIA_PDE_COORDS];
};

struct glia_pde_condition {
  int n_faces; /* 0: the boundary of the domain, all coordinates but t */
  struct glia_face face[GLIA_PDE_FACES];
  int residual; /* expression: zero where it holds */
  double weight;
  int64_t points; /* 0: chosen */
  const char *text;
};

/* Rows of numbers from a file: coordinates and unknowns by name. */
struct glia_pde_data {
  const char *file; /* NULL: none */
  double noise;     /* added, relative to the standard deviation of each unknown */
  double error;     /* that the values have already, by the same measure */
  int64_t points;   /* drawn from the file; 0: all */
  double weight;
};

/* What makes a problem easier: one of its constants has another value, or only t up to it is looked at. */
struct glia_problem_stage {
  const char *name; /* of a constant, or "t"; NULL: the problem as it is */
  double value;
};

struct glia_problem {
  struct glia_arena arena;
  struct glia_expr_pool *pool;
  int n_coords, n_unknowns, n_parameters, time; /* time: the coordinate named t, or -1 */
  /* unknowns [n_unknowns], then outputs of the network [n_unknowns]: "N", or "N_u" where there are several */
  const char *coord[GLIA_PDE_COORDS], *unknown[2 * GLIA_PDE_UNKNOWNS];
  const char *parameter[GLIA_PDE_PARAMETERS];
  double lo[GLIA_PDE_COORDS], hi[GLIA_PDE_COORDS];
  double horizon; /* points are drawn up to this t: its end, or a stage's value */
  bool periodic[GLIA_PDE_COORDS];
  double parameter_start[GLIA_PDE_PARAMETERS];
  int n_constants;
  const char *constant[GLIA_PDE_CONSTANTS];
  double constant_value[GLIA_PDE_CONSTANTS];
  int n_equations;
  int equation[GLIA_PDE_EQUATIONS]; /* residuals, in unknowns */
  double equation_weight[GLIA_PDE_EQUATIONS];
  const char *equation_text[GLIA_PDE_EQUATIONS];
  int n_conditions;
  struct glia_pde_condition condition[GLIA_PDE_CONDITIONS];
  int n_without,
      n_within; /* shapes taken away; shapes of which a point lies in one, 0: the whole box */
  struct glia_shape without[GLIA_PDE_SHAPES], within[GLIA_PDE_SHAPES];
  int ansatz
      [GLIA_PDE_UNKNOWNS]; /* unknown in terms of the network's outputs; chosen where the user gives none */
  double scale[GLIA_PDE_UNKNOWNS];
  bool ansatz_given[GLIA_PDE_UNKNOWNS];
  bool impose,
      imposed[GLIA_PDE_UNKNOWNS]; /* conditions on faces of the box are part of the ansatz */
  int n_seams;
  struct glia_seam seam[GLIA_PDE_SEAMS]; /* of which the network sees the rounded kink */
  int exact[GLIA_PDE_UNKNOWNS];          /* expression in the coordinates, or GLIA_EXPR_NONE */
  struct glia_pde_data data, reference;
  struct glia_expr_names names; /* unknowns alone */
  /* Where the last text was not understood, as two lines: the text and a caret below it. "": nowhere. */
  char fault[GLIA_EXPR_TEXT];
};

/** Read the keys of a problem from the root of a configuration; other keys are the caller's to check.
 *  Ownership: glia_problem_fini, also after a failure.
 *  Errors:    GLIA_E_CONFIG (what, where, and what to try), GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_problem_read(const struct glia_yaml *root,
                                                      struct glia_problem *out);
/** As above, of a problem that was solved before: what makes it doubtful refuses it no more. */
GLIA_API GLIA_NODISCARD glia_status glia_problem_read_solved(const struct glia_yaml *root,
                                                             struct glia_problem *out);
/** As glia_problem_read_solved, of a stage; constants that are formulas of the stage's follow it. checked: doubtful ones are refused.
 *  Errors: as above; GLIA_E_CONFIG also for a t outside of its interval. */
GLIA_API GLIA_NODISCARD glia_status glia_problem_read_stage(const struct glia_yaml *root,
                                                            const struct glia_problem_stage *stage,
                                                            bool checked, struct glia_problem *out);
/** Corners that were read from files take the place of their names in the document that p was read from: its text says all.
 *  Errors: GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_problem_settle(const struct glia_problem *p,
                                                        struct glia_yaml_doc *doc);
GLIA_API void glia_problem_fini(struct glia_problem *p);

/** Keys that glia_problem_read takes, NULL-terminated. */
GLIA_API const char *const *glia_problem_keys(void);

/** Does the point x [n_coords] lie in the domain? */
GLIA_API bool glia_problem_inside(const struct glia_problem *p, const double *x);

/** Does it lie in the domain, or within 1e-9 of the domain's width of its boundary? */
GLIA_API bool glia_problem_holds(const struct glia_problem *p, const double *x);

/** Points of the domain: scrambled Sobol, a grid of cell centres, or independent ones; the same for all ranks.
 *  Source: sobol1967, joe2008. */
typedef enum { GLIA_POINTS_SOBOL, GLIA_POINTS_GRID, GLIA_POINTS_RANDOM } glia_points_kind;
/** n points inside into x [n, n_coords]. Errors: GLIA_E_CONFIG (the domain is empty, or hardly there). */
GLIA_API GLIA_NODISCARD glia_status glia_problem_interior(const struct glia_problem *p,
                                                          glia_points_kind kind, uint64_t seed,
                                                          int64_t n, double *x);
/** n points where condition c holds, into x [n, n_coords]. Errors: as above. */
GLIA_API GLIA_NODISCARD glia_status glia_problem_on(const struct glia_problem *p, int c,
                                                    glia_points_kind kind, uint64_t seed, int64_t n,
                                                    double *x);

/** Point number i of Sobol's sequence in d dimensions (at most 8), in [0, 1)^d, shifted by the seed. */
GLIA_API void glia_sobol(int d, uint64_t seed, uint64_t i, double *x);

#endif
