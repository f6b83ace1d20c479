// Cross-entropy of dense logits [outer, classes, inner] with class indices or class probabilities.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

struct Classification {
  int64_t outer, classes, inner;
  const int64_t* target;       // [outer, inner], each a class or `ignored`; or null, and then
  const float* probabilities;  // [outer, classes, inner]
  const float* weight;         // [classes], or null: 1 each
  int64_t ignored;
  float smoothing;  // this share of each target is spread evenly over the classes
};

FACULA_KERNELS(
    // losses [outer, inner]: what each class is to have, times its weight, times -log(softmax(x)), summed over classes.
    void cross_entropy(const float* x, const Classification& task, float* losses);
    // Its gradient with respect to x, times scale[i * scale_stride] for the i-th of the losses.
    void cross_entropy_grad(const float* x, const Classification& task, const float* scale, int64_t scale_stride,
                            float* dx);)

}  // namespace facula
