// The weight gradient of a 3x3 convolution of stride 1 by Winograd's way: tiles of 4x4 places of g and the 6x6 inputs that
// they saw are each brought to 6x6 points; there the product with every tap is one multiplication a point (36 in place of
// 144), so that 36 matrix products [out, tiles] @ [tiles, in] do the work, and what comes back to 3x3 is only their sums.
//
// Points 0, +-11/16, +-11/8, infinity: errors are a fifth of those with 0, +-1, +-2, and every constant below but the
// reciprocals is exact in float32.
#include "conv_weight.h"

#include <algorithm>

#include "conv_weight_pack.h"
#include "parallel.h"
#include "tile.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kPoints = 36;
constexpr int64_t kWholeFloats = 6 << 20;  // transformed numbers up to which the batch is taken at once;
constexpr int64_t kBlockPanels = 3, kBlockStrips = 6;  // the sums of so many then stay in a core's cache.
constexpr int64_t kOutBlock = 256;         // Else: output channels whose sums are held at once,
constexpr int64_t kChunkFloats = 1 << 20;  // transformed numbers of a side at a time, about,
constexpr int64_t kLeastTiles = 64;        // but so many tiles at the least
constexpr int64_t kRowsTogether = 8;       // rows of tiles that a thread transforms one after the other
constexpr float kA = 0.6875f, kB = 1.375f, kA2 = kA * kA, kB2 = kB * kB, kAB = kA2 * kB2;
constexpr float kToZero = 1 / kAB, kToA = 1 / (2 * kA2 * (kA2 - kB2)), kToB = 1 / (2 * kB2 * (kB2 - kA2));

// ---- the three transforms of six, four and six numbers ---------------------------------------------------------------

struct Six {
  Float v0, v1, v2, v3, v4, v5;
};

FACULA_INLINE Six input_points(Float d0, Float d1, Float d2, Float d3, Float d4, Float d5) {
  const Float a2 = broadcast(kA2), b2 = broadcast(kB2), both = broadcast(kA2 + kB2), ab = broadcast(kAB);
  const Float even_a = fnma(b2, d2, d4), odd_a = broadcast(kA) * fnma(b2, d1, d3);
  const Float even_b = fnma(a2, d2, d4), odd_b = broadcast(kB) * fnma(a2, d1, d3);
  return {fma(ab, d0, fnma(both, d2, d4)), even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b,
          fma(ab, d1, fnma(both, d3, d5))};
}

FACULA_INLINE Six gradient_points(Float g0, Float g1, Float g2, Float g3) {
  const Float even_a = fma(broadcast(kToA * kA2), g2, broadcast(kToA) * g0);
  const Float odd_a = fma(broadcast(kToA * kA2 * kA), g3, broadcast(kToA * kA) * g1);
  const Float even_b = fma(broadcast(kToB * kB2), g2, broadcast(kToB) * g0);
  const Float odd_b = fma(broadcast(kToB * kB2 * kB), g3, broadcast(kToB * kB) * g1);
  return {broadcast(kToZero) * g0, even_a + odd_a, even_a - odd_a, even_b + odd_b, even_b - odd_b, g3};
}

struct Three {
  Float v0, v1, v2;
};

FACULA_INLINE Three taps_of(Float p0, Float p1, Float p2, Float p3, Float p4, Float p5) {
  const Float sum_a = p1 + p2, sum_b = p3 + p4;
  return {p0 + sum_a + sum_b, fma(broadcast(kB), p3 - p4, broadcast(kA) * (p1 - p2)),
          fma(broadcast(kB2), sum_b, fma(broadcast(kA2), sum_a, p5))};
}

// ---- tiles to points -------------------------------------------------------------------------------------------------

// Line y of an image of `channels` channels, turned (turn_line) with `left` zeros before it: to[place][width].
void turned(const float* image, int64_t height, int64_t length, int64_t channels, int64_t y, int64_t left, int64_t places,
            float* to, int64_t width) {
  if (y < 0 || y >= height) {
    std::fill_n(to, places * width, 0.0f);
    return;
  }
  const int64_t begin = std::min(left, places), end = std::max(begin, std::min(places, length + left));
  std::fill_n(to, begin * width, 0.0f);
  turn_line(image + y * length, height * length, channels, 1, end - begin, to + begin * width, width);
  std::fill_n(to + end * width, (places - end) * width, 0.0f);
}

