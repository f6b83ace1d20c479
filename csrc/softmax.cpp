// Each row is read twice: its largest element and the sum of exponentials, then the result. Rows are independent, so
// any number of threads gives the same bits.
#include "softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "cpu.h"
#include "parallel.h"

#if FACULA_X86
#include <immintrin.h>
#endif

namespace facula {
namespace {

struct RowSum {
  float largest, sum;  // sum of exp(x - largest)
};

struct Plain {
  static RowSum sum(const float* x, int64_t n) {
    float largest = -std::numeric_limits<float>::infinity();
    bool nan = false;
    for (int64_t i = 0; i < n; ++i) {
      nan |= std::isnan(x[i]);
      largest = std::max(largest, x[i]);
    }
    if (nan) largest = std::numeric_limits<float>::quiet_NaN();
    float sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += std::exp(x[i] - largest);
    return {largest, sum};
  }
  // out = exp(x - shift) * scale
  static void exps(const float* x, int64_t n, float shift, float scale, float* out) {
    for (int64_t i = 0; i < n; ++i) out[i] = std::exp(x[i] - shift) * scale;
  }
};

#if FACULA_X86

FACULA_AVX2 FACULA_INLINE __m256i first_lanes(int64_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(std::min<int64_t>(n, 8))),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// e^x within about one unit in the last place: x = n ln 2 + r with |r| <= ln 2 / 2, e^r by its series to the seventh
// power, 2^n by writing the exponent. Below the smallest normal number the result is 0; NaN stays NaN.
FACULA_AVX2 FACULA_INLINE __m256 exp8(__m256 x) {
  const __m256 low = _mm256_set1_ps(-87.336544f), high = _mm256_set1_ps(88.722839f);
  const __m256 vanishes = _mm256_cmp_ps(x, low, _CMP_LT_OQ), overflows = _mm256_cmp_ps(x, high, _CMP_GT_OQ);
  x = _mm256_max_ps(low, _mm256_min_ps(high, x));  // in this order a NaN passes
  const __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)),
                                   _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);  // ln 2 in two parts, the first exact in few bits
  r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
  __m256 p = _mm256_set1_ps(1.0f / 5040);
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 720));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 120));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 24));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 6));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
  // 2^n in two factors: n may be 128, whose power is no finite float on its own.
  const __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
  const __m256i bias = _mm256_set1_epi32(127);
  const __m256 one = _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23));
  const __m256 two =
      _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), bias), 23));
  p = _mm256_mul_ps(_mm256_mul_ps(p, one), two);
  p = _mm256_blendv_ps(p, _mm256_set1_ps(std::numeric_limits<float>::infinity()), overflows);
  return _mm256_andnot_ps(vanishes, p);
}

FACULA_AVX2 FACULA_INLINE float sum8(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
}

FACULA_AVX2 FACULA_INLINE float max8(__m256 v) {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_shuffle_ps(s, s, 1)));
}

struct Avx2 {
  FACULA_AVX2 static RowSum sum(const float* x, int64_t n) {
    const float infinity = std::numeric_limits<float>::infinity();
    __m256 most = _mm256_set1_ps(-infinity), unordered = _mm256_setzero_ps();
    for (int64_t i = 0; i < n; i += 8) {
      __m256i lanes = first_lanes(n - i);
      __m256 v = _mm256_blendv_ps(_mm256_set1_ps(-infinity), _mm256_maskload_ps(x + i, lanes), _mm256_castsi256_ps(lanes));
      unordered = _mm256_or_ps(unordered, _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
      most = _mm256_max_ps(most, v);
    }
    if (_mm256_movemask_ps(unordered)) {
      const float nan = std::numeric_limits<float>::quiet_NaN();
      return {nan, nan};
    }
    const float largest = max8(most);
    const __m256 shift = _mm256_set1_ps(largest);
    __m256 total = _mm256_setzero_ps();
    for (int64_t i = 0; i < n; i += 8) {
      __m256i lanes = first_lanes(n - i);
      __m256 e = exp8(_mm256_sub_ps(_mm256_maskload_ps(x + i, lanes), shift));
      total = _mm256_add_ps(total, _mm256_and_ps(e, _mm256_castsi256_ps(lanes)));
    }
    return {largest, sum8(total)};
  }
  FACULA_AVX2 static void exps(const float* x, int64_t n, float shift, float scale, float* out) {
    const __m256 shifts = _mm256_set1_ps(shift), scales = _mm256_set1_ps(scale);
    for (int64_t i = 0; i < n; i += 8) {
      __m256i lanes = first_lanes(n - i);
      __m256 e = exp8(_mm256_sub_ps(_mm256_maskload_ps(x + i, lanes), shifts));
      _mm256_maskstore_ps(out + i, lanes, _mm256_mul_ps(e, scales));
    }
  }
};

#endif

int64_t row_grain(int64_t classes) { return std::max<int64_t>(1, 8192 / std::max<int64_t>(1, classes)); }

// Calls f(Kind{}, row) for every row, Kind being what this processor can run.
template <typename F>
void each_row(int64_t rows, int64_t classes, F&& f) {
#if FACULA_X86
  if (cpu::has_avx2()) {
    parallel_for(rows, row_grain(classes), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) f(Avx2{}, i);
    });
    return;
  }
