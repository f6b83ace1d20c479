// dw[o, c, tap] = sum over places of g[o, place] * x[c, window(place) + tap], without unfolding x: a panel of kWide input
// channels of an image is laid out once with the channels fast and zeros around it; then the "wide" vectors of a tap (see
// tile.h) are that image read from the tap's offset on, and the "tall" numbers are g where it stands.
#include "conv_weight.h"

#include <algorithm>
#include <cstring>

#include "conv_weight_pack.h"
#include "parallel.h"
#include "tile.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kPlaces = 256;  // about as many places are summed in registers before they are added to memory

// The laid-out image: sizes with padding. A dimension in which the kernel has one element keeps only what is read.
struct Laid {
  int64_t size[3], stride[3], first[3], step[3];
  explicit Laid(const ConvShape& s) {
    for (int i = 0; i < 3; ++i) {
      const bool skip = s.kernel[i] == 1;
      step[i] = skip ? s.stride[i] : 1;
      stride[i] = skip ? 1 : s.stride[i];
      first[i] = s.pad[i];
      size[i] = (s.places[i] - 1) * stride[i] + (s.kernel[i] - 1) * s.dilation[i] + 1;
    }
  }
  int64_t lines() const { return size[0] * size[1]; }
  int64_t floats() const { return lines() * size[2] * kWide; }
};

void lay_out(const ConvShape& s, const Laid& laid, const float* x, int64_t channels, float* to) {
  const int64_t plane = s.size[1] * s.size[2], volume = s.size[0] * plane;
  // Along a line the places j that lie in the image: 0 <= j * step - first < size.
  const int64_t step = laid.step[2], pad = laid.first[2];
  const int64_t begin = std::min(laid.size[2], ceil_div(pad, step));
  const int64_t end = std::max(begin, std::min(laid.size[2], ceil_div(s.size[2] + pad, step)));
  for (int64_t a = 0; a < laid.size[0]; ++a)
    for (int64_t b = 0; b < laid.size[1]; ++b, to += laid.size[2] * kWide) {
      const int64_t z = a * laid.step[0] - laid.first[0], y = b * laid.step[1] - laid.first[1];
      if (z < 0 || z >= s.size[0] || y < 0 || y >= s.size[1]) {
        std::fill_n(to, laid.size[2] * kWide, 0.0f);
        continue;
      }
      std::fill_n(to, begin * kWide, 0.0f);
      turn_line(x + z * plane + y * s.size[2] + begin * step - pad, volume, channels, step, end - begin,
                to + begin * kWide, kWide);
      std::fill_n(to + end * kWide, (laid.size[2] - end) * kWide, 0.0f);
    }
}