// One row of tiles of kWide input channels: to[point * stride + tile * kWide + channel].
void input_row(const float* const (&lines)[6], int64_t across, float* to, int64_t stride) {
  for (int64_t tile = 0; tile < across; ++tile, to += kWide)
    for (int64_t c = 0; c < kWide; c += kLanes) {
      Float half[kPoints];
      for (int64_t j = 0; j < 6; ++j) {
        const int64_t at = (tile * 4 + j) * kWide + c;
        const Six s = input_points(load(lines[0] + at), load(lines[1] + at), load(lines[2] + at), load(lines[3] + at),
                                   load(lines[4] + at), load(lines[5] + at));
        half[j] = s.v0, half[6 + j] = s.v1, half[12 + j] = s.v2, half[18 + j] = s.v3, half[24 + j] = s.v4,
        half[30 + j] = s.v5;
      }
      float* out = to + c;
      for (int64_t i = 0; i < 6; ++i, out += 6 * stride) {
        const Float* h = half + 6 * i;
        const Six s = input_points(h[0], h[1], h[2], h[3], h[4], h[5]);
        store(out, s.v0), store(out + stride, s.v1), store(out + 2 * stride, s.v2), store(out + 3 * stride, s.v3);
        store(out + 4 * stride, s.v4), store(out + 5 * stride, s.v5);
      }
    }
}

constexpr int64_t kTallVectors = (kTall + kLanes - 1) / kLanes, kTallWidth = kTallVectors * kLanes;

// One row of tiles of kTall output channels: to[point * stride + tile * kTall + channel]. The last vector of a tile may
// reach beyond its kTall numbers, into those of the next tile, which are written afterwards.
void gradient_row(const float* lines, int64_t places, int64_t across, float* to, int64_t stride) {
  for (int64_t tile = 0; tile < across; ++tile, to += kTall)
    for (int64_t c = 0; c < kTallWidth; c += kLanes) {
      const float* from = lines + tile * 4 * kTallWidth + c;
      const int64_t line = places * kTallWidth;
      Float half[24];
      for (int64_t j = 0; j < 4; ++j) {
        const float* at = from + j * kTallWidth;
        const Six s = gradient_points(load(at), load(at + line), load(at + 2 * line), load(at + 3 * line));
        half[j] = s.v0, half[4 + j] = s.v1, half[8 + j] = s.v2, half[12 + j] = s.v3, half[16 + j] = s.v4,
        half[20 + j] = s.v5;
      }
      float* out = to + c;
      const bool whole = c + kLanes <= kTall || tile + 1 < across;
      for (int64_t i = 0; i < 6; ++i, out += 6 * stride) {
        const Float* h = half + 4 * i;
        const Six s = gradient_points(h[0], h[1], h[2], h[3]);
        if (whole) {
          store(out, s.v0), store(out + stride, s.v1), store(out + 2 * stride, s.v2), store(out + 3 * stride, s.v3);
          store(out + 4 * stride, s.v4), store(out + 5 * stride, s.v5);
        } else {
          constexpr int64_t rest = kTall - (kTallVectors - 1) * kLanes;
          store_first(out, s.v0, rest), store_first(out + stride, s.v1, rest);
          store_first(out + 2 * stride, s.v2, rest), store_first(out + 3 * stride, s.v3, rest);
          store_first(out + 4 * stride, s.v4, rest), store_first(out + 5 * stride, s.v5, rest);
        }
      }
    }
}

// ---- points to taps --------------------------------------------------------------------------------------------------

// dw[channel][3][3] of up to kWide channels from sums[point * stride + channel].
void taps_row(const float* sums, int64_t stride, int64_t channels, float* dw) {
  float taps[9][kWide];
  for (int64_t c = 0; c < kWide; c += kLanes) {
    Float half[18];
    for (int64_t j = 0; j < 6; ++j) {
      const float* at = sums + j * stride + c;
      const Three t = taps_of(load(at), load(at + 6 * stride), load(at + 12 * stride), load(at + 18 * stride),
                              load(at + 24 * stride), load(at + 30 * stride));
      half[j] = t.v0, half[6 + j] = t.v1, half[12 + j] = t.v2;
    }
    for (int64_t i = 0; i < 3; ++i) {
      const Float* h = half + 6 * i;
      const Three t = taps_of(h[0], h[1], h[2], h[3], h[4], h[5]);
      store(taps[3 * i] + c, t.v0), store(taps[3 * i + 1] + c, t.v1), store(taps[3 * i + 2] + c, t.v2);
    }
  }
  int64_t c = 0;
#if defined(__AVX__)
  for (; c + 8 <= channels; c += 8) {
    turn8<false>(taps[0] + c, kWide, 7, 8, dw + c * 9, 9);
    for (int64_t i = c; i < c + 8; ++i) dw[i * 9 + 8] = taps[8][i];
  }
#endif
  for (; c < channels; ++c)
    for (int64_t tap = 0; tap < 9; ++tap) dw[c * 9 + tap] = taps[tap][c];
}

