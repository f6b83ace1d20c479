// The order of operations and the places where a product and a sum are fused are those of PyTorch's default CPU path
// (one operation after the other over whole tensors), so that results agree to the last bit or nearly.
#include "optim.h"

#include <algorithm>
#include <cmath>

#include "parallel.h"
#include "simd.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kChunk = 16384;  // elements: some 200 KB of operands, and microseconds of work

struct Piece {
  size_t parameter;
  int64_t begin, end;
};

template <typename Parameter>
std::vector<Piece> pieces(const std::vector<Parameter>& parameters) {
  std::vector<Piece> all;
  for (size_t i = 0; i < parameters.size(); ++i)
    for (int64_t begin = 0; begin < parameters[i].size; begin += kChunk)
      all.push_back({i, begin, std::min(begin + kChunk, parameters[i].size)});
  return all;
}

template <bool momentum, typename T>
void sgd_body(const SgdParameter<T>& p, int64_t begin, int64_t end, const SgdOptions& o) {
  const T step = static_cast<T>(-o.lr), decay = static_cast<T>(o.weight_decay), keep = static_cast<T>(o.momentum),
          take = static_cast<T>(1 - o.dampening), sign = o.maximize ? T(-1) : T(1);
  const bool first = p.first, nesterov = o.nesterov;
  T* __restrict value = p.value;
  const T* __restrict gradient = p.gradient;
  T* __restrict buffer = p.buffer;
  for (int64_t i = begin; i < end; ++i) {
    T g = fma(value[i], decay, gradient[i] * sign);
    if constexpr (momentum) {
      T held = first ? g : fma(g, take, buffer[i] * keep);
      buffer[i] = held;
      g = nesterov ? fma(held, keep, g) : held;
    }
    value[i] = fma(g, step, value[i]);
  }
}

template <bool amsgrad, typename T>
void adam_body(const AdamParameter<T>& p, int64_t begin, int64_t end, const AdamOptions& o) {
  const T decay = static_cast<T>(o.decoupled ? 0 : o.weight_decay);
  const T shrink = static_cast<T>(o.decoupled ? 1 - o.lr * o.weight_decay : 1);
  const T weight = static_cast<T>(1 - o.beta1), beta2 = static_cast<T>(o.beta2);
  const T rest2 = static_cast<T>(1 - o.beta2), epsilon = static_cast<T>(o.epsilon), sign = o.maximize ? T(-1) : T(1);
  const T step = static_cast<T>(-(o.lr / (1 - std::pow(o.beta1, p.step))));
  const T correction = static_cast<T>(std::sqrt(1 - std::pow(o.beta2, p.step)));
  const bool light = std::abs(weight) < T(0.5);  // interpolate from the nearer end, which rounds less
  const T slope = light ? weight : weight - 1;
  T* __restrict value = p.value;
  const T* __restrict gradient = p.gradient;
  T* __restrict mean = p.mean;
  T* __restrict square = p.square;
  T* __restrict largest = p.largest;
  for (int64_t i = begin; i < end; ++i) {
    T g = gradient[i] * sign;
    T v = value[i] * shrink;
    g = fma(v, decay, g);
    T m = fma(slope, g - mean[i], light ? mean[i] : g);
    T s = fma(rest2 * g, g, square[i] * beta2);
    mean[i] = m;
    square[i] = s;
    if constexpr (amsgrad) {
      s = largest[i] = (largest[i] > s || largest[i] != largest[i]) ? largest[i] : s;  // a NaN stays
    }
    T divisor = std::sqrt(s) / correction + epsilon;
    value[i] = v + step * m / divisor;
  }
}

