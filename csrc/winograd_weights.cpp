// The weights' side of Winograd's convolution. A strip's filters are first turned into nine rows [channel][kTall] in the
// cache, so that the transform reads and writes whole vectors.
#include <algorithm>
#include <cstring>

#include "parallel.h"
#include "tile.h"
#include "winograd.h"
#include "winograd_transforms.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kChannels = 64;  // channels turned at once

template <int m>
void pack_strip(const WinogradCall& call, int64_t strip, float* to) {
  constexpr int side = m + 2;
  float rows[9][kChannels * kTall];
  const int64_t first = strip * kTall, count = std::min(kTall, call.out - first);
  const int64_t position = packed_position(call.in, kTall);
  if (count < kTall || call.in < kChannels) std::memset(rows, 0, sizeof rows);
  for (int64_t c0 = 0; c0 < call.in; c0 += kChannels) {
    const int64_t channels = std::min(kChannels, call.in - c0);
    if (call.transposed) {
      for (int64_t c = 0; c < channels; ++c) {
        const float* from = call.weight + ((c0 + c) * call.out + first) * 9;
        for (int64_t r = 0; r < count; ++r, from += 9)
          for (int k = 0; k < 9; ++k) rows[8 - k][c * kTall + r] = from[k];
      }
    } else {
      for (int64_t r = 0; r < count; ++r) {
        const float* from = call.weight + ((first + r) * call.in + c0) * 9;
        for (int64_t c = 0; c < channels; ++c, from += 9)
          for (int k = 0; k < 9; ++k) rows[k][c * kTall + r] = from[k];
      }
    }
    // The last vector may run into the gap behind the position.
    for (int64_t e = 0; e < channels * kTall; e += kLanes) {
      Float half[side][3];
      for (int j = 0; j < 3; ++j) {
        const Float column[3] = {load(&rows[j][e]), load(&rows[3 + j][e]), load(&rows[6 + j][e])};
        Float u[side];
        Transform<m>::weights(column, u);
        for (int i = 0; i < side; ++i) half[i][j] = u[i];
      }
      float* out = to + c0 * kTall + e;
      for (int i = 0; i < side; ++i) {
        Float u[side];
        Transform<m>::weights(half[i], u);
        for (int j = 0; j < side; ++j, out += position) store(out, u[j]);
      }
    }
  }
}

}  // namespace

int64_t winograd_packed_size(int64_t out, int64_t in, int tile) {
  return ceil_div(out, kTall) * (tile + 2) * (tile + 2) * packed_position(in, kTall);
}

void winograd_pack_strips(const WinogradCall& call, int64_t begin, int64_t end, float* to) {
  const int64_t size = winograd_packed_size(1, call.in, call.tile);
  for (int64_t strip = begin; strip < end; ++strip, to += size)
    call.tile == 2 ? pack_strip<2>(call, strip, to) : pack_strip<4>(call, strip, to);
}

void winograd_pack(const WinogradCall& call, float* to) {
  const int64_t strips = ceil_div(call.out, kTall), size = winograd_packed_size(1, call.in, call.tile);
  const int64_t grain = std::max<int64_t>(ceil_div(4096, call.in * kTall), ceil_div(strips, 16));
  parallel_for(strips, grain, [&](int64_t begin, int64_t end) {
    winograd_pack_strips(call, begin, end, to + begin * size);
  });
}

// Each vector is multiplied into a 64-bit sum of its own after what went before, so that order counts and no float is
// skipped; the streams are mixed at the end.
uint64_t content_hash(const float* values, int64_t count) {
  constexpr int64_t piece = 1 << 16;  // floats hashed in one go; the pieces' hashes are combined in order
  const int64_t pieces = ceil_div(count, piece);
  static thread_local Buffer buffer;
  float* hashes = buffer.reserve(2 * pieces + 2);
  parallel_for(pieces, std::max<int64_t>(1, ceil_div(pieces, 16)), [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t first = p * piece, n = std::min(piece, count - first);
      const float* from = values + first;
      constexpr int streams = 4;
      uint64_t h[streams];
      for (int s = 0; s < streams; ++s) h[s] = 0x9e3779b97f4a7c15ull * (s + 1) + static_cast<uint64_t>(n);
      int64_t i = 0;
      for (; i + 2 * streams <= n; i += 2 * streams)
        for (int s = 0; s < streams; ++s) {
          uint64_t word;
          std::memcpy(&word, from + i + 2 * s, sizeof word);
          h[s] = (h[s] ^ word) * 0xff51afd7ed558ccdull;
          h[s] ^= h[s] >> 32;
        }
      for (; i < n; ++i) {
        uint32_t word;
        std::memcpy(&word, from + i, sizeof word);
        h[0] = (h[0] ^ word) * 0xff51afd7ed558ccdull;
        h[0] ^= h[0] >> 32;
      }
      uint64_t all = 0;
      for (int s = 0; s < streams; ++s) all = (all ^ h[s]) * 0xc4ceb9fe1a85ec53ull, all ^= all >> 29;
      std::memcpy(hashes + 2 * p, &all, sizeof all);
    }
  });
  uint64_t all = static_cast<uint64_t>(count);
  for (int64_t p = 0; p < pieces; ++p) {
    uint64_t one;
    std::memcpy(&one, hashes + 2 * p, sizeof one);
    all = (all ^ one) * 0xff51afd7ed558ccdull;
    all ^= all >> 32;
  }
  return all;
}

}  // namespace facula::FACULA_ISA
