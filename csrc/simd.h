// Vectors as wide as the instruction set that this file is compiled for: the one place that knows about instructions.
// For kernel files only (see cpu.h). Arithmetic, comparison and `mask ? a : b` are those of the compiler's vector types;
// a comparison gives a vector of integers, -1 where true.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#include "cpu.h"

#ifndef FACULA_ISA
#error "simd.h is for files that are compiled once for each instruction set"
#endif

#if defined(__AVX512F__)
#include <immintrin.h>
#define FACULA_BYTES 64
#define FACULA_REGISTERS 32
#elif defined(__AVX2__)
#include <immintrin.h>
#define FACULA_BYTES 32
#define FACULA_REGISTERS 16
#elif defined(__aarch64__)
#include <arm_neon.h>
#define FACULA_BYTES 16
#define FACULA_REGISTERS 32
#else
#if defined(__x86_64__)
#include <immintrin.h>
#endif
#define FACULA_BYTES 16
#define FACULA_REGISTERS 16
#endif

#if defined(__FMA__) || defined(__aarch64__)
#define FACULA_FMA 1
#else
#define FACULA_FMA 0
#endif

namespace facula::FACULA_ISA {

typedef float Float __attribute__((vector_size(FACULA_BYTES)));
typedef int32_t Int __attribute__((vector_size(FACULA_BYTES)));
typedef double Double __attribute__((vector_size(FACULA_BYTES)));
typedef int64_t Long __attribute__((vector_size(FACULA_BYTES)));

constexpr int64_t kLanes = FACULA_BYTES / 4;        // floats in a vector
constexpr int64_t kDoubleLanes = FACULA_BYTES / 8;  // doubles in a vector
constexpr int64_t kRegisters = FACULA_REGISTERS;

// ---- memory ----------------------------------------------------------------------------------------------------------

FACULA_INLINE Float load(const float* p) {
  Float v;
  std::memcpy(&v, p, sizeof v);  // one unaligned load
  return v;
}
FACULA_INLINE Int load(const int32_t* p) {
  Int v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
FACULA_INLINE Double load(const double* p) {
  Double v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
FACULA_INLINE void store(float* p, Float v) { std::memcpy(p, &v, sizeof v); }
FACULA_INLINE void store(int32_t* p, Int v) { std::memcpy(p, &v, sizeof v); }
FACULA_INLINE void store(double* p, Double v) { std::memcpy(p, &v, sizeof v); }

// x - 0 is x for every x, so no arithmetic is left of it; 0 + x would have to turn -0 into 0.
FACULA_INLINE Float broadcast(float x) { return x - Float{}; }
FACULA_INLINE Int broadcast(int32_t x) { return x - Int{}; }
FACULA_INLINE Double broadcast(double x) { return x - Double{}; }

FACULA_INLINE Int lane_numbers() {
  Int v{};
  for (int i = 0; i < kLanes; ++i) v[i] = i;
  return v;
}

// -1 in the first n lanes (all, if n is larger), else 0.
FACULA_INLINE Int first_lanes(int64_t n) {
  return broadcast(static_cast<int32_t>(n < kLanes ? n : kLanes)) > lane_numbers();
}

// The first n floats, n < kLanes; 0 in the other lanes. Nothing beyond p[n - 1] is touched.
FACULA_INLINE Float load_first(const float* p, int64_t n) {
#if defined(__AVX512F__)
  return (Float)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
#elif defined(__AVX2__)
  return (Float)_mm256_maskload_ps(p, (__m256i)first_lanes(n));
#else
  Float v{};
  std::memcpy(&v, p, n * sizeof(float));
  return v;
#endif
}
FACULA_INLINE void store_first(float* p, Float v, int64_t n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), (__m512)v);
#elif defined(__AVX2__)
  _mm256_maskstore_ps(p, (__m256i)first_lanes(n), (__m256)v);
#else
  std::memcpy(p, &v, n * sizeof(float));
#endif
}

// A store that does not read the line into the cache first; p is aligned to FACULA_BYTES. For results that are larger
// than the cache; end with stream_fence().
FACULA_INLINE void stream(float* p, Float v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, (__m512)v);
#elif defined(__AVX2__)
  _mm256_stream_ps(p, (__m256)v);
#elif defined(__x86_64__)
  _mm_stream_ps(p, (__m128)v);
#else
  store(p, v);
#endif
}
FACULA_INLINE void stream_fence() {
#if defined(__x86_64__)
  _mm_sfence();
#endif
}

// ---- arithmetic ------------------------------------------------------------------------------------------------------

// a * b + c, rounded once where FACULA_FMA.
FACULA_INLINE Float fma(Float a, Float b, Float c) {
#if defined(__AVX512F__)
  return (Float)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
  return (Float)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (Float)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}
