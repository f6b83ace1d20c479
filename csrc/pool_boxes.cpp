// Means of boxes, their adjoint, and largest elements of boxes of any bounds. Means go by dimension: the rows of a box are
// added up first, whole rows at a time; then the windows of that one row.
#include <algorithm>
#include <limits>

#include "parallel.h"
#include "pool.h"
#include "spans.h"
#include "tile.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kTogether = 1 << 14;  // floats that are worth a thread's while

template <typename F>
void each_plane(const BoxShape& s, F&& f) {
  const int64_t grain = std::max<int64_t>(1, kTogether / std::max<int64_t>(1, s.inputs()));
  parallel_for(s.planes, grain, [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) f(plane);
  });
}

struct Total {
  Float s{};
  FACULA_INLINE void add(const Total& o) { s += o.s; }
};

double sum_of(const float* x, int64_t n) {
  double total = 0;
  for (int64_t i = 0; i < n; i += 4096) {
    Four<Total> sums;
    sums.fold(std::min<int64_t>(4096, n - i), [&](auto at, Total& to) { to.s += at(x + i); });
    total += sum(sums.total().s);
  }
  return total;
}

// The sums of the windows of a row; it begins `pad` before the first element, with zeros, and ends with zeros.
void slide(const float* row, const BoxShape& s, float* sums) {
  const int64_t columns = s.places[2];
  if (s.stride == 1) {
    each(columns, [&](auto at) {
      Float total{};
      for (int64_t k = 0; k < s.kernel; ++k) total += at(row + k);
      at.put(sums, total);
    });
    return;
  }
  int64_t j = 0;
  if (s.stride == 2 && s.kernel == 2)
    for (; j + kLanes <= columns; j += kLanes) {
      const Float a = load(row + 2 * j), b = load(row + 2 * j + kLanes);
      store(sums + j, even_lanes(a, b) + odd_lanes(a, b));
    }
  for (; j < columns; ++j) {
    float total = 0;
    for (int64_t k = 0; k < s.kernel; ++k) total += row[j * s.stride + k];
    sums[j] = total;
  }
}

// The adjoint: each share added to all elements of its window.
void spread(const float* share, const BoxShape& s, float* row) {
  const int64_t columns = s.places[2];
  if (s.stride == 2 && s.kernel == 2) {
    int64_t j = 0;
    for (; j + kLanes <= columns; j += kLanes) {
      const Float v = load(share + j);
      store_pairs(row + 2 * j, v, v);
    }
    for (; j < columns; ++j) row[2 * j] = row[2 * j + 1] = share[j];
    return;
  }
  for (int64_t k = 0; k < s.kernel; ++k) {
    if (s.stride == 1)
      each(columns, [&](auto at) { at.put(row + k, at(row + k) + at(share)); });
    else
      for (int64_t j = 0; j < columns; ++j) row[j * s.stride + k] += share[j];
  }
}

bool whole(const BoxShape& s) {
  for (int d = 0; d < 3; ++d)
    if (s.places[d] != 1 || s.begin[d][0] != 0 || s.end[d][0] != s.size[d]) return false;
  return true;
}

int64_t row_room(const BoxShape& s) {
  return std::max(s.size[2] + s.pad, s.places[2] * s.stride + s.kernel) + 2 * kLanes;
}

float divisor(const BoxShape& s, int64_t d, int64_t h) { return s.divisor != 0 ? s.divisor : s.count[0][d] * s.count[1][h]; }

}  // namespace

