// Coins from MT19937, as bits, and what dropout does with them.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

// MT19937 as numpy.random keeps it in memory.
struct Twister {
  uint32_t words[624];
  int32_t position;  // of the next word; 624: they are to be renewed
};

FACULA_KERNELS(
    // Bit i % 8 of bits[i / 8] is whether the i-th 53-bit number is less than high * 2^32 + low; the number is made of two
    // words, the low 21 bits of the first above all of the second. The bits left over in the last byte are 0.
    void coins(Twister& state, int64_t count, uint32_t high, uint32_t low, uint8_t* bits);
    // out = x * scale where the bit is set, x * 0 elsewhere.
    void masked_scale(const float* x, const uint8_t* bits, int64_t count, float scale, float* out);)

}  // namespace facula
