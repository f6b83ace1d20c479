// The operand with few rows gives the vectors x[v][k], the other the matrix w[i][k]; result(v, i) is their dot product.
// Where k is the matrix's fast index, several of its rows at a time are multiplied with several vectors; where i is, sums
// of a stretch of i stay in the first cache while rows of k pass by.
#include "gemv.h"

#include <algorithm>

#include "parallel.h"
#include "tile.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kMostVectors = 8;
constexpr int64_t kUnit = 24;               // rows of the matrix for which dot products are held: a multiple of 8, 4 and 3
constexpr int64_t kChunk = 8192;            // numbers of all vectors together that pass before the next vectors' turn
constexpr int64_t kHeld = 4096;             // sums that stay in the first cache
constexpr int64_t kLeastWork = 1 << 16;     // products worth handing to another thread

struct Vectors {
  const float* data;
  int64_t count, stride;  // dense in k
};
struct Rows {
  const float* data;
  int64_t count, index, depth;  // how many i, strides of i and k
};
struct Result {
  float* out;
  int64_t vector, index;  // strides
  const float *vector_bias, *index_bias;
  bool relu;

  void set(int64_t v, int64_t i, float sum) const {
    if (vector_bias) sum += vector_bias[v];
    if (index_bias) sum += index_bias[i];
    out[v * vector + i * index] = relu && sum <= 0.0f ? 0.0f : sum;
  }
};

// How the vectors are taken: in groups of at most four that are as even as can be.
int64_t group_size(int64_t vectors) { return ceil_div(vectors, ceil_div(vectors, 4)); }

// sums[v][j] += x[v] . w[j] over `depth` numbers; each sum in one order of additions whatever vectors and rows are.
template <int vectors, int rows>
void dots(int64_t depth, const float* x, int64_t x_stride, const float* w, int64_t w_stride, float (*sums)[kUnit]) {
  Float held[vectors][rows] = {};
  int64_t k = 0;
  for (; k + kLanes <= depth; k += kLanes) {
    Float row[rows];
#pragma GCC unroll 8
    for (int j = 0; j < rows; ++j) row[j] = load(w + j * w_stride + k);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const Float one = load(x + v * x_stride + k);
#pragma GCC unroll 8
      for (int j = 0; j < rows; ++j) held[v][j] = fma(one, row[j], held[v][j]);
    }
  }
  if (k < depth) {
    Float row[rows];
#pragma GCC unroll 8
    for (int j = 0; j < rows; ++j) row[j] = load_first(w + j * w_stride + k, depth - k);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const Float one = load_first(x + v * x_stride + k, depth - k);
#pragma GCC unroll 8
      for (int j = 0; j < rows; ++j) held[v][j] = fma(one, row[j], held[v][j]);
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v)
#pragma GCC unroll 8
    for (int j = 0; j < rows; ++j) sums[v][j] += sum(held[v][j]);
}

template <int vectors>
void dots_of(int64_t count, int64_t depth, const float* x, int64_t x_stride, const float* w, int64_t w_stride,
             float (*sums)[kUnit]) {
  constexpr int rows = vectors == 1 ? 8 : vectors == 2 ? 4 : 3;
  int64_t j = 0;
  for (; j + rows <= count; j += rows)
    dots<vectors, rows>(depth, x, x_stride, w + j * w_stride, w_stride, reinterpret_cast<float(*)[kUnit]>(&sums[0][j]));
  for (; j < count; ++j)
    dots<vectors, 1>(depth, x, x_stride, w + j * w_stride, w_stride, reinterpret_cast<float(*)[kUnit]>(&sums[0][j]));
}

void by_dots(int64_t k, const Vectors& x, const Rows& w, const Result& to) {
  const int64_t units = ceil_div(w.count, kUnit), grain = kLeastWork / (k * x.count * kUnit) + 1;
  const int64_t chunk = kChunk / x.count / kLanes * kLanes, most = group_size(x.count);
  parallel_for(units, std::max(grain, units / (num_threads() * 8)), [&](int64_t begin, int64_t end) {
    for (int64_t unit = begin; unit < end; ++unit) {
      const int64_t i0 = unit * kUnit, count = std::min(kUnit, w.count - i0);
      float sums[kMostVectors][kUnit] = {};
      for (int64_t k0 = 0; k0 < k; k0 += chunk) {
        const int64_t depth = std::min(chunk, k - k0);
        const float* rows = w.data + i0 * w.index + k0;
        for (int64_t v = 0; v < x.count; v += most) {
          const float* vectors = x.data + v * x.stride + k0;
          switch (std::min(most, x.count - v)) {
            case 1: dots_of<1>(count, depth, vectors, x.stride, rows, w.index, sums + v); break;
            case 2: dots_of<2>(count, depth, vectors, x.stride, rows, w.index, sums + v); break;
            case 3: dots_of<3>(count, depth, vectors, x.stride, rows, w.index, sums + v); break;
            default: dots_of<4>(count, depth, vectors, x.stride, rows, w.index, sums + v);
          }
        }
      }
      for (int64_t v = 0; v < x.count; ++v)
        for (int64_t i = 0; i < count; ++i) to.set(v, i0 + i, sums[v][i]);
    }
  });
}

