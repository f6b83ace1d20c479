// Matrix products by OpenBLAS, where the package scipy-openblas32 is installed: those of doubles, and large ones of floats
// on processors for which our own tiles have not been measured to be the faster.
#pragma once
#include <cstdint>

#include "gemm.h"

namespace facula::blas {

// Loads the library at `path`; false if it cannot be, or is not what it should be. Its own threads are kept from starting:
// a product is shared out over our pool. To be called once.
bool load(const char* path);

// Whether the library is loaded and takes these operands: sizes fit its 32-bit integers, and rows (columns) do not overlap.
template <typename T>
bool takes(int64_t m, int64_t n, int64_t k, MatrixOf<T> a, MatrixOf<T> b);

// As sgemm (gemm.h). m, n, k > 0.
template <typename T>
void gemm(int64_t m, int64_t n, int64_t k, MatrixOf<T> a, MatrixOf<T> b, const T* bias, bool relu, T* out);

}  // namespace facula::blas
