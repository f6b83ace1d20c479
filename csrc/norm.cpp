// Layer, RMS, group and instance normalisation. What is normalised together is contiguous and mostly fits in a cache: it is
// read once from memory, and again from there. The backward pass finds mean and variance anew, together with its own sums.
#include "norm.h"

#include "moments.h"
#include "parallel.h"
#include "tile.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kShort = 4 * kLanes;       // channels of fewer places are taken together
constexpr int64_t kStreamed = 4 << 20;       // results of more floats do not stay in any cache
constexpr int64_t kTogether = 1 << 14;       // floats that are worth a thread's while

struct Standard {
  Center center;
  double scale;  // 1 / sqrt(variance + eps)
  Standard(const Moments& m, double eps) : center(m.mean), scale(1 / std::sqrt(m.variance() + eps)) {}
};

// dx = g * weight * by + (x - center) * deviation + constant
struct InputGradient {
  float by, deviation, constant;
  // u = g * weight: the sums of u and of u (x - center.high) over n numbers
  InputGradient(const Standard& s, double u, double product, double n, bool centered) {
    const double slope = -s.scale * s.scale * s.scale * (product - s.center.low * u) / n;
    by = static_cast<float>(s.scale), deviation = static_cast<float>(slope);
    constant = centered ? static_cast<float>(-s.scale * u / n - slope * s.center.low) : 0.0f;
  }
};

template <typename F>
void each_item(int64_t count, int64_t size, F&& f) {
  parallel_for(count, std::max<int64_t>(1, kTogether / std::max<int64_t>(1, size)), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
    stream_fence();
  });
}

struct RowSums {
  Deviations x;
  Float u{}, product{};
  FACULA_INLINE void add(const RowSums& o) {
    x.add(o.x);
    u += o.u, product += o.product;
  }
};

// What a row's gradients are made with; u = g * weight.
struct RowGradient {
  float high, scale, low;  // the normalised input is (x - high) * scale + low
  InputGradient to;

  RowGradient(const Standard& s, const InputGradient& to)
      : high(s.center.high), scale(static_cast<float>(s.scale)), low(static_cast<float>(-s.center.low * s.scale)), to(to) {}

  template <bool weighted>
  static RowGradient look(const float* g, const float* x, int64_t n, const float* weight, double eps, bool centered) {
    float k = centered ? *x : 0.0f;
    const double count = static_cast<double>(n);
    for (bool again = false;; again = true) {
      double off = 0, raw = 0, u_sum = 0, product = 0;
      const Float center = broadcast(k);
      for (int64_t i = 0; i < n; i += kPiece) {
        Four<RowSums> sums;
        const float *gi = g + i, *xi = x + i, *wi = weighted ? weight + i : nullptr;
        sums.fold(std::min(kPiece, n - i), [&](auto at, RowSums& to) {
          const Float d = at.keep(at(xi) - center), u = weighted ? at(gi) * at(wi) : at(gi);
          to.x.step(d);
          to.u += u;
          to.product = fma(u, d, to.product);
        });
        const RowSums all = sums.total();
        off += sum(all.x.s), raw += sum(all.x.square), u_sum += sum(all.u), product += sum(all.product);
      }
      const double low = off / count, square = centered ? raw - off * low : raw;
      if (centered && !again && square < raw * (1.0 / 16)) {  // k was far from the mean
        k = static_cast<float>(k + low);
        continue;
      }
      const Standard s({count, centered ? k + low : 0.0, square}, eps);
      const double shift = centered ? static_cast<double>(k) - s.center.high : 0.0;
      return {s, InputGradient(s, u_sum, product + shift * u_sum, count, centered)};
    }
  }
};

// The gradients of `rows` rows, one after the other in memory: adds to dweight and dbias, writes dx.
template <bool weighted, bool biased, int rows>
void rows_grad(const float* g, const float* x, int64_t n, const float* weight, const RowGradient* of, bool streamed,
               float* dx, float* dweight, float* dbias) {
  const auto step = [&](auto at, auto put) {
    const Float w = weighted ? at(weight) : Float{};
    Float dw = at(dweight), db = biased ? at(dbias) : Float{};
#pragma GCC unroll 2
    for (int r = 0; r < rows; ++r) {
      const Float gv = at(g + r * n), d = at(x + r * n) - of[r].high;
      const Float u = weighted ? gv * w : gv;
      put(dx + r * n, fma(u, broadcast(of[r].to.by), fma(d, broadcast(of[r].to.deviation), broadcast(of[r].to.constant))));
      dw = fma(gv, fma(d, broadcast(of[r].scale), broadcast(of[r].low)), dw);
      db += gv;
    }
    at.put(dweight, dw);
    if (biased) at.put(dbias, db);
  };
  const auto plain = [&](auto at) { step(at, [&](float* p, Float v) { at.put(p, v); }); };
  if (streamed && n % kLanes == 0 && n >= 2 * kLanes) {  // all rows lie alike in the lines of the cache
    const int64_t past = reinterpret_cast<uintptr_t>(dx) % FACULA_BYTES / sizeof(float), before = past ? kLanes - past : 0;
    if (before) plain(Part{0, before});
    int64_t i = before;
    for (; i + kLanes <= n; i += kLanes) step(Whole{i}, [&](float* p, Float v) { stream(p + i, v); });
    if (i < n) plain(Part{i, n - i});
    return;
  }
  each(n, plain);
}

