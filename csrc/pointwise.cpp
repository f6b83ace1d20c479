#include "pointwise.h"

#include "parallel.h"
#include "simd.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kGrain = 32768;

}  // namespace

void relu(const float* x, int64_t size, float* out) {
  parallel_for(size, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = x[i] <= 0.0f ? 0.0f : x[i];
  });
}

void relu_grad(const float* g, const float* y, int64_t size, float* out) {
  parallel_for(size, kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] = y[i] <= 0.0f ? 0.0f : g[i];
  });
}

}  // namespace facula::FACULA_ISA
