// Softmax over the last dimension, and cross-entropy with class indices.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

FACULA_KERNELS(
    void softmax(const float* x, int64_t rows, int64_t classes, float* out);
    void log_softmax(const float* x, int64_t rows, int64_t classes, float* out);
    // Gradients with respect to x, from the gradient g of the result and the result itself.
    void softmax_grad(const float* g, const float* out, int64_t rows, int64_t classes, float* dx);
    void log_softmax_grad(const float* g, const float* out, int64_t rows, int64_t classes, float* dx);

    // losses[i] = log(sum(exp(x[i]))) - x[i, target[i]], and 0 where target[i] == ignored. Targets are trusted.
    void cross_entropy(const float* x, const int64_t* target, int64_t rows, int64_t classes, int64_t ignored, float* losses);
    // dx[i] = scale[i * scale_stride] * (softmax(x[i]) - onehot(target[i])), and 0 where ignored.
    void cross_entropy_grad(const float* x, const int64_t* target, int64_t rows, int64_t classes, int64_t ignored,
                            const float* scale, int64_t scale_stride, float* dx);)

}  // namespace facula
