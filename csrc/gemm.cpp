// Which side of the product is "wide" (tile.h) is chosen by the packing that it costs. The wide side is packed into panels
// [k][kWide]. The tall side is read where it stands when k is its fast index (a linear layer's weight in the forward pass:
// packing it would cost a fifth of the work when the batch is 64), else it is packed into strips [k][kTall]. When a is the
// wide side, tiles hold the transposed result and are turned on the way out.
#include "gemm.h"

#include <algorithm>

#include "parallel.h"
#include "tile.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kDepth = 1024;      // longest stretch of k that one pass sums; longer sums add up passes
constexpr int64_t kPanelGroup = 4;    // panels that a thread packs for itself when there are many
constexpr int64_t kSharedPack = 192 << 10;  // elements of the wide side that are packed once for all threads

#if defined(__AVX__)
FACULA_INLINE void transpose8(const float* from, int64_t stride, float* to, int64_t to_stride) {
  __m256 a0 = _mm256_loadu_ps(from), a1 = _mm256_loadu_ps(from + stride);
  __m256 a2 = _mm256_loadu_ps(from + 2 * stride), a3 = _mm256_loadu_ps(from + 3 * stride);
  __m256 a4 = _mm256_loadu_ps(from + 4 * stride), a5 = _mm256_loadu_ps(from + 5 * stride);
  __m256 a6 = _mm256_loadu_ps(from + 6 * stride), a7 = _mm256_loadu_ps(from + 7 * stride);
  __m256 b0 = _mm256_unpacklo_ps(a0, a1), b1 = _mm256_unpackhi_ps(a0, a1);
  __m256 b2 = _mm256_unpacklo_ps(a2, a3), b3 = _mm256_unpackhi_ps(a2, a3);
  __m256 b4 = _mm256_unpacklo_ps(a4, a5), b5 = _mm256_unpackhi_ps(a4, a5);
  __m256 b6 = _mm256_unpacklo_ps(a6, a7), b7 = _mm256_unpackhi_ps(a6, a7);
  a0 = _mm256_shuffle_ps(b0, b2, 0x44), a1 = _mm256_shuffle_ps(b0, b2, 0xee);
  a2 = _mm256_shuffle_ps(b1, b3, 0x44), a3 = _mm256_shuffle_ps(b1, b3, 0xee);
  a4 = _mm256_shuffle_ps(b4, b6, 0x44), a5 = _mm256_shuffle_ps(b4, b6, 0xee);
  a6 = _mm256_shuffle_ps(b5, b7, 0x44), a7 = _mm256_shuffle_ps(b5, b7, 0xee);
  _mm256_storeu_ps(to, _mm256_permute2f128_ps(a0, a4, 0x20));
  _mm256_storeu_ps(to + to_stride, _mm256_permute2f128_ps(a1, a5, 0x20));
  _mm256_storeu_ps(to + 2 * to_stride, _mm256_permute2f128_ps(a2, a6, 0x20));
  _mm256_storeu_ps(to + 3 * to_stride, _mm256_permute2f128_ps(a3, a7, 0x20));
  _mm256_storeu_ps(to + 4 * to_stride, _mm256_permute2f128_ps(a0, a4, 0x31));
  _mm256_storeu_ps(to + 5 * to_stride, _mm256_permute2f128_ps(a1, a5, 0x31));
  _mm256_storeu_ps(to + 6 * to_stride, _mm256_permute2f128_ps(a2, a6, 0x31));
  _mm256_storeu_ps(to + 7 * to_stride, _mm256_permute2f128_ps(a3, a7, 0x31));
}
#endif

// One side of the product, seen as index i (a row of tall, a column of wide) and depth k.
struct Side {
  const float* data;
  int64_t size;         // how many i
  int64_t index, depth; // strides of i and k
  const float* at(int64_t i, int64_t k) const { return data + i * index + k * depth; }
};

// Panel [depth][kWide] of wide columns first .. first + kWide - 1, zero beyond the last column.
void pack_wide(const Side& side, int64_t first, int64_t k0, int64_t depth, float* to) {
  int64_t count = std::min(kWide, side.size - first);
  const float* from = side.at(first, k0);
  int64_t k = 0;
  if (count == kWide && side.index == 1) {
    for (; k < depth; ++k, from += side.depth, to += kWide) {
      store(to, load(from));
      store(to + kLanes, load(from + kLanes));
    }
    return;
  }
#if defined(__AVX__)
  if (count == kWide && side.depth == 1) {
    for (; k + 8 <= depth; k += 8, from += 8, to += 8 * kWide)
      for (int64_t i = 0; i < kWide; i += 8) transpose8(from + i * side.index, side.index, to + i, kWide);
  }
#endif
  for (; k < depth; ++k, from += side.depth, to += kWide) {
    for (int64_t i = 0; i < count; ++i) to[i] = from[i * side.index];
    for (int64_t i = count; i < kWide; ++i) to[i] = 0.0f;
  }
}