template <bool weighted, bool biased>
void part_grad(const float* g, const float* x, int64_t first, int64_t last, int64_t n, int64_t groups,
               const float* weight, double eps, bool centered, bool streamed, float* dx, float* dweight, float* dbias) {
  for (int64_t i = first; i < last;) {
    const int64_t at = i % groups * n, row = i * n;
    const float* w = weighted ? weight + at : nullptr;
    float* db = biased ? dbias + at : nullptr;
    const RowGradient one = RowGradient::look<weighted>(g + row, x + row, n, w, eps, centered);
    if (groups == 1 && i + 1 < last) {
      const RowGradient two[2] = {one, RowGradient::look<weighted>(g + row + n, x + row + n, n, w, eps, centered)};
      rows_grad<weighted, biased, 2>(g + row, x + row, n, w, two, streamed, dx + row, dweight, db);
      i += 2;
    } else {
      rows_grad<weighted, biased, 1>(g + row, x + row, n, w, &one, streamed, dx + row, dweight + at, db);
      i += 1;
    }
  }
}

// total[j] = sum over i of parts[i * step + j]
void add_up(const float* parts, int64_t count, int64_t step, int64_t n, float* total) {
  for (int64_t j = 0; j < n; ++j) {
    double t = 0;
    for (int64_t i = 0; i < count; ++i) t += parts[i * step + j];
    total[j] = static_cast<float>(t);
  }
}

// Numbers of channels, each for all its places.
void spread(const float* from, int64_t channels, int64_t places, float* to) {
  for (int64_t c = 0; c < channels; ++c) std::fill(to + c * places, to + (c + 1) * places, from[c]);
}

void gather(const float* from, int64_t channels, int64_t places, float* to) {
  for (int64_t c = 0; c < channels; ++c) {
    double t = 0;
    for (int64_t i = 0; i < places; ++i) t += from[c * places + i];
    to[c] = static_cast<float>(t);
  }
}

}  // namespace

void row_norm(const float* x, int64_t rows, int64_t n, int64_t groups, const float* weight, const float* bias, double eps,
              bool centered, float* out) {
  const bool streamed = rows * n >= kStreamed;
  const auto finish = [&](int64_t i, const Standard& s) {
    const float* row = x + i * n;
    const Float high = broadcast(s.center.high), scale = broadcast(static_cast<float>(s.scale)),
                low = broadcast(static_cast<float>(-s.center.low * s.scale));
    const int64_t group = i % groups * n;
    const float *w = weight ? weight + group : nullptr, *b = bias ? bias + group : nullptr;
    const auto normal = [&](auto at) { return fma(at(row) - high, scale, low); };
    float* to = out + i * n;
    if (weight && bias)
      write(to, n, streamed, [&](auto at) { return fma(normal(at), at(w), at(b)); });
    else if (weight)
      write(to, n, streamed, [&](auto at) { return normal(at) * at(w); });
    else if (bias)
      write(to, n, streamed, [&](auto at) { return normal(at) + at(b); });
    else
      write(to, n, streamed, normal);
  };
  // Two rows at a time: the square root of one is found while the other is added up.
  each_item(ceil_div(rows, 2), 2 * n, [&](int64_t pair) {
    const int64_t i = 2 * pair, j = std::min(i + 1, rows - 1);
    const Standard one(moments(x + i * n, 1, 0, n, centered), eps), two(moments(x + j * n, 1, 0, n, centered), eps);
    finish(i, one);
    if (j > i) finish(j, two);
  });
}

