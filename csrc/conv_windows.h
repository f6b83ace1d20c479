// The windows of a convolution as panels of the micro-kernel (tile.h): panel [k][kWide] holds, for kWide places of the
// result and each k = (channel, tap), the number that the place multiplies with its k-th weight.
//
// A block of places first copies the lines of the input that it reads into a buffer, with zeros around them and the
// numbers of each residue of the stride side by side. In it consecutive places are neighbours for every tap, whatever
// the stride, padding and dilation; so a panel is filled by copies of whole vectors.
#pragma once
#include "conv.h"
#include "tile.h"

namespace facula::FACULA_ISA {

// One spatial dimension. For tap t, place p reads coordinate p * stride + at[t]; outside of [0, size) there are zeros.
struct Axis {
  int64_t size, places, stride, taps;
  const int64_t* at;
};

struct Source {
  const float* data;  // (batch, channels of all groups, sizes)
  int64_t batch, channels, groups;
  Axis axis[3];
  int64_t plane() const { return axis[0].size * axis[1].size * axis[2].size; }
  int64_t taps() const { return axis[0].taps * axis[1].taps * axis[2].taps; }
  int64_t lines() const { return batch * axis[0].places * axis[1].places; }
};

// Integers that a thread keeps between calls.
class Integers {
 public:
  int64_t* reserve(int64_t count) { return reinterpret_cast<int64_t*>(memory.reserve(2 * count)); }

 private:
  Buffer memory;
};

FACULA_INLINE int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// How one axis lies in the buffer: runs of consecutive places. Tap t of place j is in run[t] at shift[t] + j; element i
// of run r is the coordinate i * stride + start[r].
struct Runs {
  int64_t count, length;
  int64_t *start, *run, *shift;

