// Batch normalisation. A channel of many places is a run in each sample: channels are worked on one at a time, so that the
// second reading finds most of it in a cache. Channels of few places are columns: all are summed at once, row by row.
#include "moments.h"
#include "norm.h"
#include "parallel.h"
#include "tile.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kStreamed = 4 << 20;  // results of more floats do not stay in any cache
constexpr int64_t kTogether = 1 << 14;  // floats that are worth a thread's while
constexpr int64_t kFew = 8;             // channels too few to share out among threads: their samples are shared out
constexpr int64_t kRows = 32;           // rows that are summed in single precision
constexpr int64_t kFirst = 8;           // the first rows, which are looked at twice
constexpr int64_t kStrip = 512;         // columns at once: their sums stay in the first-level cache

struct Shape {
  int64_t batch, channels, places;
  int64_t row() const { return channels * places; }
  int64_t size() const { return batch * row(); }
  double count() const { return static_cast<double>(batch * places); }
  bool columns() const { return places < 4 * kLanes; }
  bool streamed() const { return size() >= kStreamed; }
};

double* doubles(Buffer& buffer, int64_t count) { return reinterpret_cast<double*>(buffer.reserve(2 * count)); }

// (x - center) * scale + shift
struct Affine {
  float center, scale, shift;
};
// g * by + (x - center) * deviation + constant
struct Combination {
  float center, by, deviation, constant;
};

Affine affine(const Moments& m, double eps, const float* weight, const float* bias, int64_t c) {
  const Center center(m.mean);
  const double scale = (weight ? weight[c] : 1.0) / std::sqrt(m.variance() + eps);
  return {center.high, static_cast<float>(scale), static_cast<float>((bias ? bias[c] : 0.0) - center.low * scale)};
}

// ---- one channel at a time -------------------------------------------------------------------------------------------

struct Gradients {
  const float *g, *x, *weight, *mean, *var;
  double eps;
  bool training;
  float *dx, *dweight, *dbias;

  Combination finish(const GradientSums& sums, double count, int64_t c) const {
    const double s = 1 / std::sqrt(static_cast<double>(var[c]) + eps), by = (weight ? weight[c] : 1.0) * s;
    const double low = training ? sums.deviation / count : 0.0;  // what the mean lost when it was rounded
    const double product = (sums.product - low * sums.g) * s;    // the sum of g times the normalised input
    dweight[c] = static_cast<float>(product);
    dbias[c] = static_cast<float>(sums.g);
    if (!training) return {mean[c], static_cast<float>(by), 0.0f, 0.0f};
    const double deviation = -by * s * product / count;
    return {mean[c], static_cast<float>(by), static_cast<float>(deviation),
            static_cast<float>(-by * sums.g / count - deviation * low)};
  }
};

void apply_run(const float* x, const Affine& a, int64_t n, bool streamed, float* out) {
  const Float center = broadcast(a.center), scale = broadcast(a.scale), shift = broadcast(a.shift);
  write(out, n, streamed, [&](auto at) { return fma(at(x) - center, scale, shift); });
}

void apply_run(const float* g, const float* x, const Combination& a, bool training, int64_t n, bool streamed, float* dx) {
  const Float by = broadcast(a.by);
  if (!training) return write(dx, n, streamed, [&](auto at) { return at(g) * by; });
  const Float center = broadcast(a.center), deviation = broadcast(a.deviation), constant = broadcast(a.constant);
  write(dx, n, streamed, [&](auto at) { return fma(at(g), by, fma(at(x) - center, deviation, constant)); });
}

