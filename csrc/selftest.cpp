// Checks the vectors of simd.h, the functions of vmath.h, the tile and the matrix product against plain loops, without
// Python: so they can be run where no Python is, for another processor in an emulator too (make selftest). No part of the
// extension. Compiled once for each instruction set, and once more, without FACULA_ISA, for main().
#include <cstdio>

#include "cpu.h"

namespace facula {
FACULA_KERNELS(
    // Number of failed checks, each of which is printed.
    int selftest();)
}  // namespace facula

#ifndef FACULA_ISA

int main() {
  int failures = 0, sets = 0;
#define FACULA_RUN(name)                                                 \
  if (facula::cpu::set_isa(#name)) {                                     \
    const int failed = facula::name::selftest();                         \
    std::printf("%s: %s\n", #name, failed == 0 ? "passed" : "FAILED");   \
    failures += failed, ++sets;                                          \
  } else {                                                               \
    std::printf("%s: compiled; this processor cannot run it\n", #name);  \
  }
  FACULA_ISAS(FACULA_RUN)
  return failures == 0 && sets > 0 ? 0 : 1;
}

#else

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "gemm.h"
#include "parallel.h"
#include "tile.h"
#include "vmath.h"

#define FACULA_TEXT_OF(x) #x
#define FACULA_TEXT(x) FACULA_TEXT_OF(x)
// A failed check is printed; the first few of a place are enough.
#define CHECK(condition)                                                                                     \
  do {                                                                                                       \
    static int failed_here = 0;                                                                              \
    if (!(condition)) {                                                                                      \
      ++failures;                                                                                            \
      if (++failed_here <= 3) std::printf("%s: line %d: %s\n", FACULA_TEXT(FACULA_ISA), __LINE__, #condition); \
    }                                                                                                        \
  } while (false)

namespace facula::FACULA_ISA {
namespace {

int failures = 0;
constexpr float kGuard = -12345.0f;  // stands where nothing may be written

// Numbers in [-1, 1) that differ from run to run in nothing.
float next_number() {
  static uint32_t state = 1;
  state = state * 1664525u + 1013904223u;
  return static_cast<float>(static_cast<int32_t>(state)) / 2147483648.0f;
}
void fill(float* p, int64_t count) {
  for (int64_t i = 0; i < count; ++i) p[i] = next_number();
}
bool same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }
bool close(double a, double b, double tolerance) { return std::fabs(a - b) <= tolerance * (1 + std::fabs(b)); }

// ---- vectors ---------------------------------------------------------------------------------------------------------

__attribute__((noinline)) void check_memory() {
  float from[3 * kLanes], to[3 * kLanes];
  fill(from, 3 * kLanes);
  for (int64_t offset = 0; offset < kLanes; ++offset) {  // no alignment is asked for
    const Float v = load(from + offset);
    for (int i = 0; i < kLanes; ++i) CHECK(v[i] == from[offset + i]);
    store(to + 1, v);
    CHECK(std::memcmp(to + 1, from + offset, sizeof v) == 0);
  }
  for (int64_t n = 0; n < kLanes; ++n) {
    const Float v = load_first(from + 1, n);
    for (int i = 0; i < kLanes; ++i) CHECK(v[i] == (i < n ? from[1 + i] : 0.0f));
    for (float& x : to) x = kGuard;
    store_first(to + 1, load(from), n);
    for (int i = 0; i < kLanes; ++i) CHECK(to[1 + i] == (i < n ? from[i] : kGuard));
    const Int mask = first_lanes(n);
    for (int i = 0; i < kLanes; ++i) CHECK(mask[i] == (i < n ? -1 : 0));
    CHECK(any(mask) == (n > 0));
  }
  CHECK(first_lanes(kLanes + 5)[kLanes - 1] == -1);
  alignas(64) float aligned[16] = {};
  stream(aligned, load(from));
  stream_fence();
  CHECK(std::memcmp(aligned, from, sizeof(Float)) == 0);
  const Double d = broadcast(2.5);
  double doubles[kDoubleLanes + 1];
  store(doubles + 1, d);
  CHECK(load(doubles + 1)[kDoubleLanes - 1] == 2.5 && sum(d) == 2.5 * kDoubleLanes);
  CHECK(broadcast(7)[kLanes - 1] == 7 && std::signbit(broadcast(-0.0f)[0]));
}

__attribute__((noinline)) void check_arithmetic() {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const float values[] = {0.0f, -0.0f, 1.0f, -1.5f, 2.5f, 3.5f, -2.5f, 0.49999997f, 1e6f, -1e-30f, infinity, -infinity, nan};
  constexpr int count = sizeof values / sizeof *values;
  for (int i = 0; i < count; ++i)
    for (int j = 0; j < count; ++j) {
      const float x = values[i], y = values[j];
      const Float a = broadcast(x), b = broadcast(y);
      const int last = kLanes - 1;
      CHECK(same((a + b)[last], x + y) && same((a * b)[last], x * y) && same((a / b)[last], x / y));
      CHECK(same(max(a, b)[last], x > y ? x : y) && same(min(a, b)[last], x < y ? x : y));
      CHECK(same((a > b ? a : b)[last], x > y ? x : y));
      CHECK(same(fma(a, b, a)[last], FACULA_FMA ? std::fma(x, y, x) : x * y + x));
      CHECK(same(fnma(a, b, a)[last], FACULA_FMA ? std::fma(-x, y, x) : -x * y + x));
      CHECK(fma(a, b, a)[0] == fma(x, y, x) || std::isnan(fma(x, y, x)));  // single numbers round as vectors do
    }
  for (const float x : values) {
    const Float v = broadcast(x);
    CHECK(same(abs(v)[0], std::fabs(x)) && same(sqrt(v)[0], std::sqrt(x)));
    if (std::fabs(x) < 4e6f) CHECK(round(v)[0] == std::nearbyint(x) && to_int(v)[0] == static_cast<int>(x));
  }
  CHECK(close(fma(broadcast(0.1), broadcast(3.0), broadcast(1.0))[0], 1.3, 1e-15));
  CHECK(to_float(lane_numbers())[kLanes - 1] == kLanes - 1);
  const Float numbers = to_float(lane_numbers());
  CHECK(sum(numbers) == kLanes * (kLanes - 1) / 2 && largest(numbers) == kLanes - 1 && largest(-numbers) == 0);
}

__attribute__((noinline)) void check_order() {
  float from[4 * kLanes], to[4 * kLanes];
  fill(from, 4 * kLanes);
  Float rows[4];
  for (int r = 0; r < 4; ++r) rows[r] = load(from + r * kLanes);
  int32_t at[kLanes];
  for (int q = 0; q < kLanes; ++q) at[q] = static_cast<int32_t>(q % 4 == 0 ? 3 * kLanes - 2 * q : 0);
  const Float picked = load_quads(from, at);
  for (int i = 0; i < kLanes; ++i) CHECK(picked[i] == from[at[i / 4 * 4] + i % 4]);
  store_quads(to, 8, picked);
  for (int i = 0; i < kLanes; ++i) CHECK(to[i / 4 * 8 + i % 4] == picked[i]);
  store_pairs(to, rows[0], rows[1]);
  for (int i = 0; i < kLanes; ++i) CHECK(to[2 * i] == rows[0][i] && to[2 * i + 1] == rows[1][i]);
  const Float even = even_lanes(rows[0], rows[1]);
  for (int i = 0; i < kLanes; ++i) CHECK(even[i] == from[2 * i]);
  float block[kBlock * 20], columns[kBlock * 17];
  fill(block, kBlock * 20);
  transpose(block, 20, columns, 17);
  for (int64_t i = 0; i < kBlock; ++i)
    for (int64_t j = 0; j < kBlock; ++j) CHECK(columns[j * 17 + i] == block[i * 20 + j]);
  Float turned[4] = {rows[0], rows[1], rows[2], rows[3]};
  turn_quads(turned[0], turned[1], turned[2], turned[3]);
  for (int r = 0; r < 4; ++r)
    for (int i = 0; i < kLanes; ++i) CHECK(turned[r][i] == rows[i % 4][i / 4 * 4 + r]);
}

// ---- functions -------------------------------------------------------------------------------------------------------

// The largest error over [low, high], in units of the result's last place.
template <typename F, typename G>
double largest_error(F&& function, G&& exact, float low, float high) {
  double worst = 0;
  constexpr int steps = 20000;
  for (int i = 0; i <= steps; ++i) {
    const float x = low + (high - low) * static_cast<float>(i) / steps;
    const double right = exact(static_cast<double>(x));
    const float rounded = static_cast<float>(std::fabs(right));
    const double unit = std::nextafterf(rounded, std::numeric_limits<float>::infinity()) - rounded;
    const double error = std::fabs(function(broadcast(x))[kLanes - 1] - right) / unit;
    worst = error > worst || std::isnan(error) ? error : worst;
  }
  return worst;
}

__attribute__((noinline)) void check_functions() {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
#define FUNCTION(name) [](Float x) { return name(x); }, [](double x) { return std::name(x); }
  CHECK(largest_error(FUNCTION(exp), -87.0f, 88.7f) <= 1.5);
  CHECK(exp(broadcast(-infinity))[0] == 0 && exp(broadcast(infinity))[0] == infinity);
  CHECK(std::isnan(exp(broadcast(nan))[0]) && exp(Float{})[0] == 1);
  CHECK(largest_error(FUNCTION(tanh), -10.0f, 10.0f) <= 3);
  CHECK(largest_error(FUNCTION(log), 1e-6f, 100.0f) <= 2);
  CHECK(largest_error(FUNCTION(erf), -5.0f, 5.0f) <= 3);
  // Without a fused product the rounding of x * x stays in its exponential.
  CHECK(largest_error(FUNCTION(erfc), -5.0f, 9.0f) <= (FACULA_FMA ? 8 : 100));
#undef FUNCTION
  auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
  CHECK(largest_error([](Float x) { return sigmoid(x); }, logistic, -80.0f, 80.0f) <= 3);
  CHECK(largest_error([](Float x) { return expm1_negative(x); }, [](double x) { return std::expm1(x); }, -80.0f, -1e-3f) <= 2);
  CHECK(largest_error([](Float x) { return log1p_unit(x); }, [](double x) { return std::log1p(x); }, 1e-4f, 1.0f) <= 3);
  CHECK(std::signbit(tanh(broadcast(-0.0f))[0]) && log(Float{})[0] == -infinity && std::isnan(log(broadcast(-1.0f))[0]));
  CHECK(std::isnan(tanh(broadcast(nan))[0]) && std::isnan(erf(broadcast(nan))[0]) && std::isnan(sigmoid(broadcast(nan))[0]));
}

// ---- products --------------------------------------------------------------------------------------------------------

template <bool packed>
void check_tile() {
  constexpr int64_t depth = 37, most = kTall * kWide;
  float tall[depth * kTall], wide[depth * kWide], out[most + 1], row_bias[kTall], column_bias[kWide];
  fill(tall, depth * kTall), fill(wide, depth * kWide), fill(row_bias, kTall), fill(column_bias, kWide);
  for (int64_t rows = 1; rows <= kTall; ++rows)
    for (int64_t columns = 1; columns <= kWide; ++columns)
      for (int kind = 0; kind < 16; ++kind) {
        const bool add = kind & 1, relu = kind & 2, turned = kind & 4;
        const float* bias_of_rows = kind & 8 ? row_bias : nullptr;
        const float* bias_of_columns = kind & 8 ? nullptr : column_bias;
        const int64_t row = turned ? 1 : kWide, column = turned ? kTall : 1;
        for (float& x : out) x = kGuard;
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t c = 0; c < columns; ++c) out[r * row + c * column] = 0.25f;
        const Target to{out, row, column, bias_of_rows, bias_of_columns, add, relu};
        tile_of<packed>(rows, depth, tall, packed ? 0 : depth, wide, columns, to);
        int64_t touched = 0;
        for (const float x : out) touched += x != kGuard;
        CHECK(touched == rows * columns);
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t c = 0; c < columns; ++c) {
            double sum = add ? 0.25 : bias_of_rows ? bias_of_rows[r] : bias_of_columns[c];
            for (int64_t k = 0; k < depth; ++k)
              sum += static_cast<double>(packed ? tall[k * kTall + r] : tall[r * depth + k]) * wide[k * kWide + c];
            CHECK(close(out[r * row + c * column], relu && sum < 0 ? 0 : sum, 2e-5));
          }
      }
}

void check_product(int64_t m, int64_t n, int64_t k, bool a_turned, bool b_turned) {
  auto* a = static_cast<float*>(std::malloc(sizeof(float) * (m * k + k * n + m * n + n)));
  float *b = a + m * k, *out = b + k * n, *bias = out + m * n;
  fill(a, m * k), fill(b, k * n), fill(bias, n);
  const Matrix left{a, a_turned ? 1 : k, a_turned ? m : 1}, right{b, b_turned ? 1 : n, b_turned ? k : 1};
  sgemm(m, n, k, left, right, bias, true, out);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < n; ++j) {
      double sum = bias[j];
      for (int64_t p = 0; p < k; ++p)
        sum += static_cast<double>(a[i * left.row + p * left.column]) * b[p * right.row + j * right.column];
      CHECK(close(out[i * n + j], sum > 0 ? sum : 0, 1e-6 * std::sqrt(static_cast<double>(k)) + 2e-6));
    }
  std::free(a);
}

void check_products() {
  const int64_t sizes[][3] = {{1, 1, 1}, {1, 33, 70}, {50, 1, 64}, {7, 9, 11}, {64, 48, 33}, {33, 130, 1030}, {3, 4, 0}};
  for (auto& size : sizes)
    for (int turned = 0; turned < 4; ++turned)
      for (int threads = 1; threads <= 2; ++threads) {
        set_num_threads(threads);
        check_product(size[0], size[1], size[2], turned & 1, turned & 2);
      }
}

}  // namespace

int selftest() {
  check_memory();
  check_arithmetic();
  check_order();
  check_functions();
  check_tile<false>();
  check_tile<true>();
  check_products();
  return failures;
}

}  // namespace facula::FACULA_ISA

#endif
