// For kernels that reduce over one dimension of [outer, n, inner]: what is left over at the end of a row, and the
// exponential of what is not positive.
#pragma once
#include <algorithm>
#include <limits>

#include "simd.h"

namespace facula::FACULA_ISA {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// How a vector of a row is read and written: whole, or its first lanes only, with `fill` in the others.
struct Whole {
  Float get(const float* p, float = 0) const { return load(p); }
  void put(float* p, Float v) const { store(p, v); }
  Float within(Float v) const { return v; }
};
struct Part {
  int64_t count;  // less than kLanes
  Float get(const float* p, float fill = 0) const { return first_lanes(count) ? load_first(p, count) : broadcast(fill); }
  void put(float* p, Float v) const { store_first(p, v, count); }
  Float within(Float v) const { return first_lanes(count) ? v : Float{}; }  // 0 in the other lanes
};

// Calls f(j, Whole or Part) for all of [0, n).
template <typename F>
FACULA_INLINE void by_lanes(int64_t n, F&& f) {
  int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) f(j, Whole{});
  if (j < n) f(j, Part{n - j});
}

// Folds a row into one vector by four chains, that one need not wait for the last: step(so far, j, Whole or Part).
template <typename Step, typename Join>
FACULA_INLINE Float fold(int64_t n, Float start, Step&& step, Join&& join) {
  Float a = start, b = start, c = start, d = start;
  int64_t j = 0;
  for (; j + 4 * kLanes <= n; j += 4 * kLanes) {
    a = step(a, j, Whole{});
    b = step(b, j + kLanes, Whole{});
    c = step(c, j + 2 * kLanes, Whole{});
    d = step(d, j + 3 * kLanes, Whole{});
  }
  for (; j + kLanes <= n; j += kLanes) a = step(a, j, Whole{});
  if (j < n) b = step(b, j, Part{n - j});
  return join(join(a, b), join(c, d));
}
FACULA_INLINE Float plus(Float a, Float b) { return a + b; }

// e^x for x <= 0, within about one unit in the last place, and 0 below -87.7; NaN stays NaN. As in vmath.h, but without
// what positive numbers need: the polynomial is a minimax one, with 1 + r as it is, and 2^n one factor.
FACULA_INLINE Float exp_below(Float x) {
  // A sum with 1.5 * 2^23 has no fraction, and n in its low bits: with 127 more, those of the exponent of 2^n.
  const Float magic = broadcast(12582912.0f + 127);
  x = max(broadcast(-88.03f), x);  // there n = -127, and what stands for 2^n is 0
  const Float shifted = fma(x, broadcast(1.44269504f), magic), n = shifted - magic;
  Float r = fma(n, broadcast(-0.693359375f), x);
  r = fma(n, broadcast(2.12194440e-4f), r);
  const Float square = r * r;  // in pairs, so that less waits for each other
  Float p = fma(broadcast(0.008368716575205326f), r, broadcast(0.04166838899254799f));
  p = fma(broadcast(0.0013814599951729178f), square, p);
  p = fma(p, square, fma(broadcast(0.1666652113199234f), r, broadcast(0.4999999403953552f)));
  p = fma(p, square, r + 1.0f);
  return p * (Float)((Int)shifted << 23);
}

// The largest element of a row; a NaN may be lost, but then the sum of exponentials is NaN.
FACULA_INLINE float row_largest(const float* x, int64_t n) {
  return largest(fold(
      n, broadcast(-kInfinity), [&](Float most, int64_t j, auto at) { return max(at.get(x + j, -kInfinity), most); },
      [](Float a, Float b) { return max(a, b); }));
}

// Sum of exp(x - shift), where nothing is above shift.
FACULA_INLINE float row_sum(const float* x, int64_t n, float shift) {
  return sum(fold(
      n, Float{}, [&](Float total, int64_t j, auto at) { return total + exp_below(at.get(x + j, -kInfinity) - shift); },
      plus));
}

// The same, and each exponential is written to e.
FACULA_INLINE float row_exps(const float* x, int64_t n, float shift, float* e) {
  return sum(fold(
      n, Float{},
      [&](Float total, int64_t j, auto at) {
        const Float v = exp_below(at.get(x + j, -kInfinity) - shift);
        at.put(e + j, v);
        return total + v;
      },
      plus));
}

// Rows a thread takes at a time.
inline int64_t row_grain(int64_t n) { return std::max<int64_t>(1, 8192 / std::max<int64_t>(1, n)); }

// ---- columns ---------------------------------------------------------------------------------------------------------

// Where inner > 1, columns go in blocks, all n deep, that stay in the second-level cache.
constexpr int64_t kColumns = 512;  // of a block, at most: so numbers of each fit the stack
inline int64_t column_block(int64_t n, int64_t inner) {
  const int64_t fit = (48 * 1024 / std::max<int64_t>(1, n)) / 16 * 16;
  return std::min(inner, std::clamp<int64_t>(fit, 32, kColumns));
}

// One number for each column of a block.
struct alignas(64) Columns {
  float at[kColumns + 16];
  Float get(int64_t j) const { return load(at + j); }
  void put(int64_t j, Float v) { store(at + j, v); }
};

// Of each column the largest element and the sum of exponentials as above; they are written to e unless that is null.
FACULA_INLINE void column_sums(const float* x, int64_t n, int64_t inner, int64_t width, Columns& top, Columns& total,
                               float* e) {
  by_lanes(width, [&](int64_t j, auto) {
    top.put(j, broadcast(-kInfinity));
    total.put(j, Float{});
  });
  for (int64_t c = 0; c < n; ++c)
    by_lanes(width, [&, row = x + c * inner](int64_t j, auto at) { top.put(j, max(at.get(row + j), top.get(j))); });
  for (int64_t c = 0; c < n; ++c)
    by_lanes(width, [&, row = x + c * inner, to = e ? e + c * inner : nullptr](int64_t j, auto at) {
      const Float v = exp_below(at.get(row + j) - top.get(j));
      if (to) at.put(to + j, v);
      total.put(j, total.get(j) + v);
    });
}

}  // namespace facula::FACULA_ISA
