/* Equations as text: parsed, differentiated by formula, printed, evaluated, or built into a graph.
 *
 *     u_t + u*u_x = (0.01/pi)*u_xx          suffixes are derivatives: u_xx, u_txx, of order 4 at most
 *     d(k(x)*..., x, x)                     derivatives of whole expressions
 *     sin(pi*x)*exp(-t) + 2*x^3             numbers, pi, e, functions, + - * / ^ (or **), parentheses
 *
 * Expressions live in a pool, where equal ones are one: a node is an index, and indices rise from operands to results.
 * A pool belongs to one thread at a time.
 */
#ifndef GLIA_EXPR_H
#define GLIA_EXPR_H

#include "glia_status.h"

enum {
  GLIA_EXPR_COORDS = 8,     /* coordinates at most */
  GLIA_EXPR_ORDER = 4,      /* derivatives of an unknown at most, all coordinates together */
  GLIA_EXPR_TEXT = 4096,    /* bytes of a text at most */
  GLIA_EXPR_NODES = 200000, /* of a pool at most */
  GLIA_EXPR_NONE = -1
};

/* What names stand for. All arrays are borrowed while they are used. */
struct glia_expr_names {
  int n_coords, n_unknowns, n_parameters;
  const char *const *coord, *const *unknown, *const *parameter;
  int n_constants; /* names that stand for numbers */
  const char *const *constant;
  const double *constant_value;
};

/* name in texts, arguments */
#define GLIA_EXPR_FUNCTIONS(X)                                                                     \
  X(SIN, "sin")                                                                                    \
  X(COS, "cos")                                                                                    \
  X(TAN, "tan")                                                                                    \
  X(EXP, "exp")                                                                                    \
  X(LOG, "log")                                                                                    \
  X(SQRT, "sqrt")                                                                                  \
  X(TANH, "tanh")                                                                                  \
  X(SINH, "sinh")                                                                                  \
  X(COSH, "cosh")                                                                                  \
  X(ATAN, "atan")                                                                                  \
  X(ERF, "erf")                                                                                    \
  X(ABS, "abs")                                                                                    \
  X(SIGN, "sign")

typedef enum {
#define X(name, text) GLIA_EXPR_##name,
  GLIA_EXPR_FUNCTIONS(X)
#undef X
      GLIA_EXPR_N_FUNCTIONS
} glia_expr_function;

typedef enum {
  GLIA_EXPR_NUMBER,
  GLIA_EXPR_COORD,     /* index */
  GLIA_EXPR_PARAMETER, /* index */
  GLIA_EXPR_UNKNOWN,   /* index, order by coordinate */
  GLIA_EXPR_ADD,
  GLIA_EXPR_SUB,
  GLIA_EXPR_MUL,
  GLIA_EXPR_DIV,
  GLIA_EXPR_POW,
  GLIA_EXPR_CALL /* index: the function */
} glia_expr_kind;

struct glia_expr_node {
  glia_expr_kind kind;
  int a, b; /* operands; GLIA_EXPR_NONE */
  int index;
  double number;
  uint8_t order[GLIA_EXPR_COORDS];
};

struct glia_expr_pool;

/** An empty pool. Ownership: *out is yours to destroy. Errors: GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_expr_pool_create(struct glia_expr_pool **out);
GLIA_API void glia_expr_pool_destroy(struct glia_expr_pool **p);

/** Node e. Ownership: borrowed until the pool grows. */
GLIA_API const struct glia_expr_node *glia_expr_at(const struct glia_expr_pool *p, int e);
/** Number of nodes. */
GLIA_API int glia_expr_size(const struct glia_expr_pool *p);

/* Constructors simplify (0, 1, numbers). One that fails, and any on GLIA_EXPR_NONE, gives GLIA_EXPR_NONE: the pool is full. */
GLIA_API int glia_expr_number(struct glia_expr_pool *p, double v);
GLIA_API int glia_expr_coord(struct glia_expr_pool *p, int index);
GLIA_API int glia_expr_parameter(struct glia_expr_pool *p, int index);
GLIA_API int glia_expr_unknown(struct glia_expr_pool *p, int index, const uint8_t *order);
/** kind: GLIA_EXPR_ADD to GLIA_EXPR_POW. */
GLIA_API int glia_expr_binary(struct glia_expr_pool *p, glia_expr_kind kind, int a, int b);
GLIA_API int glia_expr_call(struct glia_expr_pool *p, glia_expr_function f, int a);

/* Where a text was not understood. */
struct glia_expr_fault {
  int column;     /* 0-based byte; it may stand one behind the end */
  char text[256]; /* why, with the nearest known name */
};

/** Parse a text; one with '=' gives left side minus right side, and is refused where equation is false.
 *  fault  filled in on GLIA_E_CONFIG; may be NULL
 *  Errors: GLIA_E_CONFIG ("column N: why: text"), GLIA_E_MEMORY (the pool is full). */
GLIA_API GLIA_NODISCARD glia_status glia_expr_parse(struct glia_expr_pool *p,
                                                    const struct glia_expr_names *names,
                                                    const char *text, bool equation, int *out,
                                                    struct glia_expr_fault *fault);

/** d e / d coordinate: unknowns depend on all of them. GLIA_EXPR_NONE: an unknown would need an order above
 *  GLIA_EXPR_ORDER, or the pool is full. */
GLIA_API int glia_expr_derive(struct glia_expr_pool *p, int e, int coord);

/** The partial derivative of e by a leaf (a coordinate, a parameter, or one derivative of an unknown), all others held. */
GLIA_API int glia_expr_partial(struct glia_expr_pool *p, int e, int leaf);

/** e with unknown i, and its derivatives, replaced by with[i] and its derivatives; GLIA_EXPR_NONE in with: left alone. */
GLIA_API int glia_expr_substitute(struct glia_expr_pool *p, int e, int n, const int *with);

/** e with a coordinate held at a value; derivatives of unknowns are left alone. */
GLIA_API int glia_expr_fix(struct glia_expr_pool *p, int e, int coord, double value);

/** Does e read a coordinate (index), a parameter (index) or any derivative of an unknown (index)? index < 0: any. */
GLIA_API bool glia_expr_reads(const struct glia_expr_pool *p, int e, glia_expr_kind leaf,
                              int index);

/** Derivatives of unknowns that e reads, as nodes, rising: into out [most]. Returns their number. */
GLIA_API int glia_expr_unknowns(const struct glia_expr_pool *p, int e, int most, int *out);

/** Value of e. coord, parameter: by index; unknown [n_unknown] gives the value of the node unknown_node[i].
 *  An unknown that is not listed is NaN. */
struct glia_expr_values {
  const double *coord, *parameter;
  int n_unknown;
  const int *unknown_node;
  const double *unknown;
};
GLIA_API double glia_expr_value(const struct glia_expr_pool *p, int e,
                                const struct glia_expr_values *v);

/* One expression, ready to be evaluated many times; one thread at a time. */
struct glia_expr_tape;
/** Ownership: *out is yours to destroy; the pool is borrowed until then. Errors: GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_expr_tape_create(const struct glia_expr_pool *p, int e,
                                                          struct glia_expr_tape **out);
GLIA_API void glia_expr_tape_destroy(struct glia_expr_tape **t);
GLIA_API double glia_expr_tape_value(struct glia_expr_tape *t, const struct glia_expr_values *v);

/** Readable text into out [size], which parses to the same node; cut off where it does not fit. Returns out. */
GLIA_API const char *glia_expr_print(const struct glia_expr_pool *p,
                                     const struct glia_expr_names *names, int e, char *out,
                                     size_t size);

#endif
