// Normalisation and its gradients. weight and bias may be null: one and zero.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

FACULA_KERNELS(
    // out = (x - mean) / sqrt(variance + eps) * weight + bias of each row of n; not `centered`: x over the root of its
    // mean square. Row i has the weights of its group, i % groups: weight and bias are [groups, n].
    void row_norm(const float* x, int64_t rows, int64_t n, int64_t groups, const float* weight, const float* bias,
                  double eps, bool centered, float* out);
    // The gradients of x, weight and bias (dbias may be null) from the gradient g of the result.
    void row_norm_grad(const float* g, const float* x, int64_t rows, int64_t n, int64_t groups, const float* weight,
                       double eps, bool centered, float* dx, float* dweight, float* dbias);

    // The same for x [batch, groups * channels, places], each group of channels together: weight and bias are
    // [groups * channels].
    void group_norm(const float* x, int64_t batch, int64_t groups, int64_t channels, int64_t places, const float* weight,
                    const float* bias, double eps, float* out);
    void group_norm_grad(const float* g, const float* x, int64_t batch, int64_t groups, int64_t channels,
                         int64_t places, const float* weight, double eps, float* dx, float* dweight, float* dbias);

    // x [batch, channels, places]; writes each channel's mean and (biased) variance too.
    void batch_norm(const float* x, int64_t batch, int64_t channels, int64_t places, const float* weight,
                    const float* bias, double eps, float* out, float* mean, float* var);
    // The same with given mean and variance.
    void batch_norm_eval(const float* x, int64_t batch, int64_t channels, int64_t places, const float* weight,
                         const float* bias, const float* mean, const float* var, double eps, float* out);
    // The gradients of either: `training` if mean and variance are those of x.
    void batch_norm_grad(const float* g, const float* x, int64_t batch, int64_t channels, int64_t places,
                         const float* weight, const float* mean, const float* var, double eps, bool training,
                         float* dx, float* dweight, float* dbias);)

}  // namespace facula
