// Blocks of scores, some rows by some keys, are made, turned into probabilities and used up while they are in the cache.
//
// Forward: for some hundred queries of a head, block by block over the keys, with the running maximum and sum of each row
// (Milakov and Gimelshein 2018; Dao et al. 2022). Backward: for some hundred keys of a head, block by block over the
// queries; probabilities come back from the scores and the logarithms of the sums. How the work is cut does not depend on
// the number of threads, so nor does the result.
#include "attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "parallel.h"
#include "tile.h"
#include "vmath.h"

namespace facula::FACULA_ISA {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int64_t kRows = 48 * (kTall / 6);    // rows of a block of scores
constexpr int64_t kKeys = 256;                 // keys of one, forward
constexpr int64_t kChunk = 5 * kRows + kRows / 3;  // queries that share packed keys: 256
constexpr int64_t kGradRows = kRows, kGradKeys = 64;
constexpr int64_t kGradChunk = 512;            // keys that share packed queries
constexpr int64_t kMostParts = 8;              // of the keys of one head
constexpr int64_t kPad = 16;                   // rows of a power of two would share their places in the cache

int64_t padded(int64_t n) { return ceil_div(n, kWide) * kWide; }

// ---- products of blocks ----------------------------------------------------------------------------------------------

// out[r][0..kWide) = (or +=) the sum over k < depth of tall(r, k) * wide[k][0..kWide), where tall(r, k) is
// tall[r * stride + k], or, if `across`, tall[k * stride + r].
template <int rows, bool across>
void strip(int64_t depth, const float* tall, int64_t stride, const float* wide, float* out, int64_t row, bool add) {
#define FACULA_ZERO(r) Float low##r{}, high##r{};
  FACULA_ROWS(FACULA_ZERO)
#undef FACULA_ZERO
  const float *tall3 = tall + 3 * stride, *tall6 = tall + 6 * stride, *tall9 = tall + 9 * stride;
#define FACULA_STEP(r)                                                                                            \
  if constexpr (rows > r) {                                                                                       \
    const float* from = across ? tall + r                                                                         \
                        : (r < 3 ? tall + r * stride : r < 6 ? tall3 + (r - 3) * stride                           \
                                                     : r < 9 ? tall6 + (r - 6) * stride : tall9 + (r - 9) * stride); \
    const Float one = broadcast(*from);                                                                           \
    low##r = fma(one, left, low##r);                                                                              \
    high##r = fma(one, right, high##r);                                                                           \
  }
  const int64_t step = across ? stride : 1;
#pragma GCC unroll 4
  for (int64_t k = 0; k < depth; ++k) {
    const Float left = load(wide), right = load(wide + kLanes);
    FACULA_ROWS(FACULA_STEP)
    wide += kWide;
    tall += step, tall3 += step, tall6 += step, tall9 += step;
  }
#undef FACULA_STEP
#define FACULA_STORE(r)                                                            \
  if constexpr (rows > r) {                                                        \
    float* to = out + r * row;                                                     \
    if (add) low##r = low##r + load(to), high##r = high##r + load(to + kLanes);    \
    store(to, low##r);                                                             \
    store(to + kLanes, high##r);                                                   \
  }
  FACULA_ROWS(FACULA_STORE)
#undef FACULA_STORE
}

template <bool across, int rows = 1>
void strip_of(int64_t count, int64_t depth, const float* tall, int64_t stride, const float* wide, float* out, int64_t row,
              bool add) {
  if constexpr (rows < kTall) {
    if (count != rows) return strip_of<across, rows + 1>(count, depth, tall, stride, wide, out, row, add);
  }
  strip<rows, across>(depth, tall, stride, wide, out, row, add);
}

// ---- packing ---------------------------------------------------------------------------------------------------------

typedef float Four __attribute__((vector_size(16)));

FACULA_INLINE Four load_four(const float* p) {
  Four v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// to[e * kWide + j] = from[j * row + e] for four j and four e.
FACULA_INLINE void turn_four(const float* from, int64_t row, float* to) {
  typedef int Pick __attribute__((vector_size(16)));
  const Four a = load_four(from), b = load_four(from + row), c = load_four(from + 2 * row), d = load_four(from + 3 * row);
  const Pick low = {0, 4, 1, 5}, high = {2, 6, 3, 7}, first = {0, 1, 4, 5}, second = {2, 3, 6, 7};
  const Four ab = __builtin_shuffle(a, b, low), cd = __builtin_shuffle(c, d, low);
  const Four ab2 = __builtin_shuffle(a, b, high), cd2 = __builtin_shuffle(c, d, high);
  const Four turned[4] = {__builtin_shuffle(ab, cd, first), __builtin_shuffle(ab, cd, second),
                          __builtin_shuffle(ab2, cd2, first), __builtin_shuffle(ab2, cd2, second)};
  for (int e = 0; e < 4; ++e) std::memcpy(to + e * kWide, &turned[e], sizeof(Four));
}

// The transposed matrix in panels [width][kWide] of kWide rows each; zeros beyond the last row.
void pack_across(const float* from, int64_t row, int64_t rows, int64_t width, float* to) {
  for (int64_t j0 = 0; j0 < rows; j0 += kWide, to += width * kWide) {
    const int64_t count = std::min(kWide, rows - j0);
    const float* panel = from + j0 * row;
    int64_t j = 0;
    for (; j + 4 <= count; j += 4) {
      int64_t e = 0;
      for (; e + 4 <= width; e += 4) turn_four(panel + j * row + e, row, to + e * kWide + j);
      for (; e < width; ++e)
        for (int64_t r = j; r < j + 4; ++r) to[e * kWide + r] = panel[r * row + e];
    }
    for (; j < kWide; ++j)
      for (int64_t e = 0; e < width; ++e) to[e * kWide + j] = j < count ? panel[j * row + e] : 0.0f;
  }
}

// The matrix in panels [rows][kWide] of kWide columns each, times `factor`; zeros beyond the last column.
void pack_along(const float* from, int64_t row, int64_t rows, int64_t width, float factor, float* to) {
  for (int64_t e0 = 0; e0 < width; e0 += kWide) {
    const int64_t count = std::min(kWide, width - e0);
    for (int64_t i = 0; i < rows; ++i, to += kWide) {
      const float* line = from + i * row + e0;
      if (count == kWide) {
        store(to, load(line) * factor);
        store(to + kLanes, load(line + kLanes) * factor);
      } else {
        for (int64_t e = 0; e < kWide; ++e) to[e] = e < count ? line[e] * factor : 0.0f;
      }
    }
  }
}

void scaled_rows(const float* from, int64_t row, int64_t rows, int64_t width, float factor, float* to) {
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t e = 0; e < width; ++e) to[i * width + e] = from[i * row + e] * factor;
}

// ---- rows of scores --------------------------------------------------------------------------------------------------

// A row of a head's mask, from key `first` on, put upon scores.
void put_mask(const ScoreMask& mask, int64_t head, int64_t query, int64_t first, int64_t count, float* scores) {
  const int64_t at = mask.at[head] + query * mask.row + first * mask.column;
  if (mask.boolean) {
    const uint8_t* counts = static_cast<const uint8_t*>(mask.data) + at;
    if (mask.column == 1) {
      for (int64_t j = 0; j < count; ++j) scores[j] = counts[j] ? scores[j] : -kInfinity;
    } else {
      for (int64_t j = 0; j < count; ++j) scores[j] = counts[j * mask.column] ? scores[j] : -kInfinity;
    }
    return;
  }
  const float* more = static_cast<const float*>(mask.data) + at;
  if (mask.column == 1) {
    for (int64_t j = 0; j < count; ++j) scores[j] += more[j];
  } else {
    for (int64_t j = 0; j < count; ++j) scores[j] += more[j * mask.column];
  }
}

FACULA_INLINE float largest_lane(Float v) {
  float held[kLanes];
  store(held, v);
  Four most = load_four(held);
  for (int64_t i = 4; i < kLanes; i += 4) {
    const Four other = load_four(held + i);
    most = most > other ? most : other;
  }
  return std::max(std::max(most[0], most[1]), std::max(most[2], most[3]));
}

float largest_of(const float* x, int64_t n) {
  Float most = broadcast(-kInfinity), other = most;
  int64_t j = 0;
  for (; j + 2 * kLanes <= n; j += 2 * kLanes) {
    most = max(most, load(x + j));
    other = max(other, load(x + j + kLanes));
  }
  float top = largest_lane(max(most, other));
  for (; j < n; ++j) top = top > x[j] ? top : x[j];
  return top;
}

// x = e^(x - shift), and the sum; zeros from n to `end`.
float exponentials(float* x, int64_t n, int64_t end, float shift) {
  Float total{}, more{};
  int64_t j = 0;
  for (; j + 2 * kLanes <= n; j += 2 * kLanes) {
    const Float a = exp_negative(load(x + j) - shift), b = exp_negative(load(x + j + kLanes) - shift);
    store(x + j, a);
    store(x + j + kLanes, b);
    total = total + a;
    more = more + b;
  }
  for (; j + kLanes <= n; j += kLanes) {
    const Float a = exp_negative(load(x + j) - shift);
    store(x + j, a);
    total = total + a;
  }
  if (j < n) {
    Float a = exp_negative(load_first(x + j, n - j) - shift);
    a = first_lanes(n - j) ? a : Float{};
    store_first(x + j, a, n - j);
    more = more + a;
  }
  if (n < end) std::fill(x + n, x + end, 0.0f);
  return sum(total + more);
}

float dot(const float* a, const float* b, int64_t n) {
  Float total{};
  int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) total = fma(load(a + j), load(b + j), total);
  if (j < n) total = fma(load_first(a + j, n - j), load_first(b + j, n - j), total);
  return sum(total);
}

// How many of `count` keys from `first` on the query sees.
int64_t seen(const AttentionProblem& p, int64_t query, int64_t first, int64_t count) {
  return p.causal ? std::clamp<int64_t>(query + 1 - first, 0, count) : count;
}

// ---- forward ---------------------------------------------------------------------------------------------------------

// Where a thread keeps what it works on.
struct Forward {
  float *q, *k, *v, *scores, *sums, *top, *total;
};

Forward forward_memory(const AttentionProblem& p) {
  thread_local Buffer buffer;
  const int64_t values = padded(p.value_width);
  float* at = buffer.reserve(kChunk * (p.width + values + 2) + kKeys * (p.width + values) + kRows * (kKeys + kPad));
  Forward f;
  f.k = at, at += kKeys * p.width;
  f.v = at, at += kKeys * values;
  f.scores = at, at += kRows * (kKeys + kPad);
  f.sums = at, at += kChunk * values;
  f.q = at, at += kChunk * p.width;
  f.top = at, at += kChunk;
  f.total = at;
  return f;
}

// A block of scores turned into exponentials and added to the sums of values. `first`: query and key where it begins.
void forward_block(const AttentionProblem& p, const Forward& f, int64_t head, int64_t query, int64_t at, int64_t rows,
                   int64_t key, int64_t keys, bool fresh) {
  constexpr int64_t kLine = kKeys + kPad;
  const int64_t values = padded(p.value_width);
  for (int64_t j = 0; j < keys; j += kWide) {
    if (!seen(p, query + rows - 1, key + j, 1)) break;
    for (int64_t i = 0; i < rows; i += kTall) {
      const int64_t count = std::min(kTall, rows - i);
      if (!seen(p, query + i + count - 1, key + j, 1)) continue;
      strip_of<false>(count, p.width, f.q + (at + i) * p.width, p.width, f.k + j * p.width, f.scores + i * kLine + j,
                      kLine, false);
    }
  }
  for (int64_t i = 0; i < rows; ++i) {
    float* scores = f.scores + i * kLine;
    const int64_t last = std::min(i - i % kTall + kTall, rows) - 1;  // of the strip of rows
    const int64_t n = seen(p, query + i, key, keys), end = seen(p, query + last, key, keys);
    if (p.mask.data) put_mask(p.mask, head, query + i, key, n, scores);
    float& top = f.top[at + i];
    float& total = f.total[at + i];
    const float before = fresh ? -kInfinity : top, most = largest_of(scores, n);
    top = before > most ? before : most;
    const float shift = top == -kInfinity ? 0.0f : top;
    const float sum = exponentials(scores, n, end, shift);
    if (fresh) {
      total = sum;
    } else {
      const float factor = std::exp(before - shift);
      total = total * factor + sum;
      float* row = f.sums + (at + i) * values;
      if (factor != 1.0f)
        for (int64_t e = 0; e < values; ++e) row[e] *= factor;
    }
  }
  for (int64_t e = 0; e < values; e += kWide)
    for (int64_t i = 0; i < rows; i += kTall) {
      const int64_t count = std::min(kTall, rows - i), depth = seen(p, query + i + count - 1, key, keys);
      strip_of<false>(count, depth, f.scores + i * kLine, kLine, f.v + e * keys, f.sums + (at + i) * values + e, values,
                      !fresh);
    }
}

void forward_chunk(const AttentionProblem& p, int64_t head, int64_t begin, int64_t end, HeadRows<float> out,
                   float* log_sums) {
  const Forward f = forward_memory(p);
  const int64_t values = padded(p.value_width);
  const float *k = p.k.data + p.k.at[head], *v = p.v.data + p.v.at[head];
  scaled_rows(p.q.data + p.q.at[head] + begin * p.q.row, p.q.row, end - begin, p.width, p.scale, f.q);
  for (int64_t key = 0; key < p.keys && seen(p, end - 1, key, 1); key += kKeys) {
    const int64_t keys = std::min(kKeys, p.keys - key);
    pack_across(k + key * p.k.row, p.k.row, keys, p.width, f.k);
    pack_along(v + key * p.v.row, p.v.row, keys, p.value_width, 1.0f, f.v);
    for (int64_t query = begin; query < end; query += kRows) {
      const int64_t rows = std::min(kRows, end - query);
      if (seen(p, query + rows - 1, key, 1))
        forward_block(p, f, head, query, query - begin, rows, key, keys, key == 0);
    }
  }
  for (int64_t i = begin; i < end; ++i) {
    float* to = out.data + out.at[head] + i * out.row;
    const float* row = f.sums + (i - begin) * values;
    const float total = p.keys ? f.total[i - begin] : 0.0f;
    log_sums[head * p.queries + i] = total == 0.0f ? -kInfinity : f.top[i - begin] + std::log(total);
    const float factor = total == 0.0f ? 0.0f : 1.0f / total;
    for (int64_t e = 0; e < p.value_width; ++e) to[e] = total == 0.0f ? 0.0f : row[e] * factor;
  }
}

// ---- backward --------------------------------------------------------------------------------------------------------

struct Backward {
  float *k_across, *k_along, *v_across, *dk, *dv;        // of the keys of a part
  float *q, *q_along, *g_along, *dq, *deltas;            // of a block of queries
  float *weights, *slopes;                               // of a block of scores
};

Backward backward_memory(const AttentionProblem& p, int64_t part) {
  thread_local Buffer buffer;
  const int64_t width = padded(p.width), values = padded(p.value_width), keys = padded(part);
  const int64_t line = kGradKeys + kPad;
  float* at = buffer.reserve(keys * (p.width + 2 * width + p.value_width + values) +
                             kGradRows * (p.width + 2 * width + values + 1 + 2 * line));
  Backward b;
  b.k_across = at, at += keys * p.width;
  b.k_along = at, at += keys * width;
  b.v_across = at, at += keys * p.value_width;
  b.dk = at, at += keys * width;
  b.dv = at, at += keys * values;
  b.weights = at, at += kGradRows * line;
  b.slopes = at, at += kGradRows * line;
  b.q_along = at, at += kGradRows * width;
  b.g_along = at, at += kGradRows * values;
  b.dq = at, at += kGradRows * width;
  b.q = at, at += kGradRows * p.width;
  b.deltas = at;
  return b;
}

// One block of scores: `rows` queries from `query` on by `keys` keys from `key` on, which are `at` in the part.
void backward_block(const AttentionProblem& p, const Backward& b, int64_t head, const float* g, int64_t g_row,
                    const float* log_sums, int64_t query, int64_t rows, int64_t key, int64_t keys, int64_t at,
                    int64_t part, bool fresh) {
  constexpr int64_t kLine = kGradKeys + kPad;
  const int64_t width = padded(p.width), values = padded(p.value_width);
  for (int64_t j = 0; j < keys; j += kWide) {
    if (!seen(p, query + rows - 1, key + j, 1)) break;
    for (int64_t i = 0; i < rows; i += kTall) {
      const int64_t count = std::min(kTall, rows - i);
      if (!seen(p, query + i + count - 1, key + j, 1)) continue;
      strip_of<false>(count, p.width, b.q + i * p.width, p.width, b.k_across + (at + j) * p.width,
                      b.weights + i * kLine + j, kLine, false);
      strip_of<false>(count, p.value_width, g + i * g_row, g_row, b.v_across + (at + j) * p.value_width,
                      b.slopes + i * kLine + j, kLine, false);
    }
  }
  const int64_t wide = seen(p, query + rows - 1, key, keys);  // columns in use
  for (int64_t i = 0; i < rows; ++i) {
    float *weights = b.weights + i * kLine, *slopes = b.slopes + i * kLine;
    const int64_t n = seen(p, query + i, key, keys);
    if (p.mask.data) put_mask(p.mask, head, query + i, key, n, weights);
    const float sum = log_sums[query + i], shift = sum == -kInfinity ? 0.0f : sum, delta = b.deltas[i];
    for (int64_t j = 0; j < n; j += kLanes) {  // beyond n there is room
      const Float weight = exp_negative(load(weights + j) - shift);
      store(weights + j, weight);
      store(slopes + j, weight * (load(slopes + j) - delta));
    }
    if (n < wide) std::fill(weights + n, weights + wide, 0.0f), std::fill(slopes + n, slopes + wide, 0.0f);
  }
  // Rows of weights before the first that sees a key add nothing to that key.
  for (int64_t j = 0; j < wide; j += kTall) {
    const int64_t count = std::min(kTall, wide - j), from = p.causal ? std::clamp<int64_t>(key + j - query, 0, rows) : 0;
    for (int64_t e = 0; e < values; e += kWide)
      strip_of<true>(count, rows - from, b.weights + from * kLine + j, kLine, b.g_along + e * rows + from * kWide,
                     b.dv + (at + j) * values + e, values, true);
    for (int64_t e = 0; e < width; e += kWide)
      strip_of<true>(count, rows - from, b.slopes + from * kLine + j, kLine, b.q_along + e * rows + from * kWide,
                     b.dk + (at + j) * width + e, width, true);
  }
  for (int64_t e = 0; e < width; e += kWide)
    for (int64_t i = 0; i < rows; i += kTall) {
      const int64_t count = std::min(kTall, rows - i), depth = seen(p, query + i + count - 1, key, keys);
      strip_of<false>(count, depth, b.slopes + i * kLine, kLine, b.k_along + e * part + at * kWide, b.dq + i * width + e,
                      width, !fresh);
    }
}

// The keys [begin, end) of a head, with all queries. dq: [queries][width], this part's share.
void backward_part(const AttentionProblem& p, int64_t head, int64_t begin, int64_t end, HeadRows<const float> g,
                   HeadRows<const float> out, const float* log_sums, float* dq, int64_t dq_row, HeadRows<float> dk,
                   HeadRows<float> dv) {
  const int64_t part = end - begin, width = padded(p.width), values = padded(p.value_width);
  const Backward b = backward_memory(p, std::max(part, kGradKeys));
  const float *k = p.k.data + p.k.at[head] + begin * p.k.row, *v = p.v.data + p.v.at[head] + begin * p.v.row;
  pack_across(k, p.k.row, part, p.width, b.k_across);
  pack_along(k, p.k.row, part, p.width, 1.0f, b.k_along);
  pack_across(v, p.v.row, part, p.value_width, b.v_across);
  std::fill(b.dk, b.dk + part * width, 0.0f);
  std::fill(b.dv, b.dv + part * values, 0.0f);
  for (int64_t query = 0; query < p.queries; query += kGradRows) {
    const int64_t rows = std::min(kGradRows, p.queries - query);
    float* to = dq + query * dq_row;
    if (!part || !seen(p, query + rows - 1, begin, 1)) {
      for (int64_t i = 0; i < rows; ++i) std::fill(to + i * dq_row, to + i * dq_row + p.width, 0.0f);
      continue;
    }
    const float *q = p.q.data + p.q.at[head] + query * p.q.row, *slope = g.data + g.at[head] + query * g.row;
    const float* result = out.data + out.at[head] + query * out.row;
    scaled_rows(q, p.q.row, rows, p.width, p.scale, b.q);
    pack_along(q, p.q.row, rows, p.width, p.scale, b.q_along);
    pack_along(slope, g.row, rows, p.value_width, 1.0f, b.g_along);
    for (int64_t i = 0; i < rows; ++i) b.deltas[i] = dot(slope + i * g.row, result + i * out.row, p.value_width);
    for (int64_t key = begin; key < end && seen(p, query + rows - 1, key, 1); key += kGradKeys)
      backward_block(p, b, head, slope, g.row, log_sums + head * p.queries, query, rows, key,
                     std::min(kGradKeys, end - key), key - begin, part, key == begin);
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t e = 0; e < p.width; ++e) to[i * dq_row + e] = b.dq[i * width + e] * p.scale;
  }
  for (int64_t j = 0; j < part; ++j) {
    std::copy_n(b.dk + j * width, p.width, dk.data + dk.at[head] + (begin + j) * dk.row);
    std::copy_n(b.dv + j * values, p.value_width, dv.data + dv.at[head] + (begin + j) * dv.row);
  }
}

// Small heads are handed out several at a time.
int64_t grain(int64_t products) { return std::max<int64_t>(1, 100000 / std::max<int64_t>(1, products)); }

}  // namespace

