// Each row comes from memory once: its largest element, the exponentials and their sum, then the result. Rows are
// independent, so any number of threads gives the same bits. Where the rows are not contiguous (inner > 1), blocks of
// columns are worked on, one vector of neighbouring rows at a time.
#include "softmax.h"

#include <cmath>

#include "parallel.h"
#include "rows.h"

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

// ---- one row, or one block of columns ----------------------------------------------------------------------------------

void row_softmax(const float* x, int64_t n, float* out) {
  const Float scale = broadcast(1.0f / row_exps(x, n, row_largest(x, n), out));
  by_lanes(n, [=](int64_t j, auto at) { at.put(out + j, at.get(out + j) * scale); });
}

void block_softmax(const float* x, int64_t n, int64_t inner, int64_t width, float* out) {
  Columns top, total;
  column_sums(x, n, inner, width, top, total, out);
  by_lanes(width, [&](int64_t j, auto) { total.put(j, 1.0f / total.get(j)); });
  for (int64_t c = 0; c < n; ++c)
    by_lanes(width, [&, to = out + c * inner](int64_t j, auto at) { at.put(to + j, at.get(to + j) * total.get(j)); });
}

void row_log_softmax(const float* x, int64_t n, float* out) {
  const float top = row_largest(x, n), log_sum = std::log(row_sum(x, n, top));
  by_lanes(n, [=](int64_t j, auto at) { at.put(out + j, at.get(x + j) - top - log_sum); });
}

void block_log_softmax(const float* x, int64_t n, int64_t inner, int64_t width, float* out) {
  Columns top, total;
  column_sums(x, n, inner, width, top, total, nullptr);
  for (int64_t j = 0; j < width; ++j) total.at[j] = std::log(total.at[j]);
  for (int64_t c = 0; c < n; ++c)
    by_lanes(width, [&, row = x + c * inner, to = out + c * inner](int64_t j, auto at) {
      at.put(to + j, at.get(row + j) - top.get(j) - total.get(j));
    });
}

void row_softmax_grad(const float* g, const float* out, int64_t n, float* dx) {
  const float dot =
      sum(fold(n, Float{}, [=](Float s, int64_t j, auto at) { return fma(at.get(g + j), at.get(out + j), s); }, plus));
  by_lanes(n, [=](int64_t j, auto at) { at.put(dx + j, (at.get(g + j) - dot) * at.get(out + j)); });
}

void block_softmax_grad(const float* g, const float* out, int64_t n, int64_t inner, int64_t width, float* dx) {
  Columns dot{};
  for (int64_t c = 0; c < n; ++c)
    by_lanes(width, [&, k = c * inner](int64_t j, auto at) {
      dot.put(j, fma(at.get(g + k + j), at.get(out + k + j), dot.get(j)));
    });
  for (int64_t c = 0; c < n; ++c)
    by_lanes(width, [&, k = c * inner](int64_t j, auto at) {
      at.put(dx + k + j, (at.get(g + k + j) - dot.get(j)) * at.get(out + k + j));
    });
}

void row_log_softmax_grad(const float* g, const float* out, int64_t n, float* dx) {
  const Float total =
      broadcast(sum(fold(n, Float{}, [=](Float s, int64_t j, auto at) { return s + at.get(g + j); }, plus)));
  by_lanes(n, [=](int64_t j, auto at) { at.put(dx + j, fma(exp_below(at.get(out + j)), -total, at.get(g + j))); });
}

void block_log_softmax_grad(const float* g, const float* out, int64_t n, int64_t inner, int64_t width, float* dx) {
  Columns total{};
  for (int64_t c = 0; c < n; ++c)
    by_lanes(width, [&, row = g + c * inner](int64_t j, auto at) { total.put(j, total.get(j) + at.get(row + j)); });
  for (int64_t c = 0; c < n; ++c)
    by_lanes(width, [&, k = c * inner](int64_t j, auto at) {
      at.put(dx + k + j, fma(exp_below(at.get(out + k + j)), -total.get(j), at.get(g + k + j)));
    });
}

}  // namespace

void softmax(const float* x, const Rows& rows, float* out) {
  if (rows.inner == 1)
    each_row(rows, [&](int64_t k) { row_softmax(x + k, rows.n, out + k); });
  else
    each_block(rows, [&](int64_t k, int64_t width) { block_softmax(x + k, rows.n, rows.inner, width, out + k); });
}

void log_softmax(const float* x, const Rows& rows, float* out) {
  if (rows.inner == 1)
    each_row(rows, [&](int64_t k) { row_log_softmax(x + k, rows.n, out + k); });
  else
    each_block(rows, [&](int64_t k, int64_t width) { block_log_softmax(x + k, rows.n, rows.inner, width, out + k); });
}

void softmax_grad(const float* g, const float* out, const Rows& rows, float* dx) {
  if (rows.inner == 1)
    each_row(rows, [&](int64_t k) { row_softmax_grad(g + k, out + k, rows.n, dx + k); });
  else
    each_block(rows, [&](int64_t k, int64_t width) {
      block_softmax_grad(g + k, out + k, rows.n, rows.inner, width, dx + k);
    });
}

void log_softmax_grad(const float* g, const float* out, const Rows& rows, float* dx) {
  if (rows.inner == 1)
    each_row(rows, [&](int64_t k) { row_log_softmax_grad(g + k, out + k, rows.n, dx + k); });
  else
    each_block(rows, [&](int64_t k, int64_t width) {
      block_log_softmax_grad(g + k, out + k, rows.n, rows.inner, width, dx + k);
    });
}

}  // namespace facula::FACULA_ISA
