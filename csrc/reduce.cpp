#include "reduce.h"

#include <algorithm>
#include <memory>

#include "parallel.h"
#include "simd.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kRun = 1024;      // numbers added in float before they join a double
constexpr int64_t kStrip = 64;      // columns that are added at a time
constexpr int64_t kPiece = 1 << 16;  // numbers worth a thread's while

// The sum of consecutive numbers.
double run(const float* x, int64_t count) {
  double total = 0;
  while (count >= 4 * kLanes) {
    const int64_t here = std::min(count / (4 * kLanes) * (4 * kLanes), kRun);
    Float a{}, b{}, c{}, d{};
    for (const float* end = x + here; x < end; x += 4 * kLanes) {
      a = a + load(x), b = b + load(x + kLanes);
      c = c + load(x + 2 * kLanes), d = d + load(x + 3 * kLanes);
    }
    total += sum((a + b) + (c + d));
    count -= here;
  }
  Float rest{};
  for (; count >= kLanes; count -= kLanes, x += kLanes) rest = rest + load(x);
  if (count > 0) rest = rest + load_first(x, count);
  return total + sum(rest);
}

// totals[j] += sum over rows of x[row, j], for `columns` <= kStrip.
void strip(const float* x, int64_t rows, int64_t stride, int64_t columns, double* totals) {
  constexpr int64_t kRows = 32;  // added in float
  for (int64_t row = 0; row < rows; row += kRows) {
    float held[kStrip] = {};
    const int64_t end = std::min(rows, row + kRows);
    if (columns == kStrip) {
      for (int64_t i = row; i < end; ++i)
        for (int64_t j = 0; j < kStrip; ++j) held[j] += x[i * stride + j];
    } else {
      for (int64_t i = row; i < end; ++i)
        for (int64_t j = 0; j < columns; ++j) held[j] += x[i * stride + j];
    }
    for (int64_t j = 0; j < columns; ++j) totals[j] += held[j];
  }
}

// x[rows, columns] summed over rows. Rows are parted into blocks, not by threads, so that the order is always the same.
void columns_of(const float* x, int64_t rows, int64_t columns, double scale, float* out) {
  const int64_t strips = (columns + kStrip - 1) / kStrip;
  const int64_t block = std::max<int64_t>(32, kPiece / std::min(columns, kStrip));
  const int64_t blocks = (rows + block - 1) / block;
  const std::unique_ptr<double[]> partial(new double[blocks * columns]());
  parallel_for(blocks * strips, std::max<int64_t>(1, kPiece / (block * kStrip)), [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const int64_t b = k / strips, first = k % strips * kStrip;
      strip(x + b * block * columns + first, std::min(block, rows - b * block), columns, std::min(kStrip, columns - first),
            partial.get() + b * columns + first);
    }
  });
  for (int64_t j = 0; j < columns; ++j) {
    double total = 0;
    for (int64_t b = 0; b < blocks; ++b) total += partial[b * columns + j];
    out[j] = static_cast<float>(total * scale);
  }
}

}  // namespace

void sum(const float* x, int64_t outer, int64_t kept, int64_t inner, double scale, float* out) {
  if (inner == 1) return columns_of(x, outer, kept, scale, out);
  if (kept == 1 && outer == 1) {
    const int64_t pieces = (inner + kPiece - 1) / kPiece;
    const std::unique_ptr<double[]> partial(new double[pieces]);
    parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
      for (int64_t k = begin; k < end; ++k) partial[k] = run(x + k * kPiece, std::min(kPiece, inner - k * kPiece));
    });
    double total = 0;
    for (int64_t k = 0; k < pieces; ++k) total += partial[k];
    *out = static_cast<float>(total * scale);
    return;
  }
  parallel_for(kept, std::max<int64_t>(1, kPiece / std::max<int64_t>(1, outer * inner)), [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      double total = 0;
      for (int64_t o = 0; o < outer; ++o) total += run(x + (o * kept + k) * inner, inner);
      out[k] = static_cast<float>(total * scale);
    }
  });
}

}  // namespace facula::FACULA_ISA
