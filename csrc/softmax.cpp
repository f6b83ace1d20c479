// Each row comes from memory once: its largest element, the exponentials and their sum, then the result. Rows are
// independent, so any number of threads gives the same bits. Where the rows are not contiguous (inner > 1), blocks of
// columns are worked on, one vector of neighbouring rows at a time.
#include "softmax.h"

#include <cmath>

#include "parallel.h"
#include "rows.h"
#include "vmath.h"

namespace facula::FACULA_ISA {
namespace {

// f(first element) for each row.
template <typename F>
void each_row(const Rows& rows, F&& f) {
  parallel_for(rows.outer, row_grain(rows.n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i * rows.n);
  });
}

// f(first element, width) for each block of columns.
template <typename F>
void each_block(const Rows& rows, F&& f) {
  const int64_t width = column_block(rows.n, rows.inner), blocks = (rows.inner + width - 1) / width;
  parallel_for(rows.outer * blocks, row_grain(rows.n * width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t start = i % blocks * width;
      f(i / blocks * rows.n * rows.inner + start, std::min(width, rows.inner - start));
    }
  });
}

// For each column of a block: numbers that a thread keeps on its stack.
struct alignas(64) Columns {
  float at[kColumns + 16];
};

void columns_largest(const float* x, int64_t n, int64_t inner, int64_t width, Columns& top) {
  by_lanes(width, [&](int64_t j, auto) { store(top.at + j, broadcast(-kInfinity)); });
  for (int64_t c = 0; c < n; ++c)
    by_lanes(width, [&](int64_t j, auto lanes) {
      store(top.at + j, max(lanes.get(x + c * inner + j), load(top.at + j)));
    });
}

}  // namespace

void softmax(const float* x, const Rows& rows, float* out) {
  const int64_t n = rows.n, inner = rows.inner;
  if (inner == 1) {
    each_row(rows, [&](int64_t k) {
      const Float scale = broadcast(1.0f / row_exps(x + k, n, row_largest(x + k, n), out + k));
      by_lanes(n, [&](int64_t j, auto at) { at.put(out + k + j, at.get(out + k + j) * scale); });
    });
    return;
  }
  each_block(rows, [&](int64_t k, int64_t width) {
    Columns top, total{};
    columns_largest(x + k, n, inner, width, top);
    for (int64_t c = 0; c < n; ++c)
      by_lanes(width, [&](int64_t j, auto lanes) {
        const int64_t i = k + c * inner + j;
        const Float e = exp_below(lanes.get(x + i) - load(top.at + j));
        lanes.put(out + i, e);
        store(total.at + j, load(total.at + j) + e);
      });
    by_lanes(width, [&](int64_t j, auto) { store(total.at + j, 1.0f / load(total.at + j)); });
    for (int64_t c = 0; c < n; ++c)
      by_lanes(width, [&](int64_t j, auto lanes) {
        const int64_t i = k + c * inner + j;
        lanes.put(out + i, lanes.get(out + i) * load(total.at + j));
      });
  });
}

void log_softmax(const float* x, const Rows& rows, float* out) {
  const int64_t n = rows.n, inner = rows.inner;
  if (inner == 1) {
    each_row(rows, [&](int64_t k) {
      const float top = row_largest(x + k, n), log_sum = std::log(row_sum(x + k, n, top));
      by_lanes(n, [&](int64_t j, auto at) { at.put(out + k + j, at.get(x + k + j) - top - log_sum); });
    });
    return;
  }
  each_block(rows, [&](int64_t k, int64_t width) {
    Columns top, total{};
    columns_largest(x + k, n, inner, width, top);
    for (int64_t c = 0; c < n; ++c)
      by_lanes(width, [&](int64_t j, auto lanes) {
        const Float e = exp_below(lanes.get(x + k + c * inner + j) - load(top.at + j));
        store(total.at + j, load(total.at + j) + e);
      });
    for (int64_t j = 0; j < width; ++j) total.at[j] = std::log(total.at[j]);
    for (int64_t c = 0; c < n; ++c)
      by_lanes(width, [&](int64_t j, auto lanes) {
        const int64_t i = k + c * inner + j;
        lanes.put(out + i, lanes.get(x + i) - load(top.at + j) - load(total.at + j));
      });
  });
}

void softmax_grad(const float* g, const float* out, const Rows& rows, float* dx) {
  const int64_t n = rows.n, inner = rows.inner;
  if (inner == 1) {
    each_row(rows, [&](int64_t k) {
      const float dot = sum(fold(
          n, Float{}, [&](Float s, int64_t j, auto at) { return fma(at.get(g + k + j), at.get(out + k + j), s); }, plus));
      by_lanes(n, [&](int64_t j, auto at) { at.put(dx + k + j, (at.get(g + k + j) - dot) * at.get(out + k + j)); });
    });
    return;
  }
  each_block(rows, [&](int64_t k, int64_t width) {
    Columns dot{};
    for (int64_t c = 0; c < n; ++c)
      by_lanes(width, [&](int64_t j, auto lanes) {
        const int64_t i = k + c * inner + j;
        store(dot.at + j, fma(lanes.get(g + i), lanes.get(out + i), load(dot.at + j)));
      });
    for (int64_t c = 0; c < n; ++c)
      by_lanes(width, [&](int64_t j, auto lanes) {
        const int64_t i = k + c * inner + j;
        lanes.put(dx + i, (lanes.get(g + i) - load(dot.at + j)) * lanes.get(out + i));
      });
  });
}

void log_softmax_grad(const float* g, const float* out, const Rows& rows, float* dx) {
  const int64_t n = rows.n, inner = rows.inner;
  if (inner == 1) {
    each_row(rows, [&](int64_t k) {
      const float total =
          sum(fold(n, Float{}, [&](Float s, int64_t j, auto at) { return s + at.get(g + k + j); }, plus));
      by_lanes(n, [&](int64_t j, auto at) {
        at.put(dx + k + j, fnma(exp(at.get(out + k + j)), broadcast(total), at.get(g + k + j)));
      });
    });
    return;
  }
  each_block(rows, [&](int64_t k, int64_t width) {
    Columns total{};
    for (int64_t c = 0; c < n; ++c)
      by_lanes(width, [&](int64_t j, auto lanes) {
        store(total.at + j, load(total.at + j) + lanes.get(g + k + c * inner + j));
      });
    for (int64_t c = 0; c < n; ++c)
      by_lanes(width, [&](int64_t j, auto lanes) {
        const int64_t i = k + c * inner + j;
        lanes.put(dx + i, fnma(exp(lanes.get(out + i)), load(total.at + j), lanes.get(g + i)));
      });
  });
}

}  // namespace facula::FACULA_ISA
