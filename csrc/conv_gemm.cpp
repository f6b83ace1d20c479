// Convolution as products of its weights with blocks of unfolded windows that stay in the cache. The gradient in the
// input is one such product for each residue of the stride: the places that have it form a convolution of stride 1.
#include "conv_windows.h"

#include "parallel.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kDepth = 320;      // longest stretch of k that one pass sums
constexpr int64_t kPlaces = 192;     // places of a block
constexpr int64_t kFewPlaces = 64;   // the fewest that a block is cut down to, to occupy all threads

// Strips of nearly the same height: one of a row or two would take as long as one of four.
FACULA_INLINE int64_t strip_start(int64_t rows, int64_t strip) { return rows * strip / ceil_div(rows, kTall); }

// The tall side: for each group `rows` rows of `depth` weights, rows in place or packed into strips [depth][kTall].
struct Weights {
  const float* data;
  int64_t rows, depth;
  bool packed;
  int64_t strips() const { return ceil_div(rows, kTall); }
  const float* at(int64_t group, int64_t strip, int64_t k) const {
    return packed ? data + ((group * strips() + strip) * depth + k) * kTall
                  : data + (group * rows + strip_start(rows, strip)) * depth + k;
  }
};

// Strides of the result.
struct Sink {
  float* data;
  int64_t image, channel, place[3];
};

// About kPlaces places in as few panels as possible; lines longer than that are cut.
void choose_blocks(const Source& source, int64_t groups, Layout& layout) {
  const int64_t width = source.axis[2].places, lines = source.lines(), places = lines * width;
  int64_t wanted = kPlaces;
  if (num_threads() > 1) wanted = std::clamp(places * groups / (num_threads() * 3), kFewPlaces, kPlaces);
  layout.pieces = 1, layout.piece = width, layout.lines = 1;
  if (width > wanted + wanted / 2) {
    layout.pieces = ceil_div(width, wanted);
    layout.piece = ceil_div(ceil_div(width, layout.pieces), kWide) * kWide;
    layout.pieces = ceil_div(width, layout.piece);
    return;
  }
  const int64_t most = std::min(lines, std::max<int64_t>(1, (wanted + wanted / 4) / width));
  double best = 0;
  for (int64_t n = std::max<int64_t>(1, most / 2); n <= most; ++n) {
    const double fill = static_cast<double>(n * width) / (ceil_div(n * width, kWide) * kWide);
    if (fill >= best) best = fill, layout.lines = n;
  }
}

