#include "images.h"

#include <algorithm>

#include "parallel.h"
#include "simd.h"

namespace facula::FACULA_ISA {
namespace {

// Divided, not multiplied by a reciprocal: the last bit is then that of the operations done one by one.
template <bool normalize>
void convert(const uint8_t* from, int64_t stride, int64_t count, float mean, float deviation, float* out) {
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

}  // namespace

void images_to_float(const uint8_t* images, const int64_t* indices, int64_t batch, int64_t pixels, int64_t channels,
                     const float* mean, const float* deviation, float* out) {
  const int64_t size = pixels * channels;
  const auto one = mean ? convert<true> : convert<false>;
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

}  // namespace facula::FACULA_ISA
