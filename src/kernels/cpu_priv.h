/* What kernels may ask of this CPU. */
#ifndef CPU_PRIV_H
#define CPU_PRIV_H

enum glia_cpu {
  GLIA_CPU_PLAIN,
  GLIA_CPU_AVX2,  /* and FMA */
  GLIA_CPU_AVX512 /* F and DQ, and the above */
};

/* The best of these that this CPU has, or what GLIA_CPU or glia_kernels_lower lower it to; a GLIA_CPU that glia_kernels_check refuses changes nothing. Read anew
 * each time: for picks, not for loops. Any thread. */
enum glia_cpu glia_cpu_(void);

/* The best of this CPU, whatever GLIA_CPU says. */
enum glia_cpu glia_cpu_best_(void);

/* No kernels above `to` from here on. */
void glia_cpu_lower_(enum glia_cpu to);

#endif
