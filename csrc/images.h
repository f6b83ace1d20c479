// Byte images to float tensors, a batch at a time.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

FACULA_KERNELS(
    // out[b, c, p] = images[indices[b], p, c] / 255, then (that - mean[c]) / deviation[c] where mean is given.
    // images is [any, pixels, channels]; indices may be null (0, 1, 2, ...) and are trusted.
    void images_to_float(const uint8_t* images, const int64_t* indices, int64_t batch, int64_t pixels, int64_t channels,
                         const float* mean, const float* deviation, float* out);)

}  // namespace facula
