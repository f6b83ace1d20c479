// Convolutions in which every filter reads one channel: too few products for panels, so the sums of neighbouring places
// run in vectors over the lines of one channel, kept in the nearest cache.
#include "conv_windows.h"

#include "parallel.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kBufferSize = 6 << 10;  // numbers of a channel that are held at once

// The places of one channel: element t of `weight` times the buffer at offset[t] from the place.
struct Filter {
  const int64_t* offset;
  const float* weight;
  int64_t taps;
  float bias;
  bool relu;
};

// `rows` lines of `columns` places; place (r, c) reads from r * pitch + c on and goes to out[r * row + c]. Eight vectors
// at once: `across` of a line in each of 8 / across lines. Up to `end` the result may be written beyond a line.
template <int across>
void lines_of(const float* from, int64_t pitch, const Filter& filter, int64_t rows, int64_t columns, float* out,
              int64_t row, const float* end) {
  constexpr int down = 8 / across;
  const bool one_block = columns <= across * kLanes;
#define FACULA_EIGHT(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
  for (int64_t r = 0; r < rows; r += down) {
    for (int64_t c = 0; c < columns; c += across * kLanes) {
      const float* source = from + r * pitch + c;
#define FACULA_START(i) Float sum##i = broadcast(filter.bias);
      FACULA_EIGHT(FACULA_START)
#undef FACULA_START
      for (int64_t t = 0; t < filter.taps; ++t) {
        const Float weight = broadcast(filter.weight[t]);
        const float* at = source + filter.offset[t];
#define FACULA_STEP(i) sum##i = fma(weight, load(at + (i / across) * pitch + (i % across) * kLanes), sum##i);
        FACULA_EIGHT(FACULA_STEP)
#undef FACULA_STEP
      }
#define FACULA_STORE(i)                                                            \
  if (r + i / across < rows && c + (i % across) * kLanes < columns) {              \
    if (filter.relu) sum##i = sum##i <= 0.0f ? Float{} : sum##i;                   \
    const int64_t left = columns - c - (i % across) * kLanes;                      \
    float* to = out + (r + i / across) * row + c + (i % across) * kLanes;          \
    if (left >= kLanes || (one_block && to + kLanes <= end)) store(to, sum##i);    \
    else store_first(to, sum##i, left);                                            \
  }
      FACULA_EIGHT(FACULA_STORE)
#undef FACULA_STORE
    }
  }
#undef FACULA_EIGHT
}

using Lines = void (*)(const float*, int64_t, const Filter&, int64_t, int64_t, float*, int64_t, const float*);

// The form that leaves the fewest vectors idle.
Lines best_form(int64_t rows, int64_t columns) {
  const Lines forms[4] = {&lines_of<1>, &lines_of<2>, &lines_of<4>, &lines_of<8>};
  const int64_t vectors = ceil_div(columns, kLanes);
  int best = 0;
  int64_t least = INT64_MAX;
  for (int i = 0; i < 4; ++i) {
    const int64_t across = 1 << i, down = 8 >> i;
    const int64_t steps = ceil_div(vectors, across) * ceil_div(rows, down);
    if (steps < least) least = steps, best = i;
  }
  return forms[best];
}

// Lines and offsets for blocks of one channel's lines.
void plan(const Source& source, Layout& layout, int64_t* memory) {
  const Axis* axis = source.axis;
  const int64_t sides = axis[0].taps + axis[1].taps + axis[2].taps;
  layout.in_place = false, layout.channels = 1;
  layout.pieces = 1, layout.piece = axis[2].places;
  layout.runs[2].plan(axis[2], axis[2].places, false, memory);
  const int64_t line = layout.runs[2].count * layout.runs[2].length;
  layout.lines = layout.rows =
      std::clamp<int64_t>(kBufferSize / (axis[0].taps * axis[1].stride * line) - axis[1].taps, 8, axis[1].places);
  layout.runs[1].plan(axis[1], layout.rows, false, memory + 3 * axis[2].taps);
  layout.slab = layout.channel = axis[0].taps * layout.runs[1].count * layout.runs[1].length * line;
  layout.offset = memory + 3 * sides;
  plan_offsets(source, layout);
}

// What a block's last vectors read beyond it.
int64_t buffer_size(const Layout& layout) {
  return layout.channel + 8 * layout.runs[2].count * layout.runs[2].length + 9 * kLanes;
}

// Small planes of which the result has the size: lines are shorter than vectors, so the whole plane is one line. For
// each tap of a line the buffer has the plane moved sideways, with 0 where it would reach into the next line.
struct Flat {
  static constexpr int64_t kWidest = 32;
  int64_t rows, plane;  // lines with those above and below, numbers of a plane in whole vectors
  int64_t start;        // of the plane in the buffer
  int64_t* offset;
  int32_t* mask;        // [tap of a line][plane]

  static bool fits(const Source& source) {
    const Axis* axis = source.axis;
    return axis[0].size == 1 && axis[0].places == 1 && axis[0].taps == 1 && axis[0].at[0] == 0 &&
           axis[2].size <= kWidest && axis[2].taps <= 8 && axis[2].places == axis[2].size &&
           axis[1].places == axis[1].size && axis[1].stride == 1 && axis[2].stride == 1 && axis[1].size <= 64;
  }

  void plan(const Source& source, int64_t* offsets, Buffer& masks) {
    const Axis &y = source.axis[1], &x = source.axis[2];
    const int64_t least = *std::min_element(y.at, y.at + y.taps), most = *std::max_element(y.at, y.at + y.taps);
    rows = y.size + most - least, start = -least * x.size, offset = offsets;
    plane = ceil_div(y.size * x.size, kLanes) * kLanes;
    mask = reinterpret_cast<int32_t*>(masks.reserve(x.taps * plane));
    for (int64_t t = 0; t < x.taps; ++t)
      for (int64_t i = 0; i < plane; ++i) {
        const int64_t from = i % x.size + x.at[t];
        mask[t * plane + i] = i < y.size * x.size && from >= 0 && from < x.size ? -1 : 0;
      }
    for (int64_t i = 0; i < y.taps; ++i)
      for (int64_t j = 0; j < x.taps; ++j) *offsets++ = j * run(x.size) + (y.at[i] - least) * x.size;
  }
  int64_t run(int64_t width) const { return rows * width + kLanes; }

  // from: the plane; vectors that reach out of [begin, end) are read number by number.
  void fill(const Source& source, const float* from, const float* begin, const float* end, float* buffer) const {
    const Axis& x = source.axis[2];
    for (int64_t t = 0; t < x.taps; ++t) {
      float* to = buffer + t * run(x.size) + start;
      const float* moved = from + x.at[t];
      for (int64_t i = 0; i < plane; i += kLanes) {
        Float value{};
        if (moved + i >= begin && moved + i + kLanes <= end) {
          value = load(moved + i);
        } else {
          for (int64_t j = 0; j < kLanes; ++j)
            if (moved + i + j >= begin && moved + i + j < end) value[j] = moved[i + j];
        }
        store(to + i, (Float)((Int)value & load(mask + t * plane + i)));
      }
    }
  }
};

// Each channel of the source with `filters` filters of its own.
void correlate(const Source& source, int64_t channels, int64_t filters, const float* w, const float* bias, bool relu,
               float* out) {
  static thread_local Integers memory;
  static thread_local Buffer masks;
  const Axis* axis = source.axis;
  const int64_t taps = source.taps(), line = axis[2].places, plane = axis[1].places * line;
  const int64_t image = axis[0].places * plane;
  int64_t* planned = memory.reserve(3 * (axis[0].taps + axis[1].taps + axis[2].taps) + taps);
  auto filter = [&](int64_t channel, const int64_t* offset) {
    return Filter{offset, w + channel * taps, taps, bias ? bias[channel] : 0.0f, relu};
  };
  if (Flat::fits(source)) {
    Flat flat;
    flat.plan(source, planned, masks);
    const int64_t size = axis[2].taps * flat.run(line) + 9 * kLanes;
    parallel_for(source.batch, std::max<int64_t>(1, 100000 / (plane * taps * filters)), [&](int64_t begin, int64_t end) {
      static thread_local Buffer own;
      float* buffer = own.reserve(size);
      std::fill_n(buffer, size, 0.0f);
      for (int64_t channel = begin; channel < end; ++channel) {
        flat.fill(source, source.data + channel * plane, source.data, source.data + source.batch * plane, buffer);
        for (int64_t f = 0; f < filters; ++f)
          lines_of<8>(buffer, 0, filter(channel % channels * filters + f, flat.offset), 1, plane,
                      out + (channel * filters + f) * plane, 0, nullptr);
      }
    });
    return;
  }
  Layout layout;
  plan(source, layout, planned);
  const int64_t bands = ceil_div(axis[1].places, layout.lines), pitch = layout.runs[2].count * layout.runs[2].length;
  const Lines lines = best_form(layout.lines, line);
  const int64_t work = layout.lines * line * taps * filters;
  parallel_for(source.batch * axis[0].places * bands, std::max<int64_t>(1, 100000 / work), [&](int64_t begin, int64_t end) {
    static thread_local Buffer own;
    float* buffer = own.reserve(buffer_size(layout));
    for (int64_t task = begin; task < end; ++task) {
      const int64_t slab = task / bands, y = task % bands * layout.lines;
      const int64_t channel = slab / axis[0].places, z = slab % axis[0].places;
      const int64_t rows = std::min(layout.lines, axis[1].places - y), first = slab * axis[1].places + y;
      fill_buffer(source, layout, {first, first + rows, 0, line}, source.data, 1, buffer);
      for (int64_t f = 0; f < filters; ++f) {
        float* to = out + (channel * filters + f) * image + z * plane + y * line;
        lines(buffer, pitch, filter(channel % channels * filters + f, layout.offset), rows, line, to, line,
              to + rows * line);
      }
    }
  });
}

}  // namespace

void conv_depthwise(const ConvShape& shape, const float* x, const float* w, const float* bias, bool relu, float* out) {
  static thread_local Integers memory;
  Source source{x, shape.batch * shape.in, 1, 1, {}};
  int64_t* at = memory.reserve(shape.kernel[0] + shape.kernel[1] + shape.kernel[2]);
  for (int a = 0; a < 3; ++a) {
    source.axis[a] = {shape.size[a], shape.places[a], shape.stride[a], shape.kernel[a], at};
    for (int64_t t = 0; t < shape.kernel[a]; ++t) *at++ = t * shape.dilation[a] - shape.pad[a];
  }
  correlate(source, shape.in, shape.out / shape.in, w, bias, relu, out);
}

// Every place of the gradient in the input reads the taps that have its residue of the stride. All residues read the
// same buffer of g; those of a line are computed one after the other and merged.
void conv_depthwise_input(const ConvShape& shape, const float* g, const float* w, float* dx) {
  static thread_local Integers memory;
  const int64_t *k = shape.kernel, *s = shape.stride;
  const int64_t sides = k[0] + k[1] + k[2], taps = k[0] * k[1] * k[2];
  const int64_t phases = s[0] * s[1] * s[2];
  Source source{g, shape.batch * shape.out, 1, 1, {}};
  int64_t* at = memory.reserve(5 * sides + 3 * taps + phases + 1);
  int64_t *residue = at + sides, *residues[3];
  for (int a = 0; a < 3; ++a) {
    source.axis[a] = {shape.places[a], ceil_div(shape.size[a], s[a]), 1, k[a], at};
    residues[a] = residue;
    for (int64_t t = 0; t < k[a]; ++t) {
      const int64_t from = shape.pad[a] - t * shape.dilation[a];  // place p reads (p + from) / stride
      *residue = -from - floor_div(-from, s[a]) * s[a];
      *at++ = (*residue++ + from) / s[a];
    }
  }
  if (phases == 1) return correlate(source, shape.out, 1, w, nullptr, false, dx);
  Layout layout;
  plan(source, layout, residue);
  // The taps of each residue: [first[phase], first[phase + 1]) of `offset` and `number`.
  int64_t *offset = layout.offset + taps, *number = offset + taps, *first = number + taps;
  int64_t count = 0;
  for (int64_t phase = 0; phase < phases; ++phase) {
    first[phase] = count;
    for (int64_t t = 0; t < taps; ++t) {
      const int64_t of[3] = {t / (k[1] * k[2]), t / k[2] % k[1], t % k[2]};
      if (residues[0][of[0]] == phase / (s[1] * s[2]) && residues[1][of[1]] == phase / s[2] % s[1] &&
          residues[2][of[2]] == phase % s[2])
        offset[count] = layout.offset[t], number[count++] = t;
    }
  }
  first[phases] = count;

  const Axis* axis = source.axis;
  const int64_t width = shape.size[2], plane = shape.size[1] * width, image = shape.size[0] * plane;
  const int64_t bands = ceil_div(axis[1].places, layout.lines), pitch = layout.runs[2].count * layout.runs[2].length;
  const int64_t row = ceil_div(axis[2].places, kLanes) * kLanes;  // of the lines that are merged
  const Lines lines = best_form(layout.lines, axis[2].places);
  const int64_t work = layout.lines * axis[2].places * taps;
  parallel_for(source.batch * axis[0].places * bands, std::max<int64_t>(1, 200000 / work), [&](int64_t begin, int64_t end) {
    static thread_local Buffer own, merged;
    float* buffer = own.reserve(buffer_size(layout));
    float* parts = merged.reserve(s[2] * layout.lines * row + taps);
    float* weight = parts + s[2] * layout.lines * row;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t slab = task / bands, y = task % bands * layout.lines;
      const int64_t channel = slab / axis[0].places, z = slab % axis[0].places;
      const int64_t rows = std::min(layout.lines, axis[1].places - y), line = slab * axis[1].places + y;
      fill_buffer(source, layout, {line, line + rows, 0, axis[2].places}, g, 1, buffer);
      for (int64_t t = 0; t < taps; ++t) weight[t] = w[channel % shape.out * taps + number[t]];
      for (int64_t a = 0; a < s[0]; ++a) {
        if (z * s[0] + a >= shape.size[0]) break;
        for (int64_t b = 0; b < s[1]; ++b) {
          const int64_t here = std::min(rows, (shape.size[1] - b + s[1] - 1) / s[1] - y);
          float* to = dx + channel * image + (z * s[0] + a) * plane + (y * s[1] + b) * width;
          for (int64_t c = 0; c < s[2]; ++c) {
            const int64_t phase = (a * s[1] + b) * s[2] + c, from = first[phase];
            const Filter filter{offset + from, weight + from, first[phase + 1] - from, 0.0f, false};
            if (s[2] == 1)
              lines(buffer, pitch, filter, here, width, to, s[1] * width, s[1] == 1 ? to + here * width : to);
            else
              lines(buffer, pitch, filter, here, axis[2].places, parts + c * layout.lines * row, row,
                    parts + (c + 1) * layout.lines * row);
          }
          if (s[2] == 1) continue;
          for (int64_t r = 0; r < here; ++r, to += s[1] * width) {
            const float* from = parts + r * row;
            int64_t x = 0;
            if (s[2] == 2)
              for (; 2 * (x + kLanes) <= width; x += kLanes)
                store_pairs(to + 2 * x, load(from + x), load(from + layout.lines * row + x));
            for (; x * s[2] < width; ++x)
              for (int64_t c = 0; c < s[2] && x * s[2] + c < width; ++c)
                to[x * s[2] + c] = from[c * layout.lines * row + x];
          }
        }
      }
    }
  });
}

}  // namespace facula::FACULA_ISA
