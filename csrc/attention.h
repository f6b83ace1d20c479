// softmax(scale q k^T + mask) v for many heads, without ever holding a whole matrix of scores.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

// Rows of floats, of every head: row i of head h begins at data + at[h] + i * row, and is dense.
template <typename T>
struct HeadRows {
  T* data;
  const int64_t* at;
  int64_t row;
};

// What is added to the scores, or (boolean: bytes) which of them count. No mask: data is null. Strides in elements.
struct ScoreMask {
  const void* data;
  const int64_t* at;
  int64_t row, column;
  bool boolean;
};

struct AttentionProblem {
  int64_t heads, queries, keys, width, value_width;  // width: of queries and keys
  float scale;
  bool causal;  // query i sees the keys up to i
  HeadRows<const float> q, k, v;
  ScoreMask mask;
};

FACULA_KERNELS(
    // Also the logarithm of each row's sum of exponentials, [heads][queries]; minus infinity, and a row of zeros as the
    // result, where nothing counts.
    void attention(const AttentionProblem& problem, HeadRows<float> out, float* log_sums);
    // Gradients of q, k and v from that of the result, g; out and log_sums as the forward pass gave them.
    void attention_grad(const AttentionProblem& problem, HeadRows<const float> g, HeadRows<const float> out,
                        const float* log_sums, HeadRows<float> dq, HeadRows<float> dk, HeadRows<float> dv);)

}  // namespace facula
