// Elementwise kernels as Python functions.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arrays.h"
#include "pointwise.h"

namespace facula {
namespace {

nb::object relu_array(nb::handle input) {
  PyArrayObject* x = dense_array<float>(input);
  if (!x) return declined();
  nb::object result = new_like<float>(x);
  float* out = data<float>(as_array(result));
  Unlocked unlocked(PyArray_SIZE(x));
  FACULA_BEST(relu)(data<float>(x), PyArray_SIZE(x), out);
  return result;
}

nb::object relu_grad_array(nb::handle gradient, nb::handle result_of_relu) {
  PyArrayObject *g = dense_array<float>(gradient), *y = dense_array<float>(result_of_relu);
  if (!g || !y || !same_shape(g, y)) return declined();
  nb::object result = new_like<float>(g);
  float* out = data<float>(as_array(result));
  Unlocked unlocked(PyArray_SIZE(g));
  FACULA_BEST(relu_grad)(data<float>(g), data<float>(y), PyArray_SIZE(g), out);
  return result;
}

}  // namespace

void bind_pointwise(nb::module_& m) {
  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  m.def("relu", &relu_array, any);
  m.def("relu_grad", &relu_grad_array, any, any);
}

}  // namespace facula