// held[v][i] += the sum over `depth` rows of x[v][k] * w[k][i].
template <int vectors, int depth>
void rows_into(int64_t count, const float* x, int64_t x_stride, const float* w, int64_t w_stride, float* held,
               int64_t held_stride) {
  Float one[vectors][depth];
#pragma GCC unroll 4
  for (int v = 0; v < vectors; ++v)
#pragma GCC unroll 8
    for (int k = 0; k < depth; ++k) one[v][k] = broadcast(x[v * x_stride + k]);
  auto step = [&](int64_t i, auto&& get) __attribute__((always_inline)) {
    Float row[depth];
#pragma GCC unroll 8
    for (int k = 0; k < depth; ++k) row[k] = get(w + k * w_stride + i);
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      Float total = load(held + v * held_stride + i);
#pragma GCC unroll 8
      for (int k = 0; k < depth; ++k) total = fma(one[v][k], row[k], total);
      store(held + v * held_stride + i, total);
    }
  };
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) step(i, [](const float* p) { return load(p); });
  if (i < count) step(i, [&](const float* p) { return load_first(p, count - i); });
}

template <int vectors>
void all_rows_into(int64_t k, int64_t count, const float* x, int64_t x_stride, const float* w, int64_t w_stride,
                   float* held, int64_t held_stride) {
  constexpr int depth = vectors == 1 ? 8 : vectors == 4 ? 2 : 4;
  int64_t at = 0;
  for (; at + depth <= k; at += depth)
    rows_into<vectors, depth>(count, x + at, x_stride, w + at * w_stride, w_stride, held, held_stride);
  for (; at < k; ++at) rows_into<vectors, 1>(count, x + at, x_stride, w + at * w_stride, w_stride, held, held_stride);
}

void by_rows(int64_t k, const Vectors& x, const Rows& w, const Result& to) {
  const int64_t most = group_size(x.count);
  const int64_t widest = kHeld / x.count / kLanes * kLanes, least = ceil_div(kLeastWork, k * x.count);
  const int64_t piece = std::min(widest, std::max({int64_t{64}, ceil_div(least, 64) * 64,
                                                   ceil_div(w.count, num_threads() * 64) * 64}));
  parallel_for(ceil_div(w.count, piece), 1, [&](int64_t begin, int64_t end) {
    static thread_local Buffer buffer;
    const int64_t stride = ceil_div(piece, kLanes) * kLanes;
    float* held = buffer.reserve(x.count * stride);
    for (int64_t part = begin; part < end; ++part) {
      const int64_t i0 = part * piece, count = std::min(piece, w.count - i0);
      std::memset(held, 0, x.count * stride * sizeof(float));
      constexpr int64_t few = 64;  // rows that are still in the cache when the next vectors' turn comes
      for (int64_t k0 = 0; k0 < k; k0 += few) {
        const int64_t depth = std::min(few, k - k0);
        const float* rows = w.data + i0 + k0 * w.depth;
        for (int64_t v = 0; v < x.count; v += most) {
          const float* vectors = x.data + v * x.stride + k0;
          float* sums = held + v * stride;
          switch (std::min(most, x.count - v)) {
            case 1: all_rows_into<1>(depth, count, vectors, x.stride, rows, w.depth, sums, stride); break;
            case 2: all_rows_into<2>(depth, count, vectors, x.stride, rows, w.depth, sums, stride); break;
            case 3: all_rows_into<3>(depth, count, vectors, x.stride, rows, w.depth, sums, stride); break;
            default: all_rows_into<4>(depth, count, vectors, x.stride, rows, w.depth, sums, stride);
          }
        }
      }
      for (int64_t v = 0; v < x.count; ++v)
        for (int64_t i = 0; i < count; ++i) to.set(v, i0 + i, held[v * stride + i]);
    }
  });
}

}  // namespace

bool few_vectors(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, const float* bias, bool relu, float* out) {
  const bool rows = m <= n;  // a gives the vectors
  if (std::min(m, n) > kMostVectors) return false;
  const Rows w = rows ? Rows{b.data, n, b.column, b.row} : Rows{a.data, m, a.row, a.column};
  const int64_t vectors = rows ? m : n;
  int64_t stride = rows ? a.row : b.column, depth = rows ? a.column : b.row;
  const float* data = rows ? a.data : b.data;
  const bool dots = w.depth == 1;
  if (dots && k < 4 * kLanes) return false;  // the sums across a vector would cost more than the products
  if (!dots && vectors > 4 && (w.index != 1 || w.count < 4 * kWide)) return false;
  static thread_local Buffer packed;
  if (depth != 1) {
    float* to = packed.reserve(vectors * k);
    for (int64_t v = 0; v < vectors; ++v)
      for (int64_t i = 0; i < k; ++i) to[v * k + i] = data[v * stride + i * depth];
    data = to, stride = k;
  }
  const Result to{out, rows ? n : 1, rows ? 1 : n, rows ? nullptr : bias, rows ? bias : nullptr, relu};
  if (dots)
    by_dots(k, {data, vectors, stride}, w, to);
  else
    by_rows(k, {data, vectors, stride}, w, to);
  return true;
}

}  // namespace facula::FACULA_ISA