void attention(const AttentionProblem& p, HeadRows<float> out, float* log_sums) {
  const int64_t chunks = ceil_div(p.queries, kChunk);
  const int64_t work = std::min(p.queries, kChunk) * p.keys * (p.width + p.value_width);
  parallel_for(p.heads * chunks, grain(work), [&](int64_t first, int64_t last) {
    for (int64_t task = first; task < last; ++task) {
      const int64_t begin = task % chunks * kChunk;
      forward_chunk(p, task / chunks, begin, std::min(begin + kChunk, p.queries), out, log_sums);
    }
  });
}

void attention_grad(const AttentionProblem& p, HeadRows<const float> g, HeadRows<const float> out, const float* log_sums,
                    HeadRows<float> dq, HeadRows<float> dk, HeadRows<float> dv) {
  // The keys of a head in a few parts, each with its own share of dq if there are several: memory is a multiple of dq's.
  const int64_t wanted = std::clamp<int64_t>(ceil_div(p.keys, kGradChunk), 1, kMostParts);
  const int64_t part = std::max<int64_t>(kGradKeys, ceil_div(ceil_div(p.keys, wanted), kGradKeys) * kGradKeys);
  const int64_t parts = std::max<int64_t>(1, ceil_div(p.keys, part));
  const int64_t share = p.queries * p.width;
  Buffer shares;
  float* dq_of_parts = parts > 1 ? shares.reserve(p.heads * parts * share) : nullptr;
  const int64_t work = p.queries * std::min(part, p.keys) * (p.width + p.value_width) * 5 / 2;
  parallel_for(p.heads * parts, grain(work), [&](int64_t first, int64_t last) {
    for (int64_t task = first; task < last; ++task) {
      const int64_t head = task / parts, begin = task % parts * part;
      float* to = parts > 1 ? dq_of_parts + task * share : dq.data + dq.at[head];
      backward_part(p, head, begin, std::min(begin + part, p.keys), g, out, log_sums, to, parts > 1 ? p.width : dq.row,
                    dk, dv);
    }
  });
  if (parts == 1) return;
  parallel_for(p.heads * p.queries, 64, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      const int64_t head = i / p.queries, query = i % p.queries;
      float* to = dq.data + dq.at[head] + query * dq.row;
      const float* from = dq_of_parts + head * parts * share + query * p.width;
      for (int64_t e = 0; e < p.width; ++e) {
        float total = from[e];
        for (int64_t part = 1; part < parts; ++part) total += from[part * share + e];
        to[e] = total;
      }
    }
  });
}

}  // namespace facula::FACULA_ISA