void multiply(const Source& source, const Weights& weights, const float* bias, bool relu, const Sink& sink) {
  const int64_t groups = source.groups, channels = source.channels / groups, taps = source.taps();
  const Axis* axis = source.axis;
  Layout layout;
  choose_blocks(source, groups, layout);
  layout.in_place = readable_in_place(source);
  const int64_t passes = ceil_div(channels * taps, kDepth);
  layout.channels = std::max<int64_t>(1, ceil_div(channels, passes));

  static thread_local Integers planned;
  const int64_t sides = axis[0].taps + axis[1].taps + axis[2].taps;
  int64_t* memory = planned.reserve(3 * sides + layout.channels * taps);
  layout.rows = std::min(layout.lines, axis[1].places);
  layout.runs[1].plan(axis[1], layout.rows, true, memory);
  layout.runs[2].plan(axis[2], layout.piece, false, memory + 3 * axis[1].taps);
  layout.offset = memory + 3 * sides;
  layout.slab = axis[0].taps * layout.runs[1].count * layout.runs[1].length * layout.runs[2].count * layout.runs[2].length;
  layout.slab += kLanes;
  const int64_t slabs = std::min(ceil_div(layout.lines - 1, axis[1].places) + 1, source.batch * axis[0].places);
  layout.channel = slabs * layout.slab;
  plan_offsets(source, layout);

  const int64_t blocks = ceil_div(source.lines(), layout.lines) * layout.pieces, strips = weights.strips();
  // Few places: threads also share the strips, each filling its own panels.
  int64_t parts = 1;
  if (num_threads() > 1 && blocks * groups < 2 * num_threads())
    parts = std::clamp<int64_t>(strips / 4, 1, ceil_div(2 * num_threads(), blocks * groups));
  const bool contiguous = sink.place[2] == 1 && sink.place[1] == axis[2].places &&
                          sink.place[0] == axis[1].places * axis[2].places;

  parallel_for(blocks * groups * parts, 1, [&](int64_t begin, int64_t end) {
    static thread_local Buffer buffers, panel_memory, held_memory;
    static thread_local Integers place_memory;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t part = task % parts, group = task / parts % groups, number = task / parts / groups;
      const int64_t line = number / layout.pieces * layout.lines, x0 = number % layout.pieces * layout.piece;
      const Block block{line, std::min(line + layout.lines, source.lines()), x0,
                        std::min(x0 + layout.piece, axis[2].places)};
      const int64_t places = block.places(), panels = ceil_div(places, kWide);
      const int64_t first_strip = strips * part / parts, last_strip = strips * (part + 1) / parts;
      const int64_t held_rows = (last_strip - first_strip) * kTall;
      int64_t *from = place_memory.reserve(2 * places), *to = from + places;
      place_offsets(source, layout, block, from);
      for (int64_t l = block.first, p = 0; l < block.last; ++l) {
        const int64_t y = l % axis[1].places, z = l / axis[1].places % axis[0].places;
        int64_t place = l / axis[1].places / axis[0].places * sink.image + z * sink.place[0] + y * sink.place[1] +
                        block.x0 * sink.place[2];
        for (int64_t x = block.x0; x < block.x1; ++x, place += sink.place[2]) to[p++] = place;
      }
      float* buffer = layout.in_place ? nullptr : buffers.reserve(layout.channels * layout.channel + kWide);
      float* packed = panel_memory.reserve(panels * layout.channels * taps * kWide + kWide);
      float* held = nullptr;  // panels whose places are scattered in the result

      for (int64_t c = 0; c < channels; c += layout.channels) {
        const int64_t here = std::min(layout.channels, channels - c), depth = here * taps;
        const float *data = source.data + (group * channels + c) * source.plane(), *start, *stop;
        if (layout.in_place) {
          start = data, stop = source.data + source.batch * source.channels * source.plane();
        } else {
          fill_buffer(source, layout, block, data, here, buffer);
          start = buffer, stop = buffer + layout.channels * layout.channel + kWide;
        }
        for (int64_t p = 0; p < panels; ++p) {
          Move moves[kWide];
          const int64_t count = find_moves(from + p * kWide, std::min(kWide, places - p * kWide), moves);
          fill_panel(start, stop, layout.offset, depth, layout.reach, moves, count, packed + p * depth * kWide);
        }
        const bool last = c + here == channels;
        for (int64_t s = first_strip; s < last_strip; ++s) {
          const int64_t row = strip_start(weights.rows, s), rows = strip_start(weights.rows, s + 1) - row;
          const int64_t output = group * weights.rows + row;
          const float* tall = weights.at(group, s, c * taps);
          for (int64_t p = 0; p < panels; ++p) {
            const int64_t first = p * kWide, columns = std::min(kWide, places - first);
            const bool direct = contiguous && to[first + columns - 1] - to[first] == columns - 1;
            float* out = sink.data + output * sink.channel;
            Target target{out + to[first], sink.channel, 1, bias ? bias + output : nullptr, nullptr, c > 0, relu && last};
            if (!direct) {
              if (!held) held = held_memory.reserve(panels * held_rows * kWide);
              target.out = held + (p * held_rows + (s - first_strip) * kTall) * kWide;
              target.row = kWide;
            }
            const float* wide = packed + p * depth * kWide;
            if (weights.packed)
              tile_of<true>(rows, depth, tall, 0, wide, columns, target);
            else
              tile_of<false>(rows, depth, tall, weights.depth, wide, columns, target);
            if (!direct && last)
              for (int64_t r = 0; r < rows; ++r)
                for (int64_t i = 0; i < columns; ++i) out[r * sink.channel + to[first + i]] = target.out[r * kWide + i];
          }
        }
      }
    }
  });
}

// The places of the input that have one residue of the stride, as a convolution of g.
struct Phase {
  Source source;
  int64_t residue[3];
  bool empty;  // no place has it
};

// `number` counts the residues; at: memory for what the axes point to; tap: gets the taps that it reads.
Phase phase_of(const ConvShape& shape, const float* g, int64_t number, int64_t* at, int64_t* tap) {
  const int64_t *k = shape.kernel, *s = shape.stride;
  Phase phase{{g, shape.batch, shape.out, shape.groups, {}}, {number / (s[1] * s[2]), number / s[2] % s[1], number % s[2]}, false};
  for (int a = 0; a < 3; ++a) {
    const int64_t residue = phase.residue[a];
    phase.source.axis[a] = {shape.places[a], ceil_div(shape.size[a] - residue, s[a]), 1, 0, at};
    phase.empty |= residue >= shape.size[a];
    for (int64_t t = 0; t < k[a]; ++t) {
      const int64_t from = residue + shape.pad[a] - t * shape.dilation[a];
      if (from % s[a] != 0) continue;
      *at++ = from / s[a];
      ++phase.source.axis[a].taps;
    }
  }
  for (int64_t t = 0; t < k[0] * k[1] * k[2]; ++t) {
    const int64_t of[3] = {t / (k[1] * k[2]), t / k[2] % k[1], t % k[2]};
    bool reads = true;
    for (int a = 0; a < 3; ++a) reads &= (phase.residue[a] + shape.pad[a] - of[a] * shape.dilation[a]) % s[a] == 0;
    if (reads) *tap++ = t;
  }
  return phase;
}

}  // namespace

