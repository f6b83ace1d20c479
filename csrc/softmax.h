// Softmax and its logarithm over the middle dimension of dense [outer, n, inner], and their gradients.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

struct Rows {
  int64_t outer, n, inner;
};

FACULA_KERNELS(
    void softmax(const float* x, const Rows& rows, float* out);
    void log_softmax(const float* x, const Rows& rows, float* out);
    // Gradients with respect to x, from the gradient g of the result and the result itself.
    void softmax_grad(const float* g, const float* out, const Rows& rows, float* dx);
    void log_softmax_grad(const float* g, const float* out, const Rows& rows, float* dx);)

}  // namespace facula
