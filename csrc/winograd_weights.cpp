// The weights' side of Winograd's convolution. A strip's filters are first turned into nine rows [channel][kTall], so
// that the transform reads and writes whole vectors.
#include <algorithm>
#include <cstring>

#include "tile.h"
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
  const int64_t position = packed_position(call.in);
  std::memset(rows, 0, sizeof rows);
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

int64_t packed_strip(int64_t in, int tile) { return (tile + 2) * (tile + 2) * packed_position(in); }

void pack_strips(const WinogradCall& call, int64_t begin, int64_t end, float* to) {
  const int64_t size = packed_strip(call.in, call.tile);
  for (int64_t strip = begin; strip < end; ++strip, to += size)
    call.tile == 2 ? pack_strip<2>(call, strip, to) : pack_strip<4>(call, strip, to);
}

}  // namespace facula::FACULA_ISA
