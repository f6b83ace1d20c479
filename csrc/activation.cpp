// One loop for all functions of one array, and one for all gradients. Results that are larger than the cache are written
// past it: nothing of them would be left there when they are read.
#include "activation.h"

#include <algorithm>

#include "parallel.h"
#include "vmath.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kGrain = 16384;
constexpr int64_t kStreamed = int64_t{1} << 23;  // floats: 32 MiB

// Elements until `out` is aligned for stream().
int64_t until_aligned(const float* out) {
  return (FACULA_BYTES - reinterpret_cast<uintptr_t>(out) % FACULA_BYTES) % FACULA_BYTES / sizeof(float);
}

// out[i] = f(inputs[i]...)
template <typename F, typename... Inputs>
void span(int64_t begin, int64_t end, bool streamed, float* out, F f, const Inputs*... in) {
  int64_t i = begin;
  if (streamed) {
    const int64_t head = std::min(until_aligned(out + i), end - i);
    if (head) store_first(out + i, f(load_first(in + i, head)...), head);
    for (i += head; i + kLanes <= end; i += kLanes) stream(out + i, f(load(in + i)...));
    stream_fence();
  } else {
    for (; i + 2 * kLanes <= end; i += 2 * kLanes) {  // two at a time: each is a long chain
      const Float a = f(load(in + i)...), b = f(load(in + i + kLanes)...);
      store(out + i, a);
      store(out + i + kLanes, b);
    }
    for (; i + kLanes <= end; i += kLanes) store(out + i, f(load(in + i)...));
  }
  if (i < end) store_first(out + i, f(load_first(in + i, end - i)...), end - i);
}

template <typename F, typename... Inputs>
void each(int64_t size, float* out, F f, const Inputs*... in) {
  const bool streamed = size >= kStreamed;
  parallel_for(size, kGrain, [&](int64_t begin, int64_t end) { span(begin, end, streamed, out, f, in...); });
}

constexpr float kRootHalf = 0.70710678f, kRootTwoOverPi = 0.79788456f, kInverseRootTwoPi = 0.39894228f;
constexpr float kCubic = 0.044715f;

// The normal distribution function at x, and e^(-x^2 / 2).
struct Normal {
  Float below, bell;
};
FACULA_INLINE Normal normal(Float x) {
  const Float bell = exp_negative(x * x * -0.5f), tail = bell * scaled_erfc(abs(x) * kRootHalf) * 0.5f;
  return {x < 0.0f ? tail : 1.0f - tail, bell};
}

// GELU with tanh is x sigmoid(2 u(x)).
FACULA_INLINE Sigmoid gelu_sigmoid(Float x) {
  const Float slope = fma(x * x, broadcast(2 * kRootTwoOverPi * kCubic), broadcast(2 * kRootTwoOverPi));
  return sigmoids(x * slope);
}

// tanh(softplus(x)) = n / (n + 2) with n = w (w + 2), w = e^x.
struct Mish {
  Float tanh, sigmoid;
};
FACULA_INLINE Mish mish_parts(Float x) {
  const Float w = exp(min(broadcast(25.0f), x)), n = w * (w + 2.0f);
  return {n / (n + 2.0f), w / (w + 1.0f)};
}

FACULA_INLINE Float softplus_of(Float x) { return max(Float{}, x) + log1p_unit(exp_negative(-abs(x))); }

FACULA_INLINE Float clamp(Float x, float low, float high) {
  return min(broadcast(high), max(broadcast(low), x));  // a NaN passes
}

}  // namespace

