// Products of a matrix with a vector or a few: bound by reading the matrix, which is done once, where it stands.
#pragma once
#include <cstdint>

#include "gemm.h"

namespace facula {

FACULA_KERNELS(
    // sgemm (gemm.h) where one of the operands has few rows (columns) and the other is read along its unit stride at
    // no loss; else false, with nothing done. m, n, k > 0.
    bool few_vectors(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, const float* bias, bool relu, float* out);)

}  // namespace facula
