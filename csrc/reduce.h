// Sums of large dense arrays over some of their dimensions.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

FACULA_KERNELS(
    // out[k] = scale * sum over o and i of x[o, k, i], for x of shape [outer, kept, inner]. Partial sums are held in
    // double; the result does not depend on the number of threads.
    void sum(const float* x, int64_t outer, int64_t kept, int64_t inner, double scale, float* out);)

}  // namespace facula
