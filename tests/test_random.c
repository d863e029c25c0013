/* Random numbers without state, and SHA-256. */
#include "glia_random.h"
#include "glia_sha256.h"
#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The three vectors for philox4x32-10 in Random123's kat_vectors. */
static void philox_gives_the_published_words(void)
{
  static const struct {
    uint32_t counter[4];
    uint64_t key;
    uint32_t expected[4];
  } known[] = {
      {{0, 0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{~0U, ~0U, ~0U, ~0U}, ~UINT64_C(0), {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       UINT64_C(0x299f31d0a4093822),
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };

  for (size_t i = 0; i < GLIA_COUNT(known); i++) {
    uint32_t out[4];
    glia_random_block(known[i].key, known[i].counter, out);
    CU_ASSERT_EQUAL(memcmp(out, known[i].expected, sizeof out), 0);
  }
}

static void counter_words_are_index_then_salt(void)
{
  CU_ASSERT_EQUAL(glia_random_bits(UINT64_C(0x299f31d0a4093822), UINT64_C(0x0370734413198a2e),
                                   UINT64_C(0x85a308d3243f6a88)),
                  UINT64_C(0x94fdccebd16cfe09));
}

static void uniform_stays_inside_its_interval(void)
{
  CU_ASSERT(glia_random_unit(0) > 0.0);
  CU_ASSERT(glia_random_unit(~UINT64_C(0)) < 1.0);
  CU_ASSERT_EQUAL(glia_random_unit(~UINT64_C(0)), 1.0 - 0x1p-53);
}

/* Moments and a serial correlation; limits are 5 standard deviations of each estimate. */
static void draws_have_the_right_moments(void)
{
  enum { N = 100000 };
  const uint64_t key = glia_random_stream(1, "moments");
  const double root_n = sqrt(N);
  double mean = 0.0;
  double square = 0.0;
  double normal = 0.0;
  double normal2 = 0.0;
  double normal4 = 0.0;
  double serial = 0.0;
  double last = 0.0;

  for (uint64_t i = 0; i < N; i++) {
    const double u = glia_random_uniform(key, 7, i) - 0.5;
    const double z = glia_random_normal(key, 8, i);
    mean += u / N;
    square += u * u / N;
    normal += z / N;
    normal2 += z * z / N;
    normal4 += z * z * z * z / N;
    serial += z * last / N;
    last = z;
  }
  CU_ASSERT(fabs(mean) < 5.0 * sqrt(1.0 / 12.0) / root_n);
  CU_ASSERT(fabs(square - 1.0 / 12.0) < 5.0 * sqrt(1.0 / 180.0) / root_n);
  CU_ASSERT(fabs(normal) < 5.0 / root_n);
  CU_ASSERT(fabs(normal2 - 1.0) < 5.0 * sqrt(2.0) / root_n);
  CU_ASSERT(fabs(normal4 - 3.0) < 5.0 * sqrt(96.0) / root_n);
  CU_ASSERT(fabs(serial) < 5.0 / root_n);
}

/* Against the C library: the transform's own log and cosine lose at most a few units in the last place. */
static void normal_is_box_muller(void)
{
  for (uint64_t i = 0; i < 20000; i++) {
    const uint32_t counter[4] = {(uint32_t)i, 0, 3, 0};
    uint32_t w[4];
    glia_random_block(42, counter, w);
    const double u1 = glia_random_unit(w[0] | (uint64_t)w[1] << 32);
    const double u2 = glia_random_unit(w[2] | (uint64_t)w[3] << 32);
    const double expected = sqrt(-2.0 * log(u1)) * cos(2.0 * 3.14159265358979323846 * u2);
    CU_ASSERT(fabs(glia_random_normal(42, 3, i) - expected) < 4e-15);
  }
}

static void streams_differ_by_seed_and_name(void)
{
  static const char *const name[] = {"",          "a", "b", "01-linear/weight", "02-linear/weight",
                                     "03-dropout"};
  uint64_t seen[GLIA_COUNT(name) * 8];
  size_t n = 0;

  for (uint64_t seed = 0; seed < 8; seed++)
    for (size_t i = 0; i < GLIA_COUNT(name); i++) {
      const uint64_t s = glia_random_stream(seed, name[i]);
      for (size_t j = 0; j < n; j++) CU_ASSERT_NOT_EQUAL(s, seen[j]);
      seen[n++] = s;
      CU_ASSERT_EQUAL(s, glia_random_stream(seed, name[i]));
    }
}

static void permutation_is_a_bijection(void)
{
  static const int64_t size[] = {1,  2,  3,   4,   5,   7,    16,   17,   63,
                                 64, 65, 100, 255, 257, 1000, 4097, 60000};

  for (size_t s = 0; s < GLIA_COUNT(size); s++) {
    const int64_t n = size[s];
    char *seen = calloc((size_t)n, 1);
    int64_t hit = 0;
    for (int64_t i = 0; i < n; i++) {
      const int64_t j = glia_random_permute((uint64_t)n + 9, n, i);
      if (j >= 0 && j < n && !seen[j]) hit++;
      if (j >= 0 && j < n) seen[j] = 1;
    }
    CU_ASSERT_EQUAL(hit, n);
    free(seen);
  }
  const int64_t big = INT64_C(1) << 62;
  CU_ASSERT(glia_random_permute(3, big, big - 1) < big);
}

/* Many at once are the same as one by one, and both what they were when orders of runs were first drawn by them. */
static void a_range_of_a_permutation_is_the_same(void)
{
  static const struct {
    int64_t n;
    uint64_t sum; /* Horner's, base 31, of up to 5000 elements */
  } cases[] = {{1, UINT64_C(0)},
               {2, UINT64_C(31)},
               {100, UINT64_C(13278565734459328788)},
               {2728, UINT64_C(6130385682755688616)},
               {60000, UINT64_C(4195223930078434585)},
               {INT64_C(1) << 40, UINT64_C(10541341210605179645)}};

  for (size_t k = 0; k < GLIA_COUNT(cases); k++) {
    const int64_t n = cases[k].n, m = n < 5000 ? n : 5000;
    int64_t all[5000], wrong = 0;
    uint64_t sum = 0;
    glia_random_permute_range(77 + k, n, 0, m, all);
    for (int64_t i = 0; i < m; i++) {
      sum = sum * 31 + (uint64_t)all[i];
      wrong += glia_random_permute(77 + k, n, i) != all[i];
    }
    CU_ASSERT_EQUAL(wrong, 0);
    CU_ASSERT_EQUAL(sum, cases[k].sum);
    int64_t some[3];
    if (m < 100) continue;
    glia_random_permute_range(77 + k, n, m - 3, 3, some);
    for (int i = 0; i < 3; i++) CU_ASSERT_EQUAL(some[i], all[m - 3 + i]);
  }
}

/* Where the first element goes, over many keys: chi-square with n - 1 degrees below mean + 6 standard deviations. */
static void permutations_are_spread_evenly(void)
{
  for (int64_t n = 2; n <= 40; n += 19) {
    int count[64] = {0};
    double chi2 = 0.0;
    const double expected = 20000.0 / (double)n;
    for (uint64_t k = 0; k < 20000; k++)
      count[glia_random_permute(glia_random_stream(k, "shuffle"), n, 0)]++;
    for (int64_t j = 0; j < n; j++)
      chi2 += (count[j] - expected) * (count[j] - expected) / expected;
    CU_ASSERT(chi2 < (double)(n - 1) + 6.0 * sqrt(2.0 * (double)(n - 1)));
  }
}

/* FIPS 180-2, appendix B: "abc" and the two-block message; and the empty one. */
static void sha256_gives_the_published_digests(void)
{
  static const char two[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  struct glia_sha256 h;
  char hex[65];

  glia_sha256_init(&h);
  glia_sha256_update(&h, "abc", 3);
  glia_sha256_hex(&h, hex);
  CU_ASSERT_STRING_EQUAL(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  glia_sha256_init(&h);
  for (size_t i = 0; i < strlen(two); i++) glia_sha256_update(&h, two + i, 1);
  glia_sha256_hex(&h, hex);
  CU_ASSERT_STRING_EQUAL(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  glia_sha256_init(&h);
  glia_sha256_hex(&h, hex);
  CU_ASSERT_STRING_EQUAL(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TAP_MAIN("random", TAP(philox_gives_the_published_words), TAP(counter_words_are_index_then_salt),
         TAP(uniform_stays_inside_its_interval), TAP(draws_have_the_right_moments),
         TAP(normal_is_box_muller), TAP(streams_differ_by_seed_and_name),
         TAP(permutation_is_a_bijection), TAP(a_range_of_a_permutation_is_the_same),
         TAP(permutations_are_spread_evenly), TAP(sha256_gives_the_published_digests))
