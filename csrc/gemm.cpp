// Which side of the product is "wide" (tile.h) is chosen by the packing that it costs. The wide side is packed into panels
// [k][kWide]. The tall side is read where it stands when k is its fast index (a linear layer's weight in the forward pass:
// packing it would cost a fifth of the work when the batch is 64), else it is packed into strips [k][kTall]. When a is the
// wide side, tiles hold the transposed result and are turned on the way out.
//
// What is in use stays in the caches: a strip (6 x 1024 numbers) in the first, a few panels in the second, a block of the
// tall side in the third.
#include "gemm.h"

#include <algorithm>

#include "gemv.h"
#include "parallel.h"
#include "tile.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kDepth = 1024;      // longest stretch of k that one pass sums; longer sums add up passes
constexpr int64_t kPanelGroup = 4;    // panels that a thread packs for itself when there are many
constexpr int64_t kStripGroup = 32;   // strips that are packed side by side, from several cache lines in a row
constexpr int64_t kTallBlock = 1536;  // rows of the tall side that are packed at a time
constexpr int64_t kSharedPack = 192 << 10;  // elements of the wide side that fit in a core's cache
constexpr int64_t kWideBlock = 1 << 20;     // elements of the wide side that are packed once for all threads
constexpr int64_t kLeastWork = 1 << 17;     // products worth handing to another thread

// One side of the product, seen as index i (a row of tall, a column of wide) and depth k.
struct Side {
  const float* data;
  int64_t size;         // how many i
  int64_t index, depth; // strides of i and k
  const float* at(int64_t i, int64_t k) const { return data + i * index + k * depth; }
};

// Distances of packed panels and strips: a cache line more than they are long, lest all fall into one set of the cache.
int64_t panel_size(int64_t depth) { return depth * kWide + 16; }
int64_t strip_size(int64_t depth) { return ceil_div(depth * kTall, 16) * 16 + 16; }

// Panels [depth][kWide] of the wide columns from `first` on, zero beyond the last column.
void pack_wide(const Side& side, int64_t first, int64_t panels, int64_t k0, int64_t depth, float* to) {
  const int64_t full = std::min(panels, (side.size - first) / kWide);
  if (side.index == 1) {
    const float* from = side.at(first, k0);
    for (int64_t k = 0; k < depth; ++k, from += side.depth)
      for (int64_t p = 0; p < full; ++p) {
        float* panel = to + p * panel_size(depth) + k * kWide;
        store(panel, load(from + p * kWide));
        store(panel + kLanes, load(from + p * kWide + kLanes));
      }
  }
  for (int64_t p = side.index == 1 ? full : 0; p < panels; ++p) {
    const int64_t count = std::min(kWide, side.size - first - p * kWide);
    const float* from = side.at(first + p * kWide, k0);
    float* panel = to + p * panel_size(depth);
    int64_t k = 0;
    if (count == kWide && side.depth == 1)
      for (; k + kBlock <= depth; k += kBlock, from += kBlock, panel += kBlock * kWide)
        for (int64_t i = 0; i < kWide; i += kBlock) transpose(from + i * side.index, side.index, panel + i, kWide);
    for (; k < depth; ++k, from += side.depth, panel += kWide) {
      for (int64_t i = 0; i < count; ++i) panel[i] = from[i * side.index];
      for (int64_t i = count; i < kWide; ++i) panel[i] = 0.0f;
    }
  }
}

// Strips [depth][kTall] of the tall rows from `first` on; in the last one, what is beyond the last row stays as it is.
void pack_tall(const Side& side, int64_t first, int64_t strips, int64_t k0, int64_t depth, float* to) {
  const int64_t full = std::min(strips, (side.size - first) / kTall);
  if (side.index == 1) {
    const float* from = side.at(first, k0);
    for (int64_t k = 0; k < depth; ++k, from += side.depth)
      for (int64_t s = 0; s < full; ++s)
        std::memcpy(to + s * strip_size(depth) + k * kTall, from + s * kTall, kTall * sizeof(float));
  }
  for (int64_t s = side.index == 1 ? full : 0; s < strips; ++s) {
    const int64_t count = std::min(kTall, side.size - first - s * kTall);
    const float* from = side.at(first + s * kTall, k0);
    float* strip = to + s * strip_size(depth);
    for (int64_t k = 0; k < depth; ++k, from += side.depth, strip += kTall)
      for (int64_t i = 0; i < count; ++i) strip[i] = from[i * side.index];
  }
}

// About four pieces a thread: enough to even out, few enough to cost nothing; and none too small to hand over.
int64_t even_grain(int64_t count, int64_t work_each) {
  if (count * work_each <= kLeastWork) return count;
  return std::max({int64_t{1}, count / (num_threads() * 4), kLeastWork / std::max<int64_t>(1, work_each)});
}

// The product of a block of the tall side, over one stretch of k, with the wide side. Indices are the whole product's.
struct Pass {
  const Side &tall, &wide;
  int64_t k0, depth;
  const float* strips;  // the block packed, or null
  float* out;
  int64_t tall_stride, wide_stride;
  const float *tall_bias, *wide_bias;
  bool relu;

  // Rows i .. i + kTall - 1, columns j .. j + kWide - 1; `strip` counts within the block.
  void one(int64_t strip, int64_t i, int64_t j, const float* panel) const {
    Target to{out + i * tall_stride + j * wide_stride, tall_stride, wide_stride, tall_bias ? tall_bias + i : nullptr,
              wide_bias ? wide_bias + j : nullptr, k0 > 0, relu};
    const int64_t rows = std::min(kTall, tall.size - i), columns = std::min(kWide, wide.size - j);
    if (strips)
      tile_of<true>(rows, depth, strips + strip * strip_size(depth), 0, panel, columns, to);
    else
      tile_of<false>(rows, depth, tall.at(i, k0), tall.index, panel, columns, to);
  }
};

