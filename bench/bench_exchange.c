/* bench exchange: sums of one bucket over all ranks by our exchange, beside MPI_Allreduce on the same bytes; the limit is a
 * plain copy of them. Ours and MPI's alternate; medians, the slowest rank's. Run it under mpirun. */
#include "bench.h"

#include "glia_exchange_mpi.h"
#include "glia_log.h"
#include "glia_mpi.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROUNDS = 101 };

struct field {
  struct glia_comm *comm;
  struct glia_exchange *exchange;
  float *part, *total, *theirs;
};

static void close_field(struct field *f)
{
  glia_exchange_mpi_destroy(&f->exchange);
  glia_comm_destroy(&f->comm);
  free(f->part);
  free(f->total);
  free(f->theirs);
}

static const int64_t bucket_bytes[] = {4 << 10, 64 << 10, 256 << 10, 1 << 20, 8 << 20, 64 << 20};

static struct glia_bucket bucket_of(size_t i)
{
  return (struct glia_bucket){(int)i, GLIA_F32, bucket_bytes[i] / (int64_t)sizeof(float)};
}

static glia_status open_field(struct field *f)
{
  const int64_t n = bucket_of(GLIA_COUNT(bucket_bytes) - 1).n;
  struct glia_exchange_need need[GLIA_COUNT(bucket_bytes)];

  f->part = malloc((size_t)n * sizeof *f->part);
  f->total = malloc((size_t)n * sizeof *f->total);
  f->theirs = malloc((size_t)n * sizeof *f->theirs);
  GLIA_TRY(glia_comm_world(&f->comm));
  GLIA_CHECK(glia_comm_size(f->comm) > 1, GLIA_E_USAGE,
             "one rank has nobody to exchange with: mpirun -n 2 glia bench exchange");
  for (size_t i = 0; i < GLIA_COUNT(need); i++)
    need[i] = (struct glia_exchange_need){bucket_of(i), glia_comm_size(f->comm)};
  GLIA_TRY(glia_exchange_mpi_open(f->comm, 1, (int)GLIA_COUNT(need), need, &f->exchange));
  GLIA_CHECK(f->part != NULL && f->total != NULL && f->theirs != NULL, GLIA_E_MEMORY,
             "3 arrays of %lld numbers", (long long)n);
  for (int64_t i = 0; i < n; i++) f->part[i] = f->total[i] = f->theirs[i] = 1.0F;
  return GLIA_OK;
}

/* One round each way, in seconds: ours, MPI's, a copy. */
static glia_status one_round(struct field *f, const struct glia_bucket *b, double *s)
{
  const struct glia_exchange *x = f->exchange;
  const size_t bytes = (size_t)b->n * sizeof *f->part;
  struct glia_part part = {x->rank, x->rank + 1, f->part};

  GLIA_TRY(glia_comm_barrier(f->comm));
  const double t0 = glia_time_s();
  GLIA_TRY(x->start(x->self, b, x->size, 1, &part, f->total));
  GLIA_TRY(x->wait(x->self, b));
  s[0] = glia_time_s() - t0;
  GLIA_TRY(glia_comm_barrier(f->comm));
  const double t1 = glia_time_s();
  GLIA_TRY_MPI(
      MPI_Allreduce(f->part, f->theirs, (int)b->n, MPI_FLOAT, MPI_SUM, glia_comm_mpi(f->comm)));
  s[1] = glia_time_s() - t1;
  GLIA_TRY(glia_comm_barrier(f->comm));
  const double t2 = glia_time_s();
  memcpy(f->total, f->part, bytes);
  s[2] = glia_time_s() - t2;
  return GLIA_OK;
}

static glia_status one_size(struct field *f, size_t index, struct bench_report *r)
{
  const struct glia_bucket b = bucket_of(index);
  const int64_t bytes = bucket_bytes[index];
  const int rounds = bytes >= (16 << 20) ? 15 : bytes >= (1 << 20) ? 41 : MAX_ROUNDS;
  double s[3][MAX_ROUNDS], median[3], one[3];
  const int size = f->exchange->size;

  GLIA_TRY(one_round(f, &b, one)); /* warm */
  for (int i = 0; i < rounds; i++) {
    GLIA_TRY(one_round(f, &b, one));
    for (int k = 0; k < 3; k++) s[k][i] = one[k];
  }
  for (int k = 0; k < 3; k++) median[k] = bench_median(s[k], rounds);
  GLIA_TRY(glia_comm_reduce_f64(f->comm, GLIA_COMM_MAX, median, 3));
  const double mb = (double)bytes / 1e6;
  const bool large = bytes >= 1 << 20;
  bench_add(r, "MB/s", mb / median[0], "MPI_Allreduce", mb / median[1], median[2] / median[0],
            "allreduce %lld %s np=%d", (long long)(large ? bytes >> 20 : bytes >> 10),
            large ? "MiB" : "KiB", size);
  return GLIA_OK;
}

static glia_status run(struct bench_report *r, double seconds)
{
  struct field f = {0};

  (void)seconds;
  glia_status st = open_field(&f);
  for (size_t i = 0; st == GLIA_OK && i < GLIA_COUNT(bucket_bytes); i++) {
    char what[64];
    snprintf(what, sizeof what, "%lld KiB", (long long)bucket_bytes[i] >> 10);
    r->progress(r->self, what);
    st = one_size(&f, i, r);
  }
  close_field(&f);
  return st;
}

const struct bench bench_exchange_ = {
    .name = "exchange",
    .what = "sums over ranks, beside MPI_Allreduce and a plain copy (under mpirun)",
    .run = run,
};
