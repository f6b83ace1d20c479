// Runs of floats of any length, a vector at a time: what normalisation and pooling share. For kernel files only.
#pragma once
#include "simd.h"

namespace facula::FACULA_ISA {

// store_first without the masked store, which takes AMD's processors a dozen cycles.
FACULA_INLINE void store_few(float* p, Float v, int64_t n) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  __m128 part = _mm256_castps256_ps128((__m256)v);
  if (n & 4) {
    _mm_storeu_ps(p, part);
    part = _mm256_extractf128_ps((__m256)v, 1), p += 4;
  }
  if (n & 2) {
    _mm_storel_pi(reinterpret_cast<__m64*>(p), part);
    part = _mm_movehl_ps(part, part), p += 2;
  }
  if (n & 1) _mm_store_ss(p, part);
#else
  store_first(p, v, n);
#endif
}

// Lanes 1, 3, 5, ... of a, then of b.
FACULA_INLINE Float odd_lanes(Float a, Float b) {
#if defined(__AVX512F__)
  const __m512i places = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
  return (Float)_mm512_permutex2var_ps((__m512)a, places, (__m512)b);
#elif defined(__AVX2__)
  const __m256 mixed = _mm256_shuffle_ps((__m256)a, (__m256)b, 0xdd);
  return (Float)_mm256_permute4x64_pd((__m256d)mixed, 0xd8);
#elif defined(__x86_64__)
  return (Float)_mm_shuffle_ps((__m128)a, (__m128)b, 0xdd);
#else
  Float v;
  for (int i = 0; i < kLanes / 2; ++i) v[i] = a[2 * i + 1], v[kLanes / 2 + i] = b[2 * i + 1];
  return v;
#endif
}

// The numbers, 0 to 255, as bytes: `count` of them, at most a vector. (gcc 12 converts such vectors one by one.)
FACULA_INLINE void store_bytes(uint8_t* p, Int v, int64_t count = kLanes) {
  uint8_t bytes[16];
#if defined(__AVX512F__)
  _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), _mm512_cvtepi32_epi8((__m512i)v));
#elif defined(__x86_64__)
#if defined(__AVX2__)
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128((__m256i)v), _mm256_extracti128_si256((__m256i)v, 1));
#else
  const __m128i words = _mm_packs_epi32((__m128i)v, (__m128i)v);
#endif
  _mm_storeu_si128(reinterpret_cast<__m128i*>(bytes), _mm_packus_epi16(words, words));
#else
  for (int i = 0; i < kLanes; ++i) bytes[i] = static_cast<uint8_t>(v[i]);
#endif
  std::memcpy(p, bytes, count);
}
FACULA_INLINE Int load_bytes(const uint8_t* p) {
#if defined(__AVX512F__)
  return (Int)_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#elif defined(__AVX2__)
  return (Int)_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
#else
  Int v{};
  for (int i = 0; i < kLanes; ++i) v[i] = p[i];
  return v;
#endif
}

// Where in a run a step stands: a whole vector of it, or its last few numbers. `at(p)` loads from the run that begins
// at p, `at.keep(v)` is v with 0 beyond the run's end.
struct Whole {
  int64_t i;
  FACULA_INLINE Float operator()(const float* p) const { return load(p + i); }
  FACULA_INLINE Float keep(Float v) const { return v; }
  FACULA_INLINE void put(float* p, Float v) const { store(p + i, v); }
};
struct Part {
  int64_t i, count;
  FACULA_INLINE Float operator()(const float* p) const { return load_first(p + i, count); }
  FACULA_INLINE Float keep(Float v) const { return first_lanes(count) ? v : Float{}; }
  FACULA_INLINE void put(float* p, Float v) const { store_few(p + i, v, count); }
};

// f(at) over a run of n numbers.
template <typename F>
FACULA_INLINE void each(int64_t n, F&& f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f(Whole{i});
  if (i < n) f(Part{i, n - i});
}

// f(at, sums) over a run of n numbers, in turn with four sets of sums, so that additions need not wait for each other.
template <typename Sums>
struct Four {
  Sums a{}, b{}, c{}, d{};
  template <typename F>
  FACULA_INLINE void fold(int64_t n, F&& f) {
    int64_t i = 0;
    for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
      f(Whole{i}, a);
      f(Whole{i + kLanes}, b);
      f(Whole{i + 2 * kLanes}, c);
      f(Whole{i + 3 * kLanes}, d);
    }
    for (; i + kLanes <= n; i += kLanes) f(Whole{i}, a);
    if (i < n) f(Part{i, n - i}, b);
  }
  FACULA_INLINE Sums total() {
    a.add(c), b.add(d), a.add(b);
    return a;
  }
};

// out = f(at), past the cache if `streamed` (results that are larger than the cache); end with stream_fence().
template <typename F>
FACULA_INLINE void write(float* out, int64_t n, bool streamed, F&& f) {
  if (!streamed || n < 4 * kLanes) {
    each(n, [&](auto at) { at.put(out, f(at)); });
    return;
  }
  const int64_t before = (FACULA_BYTES - reinterpret_cast<uintptr_t>(out) % FACULA_BYTES) % FACULA_BYTES / sizeof(float);
  if (before) {
    const Part at{0, before};
    at.put(out, f(at));
  }
  int64_t i = before;
  for (; i + kLanes <= n; i += kLanes) stream(out + i, f(Whole{i}));
  if (i < n) {
    const Part at{i, n - i};
    at.put(out, f(at));
  }
}

}  // namespace facula::FACULA_ISA