template <bool centered, bool momentum, typename T>
void rmsprop_body(const RmspropParameter<T>& p, int64_t begin, int64_t end, const RmspropOptions& o) {
  const T alpha = static_cast<T>(o.alpha), rest = static_cast<T>(1 - o.alpha), epsilon = static_cast<T>(o.epsilon);
  const T decay = static_cast<T>(o.weight_decay), keep = static_cast<T>(o.momentum), step = static_cast<T>(-o.lr);
  const T sign = o.maximize ? T(-1) : T(1);
  const bool light = std::abs(rest) < T(0.5);  // as in Adam
  const T slope = light ? rest : rest - 1;
  T* __restrict value = p.value;
  const T* __restrict gradient = p.gradient;
  T* __restrict square = p.square;
  T* __restrict buffer = p.buffer;
  T* __restrict average = p.average;
  for (int64_t i = begin; i < end; ++i) {
    const T v = value[i], g = fma(v, decay, gradient[i] * sign);
    T s = square[i] = fma(rest * g, g, square[i] * alpha);
    if constexpr (centered) {
      const T a = average[i] = fma(slope, g - average[i], light ? average[i] : g);
      s = fma(-a, a, s);
    }
    const T divisor = std::sqrt(s) + epsilon;
    if constexpr (momentum) {
      const T held = buffer[i] = buffer[i] * keep + g / divisor;
      value[i] = fma(held, step, v);
    } else {
      value[i] = v + step * g / divisor;
    }
  }
}

template <typename T>
void adagrad_body(const AdagradParameter<T>& p, int64_t begin, int64_t end, const AdagradOptions& o) {
  const T decay = static_cast<T>(o.weight_decay), epsilon = static_cast<T>(o.epsilon), step = static_cast<T>(-p.lr);
  const T sign = o.maximize ? T(-1) : T(1);
  T* __restrict value = p.value;
  const T* __restrict gradient = p.gradient;
  T* __restrict sum = p.sum;
  for (int64_t i = begin; i < end; ++i) {
    const T v = value[i], g = fma(v, decay, gradient[i] * sign);
    const T s = sum[i] = fma(g, g, sum[i]);
    value[i] = v + step * g / (std::sqrt(s) + epsilon);
  }
}

// body(parameter, begin, end) for all pieces of all parameters.
template <typename Parameter, typename Body>
void each_piece(const std::vector<Parameter>& parameters, Body&& body) {
  const std::vector<Piece> all = pieces(parameters);
  parallel_for(static_cast<int64_t>(all.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) body(parameters[all[i].parameter], all[i].begin, all[i].end);
  });
}

}  // namespace

template <typename T>
void sgd_step(const std::vector<SgdParameter<T>>& parameters, const SgdOptions& options) {
  each_piece(parameters, [&](const SgdParameter<T>& p, int64_t begin, int64_t end) {
    (p.buffer ? sgd_body<true, T> : sgd_body<false, T>)(p, begin, end, options);
  });
}

template <typename T>
void adam_step(const std::vector<AdamParameter<T>>& parameters, const AdamOptions& options) {
  each_piece(parameters, [&](const AdamParameter<T>& p, int64_t begin, int64_t end) {
    (p.largest ? adam_body<true, T> : adam_body<false, T>)(p, begin, end, options);
  });
}

template <typename T>
void rmsprop_step(const std::vector<RmspropParameter<T>>& parameters, const RmspropOptions& options) {
  each_piece(parameters, [&](const RmspropParameter<T>& p, int64_t begin, int64_t end) {
    (p.average ? p.buffer ? rmsprop_body<true, true, T> : rmsprop_body<true, false, T>
               : p.buffer ? rmsprop_body<false, true, T> : rmsprop_body<false, false, T>)(p, begin, end, options);
  });
}

template <typename T>
void adagrad_step(const std::vector<AdagradParameter<T>>& parameters, const AdagradOptions& options) {
  each_piece(parameters, [&](const AdagradParameter<T>& p, int64_t begin, int64_t end) {
    adagrad_body(p, begin, end, options);
  });
}

#define FACULA_STEPS(T)                                                                           \
  template void sgd_step<T>(const std::vector<SgdParameter<T>>&, const SgdOptions&);              \
  template void adam_step<T>(const std::vector<AdamParameter<T>>&, const AdamOptions&);           \
  template void rmsprop_step<T>(const std::vector<RmspropParameter<T>>&, const RmspropOptions&);  \
  template void adagrad_step<T>(const std::vector<AdagradParameter<T>>&, const AdagradOptions&);
FACULA_STEPS(float)
FACULA_STEPS(double)
#undef FACULA_STEPS

}  // namespace facula::FACULA_ISA