FACULA_INLINE Double fma(Double a, Double b, Double c) {
#if defined(__AVX512F__)
  return (Double)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__FMA__)
  return (Double)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__aarch64__)
  return (Double)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
  return a * b + c;
#endif
}
// c - a * b, likewise.
FACULA_INLINE Float fnma(Float a, Float b, Float c) { return fma(-a, b, c); }

// The same for single numbers, so that what is left over at the end rounds alike.
FACULA_INLINE float fma(float a, float b, float c) { return FACULA_FMA ? std::fma(a, b, c) : a * b + c; }
FACULA_INLINE double fma(double a, double b, double c) { return FACULA_FMA ? std::fma(a, b, c) : a * b + c; }

// The second operand where either is NaN.
#if defined(__AVX512F__)
FACULA_INLINE Float max(Float a, Float b) { return (Float)_mm512_max_ps((__m512)a, (__m512)b); }
FACULA_INLINE Float min(Float a, Float b) { return (Float)_mm512_min_ps((__m512)a, (__m512)b); }
#elif defined(__AVX2__)
FACULA_INLINE Float max(Float a, Float b) { return (Float)_mm256_max_ps((__m256)a, (__m256)b); }
FACULA_INLINE Float min(Float a, Float b) { return (Float)_mm256_min_ps((__m256)a, (__m256)b); }
#elif defined(__x86_64__)
FACULA_INLINE Float max(Float a, Float b) { return (Float)_mm_max_ps((__m128)a, (__m128)b); }
FACULA_INLINE Float min(Float a, Float b) { return (Float)_mm_min_ps((__m128)a, (__m128)b); }
#else
FACULA_INLINE Float max(Float a, Float b) { return a > b ? a : b; }
FACULA_INLINE Float min(Float a, Float b) { return a < b ? a : b; }
#endif

FACULA_INLINE Float sqrt(Float v) {
#if defined(__AVX512F__)
  return (Float)_mm512_sqrt_ps((__m512)v);
#elif defined(__AVX2__)
  return (Float)_mm256_sqrt_ps((__m256)v);
#elif defined(__x86_64__)
  return (Float)_mm_sqrt_ps((__m128)v);
#else
  for (int i = 0; i < kLanes; ++i) v[i] = std::sqrt(v[i]);
  return v;
#endif
}

// To the nearest integer, ties to even; |v| < 2^22 where there is no instruction for it.
FACULA_INLINE Float round(Float v) {
#if defined(__AVX512F__)
  return (Float)_mm512_roundscale_ps((__m512)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__AVX2__)
  return (Float)_mm256_round_ps((__m256)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif defined(__aarch64__)
  return (Float)vrndnq_f32((float32x4_t)v);
#else
  const Float magic = broadcast(12582912.0f);  // 1.5 * 2^23: adding it leaves no bits for a fraction
  return (v + magic) - magic;
#endif
}
FACULA_INLINE Int to_int(Float v) { return __builtin_convertvector(v, Int); }  // towards zero
FACULA_INLINE Float to_float(Int v) { return __builtin_convertvector(v, Float); }

FACULA_INLINE Float abs(Float v) { return (Float)((Int)v & 0x7fffffff); }

// ---- groups of four lanes --------------------------------------------------------------------------------------------

// Group q of the result is the four floats at base + at[4 * q].
FACULA_INLINE Float load_quads(const float* base, const int32_t* at) {
#if defined(__AVX512F__)
  const __m256 low = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(base + at[0])), _mm_loadu_ps(base + at[4]), 1);
  const __m256 high = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(base + at[8])), _mm_loadu_ps(base + at[12]), 1);
  return (Float)_mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
#elif defined(__AVX2__)
  return (Float)_mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(base + at[0])), _mm_loadu_ps(base + at[4]), 1);
#else
  return load(base + at[0]);
#endif
}

// Group q goes to p + q * stride.
FACULA_INLINE void store_quads(float* p, int64_t stride, Float v) {
#if defined(__AVX512F__)
  _mm_storeu_ps(p, _mm512_castps512_ps128((__m512)v));
  _mm_storeu_ps(p + stride, _mm512_extractf32x4_ps((__m512)v, 1));
  _mm_storeu_ps(p + 2 * stride, _mm512_extractf32x4_ps((__m512)v, 2));
  _mm_storeu_ps(p + 3 * stride, _mm512_extractf32x4_ps((__m512)v, 3));
#elif defined(__AVX2__)
  _mm_storeu_ps(p, _mm256_castps256_ps128((__m256)v));
  _mm_storeu_ps(p + stride, _mm256_extractf128_ps((__m256)v, 1));
#else
  static_cast<void>(stride);
  store(p, v);
#endif
}

