// Max-pooling: a vector of neighbouring windows at a time, one element of each window after the other. Rows are read in
// place if no window leaves them; else from a copy that is padded.
#include "pool.h"

#include <algorithm>
#include <atomic>
#include <limits>

#include "parallel.h"
#include "spans.h"
#include "tile.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kTogether = 1 << 14;  // floats that are worth a thread's while
constexpr float kLowest = -std::numeric_limits<float>::infinity();

// The elements p[0], p[stride], ...
template <int stride>
FACULA_INLINE Float pick(const float* p, int64_t step) {
  if constexpr (stride == 1) {
    return load(p);
  } else if constexpr (stride == 2) {
    return even_lanes(load(p), load(p + kLanes));
  } else {
    Float v{};
    for (int i = 0; i < kLanes; ++i) v[i] = p[i * step];
    return v;
  }
}

struct Range {
  int64_t begin, end;
};

// Which elements of window j lie inside.
Range inside(const PoolShape& s, int d, int64_t j) {
  const int64_t first = j * s.stride[d] - s.pad[d], step = s.dilation[d];
  return {first < 0 ? ceil_div(-first, step) : 0,
          std::min(s.kernel[d], first < s.size[d] ? ceil_div(s.size[d] - first, step) : 0)};
}

template <int stride, int side>
struct MaxPool {
  const PoolShape& s;
  const Range *deep, *high;  // of each window of these dimensions
  const int32_t* first;      // of each window of a row: its first element inside, or null if that is 0 everywhere

  // One row of windows, from a plane whose rows are `width` apart. To `which` or, as elements of the window, to `codes`.
  void row(const float* rows, int64_t width, int64_t depth, int64_t height, float* out, uint8_t* which,
           int32_t* codes) const {
    const int64_t columns = s.places[2], kernel = side ? side : s.kernel[2], step = side ? 1 : s.dilation[2];
    const Range in_depth = deep[depth], in_height = high[height];
    const int64_t z = depth * s.stride[0] - s.pad[0], y = height * s.stride[1] - s.pad[1];
    const auto start = static_cast<int32_t>((in_depth.begin * s.kernel[1] + in_height.begin) * kernel);
    for (int64_t j = 0; j < columns; j += kLanes) {
      if (columns - j < kLanes && columns >= kLanes) j = columns - kLanes;  // some windows once more
      Float best = broadcast(kLowest);
      Int code = broadcast(start);
      if (first) code = code + load(first + j);
      for (int64_t kd = in_depth.begin; kd < in_depth.end; ++kd)
        for (int64_t kh = in_height.begin; kh < in_height.end; ++kh) {
          const int64_t at_row = (z + kd * s.dilation[0]) * s.size[1] + y + kh * s.dilation[1];
          const float* p = rows + at_row * width + j * s.stride[2];
          Int id = broadcast(static_cast<int32_t>((kd * s.kernel[1] + kh) * kernel));
          const auto consider = [&](Float v) {
            const Int better = (v > best) | (v != v);
            best = better ? v : best;
            code = better ? id : code;
            id = id + 1;
          };
          if constexpr (side == 2 && stride == 2) {
            const Float a = load(p), b = load(p + kLanes);
            consider(even_lanes(a, b)), consider(odd_lanes(a, b));
          } else if constexpr (side == 3) {
            consider(pick<stride>(p, s.stride[2]));
            consider(pick<stride>(p + 1, s.stride[2]));
            consider(pick<stride>(p + 2, s.stride[2]));
          } else {
            for (int64_t kw = 0; kw < kernel; ++kw) consider(pick<stride>(p + kw * step, s.stride[2]));
          }
        }
      const int64_t count = columns - j;
      if (count >= kLanes)
        store(out + j, best);
      else
        store_few(out + j, best, count);
      if (!which)
        store(codes + j, code);  // there is room
      else if (count >= kLanes)
        store_bytes(which + j, code);
      else
        store_bytes(which + j, code, count);
    }
  }
};

