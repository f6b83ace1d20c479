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

// e^x for x <= 0, within about one unit in the last place; 0 below -87, and NaN stays NaN. As in vmath.h, but without
// what positive numbers need: 2^n is added to the exponent of the polynomial (a minimax one, with 1 + r as it is).
FACULA_INLINE Float exp_below(Float x) {
  const Float low = broadcast(-87.0f), magic = broadcast(12582912.0f);  // 1.5 * 2^23: a sum with it has no fraction
  const Int vanishes = x < low;
  x = max(low, x);
  const Float shifted = fma(x, broadcast(1.44269504f), magic), n = shifted - magic;
  Float r = fnma(n, broadcast(0.693359375f), x);
  r = fnma(n, broadcast(-2.12194440e-4f), r);
  Float p = broadcast(0.0013814599951729178f);
  p = fma(p, r, broadcast(0.008368716575205326f));
  p = fma(p, r, broadcast(0.04166838899254799f));
  p = fma(p, r, broadcast(0.1666652113199234f));
  p = fma(p, r, broadcast(0.4999999403953552f));
  p = fma(p, r, broadcast(1.0f));
  p = fma(p, r, broadcast(1.0f));
  const Int e = (Int)p + ((Int)shifted << 23);  // of `shifted` only the low bits, which are n, stay
  return (Float)(e & ~vanishes);
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

// Where inner > 1, columns go in blocks: `width` of them, all n deep, stay in the second-level cache.
constexpr int64_t kColumns = 512;  // at most, so that statistics of a block fit the stack
inline int64_t column_block(int64_t n, int64_t inner) {
  const int64_t fit = (48 * 1024 / std::max<int64_t>(1, n)) / 16 * 16;
  return std::min(inner, std::clamp<int64_t>(fit, 32, kColumns));
}

}  // namespace facula::FACULA_ISA
