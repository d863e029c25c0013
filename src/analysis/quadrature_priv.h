/* Integrals of smooth functions, to rounding. */
#ifndef QUADRATURE_PRIV_H
#define QUADRATURE_PRIV_H

/** Integral of f(self, x) over [a, b]: Gauss and Kronrod's pair of 7 and 15 points, halving where they disagree by more than
 *  1e-13 of the whole. Source: piessens1983. */
double glia_integrate_(double (*f)(void *self, double x), void *self, double a, double b);

#endif
