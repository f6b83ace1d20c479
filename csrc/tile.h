// The inner loop of every product: a tile of kTall rows by kWide columns held in registers. At each k two vectors of the
// "wide" side are loaded, and kTall numbers of the "tall" side are broadcast one by one.
#pragma once
#include <algorithm>
#include <memory>
#include <new>

#include "simd.h"

namespace facula::FACULA_ISA {

// Of 32 registers 24 hold the tile, of 16 twelve.
constexpr int64_t kTall = kRegisters == 32 ? 12 : 6, kWide = 2 * kLanes;

// Named accumulators: gcc keeps an array of them on the stack. Rows beyond kTall are never used, and cost nothing.
#define FACULA_ROWS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

// Where a tile goes, and what it starts from.
struct Target {
  float* out;
  int64_t row, column;     // strides in out of the tile's rows and columns
  const float* row_bias;   // or null
  const float* column_bias;
  bool add;                // add to what is there: a later pass over k
  bool relu;               // negative results become 0
};

// Sums over `depth` numbers. wide: panel [depth][kWide]. tall: if packed, strip [depth][kTall]; else row r begins at
// tall + r * stride, and k is its fast index.
template <int rows, bool packed>
void tile(int64_t depth, const float* tall, int64_t stride, const float* wide, int64_t columns, const Target& to) {
#define FACULA_ZERO(r) Float low##r{}, high##r{};
  FACULA_ROWS(FACULA_ZERO)
#undef FACULA_ZERO
  // Few base addresses, so that they stay in registers.
  const float *tall3 = tall + 3 * stride, *tall6 = tall + 6 * stride, *tall9 = tall + 9 * stride;
#define FACULA_STEP(r)                                                                                            \
  if constexpr (rows > r) {                                                                                       \
    const float* from = packed ? tall + r                                                                         \
                        : (r < 3 ? tall + r * stride : r < 6 ? tall3 + (r - 3) * stride                           \
                                                     : r < 9 ? tall6 + (r - 6) * stride : tall9 + (r - 9) * stride); \
    const Float one = broadcast(*from);                                                                           \
    low##r = fma(one, left, low##r);                                                                              \
    high##r = fma(one, right, high##r);                                                                           \
  }
#pragma GCC unroll 4
  for (int64_t k = 0; k < depth; ++k) {
    const Float left = load(wide), right = load(wide + kLanes);
    FACULA_ROWS(FACULA_STEP)
    wide += kWide;
    const int64_t next = packed ? kTall : 1;
    tall += next, tall3 += next, tall6 += next, tall9 += next;
  }
#undef FACULA_STEP

  if (to.column == 1) {
#define FACULA_STORE(r)                                                                          \
  if constexpr (rows > r) {                                                                      \
    float* out = to.out + r * to.row;                                                            \
    const float* start = to.add ? out : to.row_bias ? nullptr : to.column_bias;                  \
    if (start) {                                                                                 \
      low##r = low##r + (columns < kLanes ? load_first(start, columns) : load(start));           \
      if (columns == kWide) high##r = high##r + load(start + kLanes);                            \
      else if (columns > kLanes) high##r = high##r + load_first(start + kLanes, columns - kLanes); \
    } else if (to.row_bias) {                                                                    \
      const Float one = broadcast(to.row_bias[r]);                                               \
      low##r = low##r + one, high##r = high##r + one;                                            \
    }                                                                                            \
    if (to.relu) {                                                                               \
      low##r = low##r <= 0.0f ? Float{} : low##r;                                                \
      high##r = high##r <= 0.0f ? Float{} : high##r;                                             \
    }                                                                                            \
    if (columns < kLanes) store_first(out, low##r, columns);                                     \
    else store(out, low##r);                                                                     \
    if (columns == kWide) store(out + kLanes, high##r);                                          \
    else if (columns > kLanes) store_first(out + kLanes, high##r, columns - kLanes);             \
  }
    FACULA_ROWS(FACULA_STORE)
#undef FACULA_STORE
    return;
  }
  constexpr int64_t held_rows = (rows + kBlock - 1) / kBlock * kBlock;
  float held[held_rows][kWide];
#define FACULA_HOLD(r)                   \
  if constexpr (rows > r) {              \
    store(held[r], low##r);              \
    store(held[r] + kLanes, high##r);    \
  }
  if (to.row == 1) {  // the tall index is the fast one of out: turn the tile, and write a column at a time
    if (!to.add) {
      float biases[kWide] = {};
      if (to.column_bias && !to.row_bias) std::memcpy(biases, to.column_bias, columns * sizeof(float));
      const Float left = load(biases), right = load(biases + kLanes);
#define FACULA_BIAS(r)                                                               \
  if constexpr (rows > r) {                                                          \
    const Float one = to.row_bias ? broadcast(to.row_bias[r]) : Float{};             \
    low##r = low##r + (to.row_bias ? one : left), high##r = high##r + (to.row_bias ? one : right); \
    if (to.relu) {                                                                   \
      low##r = low##r <= 0.0f ? Float{} : low##r;                                    \
      high##r = high##r <= 0.0f ? Float{} : high##r;                                 \
    }                                                                                \
  }
      FACULA_ROWS(FACULA_BIAS)
#undef FACULA_BIAS
    }
    FACULA_ROWS(FACULA_HOLD)
    for (int64_t r = rows; r < held_rows; ++r) store(held[r], Float{}), store(held[r] + kLanes, Float{});
    float turned[kWide][held_rows];
    for (int64_t r = 0; r < held_rows; r += kBlock)
      for (int64_t c = 0; c < kWide; c += kBlock) transpose(held[r] + c, kWide, turned[c] + r, held_rows);
    for (int64_t c = 0; c < columns; ++c) {
      float* out = to.out + c * to.column;
      if (to.add) {
        float before[held_rows] = {};
        std::memcpy(before, out, rows * sizeof(float));
        for (int64_t r = 0; r < held_rows; ++r) turned[c][r] += before[r];
        if (to.relu)
          for (int64_t r = 0; r < held_rows; ++r) turned[c][r] = turned[c][r] <= 0.0f ? 0.0f : turned[c][r];
      }
      std::memcpy(out, turned[c], rows * sizeof(float));
    }
    return;
  }
  FACULA_ROWS(FACULA_HOLD)
#undef FACULA_HOLD
  // Element (r, c) starts from start[r * start_row + c * start_column].
  const float zero = 0.0f, *start = &zero;
  int64_t start_row = 0, start_column = 0;
  if (to.add)
    start = to.out, start_row = to.row, start_column = to.column;
  else if (to.row_bias)
    start = to.row_bias, start_row = 1;
  else if (to.column_bias)
    start = to.column_bias, start_column = 1;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      const float value = held[r][c] + start[r * start_row + c * start_column];
      to.out[r * to.row + c * to.column] = to.relu && value <= 0.0f ? 0.0f : value;
    }
}

template <bool packed, int rows = 1>
void tile_of(int64_t count, int64_t depth, const float* tall, int64_t stride, const float* wide, int64_t columns,
             const Target& to) {
  if constexpr (rows < kTall) {
    if (count != rows) return tile_of<packed, rows + 1>(count, depth, tall, stride, wide, columns, to);
  }
  tile<rows, packed>(depth, tall, stride, wide, columns, to);
}

// Working memory that a thread keeps between calls.
class Buffer {
 public:
  float* reserve(int64_t count) {
    if (count > capacity) {
      memory.reset();
      memory.reset(static_cast<float*>(::operator new(count * sizeof(float), std::align_val_t{64})));
      capacity = count;
    }
    return memory.get();
  }

 private:
  struct Release {
    void operator()(float* p) const { ::operator delete(p, std::align_val_t{64}); }
  };
  std::unique_ptr<float, Release> memory;
  int64_t capacity = 0;
};

FACULA_INLINE int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace facula::FACULA_ISA