void conv_gemm(const ConvShape& shape, const float* x, const float* w, const float* bias, bool relu, float* out) {
  static thread_local Integers memory;
  int64_t* at = memory.reserve(shape.kernel[0] + shape.kernel[1] + shape.kernel[2]);
  Source source{x, shape.batch, shape.in, shape.groups, {}};
  for (int a = 0; a < 3; ++a) {
    source.axis[a] = {shape.size[a], shape.places[a], shape.stride[a], shape.kernel[a], at};
    for (int64_t t = 0; t < shape.kernel[a]; ++t) *at++ = t * shape.dilation[a] - shape.pad[a];
  }
  const int64_t line = shape.places[2], plane = shape.places[1] * line, image = shape.places[0] * plane;
  const Weights weights{w, shape.out / shape.groups, shape.in / shape.groups * source.taps(), false};
  multiply(source, weights, bias, relu, {out, shape.out * image, image, {plane, line, 1}});
}

void conv_gemm_input(const ConvShape& shape, const float* g, const float* w, float* dx) {
  static thread_local Integers memory;
  static thread_local Buffer packed_memory;
  const int64_t *k = shape.kernel, *s = shape.stride;
  const int64_t volume = k[0] * k[1] * k[2], phases = s[0] * s[1] * s[2];
  const int64_t outs = shape.out / shape.groups, ins = shape.in / shape.groups, strips = ceil_div(ins, kTall);
  const int64_t line = shape.size[2], plane = shape.size[1] * line, image = shape.size[0] * plane;
  int64_t* at = memory.reserve(k[0] + k[1] + k[2] + 3 * volume);
  int64_t *tap = at + k[0] + k[1] + k[2], *start = tap + volume, *step = start + volume;

  // All weights in one pass over them: for each phase strips [output channel, tap][kTall input channels]. Tap t of output
  // channel o in strip i is at start[t] + (i * outs + o) * step[t].
  float* packed = packed_memory.reserve(shape.groups * strips * outs * volume * kTall);
  int64_t used = 0;
  std::fill_n(step, volume, 0);
  for (int64_t number = 0; number < phases; ++number) {
    const Phase phase = phase_of(shape, g, number, at, tap);
    const int64_t taps = phase.source.taps();
    for (int64_t t = 0; t < taps; ++t) start[tap[t]] = used + t * kTall, step[tap[t]] = taps * kTall;
    used += shape.groups * strips * outs * taps * kTall;
  }
  constexpr int64_t kTogether = 16;  // output channels: long stretches of memory are read and written in turn
  const int64_t blocks = ceil_div(outs, kTogether);
  parallel_for(shape.groups * blocks, ceil_div(16384, kTogether * ins * volume), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t group = i / blocks, first = i % blocks * kTogether, last = std::min(first + kTogether, outs);
      for (int64_t strip = 0; strip < strips; ++strip)
        for (int64_t o = first; o < last; ++o) {
          const int64_t row = strip_start(ins, strip), rows = strip_start(ins, strip + 1) - row;
          const int64_t place = (group * strips + strip) * outs + o;
          const float* from = w + ((group * outs + o) * ins + row) * volume;
          if (volume == 1 && rows == kTall) {
            std::memcpy(packed + place * kTall, from, kTall * sizeof(float));
            continue;
          }
          for (int64_t t = 0; t < volume; ++t) {
            float* to = packed + start[t] + place * step[t];
            if (rows == kTall)
              for (int64_t r = 0; r < kTall; ++r) to[r] = from[r * volume + t];
            else
              for (int64_t r = 0; r < rows; ++r) to[r] = from[r * volume + t];
          }
        }
    }
  });

  used = 0;
  for (int64_t number = 0; number < phases; ++number) {
    const Phase phase = phase_of(shape, g, number, at, tap);
    const Axis* axis = phase.source.axis;
    const int64_t depth = outs * phase.source.taps();
    const Weights weights{packed + used, ins, depth, true};
    used += shape.groups * strips * depth * kTall;
    if (phase.empty) continue;
    float* out = dx + phase.residue[0] * plane + phase.residue[1] * line + phase.residue[2];
    const Sink sink{out, shape.in * image, image, {s[0] * plane, s[1] * line, s[2]}};
    if (depth > 0) {
      multiply(phase.source, weights, nullptr, false, sink);
      continue;
    }
    for (int64_t i = 0; i < shape.batch * shape.in; ++i)  // nothing reads these
      for (int64_t z = 0; z < axis[0].places; ++z)
        for (int64_t y = 0; y < axis[1].places; ++y)
          for (int64_t x = 0; x < axis[2].places; ++x)
            out[i * image + z * sink.place[0] + y * sink.place[1] + x * sink.place[2]] = 0.0f;
  }
}

}  // namespace facula::FACULA_ISA
