// Elementwise kernels where NumPy needs several passes.
#pragma once
#include <cstdint>

namespace facula {

// out = x where x > 0 (or is NaN), else 0
void relu(const float* x, int64_t size, float* out);

// out = g where the ReLU's result y is above 0 (or NaN), else 0
void relu_grad(const float* g, const float* y, int64_t size, float* out);

}  // namespace facula
