// Single-precision matrix product.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

// A matrix in memory: element (i, j) is data[i * row + j * column]; one of the strides is 1.
template <typename T>
struct MatrixOf {
  const T* data;
  int64_t row, column;
};
using Matrix = MatrixOf<float>;

FACULA_KERNELS(
    // out[m, n] = bias[n] + sum over k of a[m, k] * b[k, n], and 0 instead of negative numbers if relu; out is row-major
    // and dense, bias may be null.
    void sgemm(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, const float* bias, bool relu, float* out);)

}  // namespace facula
