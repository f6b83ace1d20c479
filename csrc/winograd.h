// Winograd's convolution, 3x3 with stride 1: tiles of m x m results from (m + 2) x (m + 2) inputs, m = 2 or 4, with
// (m + 2)^2 products a channel instead of 9 m^2. m = 4 multiplies four times less than the definition, m = 2 rounds better.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

struct WinogradCall {
  const float *x, *weight, *bias;  // x: (batch, in, height, width) dense; bias: (out) or null
  float* result;                   // (batch, out, height + 2 pad_y - 2, width + 2 pad_x - 2)
  int64_t batch, in, out, height, width, pad_y, pad_x;
  bool transposed;  // weight is (in, out, 3, 3), each filter turned by 180 degrees; else (out, in, 3, 3)
  bool relu;
  int tile;             // m
  const float* packed;  // what winograd_pack made of the weight, or null
};

FACULA_KERNELS(
    // False if some result is not finite, which the definition must then compute: a tile spreads its infinities and
    // NaNs over all its results. `result` holds anything then.
    bool winograd(const WinogradCall& call);

    // The transformed weight, as the products read it: how many floats, and its computation.
    int64_t winograd_packed_size(int64_t out, int64_t in, int tile);
    void winograd_pack(const WinogradCall& call, float* to);
    // Strips [begin, end) of it only, to the place where strip `begin` shall stand.
    void winograd_pack_strips(const WinogradCall& call, int64_t begin, int64_t end, float* to);

    // 64 bits of all `count` floats' bits, at the speed of memory.
    uint64_t content_hash(const float* values, int64_t count);)

// ---- transformed weights that are kept between calls (winograd_cache.cpp) --------------------------------------------

// Bytes that the transformed weights take now; gives them all back.
int64_t winograd_cache_bytes();
void winograd_cache_clear();

}  // namespace facula