void row_norm_grad(const float* g, const float* x, int64_t rows, int64_t n, int64_t groups, const float* weight, double eps,
                   bool centered, float* dx, float* dweight, float* dbias) {
  const int64_t all = groups * n, sides = dbias ? 2 : 1;
  // Each part of the rows has sums of its own. Their number does not depend on the threads, so neither do the sums.
  const int64_t room = std::max<int64_t>(4, (1 << 20) / std::max<int64_t>(1, all));
  const int64_t parts = std::max<int64_t>(1, std::min({rows, rows * n / kTogether, room, int64_t{64}}));
  const int64_t share = ceil_div(rows, parts);
  static thread_local Buffer buffer;
  float* sums = parts == 1 ? nullptr : buffer.reserve(parts * sides * all);
  const bool streamed = rows * n >= kStreamed;
  parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      float* dw = sums ? sums + part * sides * all : dweight;
      float* db = !dbias ? nullptr : sums ? dw + all : dbias;
      std::fill(dw, dw + all, 0.0f);
      if (db) std::fill(db, db + all, 0.0f);
      const auto work = weight ? (db ? part_grad<true, true> : part_grad<true, false>)
                               : (db ? part_grad<false, true> : part_grad<false, false>);
      work(g, x, part * share, std::min(rows, (part + 1) * share), n, groups, weight, eps, centered, streamed, dx, dw, db);
    }
    stream_fence();
  });
  if (!sums) return;
  add_up(sums, parts, sides * all, all, dweight);
  if (dbias) add_up(sums + all, parts, sides * all, all, dbias);
}

void group_norm(const float* x, int64_t batch, int64_t groups, int64_t channels, int64_t places, const float* weight,
                const float* bias, double eps, float* out) {
  const int64_t n = channels * places, all = groups * channels;
  if (places < kShort || (!weight && !bias)) {
    static thread_local Buffer buffer;
    float* wide = weight || bias ? buffer.reserve(2 * groups * n) : nullptr;
    if (weight) spread(weight, all, places, wide);
    if (bias) spread(bias, all, places, wide + groups * n);
    row_norm(x, batch * groups, n, groups, weight ? wide : nullptr, bias ? wide + groups * n : nullptr, eps, true, out);
    return;
  }
  const bool streamed = batch * groups * n >= kStreamed;
  each_item(batch * groups, n, [&](int64_t i) {
    const Standard s(moments(x + i * n, 1, 0, n), eps);
    const Float high = broadcast(s.center.high);
    for (int64_t k = 0; k < channels; ++k) {
      const int64_t c = i % groups * channels + k, at_channel = i * n + k * places;
      const double by = s.scale * (weight ? weight[c] : 1.0);
      const Float scale = broadcast(static_cast<float>(by)),
                  shift = broadcast(static_cast<float>((bias ? bias[c] : 0.0) - s.center.low * by));
      write(out + at_channel, places, streamed,
            [&](auto at) { return fma(at(x + at_channel) - high, scale, shift); });
    }
  });
}

void group_norm_grad(const float* g, const float* x, int64_t batch, int64_t groups, int64_t channels, int64_t places,
                     const float* weight, double eps, float* dx, float* dweight, float* dbias) {
  const int64_t n = channels * places, all = groups * channels;
  static thread_local Buffer buffer;
  if (places < kShort) {
    float* wide = buffer.reserve(3 * groups * n);
    float *dw = wide + groups * n, *db = dw + groups * n;
    if (weight) spread(weight, all, places, wide);
    row_norm_grad(g, x, batch * groups, n, groups, weight ? wide : nullptr, eps, true, dx, dw, db);
    gather(dw, all, places, dweight);
    gather(db, all, places, dbias);
    return;
  }
  float* dw = buffer.reserve(2 * batch * all);  // of each sample's channels
  float* db = dw + batch * all;
  const bool streamed = batch * groups * n >= kStreamed;
  each_item(batch * groups, n, [&](int64_t i) {
    const Standard s(moments(x + i * n, 1, 0, n), eps);
    double u = 0, product = 0;
    for (int64_t k = 0; k < channels; ++k) {
      const int64_t c = i % groups * channels + k, at = i * n + k * places;
      const GradientSums sums = gradient_sums(g + at, x + at, 1, 0, places, s.center.high);
      const double w = weight ? weight[c] : 1.0;
      u += w * sums.g, product += w * sums.product;
      dw[i * channels + k] = static_cast<float>((sums.product - s.center.low * sums.g) * s.scale);
      db[i * channels + k] = static_cast<float>(sums.g);
    }
    const InputGradient to(s, u, product, static_cast<double>(n), true);
    const Float high = broadcast(s.center.high), deviation = broadcast(to.deviation), constant = broadcast(to.constant);
    for (int64_t k = 0; k < channels; ++k) {
      const int64_t c = i % groups * channels + k, at_channel = i * n + k * places;
      const Float by = broadcast(weight ? to.by * weight[c] : to.by);
      write(dx + at_channel, places, streamed, [&](auto at) {
        return fma(at(g + at_channel), by, fma(at(x + at_channel) - high, deviation, constant));
      });
    }
  });
  add_up(dw, batch, all, all, dweight);
  add_up(db, batch, all, all, dbias);
}

}  // namespace facula::FACULA_ISA