// For each channel: look(first channel, channels, first sample, samples, totals) adds to the totals of some channels, made =
// finish(c, total), then write(c, sample, made).
template <typename Total, typename Look, typename Finish, typename Write>
void each_channel(const Shape& shape, Look&& look, Finish&& finish, Write&& write) {
  using Made = decltype(finish(int64_t{}, Total{}));
  if (shape.channels >= kFew) {
    // Neighbouring channels together where they are short: memory is then read in longer runs.
    const int64_t size = shape.batch * shape.places;
    const int64_t wide = std::max<int64_t>(1, std::min({1024 / shape.places, kStripe, shape.channels / kFew}));
    parallel_for(ceil_div(shape.channels, wide), std::max<int64_t>(1, kTogether / (size * wide)),
                 [&](int64_t begin, int64_t end) {
                   for (int64_t first = begin * wide; first < std::min(shape.channels, end * wide); first += wide) {
                     const int64_t count = std::min(wide, shape.channels - first);
                     Total totals[kStripe];
                     Made made[kStripe];
                     look(first, count, int64_t{0}, shape.batch, totals);
                     for (int64_t c = 0; c < count; ++c) made[c] = finish(first + c, totals[c]);
                     for (int64_t n = 0; n < shape.batch; ++n)
                       for (int64_t c = 0; c < count; ++c) write(first + c, n, made[c]);
                   }
                   stream_fence();
                 });
    return;
  }
  constexpr int64_t kParts = 16;
  const int64_t share = ceil_div(shape.batch, std::min(kParts, shape.batch)), parts = ceil_div(shape.batch, share);
  Total totals[kFew * kParts];
  const int64_t grain = std::max<int64_t>(1, kTogether / (share * shape.places));
  parallel_for(shape.channels * parts, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % parts * share;
      look(i / parts, int64_t{1}, first, std::min(share, shape.batch - first), &totals[i]);
    }
  });
  Made made[kFew];
  for (int64_t c = 0; c < shape.channels; ++c) {
    for (int64_t i = 1; i < parts; ++i) totals[c * parts].add(totals[c * parts + i]);
    made[c] = finish(c, totals[c * parts]);
  }
  parallel_for(shape.batch * shape.channels, std::max<int64_t>(1, kTogether / shape.places),
               [&](int64_t begin, int64_t end) {
                 for (int64_t i = begin; i < end; ++i) write(i % shape.channels, i / shape.channels, made[i % shape.channels]);
                 stream_fence();
               });
}

// ---- all channels of few places at once ------------------------------------------------------------------------------

// Moments of columns that have `count` rows each.
struct ColumnMoments {
  double *mean, *square;
  double count;

  void add(const ColumnMoments& o, int64_t columns) {
    const double total = count + o.count, share = o.count / total, weight = count * share;
    for (int64_t j = 0; j < columns; ++j) {
      const double step = o.mean[j] - mean[j];
      square[j] += o.square[j] + step * step * weight;
      mean[j] += step * share;
    }
    count = total;
  }
};

// f(part, first row, rows, first column, columns): parts of the rows, strips of the columns.
struct Parts {
  int64_t share, parts;
  explicit Parts(const Shape& shape) {
    share = ceil_div(std::max(ceil_div(shape.batch, 16), ceil_div(kTogether, shape.row())), kRows) * kRows;
    parts = ceil_div(shape.batch, share);
  }
  template <typename F>
  void each(const Shape& shape, F&& f) const {
    const int64_t strips = ceil_div(shape.row(), kStrip);
    parallel_for(parts * strips, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t part = i / strips, first = part * share, column = i % strips * kStrip;
        f(part, first, std::min(share, shape.batch - first), column, std::min(kStrip, shape.row() - column));
      }
    });
  }
};

void column_moments(const float* x, int64_t rows, int64_t stride, int64_t columns, double* mean, double* square) {
  alignas(64) float k[kStrip], off[kStrip], squares[kStrip];
  alignas(64) double block_mean[kStrip], block_square[kStrip];
  ColumnMoments all{mean, square, 0};
  std::fill(mean, mean + columns, 0.0);
  std::fill(square, square + columns, 0.0);
  for (int64_t first = 0; first < rows;) {
    // The first rows are looked at twice: for a guess at the mean. Later the mean so far serves.
    const int64_t count = std::min(first ? kRows : kFirst, rows - first);
    const float* from = x + first * stride;
    if (first) {
      for (int64_t j = 0; j < columns; ++j) k[j] = static_cast<float>(mean[j]);
    } else {
      std::fill(k, k + columns, 0.0f);
      for (int64_t i = 0; i < count; ++i)
        each(columns, [&](auto at) { at.put(k, at(k) + at(from + i * stride)); });
      each(columns, [&](auto at) { at.put(k, at(k) * (1.0f / static_cast<float>(count))); });
    }
    std::fill(off, off + columns, 0.0f);
    std::fill(squares, squares + columns, 0.0f);
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
      const float* four = from + i * stride;
      each(columns, [&](auto at) {
        const Float center = at(k);
        const Float a = at(four) - center, b = at(four + stride) - center, c = at(four + 2 * stride) - center,
                    d = at(four + 3 * stride) - center;
        at.put(off, at(off) + ((a + b) + (c + d)));
        at.put(squares, fma(a, a, fma(b, b, fma(c, c, fma(d, d, at(squares))))));
      });
    }
    for (; i < count; ++i)
      each(columns, [&](auto at) {
        const Float d = at(from + i * stride) - at(k);
        at.put(off, at(off) + d);
        at.put(squares, fma(d, d, at(squares)));
      });
    const double share = 1.0 / static_cast<double>(count);
    for (int64_t j = 0; j < columns; ++j) {
      const double low = off[j] * share;
      block_mean[j] = k[j] + low;
      block_square[j] = squares[j] - off[j] * low;
    }
    all.add({block_mean, block_square, static_cast<double>(count)}, columns);
    first += count;
  }
}