template <int stride, int side>
void max_planes(const float* x, const PoolShape& s, float* out, uint8_t* which, int64_t* where) {
  const int64_t width = s.size[2], columns = s.places[2], rows = s.size[0] * s.size[1];
  const int64_t reach = (columns - 1) * s.stride[2] + (s.kernel[2] - 1) * s.dilation[2] + 1;  // from the padding's begin
  const int64_t rounded = ceil_div(columns, kLanes) * kLanes;
  // What a row's vectors touch, if only to throw it away.
  const int64_t touched = (rounded - 1) * s.stride[2] + (s.kernel[2] - 1) * s.dilation[2] + 2 * kLanes;
  const int64_t wide = std::max(width + s.pad[2], touched);
  // Rows are read in place if no window leaves them; but not where the vectors would leave the array.
  const bool padded = s.pad[2] > 0 || reach > width;
  const int64_t safe = padded ? 0 : (s.planes * s.inputs() - std::max<int64_t>(0, touched - width)) / s.inputs();

  static thread_local Buffer table;
  auto* first = reinterpret_cast<int32_t*>(table.reserve(rounded + 4 * (s.places[0] + s.places[1])));
  auto* deep = reinterpret_cast<Range*>(first + rounded);
  Range* high = deep + s.places[0];
  std::fill(first, first + rounded, 0);
  for (int64_t j = 0; j < columns; ++j) first[j] = static_cast<int32_t>(inside(s, 2, j).begin);
  for (int64_t j = 0; j < s.places[0]; ++j) deep[j] = inside(s, 0, j);
  for (int64_t j = 0; j < s.places[1]; ++j) high[j] = inside(s, 1, j);
  const MaxPool<stride, side> pool{s, deep, high, s.pad[2] > 0 ? first : nullptr};

  const int64_t grain = std::max<int64_t>(1, kTogether / s.inputs());
  parallel_for(s.planes, grain, [&](int64_t begin, int64_t end) {
    static thread_local Buffer copy, numbers;
    float* scratch = nullptr;
    auto* codes = reinterpret_cast<int32_t*>(numbers.reserve(rounded));
    for (int64_t plane = begin; plane < end; ++plane) {
      const float* from = x + plane * s.inputs();
      const bool copied = plane >= safe;
      if (copied) {
        if (!scratch) {
          scratch = copy.reserve(rows * wide);
          std::fill(scratch, scratch + rows * wide, kLowest);
        }
        for (int64_t r = 0; r < rows; ++r) {
          float* to = scratch + r * wide + s.pad[2];
          each(width, [&](auto at) { at.put(to, at(from + r * width)); });
        }
      }
      for (int64_t d = 0; d < s.places[0]; ++d)
        for (int64_t h = 0; h < s.places[1]; ++h) {
          const int64_t at = plane * s.outputs() + (d * s.places[1] + h) * columns;
          pool.row(copied ? scratch : from, copied ? wide : width, d, h, out + at, which ? which + at : nullptr, codes);
          if (which) continue;
          const int64_t z = d * s.stride[0] - s.pad[0], y = h * s.stride[1] - s.pad[1];
          for (int64_t j = 0; j < columns; ++j) {
            const auto code = static_cast<uint32_t>(codes[j]), wide_kernel = static_cast<uint32_t>(s.kernel[2]),
                       high_kernel = static_cast<uint32_t>(s.kernel[1]);
            const int64_t kw = code % wide_kernel, kh = code / wide_kernel % high_kernel, kd = code / wide_kernel / high_kernel;
            where[at + j] = ((z + kd * s.dilation[0]) * s.size[1] + y + kh * s.dilation[1]) * width + j * s.stride[2] -
                            s.pad[2] + kw * s.dilation[2];
          }
        }
    }
  });
}

bool square(const PoolShape& s, int64_t side) {
  return s.kernel[1] == side && s.kernel[2] == side && s.dilation[2] == 1;
}

// Windows of 2x2 side by side: each row of g makes two rows.
void unpool_squares(const float* g, const uint8_t* which, const PoolShape& s, float* dx) {
  const int64_t width = s.size[2], columns = s.places[2];
  for (int64_t h = 0; h < s.places[1]; ++h) {
    float *upper = dx + 2 * h * width, *lower = upper + width;
    const float* from = g + h * columns;
    const uint8_t* code = which + h * columns;
    const auto block = [&](int64_t j, Float v, Int c, float* above, float* below) {
      store_pairs(above + 2 * j, c == 0 ? v : Float{}, c == 1 ? v : Float{});
      store_pairs(below + 2 * j, c == 2 ? v : Float{}, c == 3 ? v : Float{});
    };
    int64_t j = 0;
    for (; j + kLanes <= columns; j += kLanes) block(j, load(from + j), load_bytes(code + j), upper, lower);
    if (j < columns && columns >= kLanes) {  // some once more
      j = columns - kLanes;
      block(j, load(from + j), load_bytes(code + j), upper, lower);
    } else if (j < columns) {
      float above[2 * kLanes], below[2 * kLanes];
      uint8_t few[kLanes] = {};
      for (int64_t i = 0; i < columns; ++i) few[i] = code[i];
      block(0, load_first(from, columns), load_bytes(few), above, below);
      std::copy(above, above + 2 * columns, upper);
      std::copy(below, below + 2 * columns, lower);
    }
    if (2 * columns < width) {
      std::fill(upper + 2 * columns, upper + width, 0.0f);
      std::fill(lower + 2 * columns, lower + width, 0.0f);
    }
  }
  std::fill(dx + 2 * s.places[1] * width, dx + s.size[1] * width, 0.0f);
}