// Strip [depth][kTall] of tall rows from `first` on.
void pack_tall(const Side& side, int64_t first, int64_t k0, int64_t depth, float* to) {
  int64_t count = std::min(kTall, side.size - first);
  const float* from = side.at(first, k0);
  for (int64_t k = 0; k < depth; ++k, from += side.depth, to += kTall)
    for (int64_t i = 0; i < count; ++i) to[i] = from[i * side.index];
}


// About four pieces a thread: enough to even out, few enough to cost nothing.
int64_t even_grain(int64_t count) { return std::max<int64_t>(1, count / (num_threads() * 4)); }

// out(i of tall, j of wide), with strides in out: sums over one stretch of k.
void pass(const Side& tall, const Side& wide, int64_t k0, int64_t depth, float* out, int64_t tall_stride,
          int64_t wide_stride, const float* tall_bias, const float* wide_bias, bool relu) {
  static thread_local Buffer tall_shared, wide_shared;
  const int64_t strips = ceil_div(tall.size, kTall), panels = ceil_div(wide.size, kWide);
  const bool pack = tall.depth != 1;
  const float* tall_packed = nullptr;
  if (pack) {
    float* to = tall_shared.reserve(strips * depth * kTall);
    parallel_for(strips, even_grain(strips), [&](int64_t begin, int64_t end) {
      for (int64_t s = begin; s < end; ++s) pack_tall(tall, s * kTall, k0, depth, to + s * depth * kTall);
    });
    tall_packed = to;
  }
  auto one = [&](int64_t strip, int64_t panel, const float* wide_packed) {
    int64_t i = strip * kTall, j = panel * kWide;
    Target to{out + i * tall_stride + j * wide_stride, tall_stride, wide_stride, tall_bias ? tall_bias + i : nullptr,
              wide_bias ? wide_bias + j : nullptr, k0 > 0, relu};
    int64_t rows = std::min(kTall, tall.size - i), columns = std::min(kWide, wide.size - j);
    if (pack)
      tile_of<true>(rows, depth, tall_packed + strip * depth * kTall, 0, wide_packed, columns, to);
    else
      tile_of<false>(rows, depth, tall.at(i, k0), tall.index, wide_packed, columns, to);
  };

  if (depth * wide.size <= kSharedPack) {  // the wide side fits in a core's cache: pack it once, share out the strips
    float* packed = wide_shared.reserve(panels * depth * kWide);
    parallel_for(panels, even_grain(panels), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) pack_wide(wide, p * kWide, k0, depth, packed + p * depth * kWide);
    });
    parallel_for(strips, even_grain(strips), [&](int64_t begin, int64_t end) {
      for (int64_t s = begin; s < end; ++s)
        for (int64_t p = 0; p < panels; ++p) one(s, p, packed + p * depth * kWide);
    });
    return;
  }
  parallel_for(ceil_div(panels, kPanelGroup), 1, [&](int64_t begin, int64_t end) {
    static thread_local Buffer own;
    float* packed = own.reserve(kPanelGroup * depth * kWide);
    for (int64_t group = begin; group < end; ++group) {
      int64_t first = group * kPanelGroup, last = std::min(first + kPanelGroup, panels);
      for (int64_t p = first; p < last; ++p) pack_wide(wide, p * kWide, k0, depth, packed + (p - first) * depth * kWide);
      for (int64_t s = 0; s < strips; ++s)
        for (int64_t p = first; p < last; ++p) one(s, p, packed + (p - first) * depth * kWide);
    }
  });
}

}  // namespace

void sgemm(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, const float* bias, bool relu, float* out) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) out[i * n + j] = bias && !(relu && bias[j] <= 0.0f) ? bias[j] : 0.0f;
    return;
  }
  const Side rows{a.data, m, a.row, a.column}, columns{b.data, n, b.column, b.row};
  // Elements moved outside the tiles: packing (turning while packing counts twice) and turning the result.
  const int64_t b_wide = k * n * (columns.index == 1 ? 1 : 2) + k * m * (rows.depth == 1 ? 0 : 1);
  const int64_t a_wide = k * m * (rows.index == 1 ? 1 : 2) + k * n * (columns.depth == 1 ? 0 : 1) + m * n;
  const int64_t passes = ceil_div(k, kDepth), depth = ceil_div(k, passes);
  for (int64_t k0 = 0; k0 < k; k0 += depth) {
    int64_t here = std::min(depth, k - k0);
    if (b_wide <= a_wide)
      pass(rows, columns, k0, here, out, n, 1, nullptr, bias, relu && k0 + here == k);
    else
      pass(columns, rows, k0, here, out, 1, n, bias, nullptr, relu && k0 + here == k);
  }
}

}  // namespace facula::FACULA_ISA