// f(at) over the columns of each row, in parallel.
template <typename F>
void write_rows(const Shape& shape, float* out, F&& f) {
  parallel_for(shape.batch, std::max<int64_t>(1, kTogether / shape.row()), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t from = i * shape.row();
      write(out + from, shape.row(), shape.streamed(), [&](auto at) { return f(at, from); });
    }
    stream_fence();
  });
}

void apply_columns(const Shape& shape, const float* x, const Affine* channels, float* out) {
  static thread_local Buffer buffer;
  const int64_t row = shape.row();
  float *center = buffer.reserve(3 * row), *scale = center + row, *shift = scale + row;
  for (int64_t j = 0; j < row; ++j) {
    const Affine& a = channels[j / shape.places];
    center[j] = a.center, scale[j] = a.scale, shift[j] = a.shift;
  }
  write_rows(shape, out,
             [=](auto at, int64_t from) { return fma(at(x + from) - at(center), at(scale), at(shift)); });
}

void norm_columns(const Shape& shape, const float* x, const float* weight, const float* bias, double eps, float* out,
                  float* mean, float* var) {
  static thread_local Buffer buffer, affines;
  const int64_t row = shape.row();
  const Parts parts(shape);
  double* sums = doubles(buffer, 2 * parts.parts * row);  // of each part: means, then squares
  parts.each(shape, [&](int64_t part, int64_t first, int64_t rows, int64_t column, int64_t columns) {
    double* to = sums + 2 * part * row + column;
    column_moments(x + first * row + column, rows, row, columns, to, to + row);
  });
  ColumnMoments all{sums, sums + row, static_cast<double>(std::min(parts.share, shape.batch))};
  for (int64_t part = 1; part < parts.parts; ++part) {
    double* from = sums + 2 * part * row;
    all.add({from, from + row, static_cast<double>(std::min(parts.share, shape.batch - part * parts.share))}, row);
  }
  auto* made = reinterpret_cast<Affine*>(affines.reserve(3 * shape.channels));
  for (int64_t c = 0; c < shape.channels; ++c) {
    const int64_t end = (c + 1) * shape.places;
    Moments m{shape.count(), 0, 0};
    for (int64_t j = c * shape.places; j < end; ++j) m.mean += all.mean[j];
    m.mean /= static_cast<double>(shape.places);
    for (int64_t j = c * shape.places; j < end; ++j)
      m.square += all.square[j] + all.count * (all.mean[j] - m.mean) * (all.mean[j] - m.mean);
    mean[c] = static_cast<float>(m.mean), var[c] = static_cast<float>(m.variance());
    made[c] = affine(m, eps, weight, bias, c);
  }
  apply_columns(shape, x, made, out);
}