void activation(Activation function, const float* x, int64_t size, const float* p, float* out) {
#define FACULA_CASE(name, ...) \
  case Activation::name:       \
    return each(size, out, [=](Float v) -> Float { __VA_ARGS__ }, x);
  switch (function) {
    FACULA_CASE(exp, return exp(v);)
    FACULA_CASE(log, return log(v);)
    FACULA_CASE(sqrt, return sqrt(v);)
    FACULA_CASE(rsqrt, return 1.0f / sqrt(v);)
    FACULA_CASE(erf, return erf(v);)
    FACULA_CASE(erfc, return erfc(v);)
    FACULA_CASE(tanh, return tanh(v);)
    FACULA_CASE(sigmoid, return sigmoid(v);)
    FACULA_CASE(relu, return v < 0.0f ? Float{} : v;)
    FACULA_CASE(gelu_erf, return v * normal(v).below;)
    FACULA_CASE(gelu_tanh, return v * gelu_sigmoid(v).value;)
    FACULA_CASE(silu, return v * sigmoid(v);)
    FACULA_CASE(mish, return v * mish_parts(v).tanh;)
    FACULA_CASE(log_sigmoid, return -softplus_of(-v);)
    FACULA_CASE(hardsigmoid, return clamp(v + 3.0f, 0.0f, 6.0f) / 6.0f;)
    FACULA_CASE(hardswish, return v * clamp(v + 3.0f, 0.0f, 6.0f) / 6.0f;)
    FACULA_CASE(leaky_relu, return v > 0.0f ? v : v * p[0];)
    FACULA_CASE(softplus, const Float z = v * p[0]; return z > p[1] ? v : softplus_of(z) / p[0];)
    FACULA_CASE(hardtanh, return clamp(v, p[0], p[1]);)
    FACULA_CASE(elu, return (v >= 0.0f ? v : expm1_negative(min(Float{}, v * p[2])) * p[0]) * p[1];)
  }
#undef FACULA_CASE
}

void activation_grad(ActivationGradient function, const float* g, const float* x, int64_t size, const float* p,
                     float* out) {
#define FACULA_CASE(name, ...)     \
  case ActivationGradient::name:   \
    return each(size, out, [=](Float g, Float v) -> Float { __VA_ARGS__ }, g, x);
  switch (function) {
    FACULA_CASE(tanh_grad, return g * (1.0f - v * v);)
    FACULA_CASE(sigmoid_grad, return g * ((1.0f - v) * v);)
    FACULA_CASE(relu_grad, return v <= 0.0f ? Float{} : g;)
    FACULA_CASE(gelu_erf_grad, const Normal n = normal(v); return g * fma(v * kInverseRootTwoPi, n.bell, n.below);)
    FACULA_CASE(gelu_tanh_grad, const Sigmoid s = gelu_sigmoid(v);
                const Float slope = fma(v * v, broadcast(6 * kRootTwoOverPi * kCubic), broadcast(2 * kRootTwoOverPi));
                return g * fma(v * (s.value * s.rest), slope, s.value);)
    FACULA_CASE(silu_grad, const Sigmoid s = sigmoids(v); return g * (s.value * fma(v, s.rest, broadcast(1.0f)));)
    FACULA_CASE(mish_grad, const Mish m = mish_parts(v);
                return g * fma(v * m.sigmoid, 1.0f - m.tanh * m.tanh, m.tanh);)
    FACULA_CASE(log_sigmoid_grad, return g * sigmoid(-v);)
    FACULA_CASE(hardsigmoid_grad, return (v > -3.0f) & (v < 3.0f) ? g / 6.0f : Float{};)
    FACULA_CASE(hardswish_grad,
                const Float inner = v < 3.0f ? g * (v / 3.0f + 0.5f) : g; return v <= -3.0f ? Float{} : inner;)
    FACULA_CASE(leaky_relu_grad, return v > 0.0f ? g : g * p[0];)
    FACULA_CASE(softplus_grad, const Float z = v * p[0]; return z > p[1] ? g : g * sigmoid(z);)
    FACULA_CASE(hardtanh_grad, return (v <= p[0]) | (v >= p[1]) ? Float{} : g;)
    FACULA_CASE(elu_grad, const Float below = exp(min(Float{}, v) * p[2]) * (p[0] * p[1] * p[2]);
                return g * (v > 0.0f ? broadcast(p[1]) : below);)
  }
#undef FACULA_CASE
}

}  // namespace facula::FACULA_ISA
