// The parts of the module facula._C, one kernel family each.
#pragma once
#include <nanobind/nanobind.h>

namespace facula {

void bind_gemm(nanobind::module_& m);
void bind_conv(nanobind::module_& m);
void bind_winograd(nanobind::module_& m);
void bind_conv_weight(nanobind::module_& m);
void bind_pool(nanobind::module_& m);
void bind_norm(nanobind::module_& m);
void bind_softmax(nanobind::module_& m);
void bind_embedding(nanobind::module_& m);
void bind_activation(nanobind::module_& m);
void bind_attention(nanobind::module_& m);
void bind_images(nanobind::module_& m);
void bind_optim(nanobind::module_& m);
void bind_memory(nanobind::module_& m);

}  // namespace facula
