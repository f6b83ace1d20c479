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

template <typename T>
struct RmspropParameter {
  T* value;
  const T* gradient;
  T *square, *buffer, *average;  // running mean of squares; momentum (or null); running mean, if centered (or null)
  int64_t size;
};

struct RmspropOptions {
  double lr, alpha, epsilon, weight_decay, momentum;
  bool maximize;
};

template <typename T>
struct AdagradParameter {
  T* value;
  const T* gradient;
  T* sum;     // of squares
  double lr;  // of this step
  int64_t size;
};

struct AdagradOptions {
  double epsilon, weight_decay;
  bool maximize;
};

FACULA_KERNELS(
    template <typename T> void sgd_step(const std::vector<SgdParameter<T>>& parameters, const SgdOptions& options);
    template <typename T> void adam_step(const std::vector<AdamParameter<T>>& parameters, const AdamOptions& options);
    template <typename T>
    void rmsprop_step(const std::vector<RmspropParameter<T>>& parameters, const RmspropOptions& options);
    template <typename T>
    void adagrad_step(const std::vector<AdagradParameter<T>>& parameters, const AdagradOptions& options);)

}  // namespace facula
