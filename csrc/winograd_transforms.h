// Parts of Winograd's convolution: its one-dimensional transforms for tiles of 2 and of 4 results, each lane a problem
// of its own, and the layout of transformed weights.
//
// The polynomials are evaluated at 0, 1, -1, infinity (m = 2) and at 0, a, -a, b, -b, infinity (m = 4). With
// a = 3/4 and b = 3/2, whose product is near 1, errors are a quarter of those with the usual 1 and 2, and every
// constant below but those of `weights` is exact in float.
#pragma once
#include "tile.h"
#include "winograd.h"

namespace facula::FACULA_ISA {

template <int m>
struct Transform;

template <>
struct Transform<2> {
  static FACULA_INLINE void input(const Float (&d)[4], Float (&v)[4]) {
    v[0] = d[0] - d[2];
    v[1] = d[1] + d[2];
    v[2] = d[2] - d[1];
    v[3] = d[3] - d[1];
  }
  static FACULA_INLINE void weights(const Float (&g)[3], Float (&u)[4]) {
    const Float even = (g[0] + g[2]) * 0.5f, odd = g[1] * 0.5f;
    u[0] = g[0];
    u[1] = even + odd;
    u[2] = even - odd;
    u[3] = g[2];
  }
  static FACULA_INLINE void output(const Float (&p)[4], Float (&y)[2]) {
    y[0] = p[0] + p[1] + p[2];
    y[1] = p[1] - p[2] + p[3];
  }
};

template <>
struct Transform<4> {
  static constexpr float a = 0.75f, b = 1.5f, aa = a * a, bb = b * b;

  static FACULA_INLINE void input(const Float (&d)[6], Float (&v)[6]) {
    const Float even_a = fma(d[2], broadcast(-bb), d[4]), odd_a = fma(d[1], broadcast(-bb), d[3]);
    const Float even_b = fma(d[2], broadcast(-aa), d[4]), odd_b = fma(d[1], broadcast(-aa), d[3]);
    v[0] = fma(d[0], broadcast(aa * bb), fma(d[2], broadcast(-aa - bb), d[4]));
    v[1] = fma(odd_a, broadcast(a), even_a);
    v[2] = fma(odd_a, broadcast(-a), even_a);
    v[3] = fma(odd_b, broadcast(b), even_b);
    v[4] = fma(odd_b, broadcast(-b), even_b);
    v[5] = fma(d[1], broadcast(aa * bb), fma(d[3], broadcast(-aa - bb), d[5]));
  }
  static FACULA_INLINE void weights(const Float (&g)[3], Float (&u)[6]) {
    constexpr float over_a = 1 / (2 * aa * (aa - bb)), over_b = 1 / (2 * bb * (bb - aa));
    const Float even_a = fma(g[2], broadcast(aa), g[0]) * over_a, odd_a = g[1] * (a * over_a);
    const Float even_b = fma(g[2], broadcast(bb), g[0]) * over_b, odd_b = g[1] * (b * over_b);
    u[0] = g[0] * (1 / (aa * bb));
    u[1] = even_a + odd_a;
    u[2] = even_a - odd_a;
    u[3] = even_b + odd_b;
    u[4] = even_b - odd_b;
    u[5] = g[2];
  }
  static FACULA_INLINE void output(const Float (&p)[6], Float (&y)[4]) {
    const Float sum_a = p[1] + p[2], difference_a = p[1] - p[2];
    const Float sum_b = p[3] + p[4], difference_b = p[3] - p[4];
    y[0] = p[0] + sum_a + sum_b;
    y[1] = fma(difference_a, broadcast(a), difference_b * b);
    y[2] = fma(sum_a, broadcast(aa), sum_b * bb);
    y[3] = fma(difference_a, broadcast(aa * a), fma(difference_b, broadcast(bb * b), p[5]));
  }
};

// Floats between the end of one position's transformed weights or inputs and the next one's: without them the 36
// streams of a power of two of channels fall into the same places of the cache.
constexpr int64_t kApart = 16;

// Transformed weights: [strip of kTall outputs][position][channel][kTall]. Floats between two positions and two strips.
FACULA_INLINE int64_t packed_position(int64_t in) { return in * kTall + kApart; }
int64_t packed_strip(int64_t in, int tile);

// Transforms the weights of strips [begin, end); the first goes to `to` (winograd_weights.cpp).
void pack_strips(const WinogradCall& call, int64_t begin, int64_t end, float* to);

}  // namespace facula::FACULA_ISA
