// Activation functions and other functions of one array, element by element, each in one pass.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

// The name, and how many numbers it takes besides the array.
#define FACULA_ACTIVATIONS(X)                                                                                    \
  X(exp, 0) X(log, 0) X(sqrt, 0) X(rsqrt, 0) X(erf, 0) X(erfc, 0) X(tanh, 0) X(sigmoid, 0) X(relu, 0)            \
  X(gelu_erf, 0) X(gelu_tanh, 0) X(silu, 0) X(mish, 0) X(log_sigmoid, 0) X(hardsigmoid, 0) X(hardswish, 0)       \
  X(leaky_relu, 1) X(softplus, 2) X(hardtanh, 2) X(elu, 3)

// Gradients, of g and either the input (x) or the result (y) of the function.
#define FACULA_ACTIVATION_GRADIENTS(X)                                                                           \
  X(tanh_grad, 0) X(sigmoid_grad, 0) X(relu_grad, 0)                                           /* of y */        \
  X(gelu_erf_grad, 0) X(gelu_tanh_grad, 0) X(silu_grad, 0) X(mish_grad, 0) X(log_sigmoid_grad, 0)                \
  X(hardsigmoid_grad, 0) X(hardswish_grad, 0) X(leaky_relu_grad, 1) X(softplus_grad, 2) X(hardtanh_grad, 2)      \
  X(elu_grad, 3)

enum class Activation {
#define FACULA_ENTRY(name, parameters) name,
  FACULA_ACTIVATIONS(FACULA_ENTRY)
};
enum class ActivationGradient {
  FACULA_ACTIVATION_GRADIENTS(FACULA_ENTRY)
#undef FACULA_ENTRY
};

FACULA_KERNELS(
    void activation(Activation function, const float* x, int64_t size, const float* parameters, float* out);
    void activation_grad(ActivationGradient function, const float* g, const float* x, int64_t size,
                         const float* parameters, float* out);)

}  // namespace facula
