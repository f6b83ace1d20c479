#include "embedding.h"

#include <algorithm>
#include <cstring>

#include "parallel.h"
#include "simd.h"

namespace facula::FACULA_ISA {

void gather_rows(const char* table, int64_t stride, int64_t width, const int64_t* index, int64_t count, char* out) {
  const int64_t grain = std::max<int64_t>(1, 65536 / std::max<int64_t>(1, width));
  parallel_for(count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (i + 4 < end) __builtin_prefetch(table + index[i + 4] * stride);
      std::memcpy(out + i * width, table + index[i] * stride, width);
    }
  });
}

// The columns are shared out: every thread meets the rows in the same order, whatever their numbers are.
void add_rows(const float* g, const int64_t* index, int64_t count, int64_t width, int64_t skipped,
              float* table) {
  const int64_t lines = (width + 15) / 16;  // of 64 bytes
  const int64_t parts = count * width < 32768 ? 1 : std::min<int64_t>(lines, num_threads());
  parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
    const int64_t from = begin * lines / parts * 16, to = std::min(width, end * lines / parts * 16);
    for (int64_t i = 0; i < count; ++i) {
      if (index[i] == skipped) continue;
      if (i + 4 < count) __builtin_prefetch(table + index[i + 4] * width + from, 1);
      const float* source = g + i * width;
      float* sum = table + index[i] * width;
      int64_t j = from;
      for (; j + kLanes <= to; j += kLanes) store(sum + j, load(sum + j) + load(source + j));
      for (; j < to; ++j) sum[j] += source[j];
    }
  });
}

}  // namespace facula::FACULA_ISA
