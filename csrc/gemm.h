// Single-precision matrix product for the shapes of linear layers.
#pragma once
#include <cstdint>

namespace facula {

// A matrix in memory: element (i, j) is data[i * row + j * column]; one of the strides is 1.
struct Matrix {
  const float* data;
  int64_t row, column;
};

// out[m, n] = bias[n] + sum over k of a[m, k] * b[k, n]; out is row-major and dense, bias may be null. Needs
// cpu::has_avx2().
void sgemm(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, const float* bias, float* out);

}  // namespace facula
