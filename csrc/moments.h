// Means and squared deviations that do not cancel, however large the mean is. For kernel files only.
//
// Sums are those of x - k and its square, where k is a guess at the mean: the first number, then the mean so far. Where the
// guess was a bad one, the sums are taken again from the mean that they gave. Pieces are put together in double precision.
#pragma once
#include <algorithm>
#include <cmath>

#include "spans.h"

namespace facula::FACULA_ISA {

struct Moments {
  double count = 0, mean = 0, square = 0;  // square: sum of (x - mean)^2

  void add(const Moments& other) {
    if (other.count == 0) return;
    const double total = count + other.count, step = other.mean - mean, share = other.count / total;
    square += other.square + step * step * count * share;
    mean += step * share;
    count = total;
  }
  double variance() const { return square / count; }
};

// A mean in two floats: x - high is then exact or nearly so, and low is what high lacks.
struct Center {
  float high, low;
  explicit Center(double mean) : high(static_cast<float>(mean)), low(static_cast<float>(mean - high)) {
    if (!(std::abs(low) < 1e30f)) low = 0;  // the mean is infinite or NaN
  }
};

constexpr int64_t kPiece = 2048;   // floats that are added up in single precision
constexpr int64_t kSegments = 8;   // and in how many places: more of them may fall on the same lines of the cache
constexpr int64_t kStripe = 32;    // channels at once

// Sums of d = x - k and of d^2.
struct Deviations {
  Float s{}, square{};
  FACULA_INLINE void add(const Deviations& o) { s += o.s, square += o.square; }
  FACULA_INLINE void step(Float d) {
    s += d;
    square = fma(d, d, square);
  }
};

// The moments by sums about k; `doubtful` where k was so far from the mean that they cancel.
struct Found {
  Moments moments;
  bool doubtful;
  Found(const Deviations& sums, double count, float k, bool centered) {
    const double off = sum(sums.s), raw = sum(sums.square), low = off / count;
    moments = {count, centered ? k + low : 0.0, centered ? raw - off * low : raw};
    doubtful = moments.square < raw * (1.0 / 16);
  }
};

// Of `segments` runs of n floats, `stride` apart, looked at from `k`; about zero if not `centered`.
inline Moments piece_moments(const float* x, int64_t segments, int64_t stride, int64_t n, float k, bool centered) {
  for (bool again = false;; again = true) {
    Four<Deviations> sums;
    const Float center = broadcast(centered ? k : 0.0f);
    for (int64_t j = 0; j < segments; ++j)
      sums.fold(n, [&](auto at, Deviations& to) { to.step(at.keep(at(x + j * stride) - center)); });
    const Found found(sums.total(), static_cast<double>(segments * n), k, centered);
    if (!found.doubtful || again) return found.moments;
    k = static_cast<float>(found.moments.mean);
  }
}

// f(first segment, segments, first of its floats, floats): pieces of `count` segments of n floats.
template <typename F>
void each_piece(int64_t count, int64_t n, F&& f) {
  if (n >= kPiece) {
    for (int64_t j = 0; j < count; ++j)
      for (int64_t i = 0; i < n; i += kPiece) f(j, int64_t{1}, i, std::min(kPiece, n - i));
    return;
  }
  const int64_t together = std::max<int64_t>(1, std::min(kSegments, kPiece / n));
  for (int64_t j = 0; j < count; j += together) f(j, std::min(together, count - j), int64_t{0}, n);
}

inline Moments moments(const float* x, int64_t count, int64_t stride, int64_t n, bool centered = true) {
  Moments all;
  each_piece(count, n, [&](int64_t j, int64_t segments, int64_t i, int64_t length) {
    const float* from = x + j * stride + i;
    all.add(piece_moments(from, segments, stride, length, all.count > 0 ? static_cast<float>(all.mean) : *from, centered));
  });
  return all;
}

// Of `channels` (at most kStripe) neighbouring channels of all samples, in the order of memory; adds to `out`.
inline void stripe_moments(const float* x, int64_t samples, int64_t row, int64_t channels, int64_t places, Moments* out) {
  if (places >= kPiece / 2) {
    for (int64_t c = 0; c < channels; ++c) out[c].add(moments(x + c * places, samples, row, places));
    return;
  }
  float k[kStripe];
  Deviations sums[kStripe];
  const int64_t together = kPiece / places;
  for (int64_t first = 0; first < samples; first += together) {
    const int64_t count = std::min(together, samples - first);
    for (int64_t c = 0; c < channels; ++c) {
      k[c] = first ? static_cast<float>(out[c].mean) : x[c * places];
      sums[c] = {};
    }
    for (int64_t n = first; n < first + count; ++n)
      for (int64_t c = 0; c < channels; ++c) {
        const float* from = x + n * row + c * places;
        const Float center = broadcast(k[c]);
        Four<Deviations> four;
        four.a = sums[c];
        four.fold(places, [&](auto at, Deviations& to) { to.step(at.keep(at(from) - center)); });
        sums[c] = four.total();
      }
    for (int64_t c = 0; c < channels; ++c) {
      const Found found(sums[c], static_cast<double>(count * places), k[c], true);
      const float* from = x + first * row + c * places;
      out[c].add(found.doubtful ? piece_moments(from, count, row, places, static_cast<float>(found.moments.mean), true)
                                : found.moments);
    }
  }
}

// ---- sums of a gradient ----------------------------------------------------------------------------------------------

struct GradientSums {
  double g = 0, product = 0, deviation = 0;  // of g, of g (x - center), of x - center
  void add(const GradientSums& o) { g += o.g, product += o.product, deviation += o.deviation; }
};

struct GradientVectors {
  Float g{}, product{}, deviation{};
  FACULA_INLINE void add(const GradientVectors& o) { g += o.g, product += o.product, deviation += o.deviation; }
  FACULA_INLINE GradientSums sums() const { return {sum(g), sum(product), sum(deviation)}; }
};

inline GradientSums gradient_sums(const float* g, const float* x, int64_t count, int64_t stride, int64_t n,
                                  float center) {
  GradientSums all;
  const Float k = broadcast(center);
  each_piece(count, n, [&](int64_t j, int64_t segments, int64_t i, int64_t length) {
    Four<GradientVectors> sums;
    const float *from_g = g + j * stride + i, *from_x = x + j * stride + i;
    for (int64_t s = 0; s < segments; ++s)
      sums.fold(length, [&](auto at, GradientVectors& to) {
        const Float gv = at(from_g + s * stride), d = at.keep(at(from_x + s * stride) - k);
        to.g += gv;
        to.product = fma(gv, d, to.product);
        to.deviation += d;
      });
    all.add(sums.total().sums());
  });
  return all;
}

// As stripe_moments.
inline void stripe_gradient_sums(const float* g, const float* x, int64_t samples, int64_t row, int64_t channels,
                                 int64_t places, const float* center, GradientSums* out) {
  if (places >= kPiece / 2) {
    for (int64_t c = 0; c < channels; ++c)
      out[c].add(gradient_sums(g + c * places, x + c * places, samples, row, places, center[c]));
    return;
  }
  GradientVectors sums[kStripe];
  const int64_t together = kPiece / places;
  for (int64_t first = 0; first < samples; first += together) {
    for (int64_t c = 0; c < channels; ++c) sums[c] = {};
    for (int64_t n = first; n < std::min(samples, first + together); ++n)
      for (int64_t c = 0; c < channels; ++c) {
        const float *from_g = g + n * row + c * places, *from_x = x + n * row + c * places;
        const Float k = broadcast(center[c]);
        GradientVectors a = sums[c], b;
        const auto step = [&](auto at, GradientVectors& to) {
          const Float gv = at(from_g), d = at.keep(at(from_x) - k);
          to.g += gv;
          to.product = fma(gv, d, to.product);
          to.deviation += d;
        };
        int64_t i = 0;
        for (; i + 2 * kLanes <= places; i += 2 * kLanes) step(Whole{i}, a), step(Whole{i + kLanes}, b);
        if (i + kLanes <= places) step(Whole{i}, a), i += kLanes;
        if (i < places) step(Part{i, places - i}, b);
        a.add(b);
        sums[c] = a;
      }
    for (int64_t c = 0; c < channels; ++c) out[c].add(sums[c].sums());
  }
}

}  // namespace facula::FACULA_ISA
