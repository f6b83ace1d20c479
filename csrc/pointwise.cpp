#include "pointwise.h"

#include "cpu.h"
#include "parallel.h"

namespace facula {
namespace {

constexpr int64_t kGrain = 32768;

FACULA_INLINE void relu_body(const float* __restrict x, int64_t size, float* __restrict out) {
  for (int64_t i = 0; i < size; ++i) out[i] = x[i] <= 0.0f ? 0.0f : x[i];
}
FACULA_INLINE void relu_grad_body(const float* __restrict g, const float* __restrict y, int64_t size,
                                  float* __restrict out) {
  for (int64_t i = 0; i < size; ++i) out[i] = y[i] <= 0.0f ? 0.0f : g[i];
}

FACULA_AVX2 void relu_avx2(const float* x, int64_t size, float* out) { relu_body(x, size, out); }
void relu_plain(const float* x, int64_t size, float* out) { relu_body(x, size, out); }
FACULA_AVX2 void relu_grad_avx2(const float* g, const float* y, int64_t n, float* out) { relu_grad_body(g, y, n, out); }
void relu_grad_plain(const float* g, const float* y, int64_t n, float* out) { relu_grad_body(g, y, n, out); }

}  // namespace

void relu(const float* x, int64_t size, float* out) {
  const auto one = cpu::has_avx2() ? relu_avx2 : relu_plain;
  parallel_for(size, kGrain, [&](int64_t begin, int64_t end) { one(x + begin, end - begin, out + begin); });
}

void relu_grad(const float* g, const float* y, int64_t size, float* out) {
  const auto one = cpu::has_avx2() ? relu_grad_avx2 : relu_grad_plain;
  parallel_for(size, kGrain, [&](int64_t begin, int64_t end) { one(g + begin, y + begin, end - begin, out + begin); });
}

}  // namespace facula
