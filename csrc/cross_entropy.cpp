// The loss of a row is the sum over classes of share * -log(softmax); a class's share is what the target gives it, after
// smoothing, times its weight. The gradient is softmax * (sum of shares) - share. Nothing of the forward pass is kept:
// the exponentials of the backward pass are needed anyway, and their sum comes with them.
#include "cross_entropy.h"

#include <cmath>

#include "parallel.h"
#include "rows.h"

namespace facula::FACULA_ISA {
namespace {

// What every row of a task has in common.
struct Shares {
  explicit Shares(const Classification& t) : task(t), keep(1 - t.smoothing), spread(t.smoothing / t.classes) {
    double sum = t.weight ? 0 : static_cast<double>(t.classes);
    for (int64_t c = 0; t.weight && c < t.classes; ++c) sum += t.weight[c];
    even = static_cast<float>(spread * sum);
  }
  float weight(int64_t c) const { return task.weight ? task.weight[c] : 1.0f; }
  template <typename At>
  Float weights(int64_t c, At at) const {
    return task.weight ? at.get(task.weight + c) : broadcast(1.0f);
  }

  const Classification& task;
  float keep, spread;
  float even;  // the sum of the shares that smoothing gives
};

float row_loss(const float* x, int64_t row, const Shares& s) {
  const Classification& task = s.task;
  const int64_t n = task.classes;
  if (task.target && task.target[row] == task.ignored) return 0.0f;
  const float top = row_largest(x, n), log_sum = std::log(row_sum(x, n, top));
  if (task.probabilities) {
    const float* p = task.probabilities + row * n;
    return sum(fold(
        n, Float{},
        [&](Float total, int64_t j, auto at) {
          const Float share = s.weights(j, at) * (at.get(p + j) * s.keep + s.spread);
          const Float term = share * (log_sum - (at.get(x + j) - top));
          return total + at.within(term);
        },
        plus));
  }
  const int64_t t = task.target[row];
  const float loss = s.weight(t) * (log_sum - (x[t] - top));
  if (task.smoothing == 0) return loss;
  const float all = sum(fold(
      n, Float{},
      [&](Float total, int64_t j, auto at) {
        return total + at.within(s.weights(j, at) * (log_sum - (at.get(x + j) - top)));
      },
      plus));
  return s.keep * loss + s.spread * all;
}

void row_grad(const float* x, int64_t row, float scale, const Shares& s, float* dx) {
  const Classification& task = s.task;
  const int64_t n = task.classes;
  if (task.target && task.target[row] == task.ignored) {
    std::fill(dx, dx + n, 0.0f);
    return;
  }
  const float total = row_exps(x, n, row_largest(x, n), dx);
  if (task.probabilities) {
    const float* p = task.probabilities + row * n;
    const auto share = [&](int64_t j, auto at) { return s.weights(j, at) * (at.get(p + j) * s.keep + s.spread); };
    const float shares =
        sum(fold(n, Float{}, [&](Float sum, int64_t j, auto at) { return sum + at.within(share(j, at)); }, plus));
    const float factor = scale * shares / total;
    by_lanes(n, [&](int64_t j, auto at) { at.put(dx + j, at.get(dx + j) * factor - share(j, at) * scale); });
    return;
  }
  const int64_t t = task.target[row];
  const float own = s.keep * s.weight(t), factor = scale * (own + s.even) / total;
  if (task.smoothing == 0) {
    by_lanes(n, [&](int64_t j, auto at) { at.put(dx + j, at.get(dx + j) * factor); });
  } else {
    const float level = scale * s.spread;
    by_lanes(n, [&](int64_t j, auto at) { at.put(dx + j, at.get(dx + j) * factor - s.weights(j, at) * level); });
  }
  dx[t] -= scale * own;
}

// ---- columns: the classes are not contiguous ---------------------------------------------------------------------------

// A block of columns: x + c * inner + j, where j < width; `row` is the number of the first of their losses.
struct Block {
  const float* x;
  int64_t row, width, inner, classes;
};

void block_loss(const Block& b, const float* p, const Shares& s, float* losses) {
  const Classification& task = s.task;
  Columns top, total, sums{};
  column_sums(b.x, b.classes, b.inner, b.width, top, total, nullptr);
  for (int64_t j = 0; j < b.width; ++j) total.at[j] = std::log(total.at[j]);
  if (p || task.smoothing != 0) {
    for (int64_t c = 0; c < b.classes; ++c) {
      const float w = s.weight(c);
      by_lanes(b.width, [&, k = c * b.inner, x = b.x, keep = s.keep, spread = s.spread](int64_t j, auto at) {
        const Float share = p ? w * (at.get(p + k + j) * keep + spread) : broadcast(w);
        sums.put(j, sums.get(j) + share * (total.get(j) - (at.get(x + k + j) - top.get(j))));
      });
    }
    if (p) return std::copy(sums.at, sums.at + b.width, losses + b.row), void();
  }
  for (int64_t j = 0; j < b.width; ++j) {
    const int64_t t = task.target[b.row + j];
    if (t == task.ignored) {
      losses[b.row + j] = 0.0f;
      continue;
    }
    const float loss = s.weight(t) * (total.at[j] - (b.x[t * b.inner + j] - top.at[j]));
    losses[b.row + j] = task.smoothing == 0 ? loss : s.keep * loss + s.spread * sums.at[j];
  }
}

void block_grad(const Block& b, const float* p, const float* scale, int64_t scale_stride, const Shares& s, float* dx) {
  const Classification& task = s.task;
  Columns top, total, level, factor;
  column_sums(b.x, b.classes, b.inner, b.width, top, total, dx);
  for (int64_t j = 0; j < b.width; ++j) level.at[j] = scale[(b.row + j) * scale_stride];
  if (p) {
    by_lanes(b.width, [&](int64_t j, auto) { factor.put(j, Float{}); });
    for (int64_t c = 0; c < b.classes; ++c)
      by_lanes(b.width, [&, row = p + c * b.inner, w = s.weight(c), keep = s.keep, spread = s.spread](int64_t j, auto at) {
        factor.put(j, factor.get(j) + w * (at.get(row + j) * keep + spread));
      });
  } else {
    for (int64_t j = 0; j < b.width; ++j) {
      const int64_t t = task.target[b.row + j];
      factor.at[j] = t == task.ignored ? 0.0f : s.keep * s.weight(t) + s.even;
    }
  }
  for (int64_t j = 0; j < b.width; ++j) factor.at[j] = level.at[j] * factor.at[j] / total.at[j];
  for (int64_t c = 0; c < b.classes; ++c) {
    by_lanes(b.width, [&, k = c * b.inner, w = s.weight(c), keep = s.keep, spread = s.spread](int64_t j, auto at) {
      const Float share = p ? w * (at.get(p + k + j) * keep + spread) : broadcast(w * spread);
      at.put(dx + k + j, at.get(dx + k + j) * factor.get(j) - share * level.get(j));
    });
  }
  for (int64_t j = 0; !p && j < b.width; ++j) {
    const int64_t t = task.target[b.row + j];
    if (t != task.ignored) {
      dx[t * b.inner + j] -= level.at[j] * s.keep * s.weight(t);
    } else {
      for (int64_t c = 0; c < b.classes; ++c) dx[c * b.inner + j] = 0.0f;
    }
  }
}

// f(block, first element of it) for all blocks of columns.
template <typename F>
void each_block(const float* x, const Classification& task, F&& f) {
  const int64_t n = task.classes, inner = task.inner, width = column_block(n, inner);
  const int64_t blocks = (inner + width - 1) / width;
  parallel_for(task.outer * blocks, row_grain(n * width), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t outer = i / blocks, start = i % blocks * width, first = outer * n * inner + start;
      f(Block{x + first, outer * inner + start, std::min(width, inner - start), inner, n}, first);
    }
  });
}

template <typename F>
void each_row(const Classification& task, F&& f) {
  parallel_for(task.outer, row_grain(task.classes), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(i);
  });
}

}  // namespace

void cross_entropy(const float* x, const Classification& task, float* losses) {
  const Shares s(task);
  if (task.inner == 1) {
    each_row(task, [&](int64_t i) { losses[i] = row_loss(x + i * task.classes, i, s); });
    return;
  }
  each_block(x, task, [&](const Block& b, int64_t first) {
    block_loss(b, task.probabilities ? task.probabilities + first : nullptr, s, losses);
  });
}

void cross_entropy_grad(const float* x, const Classification& task, const float* scale, int64_t scale_stride, float* dx) {
  const Shares s(task);
  if (task.inner == 1) {
    each_row(task, [&](int64_t i) {
      row_grad(x + i * task.classes, i, scale[i * scale_stride], s, dx + i * task.classes);
    });
    return;
  }
  each_block(x, task, [&](const Block& b, int64_t first) {
    block_grad(b, task.probabilities ? task.probabilities + first : nullptr, scale, scale_stride, s, dx + first);
  });
}

}  // namespace facula::FACULA_ISA