// ---- the whole -------------------------------------------------------------------------------------------------------

struct Problem {
  const ConvShape& s;
  const float *g, *x;
  int64_t down, across;    // tiles of an image
  int64_t panels, strips;  // of all input and output channels
};

// Some rows of tiles of the batch, transformed. From one point to the next are 16 floats more than needed: strides of a
// power of two would all fall on one set of the cache.
struct Chunk {
  int64_t rows, tiles, strip0, strips;
  int64_t input_stride, gradient_stride;
  float *inputs, *gradients;  // [point][panel][tile][kWide] and [point][strip][tile][kTall]
};

// Sums of products for some panels and strips: [point][panel][strip][kTall][kWide].
struct Sums {
  int64_t panels, strips, stride;
  float* data;
  Sums(int64_t panels, int64_t strips, Buffer& buffer)
      : panels(panels), strips(strips), stride(panels * strips * kTall * kWide + 16),
        data(buffer.reserve(kPoints * stride)) {}
};

// The tiles of one panel of x in some rows of tiles. Of the six lines that a row sees, the next one in the same image
// sees the last two again.
void transform_inputs(const Problem& p, int64_t row0, int64_t begin, int64_t end, int64_t panel, const Chunk& to,
                      float* space) {
  const ConvShape& s = p.s;
  const int64_t places = 4 * p.across + 2, c = panel * kWide, channels = std::min(kWide, s.in - c);
  const float* lines[6];
  for (int64_t row = begin; row < end; ++row) {
    const int64_t n = (row0 + row) / p.down, down = (row0 + row) % p.down;
    const bool goes_on = row > begin && down > 0;
    for (int64_t i = 0; i < 6; ++i) {
      float* line = space + (4 * down + i) % 6 * places * kWide;
      lines[i] = line;
      if (i >= 2 || !goes_on)
        turned(p.x + (n * s.in + c) * s.size[1] * s.size[2], s.size[1], s.size[2], channels, 4 * down + i - s.pad[1],
               s.pad[2], places, line, kWide);
    }
    input_row(lines, p.across, to.inputs + (panel * to.tiles + row * p.across) * kWide, to.input_stride);
  }
}

void transform_gradients(const Problem& p, int64_t row0, int64_t begin, int64_t end, int64_t strip, const Chunk& to,
                         float* space) {
  const ConvShape& s = p.s;
  const int64_t places = 4 * p.across, o = (to.strip0 + strip) * kTall, channels = std::min(kTall, s.out - o);
  for (int64_t row = begin; row < end; ++row) {
    const int64_t n = (row0 + row) / p.down, y = (row0 + row) % p.down * 4;
    for (int64_t i = 0; i < 4; ++i)
      turned(p.g + (n * s.out + o) * s.places[1] * s.places[2], s.places[1], s.places[2], channels, y + i, 0, places,
             space + i * places * kTallWidth, kTallWidth);
    gradient_row(space, places, p.across, to.gradients + (strip * to.tiles + row * p.across) * kTall,
                 to.gradient_stride);
  }
}

void transform(const Problem& p, int64_t row0, const Chunk& to) {
  const int64_t pieces = ceil_div(to.rows, kRowsTogether);
  parallel_for(pieces * (p.panels + to.strips), 1, [&](int64_t begin, int64_t end) {
    static thread_local Buffer buffer;
    float* space = buffer.reserve(6 * (4 * p.across + 2) * std::max(kWide, kTallWidth));
    for (int64_t item = begin; item < end; ++item) {
      const int64_t part = item / pieces, first = item % pieces * kRowsTogether;
      const int64_t last = std::min(first + kRowsTogether, to.rows);
      if (part < p.panels)
        transform_inputs(p, row0, first, last, part, to, space);
      else
        transform_gradients(p, row0, first, last, part - p.panels, to, space);
    }
  });
}