  // For `places` places at most; memory for 3 * taps integers. With `split`, a run for each tap if that is shorter than
  // the one that serves all taps of a residue (large dilation).
  void plan(const Axis& axis, int64_t places, bool split, int64_t* memory) {
    start = memory, run = memory + axis.taps, shift = memory + 2 * axis.taps;
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (int64_t t = 0; t < axis.taps; ++t) {
      const int64_t q = floor_div(axis.at[t], axis.stride);
      least = std::min(least, q), most = std::max(most, q);
    }
    count = 0, length = places + most - least;
    for (int64_t t = 0; t < axis.taps; ++t) {
      const int64_t q = floor_div(axis.at[t], axis.stride), residue = axis.at[t] - q * axis.stride;
      int64_t r = 0;
      while (r < count && start[r] != residue + least * axis.stride) ++r;
      if (r == count) start[count++] = residue + least * axis.stride;
      run[t] = r, shift[t] = q - least;
    }
    if (split && axis.taps * places < count * length) {
      count = axis.taps, length = places;
      for (int64_t t = 0; t < axis.taps; ++t) start[t] = axis.at[t], run[t] = t, shift[t] = 0;
    }
  }
};

// The elements of a run that lie inside of the input.
struct Inside {
  int64_t first, last;
  Inside() = default;
  Inside(int64_t size, int64_t stride, int64_t start, int64_t length) {
    first = start >= 0 ? 0 : std::min(length, ceil_div(-start, stride));
    last = start >= size ? first : std::max(first, std::min(length, (size - 1 - start) / stride + 1));
  }
};

// line[j] = from[j * stride], 0 where that is not inside. Nothing is read from `end` on; up to kLanes numbers beyond the
// line may be written.
FACULA_INLINE void copy_run(const float* from, const float* end, int64_t stride, Inside inside, int64_t length,
                            float* line) {
  const int64_t first = inside.first, last = inside.last;
  for (int64_t j = 0; j < first; j += kLanes) store(line + j, Float{});
  if (stride == 1) {
    if (from + last + kLanes <= end)
      for (int64_t j = first; j < last; j += kLanes) store(line + j, load(from + j));
    else if (first < last)
      std::memcpy(line + first, from + first, (last - first) * sizeof(float));
  } else if (stride == 2 && from + 2 * last + 2 * kLanes <= end) {
    for (int64_t j = first; j < last; j += kLanes)
      store(line + j, even_lanes(load(from + 2 * j), load(from + 2 * j + kLanes)));
  } else {
    for (int64_t j = first; j < last; ++j) line[j] = from[j * stride];
  }
  for (int64_t j = last; j < length; j += kLanes) store(line + j, Float{});
}

// Where the windows of a block are read: in the input itself where every line's places are neighbours already and
// nothing lies outside, else in the buffer.
struct Layout {
  bool in_place;
  int64_t pieces, piece;    // a long line is cut into pieces of that many places
  int64_t lines, rows;      // a block's lines (1 if cut), and those in one slab
  int64_t channels;         // of one pass over k
  int64_t slab, channel;    // numbers in the buffer: of one (image, depth) and of a channel
  Runs runs[3];
  int64_t* offset;          // of k, relative to its place
  int64_t reach;            // the largest offset
};

// Some places of the result: lines [first, last) of all images, in each the places [x0, x1).
struct Block {
  int64_t first, last, x0, x1;
  int64_t places() const { return (last - first) * (x1 - x0); }
};

// A vector of numbers that lie in a panel as in memory, of which `length` count.
struct Move {
  int64_t lane, offset, length;
};

inline void plan_offsets(const Source& source, Layout& layout) {
  const Axis* axis = source.axis;
  int64_t* to = layout.offset;
  layout.reach = 0;
  for (int64_t c = 0; c < layout.channels; ++c)
    for (int64_t i = 0; i < axis[0].taps; ++i)
      for (int64_t j = 0; j < axis[1].taps; ++j)
        for (int64_t k = 0; k < axis[2].taps; ++k) {
          const Runs* r = layout.runs;
          if (layout.in_place)
            *to = c * source.plane() + (axis[0].at[i] * axis[1].size + axis[1].at[j]) * axis[2].size + axis[2].at[k];
          else
            *to = c * layout.channel +
                  ((i * r[1].count + r[1].run[j]) * r[1].length + r[1].shift[j]) * r[2].count * r[2].length +
                  r[2].run[k] * r[2].length + r[2].shift[k];
          layout.reach = std::max(layout.reach, *to++);
        }
}

inline bool readable_in_place(const Source& source) {
  for (const Axis& axis : source.axis)
    for (int64_t t = 0; t < axis.taps; ++t)
      if (axis.at[t] < 0 || (axis.places - 1) * axis.stride + axis.at[t] >= axis.size) return false;
  return source.axis[2].stride == 1;
}

// Where each place of a block begins to read: relative to the pass's first channel of the first image, or in the buffer.
inline void place_offsets(const Source& source, const Layout& layout, const Block& block, int64_t* to) {
  const Axis* axis = source.axis;
  const int64_t line = layout.runs[2].count * layout.runs[2].length;
  const int64_t first_slab = block.first / axis[1].places;
  int64_t start = 0;  // the slab's first line in the block
  for (int64_t l = block.first; l < block.last; ++l) {
    const int64_t slab = l / axis[1].places, y = l % axis[1].places;
    if (y == 0 || l == block.first) start = y;
    int64_t from;
    if (layout.in_place) {
      const int64_t n = slab / axis[0].places, z = slab % axis[0].places;
      from = n * source.channels * source.plane() +
             (z * axis[0].stride * axis[1].size + y * axis[1].stride) * axis[2].size + block.x0;
    } else {
      from = (slab - first_slab) * layout.slab + (y - start) * line;
    }
    for (int64_t x = block.x0; x < block.x1; ++x) *to++ = from++;
  }
}

// Copies what a block reads of `channels` channels; data: the first of them in the first image. Up to kLanes numbers
// beyond each slab are written.
inline void fill_buffer(const Source& source, const Layout& layout, const Block& block, const float* data,
                        int64_t channels, float* buffer) {
  const Axis* axis = source.axis;
  const Runs &rows = layout.runs[1], &columns = layout.runs[2];
  const int64_t line = columns.count * columns.length, spread = rows.length - layout.rows;
  const float* end = source.data + source.batch * source.channels * source.plane();
  constexpr int64_t kCuts = 8;  // more are found anew each time: strides beyond that are rare
  Inside cuts[kCuts];
  auto cut = [&](int64_t run) {
    return Inside(axis[2].size, axis[2].stride, columns.start[run] + block.x0 * axis[2].stride, columns.length);
  };
  for (int64_t p = 0; p < std::min(kCuts, columns.count); ++p) cuts[p] = cut(p);
  const Inside nothing(0, 1, 0, columns.length);
  int64_t slab_number = 0;
  for (int64_t l = block.first; l < block.last;) {
    const int64_t slab = l / axis[1].places, y = l % axis[1].places;
    const int64_t n = slab / axis[0].places, z = slab % axis[0].places;
    const int64_t here = std::min(block.last - l, axis[1].places - y);
    for (int64_t c = 0; c < channels; ++c) {
      const float* channel = data + (n * source.channels + c) * source.plane();
      float* to = buffer + c * layout.channel + slab_number * layout.slab;
      for (int64_t t = 0; t < axis[0].taps; ++t) {
        const int64_t depth = z * axis[0].stride + axis[0].at[t];
        for (int64_t r = 0; r < rows.count; ++r, to += rows.length * line) {
          for (int64_t i = 0; i < here + spread; ++i) {
            const int64_t row = (y + i) * axis[1].stride + rows.start[r];
            const bool inside = depth >= 0 && depth < axis[0].size && row >= 0 && row < axis[1].size;
            const float* from = channel + (depth * axis[1].size + row) * axis[2].size + block.x0 * axis[2].stride;
            for (int64_t p = 0; p < columns.count; ++p)
              copy_run(from + columns.start[p], end, axis[2].stride, !inside ? nothing : p < kCuts ? cuts[p] : cut(p),
                       columns.length, to + i * line + p * columns.length);
          }
        }
      }
    }
    l += here;
    ++slab_number;
  }
}

// The moves that fill a panel with the places [first, first + count) of a block, count <= kWide; their number.
inline int64_t find_moves(const int64_t* places, int64_t count, Move* to) {
  int64_t found = 0;
  for (int64_t i = 0; i < count; ++i) {
    if (i > 0 && places[i] == places[i - 1] + 1 && to[found - 1].length < kLanes)
      ++to[found - 1].length;
    else
      to[found++] = {i, places[i], 1};
  }
  return found;
}

template <int count>
void move_vectors(const float* from, const int64_t* offset, int64_t depth, const Move* moves, float* to) {
  int64_t lane[count], place[count];
  for (int m = 0; m < count; ++m) lane[m] = moves[m].lane, place[m] = moves[m].offset;
  for (int64_t k = 0; k < depth; ++k, to += kWide) {
    const float* source = from + offset[k];
    for (int m = 0; m < count; ++m) store(to + lane[m], load(source + place[m]));  // the next one covers what is too much
  }
}

// Fills a panel; vectors may write up to kLanes numbers beyond it. Nothing is read from `end` on.
inline void fill_panel(const float* from, const float* end, const int64_t* offset, int64_t depth, int64_t reach,
                       const Move* moves, int64_t count, float* to) {
  int64_t furthest = 0;
  for (int64_t m = 0; m < count; ++m) furthest = std::max(furthest, moves[m].offset + kLanes);
  if (from + reach + furthest <= end) {
    switch (count) {
      case 1: return move_vectors<1>(from, offset, depth, moves, to);
      case 2: return move_vectors<2>(from, offset, depth, moves, to);
      case 3: return move_vectors<3>(from, offset, depth, moves, to);
      case 4: return move_vectors<4>(from, offset, depth, moves, to);
      case 5: return move_vectors<5>(from, offset, depth, moves, to);
    }
  }
  for (int64_t k = 0; k < depth; ++k, to += kWide) {
    const float* source = from + offset[k];
    if (source + furthest <= end) {
      for (int64_t m = 0; m < count; ++m) store(to + moves[m].lane, load(source + moves[m].offset));
    } else {
      for (int64_t m = 0; m < count; ++m)
        for (int64_t i = 0; i < moves[m].length; ++i) to[moves[m].lane + i] = source[moves[m].offset + i];
    }
  }
}

}  // namespace facula::FACULA_ISA
