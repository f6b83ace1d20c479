// The gradient of a convolution in its weight.
#pragma once
#include "conv.h"
#include "cpu.h"

namespace facula {

FACULA_KERNELS(
    // Each writes dw[out, in / groups, kernel...] = sum over batch and places of g[n, out, place] * x[n, in, window], and
    // is the best for some shapes. All arrays are dense; dw need not be zero before.
    // Any shape; wants many input channels in a group.
    void conv_weight_direct(const ConvShape& shape, const float* g, const float* x, float* dw);
    // Any shape; for few input channels in a group.
    void conv_weight_few(const ConvShape& shape, const float* g, const float* x, float* dw);
    // 3x3, stride 1, dilation 1, one group. Less exact than the others, by a factor of ten.
    void conv_weight_winograd(const ConvShape& shape, const float* g, const float* x, float* dw);)

}  // namespace facula