// The products at one point, of the chunk's panels and strips from panel0 and strip0 on.
void multiply(const Chunk& chunk, int64_t point, int64_t panel0, int64_t strip0, const Sums& to, bool add) {
  const float* inputs = chunk.inputs + point * chunk.input_stride + panel0 * chunk.tiles * kWide;
  const float* gradients = chunk.gradients + point * chunk.gradient_stride + strip0 * chunk.tiles * kTall;
  for (int64_t panel = 0; panel < to.panels; ++panel)
    for (int64_t strip = 0; strip < to.strips; ++strip) {
      float* out = to.data + point * to.stride + (panel * to.strips + strip) * kTall * kWide;
      tile<kTall, true>(chunk.tiles, gradients + strip * chunk.tiles * kTall, 0, inputs + panel * chunk.tiles * kWide,
                        kWide, Target{out, kWide, 1, nullptr, nullptr, add, false});
    }
}

// Output channel `row` of the sums, which begin at panel0 and strip0 of the whole, to dw.
void finish(const Problem& p, const Sums& sums, int64_t panel0, int64_t strip0, int64_t row, float* dw) {
  for (int64_t panel = 0; panel < sums.panels; ++panel) {
    const int64_t c = (panel0 + panel) * kWide, o = strip0 * kTall + row;
    taps_row(sums.data + (panel * sums.strips * kTall + row) * kWide, sums.stride, std::min(kWide, p.s.in - c),
             dw + (o * p.s.in + c) * 9);
  }
}

// All tiles at once: blocks of sums then need not leave the cache before they are taps.
void whole_batch(const Problem& p, Chunk& chunk, float* dw) {
  transform(p, 0, chunk);
  const int64_t across = ceil_div(p.panels, kBlockPanels), down = ceil_div(p.strips, kBlockStrips);
  parallel_for(across * down, 1, [&](int64_t begin, int64_t end) {
    static thread_local Buffer buffer;
    for (int64_t block = begin; block < end; ++block) {
      const int64_t strip0 = block / across * kBlockStrips, panel0 = block % across * kBlockPanels;
      const Sums sums(std::min(kBlockPanels, p.panels - panel0), std::min(kBlockStrips, p.strips - strip0), buffer);
      for (int64_t point = 0; point < kPoints; ++point) multiply(chunk, point, panel0, strip0, sums, false);
      const int64_t rows = std::min(sums.strips * kTall, p.s.out - strip0 * kTall);
      for (int64_t row = 0; row < rows; ++row) finish(p, sums, panel0, strip0, row, dw);
    }
  });
}

}  // namespace

void conv_weight_winograd(const ConvShape& s, const float* g, const float* x, float* dw) {
  const int64_t down = ceil_div(s.places[1], 4), across = ceil_div(s.places[2], 4), rows = s.batch * down;
  const Problem p{s, g, x, down, across, ceil_div(s.in, kWide), ceil_div(s.out, kTall)};
  static thread_local Buffer input_buffer, gradient_buffer, sum_buffer;
  auto reserve = [&](int64_t chunk_rows, int64_t strips) {
    const int64_t tiles = chunk_rows * across;
    const int64_t input_stride = p.panels * tiles * kWide + 16, gradient_stride = strips * tiles * kTall + 16;
    return Chunk{chunk_rows, tiles, 0, strips, input_stride, gradient_stride,
                 input_buffer.reserve(kPoints * input_stride), gradient_buffer.reserve(kPoints * gradient_stride)};
  };
  if (kPoints * rows * across * (p.panels * kWide + p.strips * kTall) <= kWholeFloats) {
    Chunk chunk = reserve(rows, p.strips);
    return whole_batch(p, chunk, dw);
  }

  const int64_t strips = ceil_div(p.strips, ceil_div(s.out, kOutBlock));
  const int64_t widest = kPoints * across * std::max(p.panels * kWide, strips * kTall);
  Chunk chunk = reserve(std::min(rows, std::max(kChunkFloats / widest, ceil_div(kLeastTiles, across))), strips);
  const int64_t most = chunk.rows;
  for (; chunk.strip0 < p.strips; chunk.strip0 += strips) {
    chunk.strips = std::min(strips, p.strips - chunk.strip0);
    const Sums sums(p.panels, chunk.strips, sum_buffer);
    for (int64_t row = 0; row < rows; row += most) {
      chunk.rows = std::min(most, rows - row), chunk.tiles = chunk.rows * across;
      transform(p, row, chunk);
      parallel_for(kPoints, 1, [&](int64_t begin, int64_t end) {
        for (int64_t point = begin; point < end; ++point) multiply(chunk, point, 0, 0, sums, row > 0);
      });
    }
    parallel_for(std::min(chunk.strips * kTall, s.out - chunk.strip0 * kTall), 8, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin; o < end; ++o) finish(p, sums, 0, chunk.strip0, o, dw);
    });
  }
}

}  // namespace facula::FACULA_ISA
