/* Curvature of a model's loss without a matrix: products with the Hessian and with the Gauss-Newton matrix by the graph's own
 * derivatives, over all rows of a source and all ranks; extreme eigenvalues (SLEPc), trace and spectral density (Lanczos).
 *
 * The loss is that of evaluation (no dropout, running statistics of batch_norm), averaged over the rows. Sums follow the canonical tree
 * and every rank keeps whole vectors: results have the same bits for any number of ranks, and a basis of k vectors takes k
 * times the parameters on each of them. Use dtype f64: in f32 a product carries an error of 1e-6.
 *
 *     glia_curvature_extend(model);       // before compiling
 *     glia_curvature_open(&(struct glia_curvature_job){model, engine, source, 32, 16, meeting}, &c);
 *     glia_curvature_top(c, GLIA_CURVATURE_HESSIAN, 10, &top);
 */
#ifndef GLIA_HESSIAN_H
#define GLIA_HESSIAN_H

#include "glia_train.h"

typedef enum { GLIA_CURVATURE_HESSIAN, GLIA_CURVATURE_GAUSS_NEWTON } glia_curvature_kind;

/** Add the entry points "gradient", "hessian" and, where the model has one loss of one layer, "gauss_newton"; and state slots
 *  analysis/v/... for the vector. Ownership: of the model's graph. Errors: those of the graph. */
GLIA_API GLIA_NODISCARD glia_status glia_curvature_extend(struct glia_model *m);

struct glia_curvature;

struct glia_curvature_job {
  const struct glia_model *model;
  struct glia_engine *engine;
  struct glia_source *source;
  int64_t micro_batch, micro_batches; /* as for glia_evaluate */
  const struct glia_meeting *meeting;
  int64_t *
      planned; /* kept at the products that are planned by now, those made among them, for progress; may be NULL */
};

/** Ownership: *out is yours to close; what job names is borrowed until then.  Errors: GLIA_E_UNSUPPORTED (not extended),
 *  GLIA_E_MEMORY. */
GLIA_API GLIA_NODISCARD glia_status glia_curvature_open(const struct glia_curvature_job *job,
                                                        struct glia_curvature **out);
GLIA_API void glia_curvature_close(struct glia_curvature **c);

/** Parameters that training changes, in byte order of their paths: the length of all vectors here. */
GLIA_API int64_t glia_curvature_size(const struct glia_curvature *c);

/** Gradient of the mean loss into g [size]. Collective: yes. */
GLIA_API GLIA_NODISCARD glia_status glia_curvature_gradient(struct glia_curvature *c, double *g);
/** Product with v [size] into out [size]. Collective: yes, same v. Errors: also GLIA_E_UNSUPPORTED. */
GLIA_API GLIA_NODISCARD glia_status glia_curvature_apply(struct glia_curvature *c,
                                                         glia_curvature_kind kind, const double *v,
                                                         double *out);

enum { GLIA_CURVATURE_TOP_MAX = 256 };

struct glia_curvature_top {
  int asked,
      found; /* fewer found than asked: the rest lies in a bulk that Krylov's method does not resolve */
  double value[GLIA_CURVATURE_TOP_MAX]; /* falling in magnitude */
  double error[GLIA_CURVATURE_TOP_MAX]; /* |H x - value x| / |value| */
  double *vector;                       /* [found, size] of norm 1 */
  int64_t products;
};

/** The k eigenvalues largest in magnitude, to a relative residual of 1e-9; PETSc must have begun.
 *  Collective: yes. Ownership: glia_curvature_top_free. */
GLIA_API GLIA_NODISCARD glia_status glia_curvature_top(struct glia_curvature *c,
                                                       glia_curvature_kind kind, int k,
                                                       struct glia_curvature_top *out);

GLIA_API void glia_curvature_top_free(struct glia_curvature_top *top);

/* A spectral density as weighted points: share weight[i] of all eigenvalues near node[i]. */
struct glia_curvature_density {
  int probes, steps, exact;
  int64_t
      n; /* points: `exact` eigenvalues that are known, then probes x steps; probes = 0: all are known */
  double *node, *weight;
  double lo, hi;               /* smallest and largest point */
  double trace, trace_error;   /* estimate and its standard error over the probes */
  double square, square_error; /* trace of the square, likewise */
  /* what is not known, as the area between distribution functions over the range: by the probes' standard error (NaN: one probe), and
   * by what half of the steps would change */
  double error_probes, error_steps;
};

/** Stochastic Lanczos quadrature with full re-orthogonalisation: `probes` random signs, `steps` products each.
 *  top  eigenvalues that are known: they enter exactly, and probes see what is orthogonal to them, which takes away most of
 *       the error where a few of them stand out; NULL: none
 *  Collective: yes. Ownership: glia_curvature_density_free.  Source: golub1969, ubaru2017, meyer2021. */
GLIA_API GLIA_NODISCARD glia_status glia_curvature_density(struct glia_curvature *c,
                                                           glia_curvature_kind kind,
                                                           const struct glia_curvature_top *top,
                                                           int probes, int steps, uint64_t seed,
                                                           struct glia_curvature_density *out);

/** The same to an error: from `probes` and `steps` on, the more wanting is doubled until error_probes + error_steps are at most
 *  `error`. Up to 4096 parameters the matrix is formed and all eigenvalues found where that is no dearer than twice the next
 *  doubling. Beyond 20,000 products, or a basis of 2 GiB, what was reached is the answer.
 *  Collective: yes. Ownership, Errors: as above. */
GLIA_API GLIA_NODISCARD glia_status glia_curvature_density_to(
    struct glia_curvature *c, glia_curvature_kind kind, const struct glia_curvature_top *top,
    double error, int probes, int steps, uint64_t seed, struct glia_curvature_density *out);

GLIA_API void glia_curvature_density_free(struct glia_curvature_density *d);

/** Share of eigenvalues below x, and its standard error over the probes (may be NULL). */
GLIA_API double glia_curvature_share_below(const struct glia_curvature_density *d, double x,
                                           double *error);

#endif
