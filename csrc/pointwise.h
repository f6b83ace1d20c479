// Elementwise functions of dense arrays.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

FACULA_KERNELS(
    void relu(const float* x, int64_t size, float* out);
    // From the gradient g of the result and the result y itself.
    void relu_grad(const float* g, const float* y, int64_t size, float* out);)

}  // namespace facula
