/* The missing terms of differential equations, found from data: what `glia discover` does.
 *
 *     u_t = F            F is looked for among candidates: u, u*u_x, u_xx, ...
 *
 * On a regular grid the terms are compared in weak form: each is multiplied by smooth test functions of compact support and integrated,
 * derivatives are moved onto the test function by parts, so that noisy data are never differentiated; sparse regression on those rows
 * (glia_regression.h) chooses. Source: messenger2021.
 */
#ifndef GLIA_DISCOVER_H
#define GLIA_DISCOVER_H

#include "glia_comm.h"
#include "glia_problem.h"
#include "glia_regression.h"
#include "glia_search.h"

enum { GLIA_DISCOVER_HIDDEN = GLIA_PDE_EQUATIONS, GLIA_DISCOVER_CANDIDATES = GLIA_REGRESSION_MOST };

/* One equation with a hidden term, solved for it: hidden = target. */
struct glia_hidden {
  const char *name;
  const char *equation_text;
  int equation;  /* residual, with the hidden name as an unknown */
  int target;    /* what the hidden term equals */
  double factor; /* of the hidden term in the residual */
  int n_candidates, candidate[GLIA_DISCOVER_CANDIDATES];
  const char *text[GLIA_DISCOVER_CANDIDATES];
};

/* Samples on a regular grid, the last coordinate fastest. */
struct glia_grid_data {
  int64_t dim[GLIA_PDE_COORDS], n;
  double lo[GLIA_PDE_COORDS], step[GLIA_PDE_COORDS];
  double *u; /* [unknowns, n] */
};

struct glia_discovery {
  struct glia_problem p; /* names, domain, constants, data; no equations */
  const char *unknown[GLIA_PDE_UNKNOWNS + GLIA_DISCOVER_HIDDEN]; /* the unknowns, then the hidden */
  struct glia_expr_names names;
  int n_hidden;
  struct glia_hidden hidden[GLIA_DISCOVER_HIDDEN];
  struct glia_regression_options options;
  int64_t window
      [GLIA_PDE_COORDS]; /* half width of test functions in steps of the grid; 0: from the data's spectrum */
  uint64_t seed;
  bool network;                               /* few or scattered samples: by two networks */
  int n_inputs, input[GLIA_SEARCH_VARIABLES]; /* of the hidden network: expressions */
  const char *input_text[GLIA_SEARCH_VARIABLES];
  int longest; /* words of the brute-force search; 0: none */
};

/** Read a configuration; docs/formats/discover.md has the keys.
 *  Ownership: glia_discovery_fini, also after a failure. Errors: GLIA_E_CONFIG (out->p.fault shows a text with a caret). */
GLIA_API GLIA_NODISCARD glia_status glia_discovery_read(const struct glia_yaml *root,
                                                        struct glia_discovery *out);
GLIA_API void glia_discovery_fini(struct glia_discovery *d);
GLIA_API const char *const *glia_discovery_keys(void);

/** Samples of the data's file inside the domain, on their grid, with the noise that was asked for.
 *  Ownership: glia_grid_data_free. Errors: those of glia_fields_read; GLIA_E_DATA (not a regular grid, with the sample). */
GLIA_API GLIA_NODISCARD glia_status glia_grid_data_read(const struct glia_discovery *d,
                                                        struct glia_grid_data *out);
GLIA_API void glia_grid_data_free(struct glia_grid_data *g);

/* What was found of one hidden term. */
struct glia_found {
  struct glia_regression_result fit;
  int expression; /* of what was found, in the discovery's pool */
  int64_t rows, blocks;
  int64_t window[GLIA_PDE_COORDS]; /* half widths that were taken */
  double
      noise[GLIA_PDE_UNKNOWNS]; /* estimate of each unknown's, relative to its standard deviation */
  double lo[GLIA_PDE_UNKNOWNS],
      hi[GLIA_PDE_UNKNOWNS]; /* where it was identified: 1st and 99th percentile of the data */
  int64_t samples;           /* that networks were trained on; 0: a grid */
  int n_front;               /* formulas of the brute-force search, complexity rising */
  struct glia_formula front[GLIA_SEARCH_FRONT];
  double *target, *fitted; /* [rows] of the regression: one block, target its start */
  bool estimated
      [GLIA_DISCOVER_CANDIDATES]; /* the candidate could not be integrated by parts: smoothed derivatives were taken */
};

/** Find hidden term `which` from data on a grid.
 *  Collective: yes; the same bits for any number of ranks. Ownership: glia_found_free(out), also after a failure.
 *  Errors: GLIA_E_DATA (grid too small for a test function; a candidate that is not finite), GLIA_E_MEMORY, GLIA_E_MPI. */
GLIA_API GLIA_NODISCARD glia_status glia_discover_weak(struct glia_discovery *d, int which,
                                                       const struct glia_grid_data *g,
                                                       struct glia_comm *comm,
                                                       struct glia_found *out);

/* Who watches training; as in glia_surrogate.h. */
struct glia_discover_watch {
  void *self;
  void (*step)(void *self, double share, double loss, bool *stop);
};

/** Find all hidden terms from the samples of the data's file, wherever they lie: out [n_hidden]. PETSc must have begun.
 *  watch  may be NULL
 *  Collective: yes; the same bits for any number of ranks. Ownership: glia_found_free each, also after a failure.
 *  Errors: those of glia_fields_read and glia_surrogate_create. */
GLIA_API GLIA_NODISCARD glia_status glia_discover_network(struct glia_discovery *d,
                                                          struct glia_comm *comm,
                                                          const struct glia_discover_watch *watch,
                                                          struct glia_found *out);

GLIA_API void glia_found_free(struct glia_found *f);

/** An expression for LaTeX, into out [size]; cut off where it does not fit. Returns out. */
GLIA_API const char *glia_expr_latex(const struct glia_expr_pool *p,
                                     const struct glia_expr_names *names, int e, char *out,
                                     size_t size);

/** "1.001*u*u_x - 0.1*u_xx" as an expression of the pool, coefficients rounded to the digit of their error where round is set. */
GLIA_API int glia_found_expression(struct glia_discovery *d, int which,
                                   const struct glia_regression_result *r, bool round);

#endif