#endif
  parallel_for(rows, row_grain(classes), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) f(Plain{}, i);
  });
}

}  // namespace

void softmax(const float* x, int64_t rows, int64_t classes, float* out) {
  each_row(rows, classes, [&](auto kind, int64_t i) {
    RowSum s = kind.sum(x + i * classes, classes);
    kind.exps(x + i * classes, classes, s.largest, 1.0f / s.sum, out + i * classes);
  });
}

void log_softmax(const float* x, int64_t rows, int64_t classes, float* out) {
  each_row(rows, classes, [&](auto kind, int64_t i) {
    RowSum s = kind.sum(x + i * classes, classes);
    const float log_sum = std::log(s.sum);
    for (int64_t j = 0; j < classes; ++j) out[i * classes + j] = x[i * classes + j] - s.largest - log_sum;
  });
}

void softmax_grad(const float* g, const float* out, int64_t rows, int64_t classes, float* dx) {
  parallel_for(rows, row_grain(classes), [&](int64_t begin, int64_t end) {
    for (int64_t k = begin * classes; k < end * classes; k += classes) {
      float dot = 0;
      for (int64_t j = k; j < k + classes; ++j) dot += g[j] * out[j];
      for (int64_t j = k; j < k + classes; ++j) dx[j] = (g[j] - dot) * out[j];
    }
  });
}

void log_softmax_grad(const float* g, const float* out, int64_t rows, int64_t classes, float* dx) {
  each_row(rows, classes, [&](auto kind, int64_t i) {
    const int64_t k = i * classes;
    float sum = 0;
    for (int64_t j = k; j < k + classes; ++j) sum += g[j];
    kind.exps(out + k, classes, 0.0f, sum, dx + k);
    for (int64_t j = k; j < k + classes; ++j) dx[j] = g[j] - dx[j];
  });
}

void cross_entropy(const float* x, const int64_t* target, int64_t rows, int64_t classes, int64_t ignored, float* losses) {
  each_row(rows, classes, [&](auto kind, int64_t i) {
    if (target[i] == ignored) {
      losses[i] = 0.0f;
      return;
    }
    RowSum s = kind.sum(x + i * classes, classes);
    losses[i] = std::log(s.sum) - (x[i * classes + target[i]] - s.largest);
  });
}

void cross_entropy_grad(const float* x, const int64_t* target, int64_t rows, int64_t classes, int64_t ignored,
                        const float* scale, int64_t scale_stride, float* dx) {
  each_row(rows, classes, [&](auto kind, int64_t i) {
    float* row = dx + i * classes;
    if (target[i] == ignored) {
      std::fill(row, row + classes, 0.0f);
      return;
    }
    const float factor = scale[i * scale_stride];
    RowSum s = kind.sum(x + i * classes, classes);
    kind.exps(x + i * classes, classes, s.largest, factor / s.sum, row);
    row[target[i]] -= factor;
  });
}

}  // namespace facula
