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

constexpr int64_t kChannels = 64;     // channels turned at once
constexpr int64_t kAbreast = kLanes / 4;  // channels in a vector while they are turned

// Filters of `channels` channels and of kTall outputs, of which `count` exist, as nine rows [channel][kTall] of `to`.
// The filter of output r and channel c begins at from + r * row + c * channel.
template <bool turned>
void turn_filters(const float* from, int64_t row, int64_t channel, int64_t channels, int64_t count,
                  float (&to)[9][kChannels * kTall]) {
  int32_t at[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) at[i] = static_cast<int32_t>(i / 4 * channel);
  int64_t c = 0;
  for (; c + kAbreast <= channels; c += kAbreast, from += kAbreast * channel)
    for (int64_t r0 = 0; r0 < kTall; r0 += 4) {
      const int64_t first = std::min(r0, kTall - 4);  // rows may be written twice
      const float* rows[4];
      for (int64_t i = 0; i < 4; ++i) rows[i] = from + std::min(first + i, count - 1) * row;
      const auto taps = [&](int k, bool last_only) {
        Float q[4] = {load_quads(rows[0] + k, at), load_quads(rows[1] + k, at), load_quads(rows[2] + k, at),
                      load_quads(rows[3] + k, at)};
        turn_quads(q[0], q[1], q[2], q[3]);
        for (int i = last_only ? 3 : 0; i < 4; ++i)
          store_quads(to[turned ? 8 - k - i : k + i] + c * kTall + first, kTall, q[i]);
      };
      taps(0, false), taps(4, false), taps(5, true);
    }
  for (; c < channels; ++c, from += channel)
    for (int64_t r = 0; r < count; ++r)
      for (int k = 0; k < 9; ++k) to[turned ? 8 - k : k][c * kTall + r] = from[r * row + k];
}

template <int m>
void pack_strip(const WinogradCall& call, int64_t strip, float* to) {
  constexpr int side = m + 2;
  float rows[9][kChannels * kTall];
  const int64_t first = strip * kTall, count = std::min(kTall, call.out - first);
  const int64_t position = packed_position(call.in, kTall);
  if (count < kTall || call.in < kChannels) std::memset(rows, 0, sizeof rows);
  for (int64_t c0 = 0; c0 < call.in; c0 += kChannels) {
    const int64_t channels = std::min(kChannels, call.in - c0);
    if (call.transposed)
      turn_filters<true>(call.weight + (c0 * call.out + first) * 9, 9, call.out * 9, channels, count, rows);
    else
      turn_filters<false>(call.weight + (first * call.in + c0) * 9, call.in * 9, 9, channels, count, rows);
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

namespace {

constexpr int64_t kOdd = static_cast<int64_t>(0xff51afd7ed558ccdull);

FACULA_INLINE uint64_t mixed(uint64_t h, uint64_t word) {
  h = (h ^ word) * static_cast<uint64_t>(kOdd);
  return h ^ (h >> 32);
}

FACULA_INLINE void absorb(Long& h, const float* from) {
  Long word;
  std::memcpy(&word, from, sizeof word);
  h = (h ^ word) * kOdd;
  h ^= h >> 32;
}

// Every step is one-to-one in the state and in the word, so that a single changed word always shows.
uint64_t hash_piece(const float* from, int64_t n) {
  Long a = Long{} + n, b = a + 1, c = a + 2, d = a + 3;
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    absorb(a, from + i), absorb(b, from + i + kLanes);
    absorb(c, from + i + 2 * kLanes), absorb(d, from + i + 3 * kLanes);
  }
  uint64_t all = 0;
  for (const Long& h : {a, b, c, d})
    for (int k = 0; k < kDoubleLanes; ++k) all = mixed(all, static_cast<uint64_t>(h[k]));
  for (; i < n; ++i) {
    uint32_t word;
    std::memcpy(&word, from + i, sizeof word);
    all = mixed(all, word);
  }
  return all;
}

}  // namespace

uint64_t content_hash(const float* values, int64_t count) {
  constexpr int64_t kPiece = 1 << 16, kMost = 256;  // floats in a piece, of which so many are hashed at once
  uint64_t all = static_cast<uint64_t>(count);
  for (int64_t begin = 0; begin < count; begin += kPiece * kMost) {
    uint64_t hashes[kMost];
    const int64_t pieces = std::min(kMost, ceil_div(count - begin, kPiece));
    parallel_for(pieces, 4, [&](int64_t first, int64_t last) {
      for (int64_t p = first; p < last; ++p) {
        const int64_t place = begin + p * kPiece;
        hashes[p] = hash_piece(values + place, std::min(kPiece, count - place));
      }
    });
    for (int64_t p = 0; p < pieces; ++p) all = mixed(all, hashes[p]);
  }
  return all;
}

}  // namespace facula::FACULA_ISA
