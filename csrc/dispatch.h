// The way of every op call, and of the backward pass, in native code: what facula.autograd does in Python, for the
// ordinary case.
#pragma once
#include <nanobind/nanobind.h>

namespace facula {

void bind_dispatch(nanobind::module_& m);

}  // namespace facula
