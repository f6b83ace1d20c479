// For few input channels in a group, depthwise convolutions among them: vectors run along the places of a line, both in g,
// where it stands, and in x, of which a copy has zeros around it and, for a stride, every stride-th number side by side.
// A tile in registers is a few output channels by a few taps (of any input channels).
#include "conv_weight.h"

#include <algorithm>
#include <utility>

#include "parallel.h"
#include "tile.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kPlaces = 1024;  // about as many places a tile, so that what it reads stays in the cache

// The copy of a channel: [plane][line][phase][place].
struct Spread {
  int64_t planes, lines, phases, length;
  explicit Spread(const ConvShape& s)
      : planes((s.places[0] - 1) * s.stride[0] + (s.kernel[0] - 1) * s.dilation[0] + 1),
        lines((s.places[1] - 1) * s.stride[1] + (s.kernel[1] - 1) * s.dilation[1] + 1),
        phases(std::min(s.stride[2], (s.kernel[2] - 1) * s.dilation[2] + 1)),
        length(s.places[2] + (s.kernel[2] - 1) * s.dilation[2] / s.stride[2]) {}
  int64_t line() const { return phases * length; }
  int64_t channel() const { return planes * lines * line(); }
};

// to[j] = from[2 * j].
void every_second(const float* from, int64_t count, float* to) {
  int64_t j = 0;
#if defined(__AVX2__)
  for (; j + 8 < count; j += 8) {  // with 8 left, from[2 * j + 15] may not be there
    const __m256 both = _mm256_shuffle_ps(_mm256_loadu_ps(from + 2 * j), _mm256_loadu_ps(from + 2 * j + 8), 0x88);
    _mm256_storeu_pd(reinterpret_cast<double*>(to + j), _mm256_permute4x64_pd(_mm256_castps_pd(both), 0xd8));
  }
#endif
  for (; j < count; ++j) to[j] = from[2 * j];
}

// Writes what comes from x; the zeros around it stand there already.
void spread_channel(const ConvShape& s, const Spread& to_be, const float* x, float* to) {
  const int64_t stride = s.stride[2], pad = s.pad[2];
  for (int64_t phase = 0; phase < to_be.phases; ++phase) {
    // Places j with 0 <= j * stride + phase - pad < size.
    const int64_t begin = ceil_div(std::max<int64_t>(0, pad - phase), stride);
    const int64_t beyond = ceil_div(std::max<int64_t>(0, s.size[2] + pad - phase), stride);
    const int64_t count = std::min(to_be.length, beyond) - begin;
    const float* from_first = x + begin * stride + phase - pad;
    float* out = to + phase * to_be.length + begin;
    for (int64_t a = 0; a < to_be.planes; ++a)
      for (int64_t b = 0; b < to_be.lines; ++b, out += to_be.line()) {
        const int64_t z = a - s.pad[0], y = b - s.pad[1];
        if (z < 0 || z >= s.size[0] || y < 0 || y >= s.size[1]) continue;
        const float* from = from_first + (z * s.size[1] + y) * s.size[2];
        if (stride == 1) {
          int64_t j = 0;
          for (; j + kLanes <= count; j += kLanes) store(out + j, load(from + j));
          // The zeros at the end of this vector are for where zeros are, or for what is written afterwards.
          if (j < count) store(out + j, load_first(from + j, count - j));
        } else if (stride == 2) {
          every_second(from, count, out);
        } else {
          for (int64_t j = 0; j < count; ++j) out[j] = from[stride * j];
        }
      }
  }
}

// What a tile works on: `lines` lines of `count` places; g's lines follow each other, those of x are `line` apart.
struct Lines {
  int64_t lines, count, line, g_stride;
};

// sums[row * stride + tap][kLanes] += sum over places of g[row][place] * x[at[tap] + place], lane by lane.
template <int rows, int taps, int... r, int... t>
void few_tile(const Lines& run, const float* g, const float* x, const int64_t* at, float* sums, int64_t stride,
              std::integer_sequence<int, r...>, std::integer_sequence<int, t...>) {
  Float held[rows * taps];  // indices are all constants, so these are registers
  auto zero_row = [&](auto row) { ((held[decltype(row)::value * taps + t] = Float{}), ...); };
  (zero_row(std::integral_constant<int, r>{}), ...);
  const float* from[taps] = {(x + at[t])...};
  auto step = [&](auto row, Float one, const Float* side) __attribute__((always_inline)) {
    ((held[decltype(row)::value * taps + t] = fma(one, side[t], held[decltype(row)::value * taps + t])), ...);
  };
  const int64_t rest = run.count % kLanes, whole = run.count - rest;
  for (int64_t y = 0; y < run.lines; ++y, g += run.count) {
    for (int64_t k = 0; k < whole; k += kLanes) {
      const Float side[taps] = {load(from[t] + k)...};
      (step(std::integral_constant<int, r>{}, load(g + r * run.g_stride + k), side), ...);
    }
    if (rest) {
      const Float side[taps] = {load_first(from[t] + whole, rest)...};
      (step(std::integral_constant<int, r>{}, load_first(g + r * run.g_stride + whole, rest), side), ...);
    }
    ((from[t] += run.line), ...);
  }
  auto keep = [&](auto row) {
    float* to = sums + decltype(row)::value * stride * kLanes;
    (store(to + t * kLanes, load(to + t * kLanes) + held[decltype(row)::value * taps + t]), ...);
  };
  (keep(std::integral_constant<int, r>{}), ...);
}

