// Pooling over up to three spatial dimensions of `planes` dense arrays.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

// Windows that slide; absent dimensions (in front) have size 1, kernel 1, stride 1, padding 0, dilation 1.
struct PoolShape {
  int64_t planes;
  int64_t size[3], kernel[3], stride[3], pad[3], dilation[3], places[3];  // places: size of the result

  int64_t inputs() const { return size[0] * size[1] * size[2]; }
  int64_t outputs() const { return places[0] * places[1] * places[2]; }
  int64_t window() const { return kernel[0] * kernel[1] * kernel[2]; }
};

// Windows that are boxes of any bounds: window j of a dimension is [begin[j], end[j]) inside the input. Its mean divides
// by the product of `count` over the dimensions, or by `divisor` if that is not 0.
struct BoxShape {
  int64_t planes;
  int64_t size[3], places[3];
  const int64_t *begin[3], *end[3];
  const float* count[3];
  float divisor;
  // If the windows of the last dimension slide: window j is [j * stride - pad, ... + kernel) before it is cut. Else 0.
  int64_t kernel, stride, pad;

  int64_t inputs() const { return size[0] * size[1] * size[2]; }
  int64_t outputs() const { return places[0] * places[1] * places[2]; }
};

FACULA_KERNELS(
    // The largest element of each window (NaN is larger than all, of equals the first is taken) and which element of the
    // window it is, counted in row order (for windows of at most 256), or where it is in its plane.
    void max_pool(const float* x, const PoolShape& shape, float* out, uint8_t* which, int64_t* where);
    // Adds g to zeros at the places that `which` tells.
    void max_unpool(const float* g, const uint8_t* which, const PoolShape& shape, float* dx);

    // dx = zeros to which g is added at places of its plane, and out = x at those places; false if one is out of range.
    bool scatter(const float* g, const int64_t* where, int64_t planes, int64_t outputs, int64_t inputs, float* dx);
    bool gather(const float* x, const int64_t* where, int64_t planes, int64_t outputs, int64_t inputs, float* out);

    void box_mean(const float* x, const BoxShape& shape, float* out);
    void box_mean_grad(const float* g, const BoxShape& shape, float* dx);
    void box_max(const float* x, const BoxShape& shape, float* out, int64_t* where);)

}  // namespace facula
