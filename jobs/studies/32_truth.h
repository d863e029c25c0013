/* Solutions that operator-discovery samples. */
#ifndef TRUTH_32_H
#define TRUTH_32_H

enum { ORBIT = 10001, TIMES = 401, SPACE = 101 };

/* Lotka and Volterra's orbit from a start, t = 1e-3 i: out [ORBIT, 2]; RK4. */
void truth_orbit(const double start[2], double *out);
/* Its hidden terms: -4/3 x y and x y. */
double truth_product(int which, const double *u);
/* u_t = 0.02 u_xx + u (1 - u) on [-1, 1], no flux, t = i / 100: out [TIMES, SPACE]; second differences and RK4. */
void truth_reaction(double *out);

#endif
