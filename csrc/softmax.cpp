// Each row is read twice: its largest element and the sum of exponentials, then the result. Rows are independent, so
// any number of threads gives the same bits.
#include "softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "parallel.h"
#include "vmath.h"

namespace facula::FACULA_ISA {
namespace {

struct RowSum {
  float largest, sum;  // sum of exp(x - largest)
};

RowSum sum_of(const float* x, int64_t n) {
  const float infinity = std::numeric_limits<float>::infinity();
  const int64_t whole = n - n % kLanes;
  const Int lanes = first_lanes(n - whole);
  const auto rest = [&] { return lanes ? load_first(x + whole, n - whole) : broadcast(-infinity); };
  Float most = broadcast(-infinity);
  Int unordered{};
  for (int64_t i = 0; i < whole; i += kLanes) {
    const Float v = load(x + i);
    unordered |= v != v;
    most = max(most, v);
  }
  if (whole < n) {
    const Float v = rest();
    unordered |= v != v;
    most = max(most, v);
  }
  if (any(unordered)) {
    const float nan = std::numeric_limits<float>::quiet_NaN();
    return {nan, nan};
  }
  const float top = largest(most);
  Float total{};
  for (int64_t i = 0; i < whole; i += kLanes) total = total + exp(load(x + i) - top);
  if (whole < n) total = total + exp(rest() - top);
  return {top, sum(total)};
}

// out = exp(x - shift) * scale
void exps(const float* x, int64_t n, float shift, float scale, float* out) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(out + i, exp(load(x + i) - shift) * scale);
  if (i < n) store_first(out + i, exp(load_first(x + i, n - i) - shift) * scale, n - i);
}

int64_t row_grain(int64_t classes) { return std::max<int64_t>(1, 8192 / std::max<int64_t>(1, classes)); }

template <typename F>
void each_row(int64_t rows, int64_t classes, F&& f) {
  parallel_for(rows, row_grain(classes), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

}  // namespace

void softmax(const float* x, int64_t rows, int64_t classes, float* out) {
  each_row(rows, classes, [&](int64_t i) {
    RowSum s = sum_of(x + i * classes, classes);
    exps(x + i * classes, classes, s.largest, 1.0f / s.sum, out + i * classes);
  });
}

void log_softmax(const float* x, int64_t rows, int64_t classes, float* out) {
  each_row(rows, classes, [&](int64_t i) {
    RowSum s = sum_of(x + i * classes, classes);
    const float log_sum = std::log(s.sum);
    for (int64_t j = 0; j < classes; ++j) out[i * classes + j] = x[i * classes + j] - s.largest - log_sum;
  });
}

void softmax_grad(const float* g, const float* out, int64_t rows, int64_t classes, float* dx) {
  parallel_for(rows, row_grain(classes), [&](int64_t begin, int64_t end) {
    for (int64_t k = begin * classes; k < end * classes; k += classes) {
      float dot = 0;
      for (int64_t j = k; j < k + classes; ++j) dot += g[j] * out[j];
      for (int64_t j = k; j < k + classes; ++j) dx[j] = (g[j] - dot) * out[j];
    }
  });
}

void log_softmax_grad(const float* g, const float* out, int64_t rows, int64_t classes, float* dx) {
  each_row(rows, classes, [&](int64_t i) {
    const int64_t k = i * classes;
    float sum = 0;
    for (int64_t j = k; j < k + classes; ++j) sum += g[j];
    exps(out + k, classes, 0.0f, sum, dx + k);
    for (int64_t j = k; j < k + classes; ++j) dx[j] = g[j] - dx[j];
  });
}

void cross_entropy(const float* x, const int64_t* target, int64_t rows, int64_t classes, int64_t ignored, float* losses) {
  each_row(rows, classes, [&](int64_t i) {
    if (target[i] == ignored) {
      losses[i] = 0.0f;
      return;
    }
    RowSum s = sum_of(x + i * classes, classes);
    losses[i] = std::log(s.sum) - (x[i * classes + target[i]] - s.largest);
  });
}

void cross_entropy_grad(const float* x, const int64_t* target, int64_t rows, int64_t classes, int64_t ignored,
                        const float* scale, int64_t scale_stride, float* dx) {
  each_row(rows, classes, [&](int64_t i) {
    float* row = dx + i * classes;
    if (target[i] == ignored) {
      std::fill(row, row + classes, 0.0f);
      return;
    }
    const float factor = scale[i * scale_stride];
    RowSum s = sum_of(x + i * classes, classes);
    exps(x + i * classes, classes, s.largest, factor / s.sum, row);
    row[target[i]] -= factor;
  });
}

}  // namespace facula::FACULA_ISA