// to[rows][kWide] += sum over `lines` lines of `count` places of g[row][place] * wide[place]; g's lines follow each other.
template <int rows>
void lines_tile(int64_t lines, int64_t count, const float* g, int64_t g_stride, const float* wide, int64_t step,
                int64_t line, float* to) {
#define FACULA_ZERO(r) Float low##r{}, high##r{};
  FACULA_ROWS(FACULA_ZERO)
#undef FACULA_ZERO
  const float *g3 = g + 3 * g_stride, *g6 = g + 6 * g_stride, *g9 = g + 9 * g_stride;
#define FACULA_STEP(r)                                                                                    \
  if constexpr (rows > r) {                                                                               \
    const Float one = broadcast(*(r < 3 ? g + r * g_stride : r < 6 ? g3 + (r - 3) * g_stride              \
                                                : r < 9 ? g6 + (r - 6) * g_stride : g9 + (r - 9) * g_stride)); \
    low##r = fma(one, left, low##r);                                                                      \
    high##r = fma(one, right, high##r);                                                                   \
  }
  for (int64_t y = 0; y < lines; ++y, wide += line) {
    const float* at = wide;
#pragma GCC unroll 4
    for (int64_t k = 0; k < count; ++k, at += step) {
      const Float left = load(at), right = load(at + kLanes);
      FACULA_ROWS(FACULA_STEP)
      ++g, ++g3, ++g6, ++g9;
    }
  }
#undef FACULA_STEP
#define FACULA_STORE(r)                                                  \
  if constexpr (rows > r) {                                              \
    store(to + r * kWide, load(to + r * kWide) + low##r);                \
    store(to + r * kWide + kLanes, load(to + r * kWide + kLanes) + high##r); \
  }
  FACULA_ROWS(FACULA_STORE)
#undef FACULA_STORE
}

template <int rows = 1>
void lines_tile_of(int64_t wanted, int64_t lines, int64_t count, const float* g, int64_t g_stride, const float* wide,
                   int64_t step, int64_t line, float* to) {
  if constexpr (rows < kTall) {
    if (wanted != rows) return lines_tile_of<rows + 1>(wanted, lines, count, g, g_stride, wide, step, line, to);
  }
  lines_tile<rows>(lines, count, g, g_stride, wide, step, line, to);
}

// Adds one image's share to sums[tap][out of the group][kWide].
void add_image(const ConvShape& s, const Laid& laid, const float* g, const float* image, float* sums) {
  const int64_t out = s.out / s.groups, lines = s.places[0] * s.places[1], count = s.places[2];
  const int64_t places = lines * count, step = laid.stride[2] * kWide, line = laid.stride[1] * laid.size[2] * kWide;
  const int64_t block = std::max<int64_t>(1, kPlaces / count);
  for (int64_t z = 0; z < s.places[0]; ++z)
    for (int64_t y = 0; y < s.places[1]; y += block) {
      const int64_t here = std::min(block, s.places[1] - y);
      for (int64_t o = 0; o < out; o += kTall) {
        float* to = sums + o * kWide;
        for (int64_t a = 0; a < s.kernel[0]; ++a)
          for (int64_t b = 0; b < s.kernel[1]; ++b)
            for (int64_t c = 0; c < s.kernel[2]; ++c, to += out * kWide) {
              const int64_t first_line = (z * laid.stride[0] + a * s.dilation[0]) * laid.size[1] +
                                         y * laid.stride[1] + b * s.dilation[1];
              lines_tile_of(std::min(kTall, out - o), here, count, g + o * places + (z * s.places[1] + y) * count, places,
                            image + (first_line * laid.size[2] + c * s.dilation[2]) * kWide, step, line, to);
            }
      }
    }
}

}  // namespace

void conv_weight_direct(const ConvShape& s, const float* g, const float* x, float* dw) {
  const int64_t in = s.in / s.groups, out = s.out / s.groups, taps = s.kernel[0] * s.kernel[1] * s.kernel[2];
  const int64_t panels = ceil_div(in, kWide), parts = s.groups * panels;
  const int64_t places = s.places[0] * s.places[1] * s.places[2], volume = s.size[0] * s.size[1] * s.size[2];
  const Laid laid(s);
  // Threads share out the panels; where those are few, the batch too, in as many sums as are added up in the end.
  const int64_t threads = num_threads();
  const int64_t splits =
      threads == 1 || parts >= 4 * threads ? 1 : std::max<int64_t>(1, std::min(s.batch, ceil_div(4 * threads, parts)));
  const int64_t size = taps * out * kWide;
  static thread_local Buffer sums_buffer;
  float* sums = sums_buffer.reserve(parts * splits * size);
  parallel_for(parts * splits, 1, [&](int64_t begin, int64_t end) {
    static thread_local Buffer image_buffer;
    float* image = image_buffer.reserve(laid.floats());
    for (int64_t item = begin; item < end; ++item) {
      const int64_t part = item / splits, split = item % splits, group = part / panels, c = part % panels * kWide;
      float* to = sums + item * size;
      std::fill_n(to, size, 0.0f);
      for (int64_t n = s.batch * split / splits; n < s.batch * (split + 1) / splits; ++n) {
        lay_out(s, laid, x + (n * s.in + group * in + c) * volume, std::min(kWide, in - c), image);
        add_image(s, laid, g + (n * s.out + group * out) * places, image, to);
      }
    }
  });
  parallel_for(parts * out, std::max<int64_t>(1, 4096 / (taps * kWide)), [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t part = item / out, o = item % out, group = part / panels, c = part % panels * kWide;
      float* to = dw + ((group * out + o) * in + c) * taps;
      const int64_t channels = std::min(kWide, in - c);
      for (int64_t tap = 0; tap < taps; ++tap)
        for (int64_t i = 0; i < channels; ++i) {
          const float* from = sums + part * splits * size + (tap * out + o) * kWide + i;
          float total = from[0];
          for (int64_t split = 1; split < splits; ++split) total += from[split * size];
          to[i * taps + tap] = total;
        }
    }
  });
}

}  // namespace facula::FACULA_ISA