void grad_columns(const Shape& shape, const Gradients& of) {
  static thread_local Buffer buffer, wide;
  const int64_t row = shape.row();
  const Parts parts(shape);
  double* sums = doubles(buffer, 3 * parts.parts * row);
  float *center = wide.reserve(4 * row), *by = center + row, *deviation = by + row, *constant = deviation + row;
  for (int64_t j = 0; j < row; ++j) center[j] = of.mean[j / shape.places];
  parts.each(shape, [&](int64_t part, int64_t first, int64_t rows, int64_t column, int64_t columns) {
    alignas(64) float single[3][kStrip];
    double* to = sums + 3 * part * row + column;
    for (int s = 0; s < 3; ++s) std::fill(to + s * row, to + s * row + columns, 0.0);
    const float* k = center + column;
    for (int64_t i = 0; i < rows; i += kRows) {
      for (auto& s : single) std::fill(s, s + columns, 0.0f);
      const int64_t last = std::min(rows, i + kRows);
      int64_t r = i;
      for (; r + 2 <= last; r += 2) {
        const float *g = of.g + (first + r) * row + column, *x = of.x + (first + r) * row + column;
        each(columns, [&](auto at) {
          const Float gv = at(g), gw = at(g + row), d = at(x) - at(k), e = at(x + row) - at(k);
          at.put(single[0], at(single[0]) + (gv + gw));
          at.put(single[1], fma(gv, d, fma(gw, e, at(single[1]))));
          at.put(single[2], at(single[2]) + (d + e));
        });
      }
      for (; r < last; ++r) {
        const float *g = of.g + (first + r) * row + column, *x = of.x + (first + r) * row + column;
        each(columns, [&](auto at) {
          const Float gv = at(g), d = at(x) - at(k);
          at.put(single[0], at(single[0]) + gv);
          at.put(single[1], fma(gv, d, at(single[1])));
          at.put(single[2], at(single[2]) + d);
        });
      }
      for (int s = 0; s < 3; ++s)
        for (int64_t j = 0; j < columns; ++j) to[s * row + j] += single[s][j];
    }
  });
  for (int64_t part = 1; part < parts.parts; ++part)
    for (int64_t j = 0; j < 3 * row; ++j) sums[j] += sums[3 * part * row + j];
  for (int64_t c = 0; c < shape.channels; ++c) {
    GradientSums all;
    for (int64_t j = c * shape.places; j < (c + 1) * shape.places; ++j) all.add({sums[j], sums[row + j], sums[2 * row + j]});
    const Combination made = of.finish(all, shape.count(), c);
    for (int64_t j = c * shape.places; j < (c + 1) * shape.places; ++j)
      by[j] = made.by, deviation[j] = made.deviation, constant[j] = made.constant;
  }
  const float *g = of.g, *x = of.x;
  if (of.training)
    write_rows(shape, of.dx, [=](auto at, int64_t from) {
      return fma(at(g + from), at(by), fma(at(x + from) - at(center), at(deviation), at(constant)));
    });
  else
    write_rows(shape, of.dx, [=](auto at, int64_t from) { return at(g + from) * at(by); });
}

}  // namespace

void batch_norm(const float* x, int64_t batch, int64_t channels, int64_t places, const float* weight, const float* bias,
                double eps, float* out, float* mean, float* var) {
  const Shape shape{batch, channels, places};
  if (shape.columns()) return norm_columns(shape, x, weight, bias, eps, out, mean, var);
  each_channel<Moments>(
      shape,
      [&](int64_t c, int64_t wide, int64_t first, int64_t count, Moments* totals) {
        stripe_moments(x + (first * channels + c) * places, count, shape.row(), wide, places, totals);
      },
      [&](int64_t c, const Moments& m) {
        mean[c] = static_cast<float>(m.mean), var[c] = static_cast<float>(m.variance());
        return affine(m, eps, weight, bias, c);
      },
      [&](int64_t c, int64_t n, const Affine& a) {
        const int64_t at = (n * channels + c) * places;
        apply_run(x + at, a, places, shape.streamed(), out + at);
      });
}

void batch_norm_eval(const float* x, int64_t batch, int64_t channels, int64_t places, const float* weight,
                     const float* bias, const float* mean, const float* var, double eps, float* out) {
  const Shape shape{batch, channels, places};
  static thread_local Buffer buffer;
  auto* made = reinterpret_cast<Affine*>(buffer.reserve(3 * channels));
  for (int64_t c = 0; c < channels; ++c) made[c] = affine({1, mean[c], var[c]}, eps, weight, bias, c);
  if (shape.columns()) return apply_columns(shape, x, made, out);
  parallel_for(batch * channels, std::max<int64_t>(1, kTogether / places), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      apply_run(x + i * places, made[i % channels], places, shape.streamed(), out + i * places);
    stream_fence();
  });
}

void batch_norm_grad(const float* g, const float* x, int64_t batch, int64_t channels, int64_t places, const float* weight,
                     const float* mean, const float* var, double eps, bool training, float* dx, float* dweight,
                     float* dbias) {
  const Shape shape{batch, channels, places};
  const Gradients of{g, x, weight, mean, var, eps, training, dx, dweight, dbias};
  if (shape.columns()) return grad_columns(shape, of);
  each_channel<GradientSums>(
      shape,
      [&](int64_t c, int64_t wide, int64_t first, int64_t count, GradientSums* totals) {
        const int64_t at = (first * channels + c) * places;
        stripe_gradient_sums(g + at, x + at, count, shape.row(), wide, places, mean + c, totals);
      },
      [&](int64_t c, const GradientSums& sums) { return of.finish(sums, shape.count(), c); },
      [&](int64_t c, int64_t n, const Combination& a) {
        const int64_t at = (n * channels + c) * places;
        apply_run(g + at, x + at, a, training, places, shape.streamed(), dx + at);
      });
}

}  // namespace facula::FACULA_ISA