// Each group of the four vectors is a row of a 4x4 matrix: all of them turned.
FACULA_INLINE void turn_quads(Float& a, Float& b, Float& c, Float& d) {
#if defined(__AVX512F__)
#define FACULA_MM(name) _mm512_##name
  typedef __m512 Bits;
#elif defined(__AVX2__)
#define FACULA_MM(name) _mm256_##name
  typedef __m256 Bits;
#elif defined(__x86_64__)
#define FACULA_MM(name) _mm_##name
  typedef __m128 Bits;
#endif
#if defined(__x86_64__)
  const Bits p = FACULA_MM(unpacklo_ps)((Bits)a, (Bits)b), q = FACULA_MM(unpackhi_ps)((Bits)a, (Bits)b);
  const Bits r = FACULA_MM(unpacklo_ps)((Bits)c, (Bits)d), s = FACULA_MM(unpackhi_ps)((Bits)c, (Bits)d);
  a = (Float)FACULA_MM(shuffle_ps)(p, r, 0x44), b = (Float)FACULA_MM(shuffle_ps)(p, r, 0xee);
  c = (Float)FACULA_MM(shuffle_ps)(q, s, 0x44), d = (Float)FACULA_MM(shuffle_ps)(q, s, 0xee);
#undef FACULA_MM
#else
  for (int i = 0; i < kLanes; i += 4) {
    const Float p = a, q = b, r = c, s = d;
    for (int j = 0; j < 4; ++j) {
      const float column[4] = {p[i + j], q[i + j], r[i + j], s[i + j]};
      Float& row = j == 0 ? a : j == 1 ? b : j == 2 ? c : d;
      for (int k = 0; k < 4; ++k) row[i + k] = column[k];
    }
  }
#endif
}

// a[0], b[0], a[1], b[1], ...
FACULA_INLINE void store_pairs(float* p, Float a, Float b) {
#if defined(__AVX512F__)
  const __m512 low = _mm512_unpacklo_ps((__m512)a, (__m512)b), high = _mm512_unpackhi_ps((__m512)a, (__m512)b);
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  _mm512_storeu_pd(p, _mm512_permutex2var_pd(_mm512_castps_pd(low), first, _mm512_castps_pd(high)));
  _mm512_storeu_pd(p + kLanes, _mm512_permutex2var_pd(_mm512_castps_pd(low), second, _mm512_castps_pd(high)));
#elif defined(__AVX2__)
  const __m256 low = _mm256_unpacklo_ps((__m256)a, (__m256)b), high = _mm256_unpackhi_ps((__m256)a, (__m256)b);
  _mm256_storeu_ps(p, _mm256_permute2f128_ps(low, high, 0x20));
  _mm256_storeu_ps(p + kLanes, _mm256_permute2f128_ps(low, high, 0x31));
#elif defined(__x86_64__)
  _mm_storeu_ps(p, _mm_unpacklo_ps((__m128)a, (__m128)b));
  _mm_storeu_ps(p + kLanes, _mm_unpackhi_ps((__m128)a, (__m128)b));
#else
  for (int i = 0; i < kLanes; ++i) p[2 * i] = a[i], p[2 * i + 1] = b[i];
#endif
}

// ---- transposition ---------------------------------------------------------------------------------------------------

constexpr int64_t kBlock = FACULA_BYTES >= 32 ? 8 : 4;

