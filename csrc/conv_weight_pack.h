// Images with their channels turned into the fast dimension, zeros around them: how the weight gradients read x.
#pragma once
#include <algorithm>
#include <cstdint>

#include "simd.h"

namespace facula::FACULA_ISA {

#if defined(__AVX__)
// to[j * to_stride + i] = from[min(i, last) * stride + j] for i < 8, j < places; places is 8, or less if `few`.
template <bool few>
FACULA_INLINE void turn8(const float* from, int64_t stride, int64_t last, int64_t places, float* to, int64_t to_stride) {
  const __m256i mask = few ? _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(places)),
                                                _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
                           : __m256i{};
  auto row = [&](int64_t i) {
    const float* at = from + std::min(i, last) * stride;
    return few ? _mm256_maskload_ps(at, mask) : _mm256_loadu_ps(at);
  };
  __m256 r0 = row(0), r1 = row(1), r2 = row(2), r3 = row(3), r4 = row(4), r5 = row(5), r6 = row(6), r7 = row(7);
  const __m256 p0 = _mm256_unpacklo_ps(r0, r1), p1 = _mm256_unpackhi_ps(r0, r1);
  const __m256 p2 = _mm256_unpacklo_ps(r2, r3), p3 = _mm256_unpackhi_ps(r2, r3);
  const __m256 p4 = _mm256_unpacklo_ps(r4, r5), p5 = _mm256_unpackhi_ps(r4, r5);
  const __m256 p6 = _mm256_unpacklo_ps(r6, r7), p7 = _mm256_unpackhi_ps(r6, r7);
  r0 = _mm256_shuffle_ps(p0, p2, 0x44), r1 = _mm256_shuffle_ps(p0, p2, 0xee);
  r2 = _mm256_shuffle_ps(p1, p3, 0x44), r3 = _mm256_shuffle_ps(p1, p3, 0xee);
  r4 = _mm256_shuffle_ps(p4, p6, 0x44), r5 = _mm256_shuffle_ps(p4, p6, 0xee);
  r6 = _mm256_shuffle_ps(p5, p7, 0x44), r7 = _mm256_shuffle_ps(p5, p7, 0xee);
  auto column = [&](int64_t j, __m256 v) {
    if (!few || j < places) _mm256_storeu_ps(to + j * to_stride, v);
  };
  column(0, _mm256_permute2f128_ps(r0, r4, 0x20)), column(1, _mm256_permute2f128_ps(r1, r5, 0x20));
  column(2, _mm256_permute2f128_ps(r2, r6, 0x20)), column(3, _mm256_permute2f128_ps(r3, r7, 0x20));
  column(4, _mm256_permute2f128_ps(r0, r4, 0x31)), column(5, _mm256_permute2f128_ps(r1, r5, 0x31));
  column(6, _mm256_permute2f128_ps(r2, r6, 0x31)), column(7, _mm256_permute2f128_ps(r3, r7, 0x31));
}
#endif

// One line of an image, channels fast: to[j][width] = from[channel][j * step] for `count` places. What stands in channels
// beyond `channels` is of no use, but is not from elsewhere: it spoils no sum but its own.
inline void turn_line(const float* from, int64_t channel_stride, int64_t channels, int64_t step, int64_t count, float* to,
                      int64_t width) {
  int64_t c = 0;
#if defined(__AVX__)
  if (step == 1)
    for (; c < channels; c += 8) {
      const float* line = from + c * channel_stride;
      const int64_t last = channels - c - 1;
      for (int64_t j = 0; j + 8 <= count; j += 8)
        turn8<false>(line + j, channel_stride, last, 8, to + j * width + c, width);
      if (count < 8)
        turn8<true>(line, channel_stride, last, count, to + c, width);
      else if (count % 8)  // once more over some of what is done
        turn8<false>(line + count - 8, channel_stride, last, 8, to + (count - 8) * width + c, width);
    }
#endif
  for (; c < channels; ++c)
    for (int64_t j = 0; j < count; ++j) to[j * width + c] = from[c * channel_stride + j * step];
  for (; c < width; ++c)
    for (int64_t j = 0; j < count; ++j) to[j * width + c] = 0.0f;
}

}  // namespace facula::FACULA_ISA