void box_mean(const float* x, const BoxShape& s, float* out) {
  const int64_t width = s.size[2], columns = s.places[2];
  const bool all = whole(s);
  each_plane(s, [&](int64_t plane) {
    const float* from = x + plane * s.inputs();
    if (all) {
      out[plane] = static_cast<float>(sum_of(from, s.inputs()) / (divisor(s, 0, 0) * (s.divisor != 0 ? 1.0f : s.count[2][0])));
      return;
    }
    static thread_local Buffer buffer;
    const int64_t room = row_room(s);
    float *line = buffer.reserve(room), *row = line + s.pad;
    std::fill(line, row, 0.0f);
    std::fill(row + width, line + room, 0.0f);
    for (int64_t d = 0; d < s.places[0]; ++d)
      for (int64_t h = 0; h < s.places[1]; ++h) {
        bool empty = true;
        for (int64_t z = s.begin[0][d]; z < s.end[0][d]; ++z)
          for (int64_t y = s.begin[1][h]; y < s.end[1][h]; ++y) {
            const float* more = from + (z * s.size[1] + y) * width;
            if (empty)
              std::copy(more, more + width, row);
            else
              each(width, [&](auto at) { at.put(row, at(row) + at(more)); });
            empty = false;
          }
        if (empty) std::fill(row, row + width, 0.0f);
        float* to = out + plane * s.outputs() + (d * s.places[1] + h) * columns;
        if (s.kernel)
          slide(line, s, to);
        else
          for (int64_t j = 0; j < columns; ++j) {
            float total = 0;
            for (int64_t i = s.begin[2][j]; i < s.end[2][j]; ++i) total += row[i];
            to[j] = total;
          }
        const Float by = broadcast(divisor(s, d, h));
        if (s.divisor != 0)
          each(columns, [&](auto at) { at.put(to, at(to) / by); });
        else
          each(columns, [&](auto at) { at.put(to, at(to) / (by * at(s.count[2]))); });
      }
  });
}

void box_mean_grad(const float* g, const BoxShape& s, float* dx) {
  const int64_t width = s.size[2], columns = s.places[2];
  const bool all = whole(s);
  each_plane(s, [&](int64_t plane) {
    float* to = dx + plane * s.inputs();
    if (all) {
      const float share = g[plane] / (divisor(s, 0, 0) * (s.divisor != 0 ? 1.0f : s.count[2][0]));
      std::fill(to, to + s.inputs(), share);
      return;
    }
    static thread_local Buffer buffer;
    const int64_t room = row_room(s);
    float *line = buffer.reserve(room + columns + kLanes), *row = line + s.pad, *share = line + room;
    std::fill(to, to + s.inputs(), 0.0f);
    for (int64_t d = 0; d < s.places[0]; ++d)
      for (int64_t h = 0; h < s.places[1]; ++h) {
        const float* from = g + plane * s.outputs() + (d * s.places[1] + h) * columns;
        const Float by = broadcast(divisor(s, d, h));
        if (s.divisor != 0)
          each(columns, [&](auto at) { at.put(share, at(from) / by); });
        else
          each(columns, [&](auto at) { at.put(share, at(from) / (by * at(s.count[2]))); });
        std::fill(line, line + room, 0.0f);
        if (s.kernel)
          spread(share, s, line);
        else
          for (int64_t j = 0; j < columns; ++j)
            for (int64_t i = s.begin[2][j]; i < s.end[2][j]; ++i) row[i] += share[j];
        for (int64_t z = s.begin[0][d]; z < s.end[0][d]; ++z)
          for (int64_t y = s.begin[1][h]; y < s.end[1][h]; ++y) {
            float* sum = to + (z * s.size[1] + y) * width;
            each(width, [&](auto at) { at.put(sum, at(sum) + at(row)); });
          }
      }
  });
}

void box_max(const float* x, const BoxShape& s, float* out, int64_t* where) {
  each_plane(s, [&](int64_t plane) {
    const float* from = x + plane * s.inputs();
    int64_t to = plane * s.outputs();
    for (int64_t d = 0; d < s.places[0]; ++d)
      for (int64_t h = 0; h < s.places[1]; ++h)
        for (int64_t j = 0; j < s.places[2]; ++j, ++to) {
          int64_t at = (s.begin[0][d] * s.size[1] + s.begin[1][h]) * s.size[2] + s.begin[2][j];
          float best = -std::numeric_limits<float>::infinity();
          for (int64_t z = s.begin[0][d]; z < s.end[0][d]; ++z)
            for (int64_t y = s.begin[1][h]; y < s.end[1][h]; ++y) {
              const int64_t row = (z * s.size[1] + y) * s.size[2];
              for (int64_t i = row + s.begin[2][j]; i < row + s.end[2][j]; ++i)
                if (from[i] > best || from[i] != from[i]) best = from[i], at = i;
            }
          out[to] = best, where[to] = at;
        }
  });
}

}  // namespace facula::FACULA_ISA