// Turns a block of kBlock rows of kBlock floats: to[j * to_stride + i] = from[i * stride + j].
FACULA_INLINE void transpose(const float* from, int64_t stride, float* to, int64_t to_stride) {
#if defined(__AVX__)
  __m256 a0 = _mm256_loadu_ps(from), a1 = _mm256_loadu_ps(from + stride);
  __m256 a2 = _mm256_loadu_ps(from + 2 * stride), a3 = _mm256_loadu_ps(from + 3 * stride);
  __m256 a4 = _mm256_loadu_ps(from + 4 * stride), a5 = _mm256_loadu_ps(from + 5 * stride);
  __m256 a6 = _mm256_loadu_ps(from + 6 * stride), a7 = _mm256_loadu_ps(from + 7 * stride);
  __m256 b0 = _mm256_unpacklo_ps(a0, a1), b1 = _mm256_unpackhi_ps(a0, a1);
  __m256 b2 = _mm256_unpacklo_ps(a2, a3), b3 = _mm256_unpackhi_ps(a2, a3);
  __m256 b4 = _mm256_unpacklo_ps(a4, a5), b5 = _mm256_unpackhi_ps(a4, a5);
  __m256 b6 = _mm256_unpacklo_ps(a6, a7), b7 = _mm256_unpackhi_ps(a6, a7);
  a0 = _mm256_shuffle_ps(b0, b2, 0x44), a1 = _mm256_shuffle_ps(b0, b2, 0xee);
  a2 = _mm256_shuffle_ps(b1, b3, 0x44), a3 = _mm256_shuffle_ps(b1, b3, 0xee);
  a4 = _mm256_shuffle_ps(b4, b6, 0x44), a5 = _mm256_shuffle_ps(b4, b6, 0xee);
  a6 = _mm256_shuffle_ps(b5, b7, 0x44), a7 = _mm256_shuffle_ps(b5, b7, 0xee);
  _mm256_storeu_ps(to, _mm256_permute2f128_ps(a0, a4, 0x20));
  _mm256_storeu_ps(to + to_stride, _mm256_permute2f128_ps(a1, a5, 0x20));
  _mm256_storeu_ps(to + 2 * to_stride, _mm256_permute2f128_ps(a2, a6, 0x20));
  _mm256_storeu_ps(to + 3 * to_stride, _mm256_permute2f128_ps(a3, a7, 0x20));
  _mm256_storeu_ps(to + 4 * to_stride, _mm256_permute2f128_ps(a0, a4, 0x31));
  _mm256_storeu_ps(to + 5 * to_stride, _mm256_permute2f128_ps(a1, a5, 0x31));
  _mm256_storeu_ps(to + 6 * to_stride, _mm256_permute2f128_ps(a2, a6, 0x31));
  _mm256_storeu_ps(to + 7 * to_stride, _mm256_permute2f128_ps(a3, a7, 0x31));
#elif defined(__x86_64__)
  __m128 a = _mm_loadu_ps(from), b = _mm_loadu_ps(from + stride);
  __m128 c = _mm_loadu_ps(from + 2 * stride), d = _mm_loadu_ps(from + 3 * stride);
  _MM_TRANSPOSE4_PS(a, b, c, d);
  _mm_storeu_ps(to, a), _mm_storeu_ps(to + to_stride, b);
  _mm_storeu_ps(to + 2 * to_stride, c), _mm_storeu_ps(to + 3 * to_stride, d);
#else
  for (int64_t i = 0; i < kBlock; ++i)
    for (int64_t j = 0; j < kBlock; ++j) to[j * to_stride + i] = from[i * stride + j];
#endif
}

// ---- every second lane -----------------------------------------------------------------------------------------------

// Lanes 0, 2, 4, ... of a, then of b.
FACULA_INLINE Float even_lanes(Float a, Float b) {
#if defined(__AVX512F__)
  const __m512i places = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
  return (Float)_mm512_permutex2var_ps((__m512)a, places, (__m512)b);
#elif defined(__AVX2__)
  const __m256 mixed = _mm256_shuffle_ps((__m256)a, (__m256)b, 0x88);
  return (Float)_mm256_permute4x64_pd((__m256d)mixed, 0xd8);
#elif defined(__x86_64__)
  return (Float)_mm_shuffle_ps((__m128)a, (__m128)b, 0x88);
#else
  Float v;
  for (int i = 0; i < kLanes / 2; ++i) v[i] = a[2 * i], v[kLanes / 2 + i] = b[2 * i];
  return v;
#endif
}

// ---- one number of all lanes -----------------------------------------------------------------------------------------

FACULA_INLINE float sum(Float v) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_ps((__m512)v);
#elif defined(__x86_64__)
#if defined(__AVX2__)
  __m128 s = _mm_add_ps(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
#else
  __m128 s = (__m128)v;
#endif
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_shuffle_ps(s, s, 1)));
#else
  float total = 0;
  for (int i = 0; i < kLanes; ++i) total += v[i];
  return total;
#endif
}
FACULA_INLINE double sum(Double v) {
  double total = 0;
  for (int i = 0; i < kDoubleLanes; ++i) total += v[i];
  return total;
}
FACULA_INLINE float largest(Float v) {
#if defined(__AVX512F__)
  return _mm512_reduce_max_ps((__m512)v);
#elif defined(__x86_64__)
#if defined(__AVX2__)
  __m128 m = _mm_max_ps(_mm256_castps256_ps128((__m256)v), _mm256_extractf128_ps((__m256)v, 1));
#else
  __m128 m = (__m128)v;
#endif
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_shuffle_ps(m, m, 1)));
#else
  float most = v[0];
  for (int i = 1; i < kLanes; ++i) most = most > v[i] ? most : v[i];
  return most;
#endif
}
FACULA_INLINE bool any(Int mask) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask((__m512i)mask) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps((__m256)mask) != 0;
#elif defined(__x86_64__)
  return _mm_movemask_ps((__m128)mask) != 0;
#else
  bool found = false;
  for (int i = 0; i < kLanes; ++i) found |= mask[i] != 0;
  return found;
#endif
}

}  // namespace facula::FACULA_ISA
