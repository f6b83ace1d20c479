#include "images.h"

#include <algorithm>

#include "cpu.h"
#include "parallel.h"

namespace facula {
namespace {

// Divided, not multiplied by a reciprocal: the last bit is then that of the operations done one by one.
template <bool normalize>
FACULA_INLINE void convert(const uint8_t* from, int64_t stride, int64_t count, float mean, float deviation, float* out) {
  if (stride == 1) {
    for (int64_t i = 0; i < count; ++i) {
      float value = static_cast<float>(static_cast<int>(from[i])) / 255.0f;
      out[i] = normalize ? (value - mean) / deviation : value;
    }
    return;
  }
  for (int64_t i = 0; i < count; ++i) {
    float value = static_cast<float>(static_cast<int>(from[i * stride])) / 255.0f;
    out[i] = normalize ? (value - mean) / deviation : value;
  }
}

using Convert = void (*)(const uint8_t*, int64_t, int64_t, float, float, float*);

FACULA_AVX2 void scale_avx2(const uint8_t* f, int64_t s, int64_t n, float m, float d, float* o) {
  convert<false>(f, s, n, m, d, o);
}
FACULA_AVX2 void normalize_avx2(const uint8_t* f, int64_t s, int64_t n, float m, float d, float* o) {
  convert<true>(f, s, n, m, d, o);
}
void scale_plain(const uint8_t* f, int64_t s, int64_t n, float m, float d, float* o) { convert<false>(f, s, n, m, d, o); }
void normalize_plain(const uint8_t* f, int64_t s, int64_t n, float m, float d, float* o) {
  convert<true>(f, s, n, m, d, o);
}

}  // namespace

void images_to_float(const uint8_t* images, const int64_t* indices, int64_t batch, int64_t pixels, int64_t channels,
                     const float* mean, const float* deviation, float* out) {
  const int64_t size = pixels * channels;
  const Convert one = cpu::has_avx2() ? (mean ? normalize_avx2 : scale_avx2) : (mean ? normalize_plain : scale_plain);
  const int64_t grain = std::max<int64_t>(1, 32768 / std::max<int64_t>(1, size));
  parallel_for(batch, grain, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      const uint8_t* image = images + (indices ? indices[b] : b) * size;
      for (int64_t c = 0; c < channels; ++c)
        one(image + c, channels, pixels, mean ? mean[c] : 0.0f, deviation ? deviation[c] : 1.0f,
            out + b * size + c * pixels);
    }
  });
}

}  // namespace facula
