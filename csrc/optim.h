// Optimizer steps over all parameters in one call, in place.
#pragma once
#include <cstdint>
#include <vector>

#include "cpu.h"

namespace facula {

template <typename T>
struct SgdParameter {
  T* value;
  const T* gradient;
  T* buffer;   // momentum; null without momentum
  bool first;  // the buffer holds nothing yet
  int64_t size;
};

struct SgdOptions {
  double lr, momentum, dampening, weight_decay;
  bool nesterov, maximize;
};

template <typename T>
struct AdamParameter {
  T* value;
  const T* gradient;
  T *mean, *square, *largest;  // running mean, running mean of squares, its largest so far (AMSGrad; else null)
  double step;                 // 1 for the first
  int64_t size;
};

struct AdamOptions {
  double lr, beta1, beta2, epsilon, weight_decay;
  bool decoupled, maximize;  // decoupled: AdamW's weight decay
};

FACULA_KERNELS(
    template <typename T> void sgd_step(const std::vector<SgdParameter<T>>& parameters, const SgdOptions& options);
    template <typename T> void adam_step(const std::vector<AdamParameter<T>>& parameters, const AdamOptions& options);)

}  // namespace facula