// Taps a tile, so that the accumulators, a vector of each tap and one of g fit in 16 registers.
constexpr int taps_for(int rows) { return rows == 1 ? 9 : rows == 2 ? 6 : rows == 3 ? 4 : 3; }

template <int rows, int taps = 1>
void few_taps(int64_t wanted, const Lines& run, const float* g, const float* x, const int64_t* at, float* sums,
              int64_t stride) {
  if constexpr (taps < taps_for(rows)) {
    if (wanted != taps) return few_taps<rows, taps + 1>(wanted, run, g, x, at, sums, stride);
  }
  few_tile<rows, taps>(run, g, x, at, sums, stride, std::make_integer_sequence<int, rows>{},
                       std::make_integer_sequence<int, taps>{});
}

template <int rows>
void few_rows(int64_t taps, const Lines& run, const float* g, const float* x, const int64_t* at, float* sums) {
  for (int64_t tap = 0; tap < taps; tap += taps_for(rows))
    few_taps<rows>(std::min<int64_t>(taps_for(rows), taps - tap), run, g, x, at + tap, sums + tap * kLanes, taps);
}

// Adds one image's share to sums[out of the group][tap][kLanes]; at[tap] says where a tap begins in the copy.
void add_image(const ConvShape& s, const Spread& spread, const float* g, const float* x, const int64_t* at, int64_t taps,
               float* sums) {
  const int64_t out = s.out / s.groups, places = s.places[0] * s.places[1] * s.places[2];
  const int64_t block = std::max<int64_t>(1, kPlaces / s.places[2]);
  for (int64_t z = 0; z < s.places[0]; ++z)
    for (int64_t y = 0; y < s.places[1]; y += block) {
      const Lines run{std::min(block, s.places[1] - y), s.places[2], s.stride[1] * spread.line(), places};
      const float* from = x + (z * s.stride[0] * spread.lines + y * s.stride[1]) * spread.line();
      const float* row = g + (z * s.places[1] + y) * s.places[2];
      int64_t o = 0;
      for (; o + 4 <= out; o += 4) few_rows<4>(taps, run, row + o * places, from, at, sums + o * taps * kLanes);
      if (out - o == 3) few_rows<3>(taps, run, row + o * places, from, at, sums + o * taps * kLanes);
      if (out - o == 2) few_rows<2>(taps, run, row + o * places, from, at, sums + o * taps * kLanes);
      if (out - o == 1) few_rows<1>(taps, run, row + o * places, from, at, sums + o * taps * kLanes);
    }
}

}  // namespace

void conv_weight_few(const ConvShape& s, const float* g, const float* x, float* dw) {
  const int64_t in = s.in / s.groups, out = s.out / s.groups;
  const int64_t taps = in * s.kernel[0] * s.kernel[1] * s.kernel[2];
  const int64_t places = s.places[0] * s.places[1] * s.places[2], volume = s.size[0] * s.size[1] * s.size[2];
  const Spread spread(s);
  // Threads share out blocks of groups, which are read side by side; where those are few, the batch too.
  const int64_t threads = num_threads(), block = std::clamp<int64_t>(s.groups / (4 * threads), 1, 64);
  const int64_t blocks = ceil_div(s.groups, block);
  const int64_t splits = threads == 1 || blocks >= 4 * threads ? 1 : std::min(s.batch, ceil_div(4 * threads, blocks));
  const int64_t size = out * taps * kLanes;
  static thread_local Buffer sums_buffer, offset_buffer;
  float* sums = sums_buffer.reserve(s.groups * splits * size);
  auto* at = reinterpret_cast<int64_t*>(offset_buffer.reserve(2 * taps));
  int64_t* next = at;
  for (int64_t c = 0; c < in; ++c)
    for (int64_t i = 0; i < s.kernel[0]; ++i)
      for (int64_t j = 0; j < s.kernel[1]; ++j)
        for (int64_t k = 0; k < s.kernel[2]; ++k) {
          const int64_t shift = k * s.dilation[2];
          *next++ = c * spread.channel() + (i * s.dilation[0] * spread.lines + j * s.dilation[1]) * spread.line() +
                    shift % s.stride[2] * spread.length + shift / s.stride[2];
        }
  parallel_for(blocks * splits, 1, [&](int64_t begin, int64_t end) {
    static thread_local Buffer image_buffer;
    float* image = image_buffer.reserve(in * spread.channel() + kLanes);
    std::fill_n(image, in * spread.channel(), 0.0f);
    for (int64_t item = begin; item < end; ++item) {
      const int64_t split = item / blocks, first = item % blocks * block, last = std::min(first + block, s.groups);
      float* to = sums + split * s.groups * size;
      std::fill_n(to + first * size, (last - first) * size, 0.0f);
      for (int64_t n = s.batch * split / splits; n < s.batch * (split + 1) / splits; ++n)
        for (int64_t group = first; group < last; ++group) {
          for (int64_t c = 0; c < in; ++c)
            spread_channel(s, spread, x + (n * s.in + group * in + c) * volume, image + c * spread.channel());
          add_image(s, spread, g + (n * s.out + group * out) * places, image, at, taps, to + group * size);
        }
    }
  });
  for (int64_t i = 0; i < s.groups * out * taps; ++i) {
    const float* from = sums + i * kLanes;
    Float total = load(from);
    for (int64_t split = 1; split < splits; ++split) total = total + load(from + split * s.groups * size);
    dw[i] = sum(total);
  }
}

}  // namespace facula::FACULA_ISA
