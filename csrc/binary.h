// Arithmetic of two arrays of one dtype, with broadcasting, for arrays that are worth sharing among threads.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

enum class Arithmetic { add, sub, mul, div };

// The elements of the dense result in order, and where its operands' are: strides of 0 repeat. Of the last dimension they
// are 0 or 1.
struct Pairing {
  static constexpr int kMost = 8;
  int dimensions;
  int64_t size[kMost], left[kMost], right[kMost];
};

FACULA_KERNELS(
    template <typename T> void arithmetic(Arithmetic operation, const Pairing& pairing, const T* a, const T* b, T* out);)

}  // namespace facula