void block(const Pass& pass, int64_t i0, int64_t rows) {
  static thread_local Buffer shared;
  const int64_t depth = pass.depth, strips = ceil_div(rows, kTall), panels = ceil_div(pass.wide.size, kWide);
  const int64_t groups = ceil_div(panels, kPanelGroup), tile_work = depth * kTall * kWide;
  auto group_of = [&](int64_t first, int64_t last, const float* packed) {
    return [=, &pass](int64_t begin, int64_t end) {
      for (int64_t s = begin; s < end; ++s)
        for (int64_t p = first; p < last; ++p)
          pass.one(s, i0 + s * kTall, p * kWide, packed + (p - first) * panel_size(depth));
    };
  };

  const bool many = panels * depth * kWide > kSharedPack;
  if (many && (num_threads() == 1 || groups >= 2 * num_threads())) {
    parallel_for(groups, even_grain(groups, kPanelGroup * strips * tile_work), [&](int64_t begin, int64_t end) {
      static thread_local Buffer own;
      float* packed = own.reserve(kPanelGroup * panel_size(depth));
      for (int64_t group = begin; group < end; ++group) {
        const int64_t first = group * kPanelGroup, last = std::min(first + kPanelGroup, panels);
        pack_wide(pass.wide, first * kWide, last - first, pass.k0, depth, packed);
        group_of(first, last, packed)(0, strips);
      }
    });
    return;
  }
  // All threads use the same panels: those of a small wide side, which all stay in each core's cache, or, where there
  // are many threads, a stretch of them with the tiles shared out in both directions.
  const int64_t stretch = std::max(kPanelGroup, kWideBlock / (depth * kWide));
  for (int64_t first = 0; first < panels; first += stretch) {
    const int64_t last = std::min(panels, first + stretch), count = last - first;
    float* packed = shared.reserve(count * panel_size(depth));
    parallel_for(count, even_grain(count, depth * kWide), [&](int64_t begin, int64_t end) {
      pack_wide(pass.wide, (first + begin) * kWide, end - begin, pass.k0, depth, packed + begin * panel_size(depth));
    });
    if (!many) {
      parallel_for(strips, even_grain(strips, count * tile_work), group_of(first, last, packed));
      continue;
    }
    const int64_t across = ceil_div(count, kPanelGroup);
    const int64_t tall_piece = std::max(kPanelGroup, strips / ceil_div(num_threads() * 4, across));
    const int64_t down = ceil_div(strips, tall_piece);
    parallel_for(across * down, 1, [&](int64_t begin, int64_t end) {
      for (int64_t piece = begin; piece < end; ++piece) {
        const int64_t p = piece / down * kPanelGroup, s = piece % down * tall_piece;
        group_of(first + p, std::min(first + p + kPanelGroup, last), packed + p * panel_size(depth))(
            s, std::min(s + tall_piece, strips));
      }
    });
  }
}

// out(i of tall, j of wide), with strides in out.
void product(const Side& tall, const Side& wide, int64_t k, float* out, int64_t tall_stride, int64_t wide_stride,
             const float* tall_bias, const float* wide_bias, bool relu) {
  static thread_local Buffer packed;
  const int64_t longest = ceil_div(k, ceil_div(k, kDepth));
  // Rows whose starts are a multiple of 4 KB apart fall into one set of the cache: in place only if little is used.
  const bool pack = tall.depth != 1 || (tall.index % 1024 == 0 && wide.size > 8 * kWide && tall.size >= kTall);
  for (int64_t k0 = 0; k0 < k; k0 += longest) {
    const int64_t depth = std::min(longest, k - k0);
    for (int64_t i0 = 0; i0 < tall.size; i0 += kTallBlock) {
      const int64_t rows = std::min(kTallBlock, tall.size - i0), strips = ceil_div(rows, kTall);
      Pass pass{tall, wide, k0, depth, nullptr, out, tall_stride, wide_stride, tall_bias, wide_bias,
                relu && k0 + depth == k};
      if (pack) {
        float* to = packed.reserve(strips * strip_size(depth));
        const int64_t groups = ceil_div(strips, kStripGroup);
        parallel_for(groups, even_grain(groups, kStripGroup * kTall * depth), [&](int64_t begin, int64_t end) {
          for (int64_t g = begin; g < end; ++g) {
            const int64_t s = g * kStripGroup;
            pack_tall(tall, i0 + s * kTall, std::min(kStripGroup, strips - s), k0, depth, to + s * strip_size(depth));
          }
        });
        pass.strips = to;
      }
      block(pass, i0, rows);
    }
  }
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
  if (few_vectors(m, n, k, a, b, bias, relu, out)) return;
  // Elements moved outside the tiles: packing (turning while packing counts twice, the narrow strips of the tall side
  // three times) and turning the result.
  const int64_t b_wide = k * n * (columns.index == 1 ? 1 : 2) + k * m * (rows.depth == 1 ? 0 : 3);
  const int64_t a_wide = k * m * (rows.index == 1 ? 1 : 2) + k * n * (columns.depth == 1 ? 0 : 3) + m * n;
  if (b_wide <= a_wide)
    product(rows, columns, k, out, n, 1, nullptr, bias, relu);
  else
    product(columns, rows, k, out, 1, n, bias, nullptr, relu);
}

}  // namespace facula::FACULA_ISA
