// Winograd's convolution, 3x3 with stride 1: tiles of m x m results from (m + 2) x (m + 2) inputs, m = 2 or 4, with
// (m + 2)^2 products a channel instead of 9 m^2: four times fewer with m = 4; m = 2 rounds better.
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
  int tile;  // m
};

FACULA_KERNELS(
    // The tile that is the fastest here, or 0 where the definition's own products are. precise: only 2 may be.
    int winograd_tile(const WinogradCall& call, bool precise);

    // False if some result is not finite, which the definition must then compute: a tile spreads its infinities and
    // NaNs over all its results. `result` holds anything then.
    bool winograd(const WinogradCall& call);)

}  // namespace facula