void unpool_plane(const float* g, const uint8_t* which, const PoolShape& s, const int64_t* place, float* dx) {
  std::fill(dx, dx + s.inputs(), 0.0f);
  for (int64_t d = 0; d < s.places[0]; ++d)
    for (int64_t h = 0; h < s.places[1]; ++h) {
      const int64_t from = (d * s.places[1] + h) * s.places[2];
      const int64_t base = ((d * s.stride[0] - s.pad[0]) * s.size[1] + h * s.stride[1] - s.pad[1]) * s.size[2] - s.pad[2];
      for (int64_t j = 0; j < s.places[2]; ++j) dx[base + j * s.stride[2] + place[which[from + j]]] += g[from + j];
    }
}

}  // namespace

void max_pool(const float* x, const PoolShape& s, float* out, uint8_t* which, int64_t* where) {
  const bool two = square(s, 2), three = square(s, 3);
  const auto pool = s.stride[2] == 1   ? (three ? max_planes<1, 3> : max_planes<1, 0>)
                    : s.stride[2] == 2 ? (two ? max_planes<2, 2> : three ? max_planes<2, 3> : max_planes<2, 0>)
                                       : max_planes<0, 0>;
  pool(x, s, out, which, where);
}

void max_unpool(const float* g, const uint8_t* which, const PoolShape& s, float* dx) {
  bool side_by_side = square(s, 2) && s.size[0] == 1 && s.kernel[0] == 1 && s.dilation[1] == 1;
  for (int d = 1; d < 3; ++d) side_by_side &= s.stride[d] == 2 && s.pad[d] == 0 && 2 * s.places[d] <= s.size[d];
  int64_t place[256];
  for (int64_t k = 0; k < s.window(); ++k) {
    const int64_t kd = k / s.kernel[2] / s.kernel[1], kh = k / s.kernel[2] % s.kernel[1], kw = k % s.kernel[2];
    place[k] = (kd * s.dilation[0] * s.size[1] + kh * s.dilation[1]) * s.size[2] + kw * s.dilation[2];
  }
  const int64_t grain = std::max<int64_t>(1, kTogether / std::max<int64_t>(1, s.inputs()));
  parallel_for(s.planes, grain, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      const int64_t from = plane * s.outputs(), to = plane * s.inputs();
      if (side_by_side)
        unpool_squares(g + from, which + from, s, dx + to);
      else
        unpool_plane(g + from, which + from, s, place, dx + to);
    }
  });
}

namespace {

// f(plane) for each plane unless one of its places is out of range; false if any was.
template <typename F>
bool each_valid(const int64_t* where, int64_t planes, int64_t outputs, int64_t inputs, F&& f) {
  std::atomic<bool> valid{true};
  parallel_for(planes, std::max<int64_t>(1, kTogether / std::max<int64_t>(1, inputs)), [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) {
      uint64_t largest = 0;  // a negative place is a large one
      for (int64_t j = plane * outputs; j < (plane + 1) * outputs; ++j)
        largest = std::max(largest, static_cast<uint64_t>(where[j]));
      if (outputs && largest >= static_cast<uint64_t>(inputs))
        valid = false;
      else
        f(plane);
    }
  });
  return valid;
}

}  // namespace

bool scatter(const float* g, const int64_t* where, int64_t planes, int64_t outputs, int64_t inputs, float* dx) {
  return each_valid(where, planes, outputs, inputs, [&](int64_t plane) {
    float* to = dx + plane * inputs;
    std::fill(to, to + inputs, 0.0f);
    for (int64_t j = plane * outputs; j < (plane + 1) * outputs; ++j) to[where[j]] += g[j];
  });
}

bool gather(const float* x, const int64_t* where, int64_t planes, int64_t outputs, int64_t inputs, float* out) {
  return each_valid(where, planes, outputs, inputs, [&](int64_t plane) {
    for (int64_t j = plane * outputs; j < (plane + 1) * outputs; ++j) out[j] = x[plane * inputs + where[j]];
  });
}

}  // namespace facula::FACULA_ISA
