// Convolutions: what the algorithms share, and their entry points.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

// A convolution of up to three spatial dimensions; absent ones (in front) have size 1, kernel 1, stride 1, padding 0, dilation 1.
struct ConvShape {
  int64_t batch, in, out, groups;                 // channels in all groups
  int64_t size[3], kernel[3], stride[3], pad[3], dilation[3], places[3];  // places: size of the result
};

FACULA_KERNELS(
    // x (batch, in, size), w (out, in / groups, kernel), result (batch, out, places), all dense; bias (out) or null;
    // relu: 0 instead of negative results. For any shape: products of blocks of unfolded windows.
    void conv_gemm(const ConvShape& shape, const float* x, const float* w, const float* bias, bool relu, float* out);
    // The adjoint in x: g (batch, out, places), result dx (batch, in, size).
    void conv_gemm_input(const ConvShape& shape, const float* g, const float* w, float* dx);

    // The same for one input channel in each group.
    void conv_depthwise(const ConvShape& shape, const float* x, const float* w, const float* bias, bool relu, float* out);
    // The adjoint in x, with one output channel in each group too.
    void conv_depthwise_input(const ConvShape& shape, const float* g, const float* w, float* dx);)

}  // namespace facula
