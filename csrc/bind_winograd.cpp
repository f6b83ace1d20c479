// Winograd's convolution as a Python function.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arrays.h"
#include "winograd.h"

#include <nanobind/stl/pair.h>

namespace facula {
namespace {

// The array, or a dense copy of it; nothing if it is no float32 array of so many dimensions.
nb::object dense_float(nb::handle object, int dimensions) {
  PyArrayObject* array = any_array<float>(object);
  if (!array || PyArray_NDIM(array) != dimensions) return nb::object();
  if (PyArray_IS_C_CONTIGUOUS(array)) return nb::borrow(object);
  PyObject* copy = PyArray_NewCopy(array, NPY_CORDER);
  if (!copy) throw nb::python_error();
  return nb::steal(copy);
}

// tile: 2 or 4, by which tests reach each; 0 takes the best, and declines where that is not Winograd's.
nb::object winograd_array(nb::handle input, nb::handle weight, nb::handle bias, bool relu,
                          std::pair<int64_t, int64_t> padding, bool transposed, bool precise, int tile) {
  PyArrayObject *x = any_array<float>(input), *w = any_array<float>(weight);
  if (!x || !w || PyArray_NDIM(x) != 4 || PyArray_NDIM(w) != 4) return declined();
  WinogradCall call{};
  call.batch = PyArray_DIM(x, 0), call.in = PyArray_DIM(x, 1);
  call.height = PyArray_DIM(x, 2), call.width = PyArray_DIM(x, 3);
  call.out = PyArray_DIM(w, transposed ? 1 : 0);
  // The input gradient is a convolution of g with the turned filters, padded the other way round.
  call.pad_y = transposed ? 2 - padding.first : padding.first;
  call.pad_x = transposed ? 2 - padding.second : padding.second;
  call.relu = relu, call.transposed = transposed;
  const npy_intp shape[4] = {call.batch, call.out, call.height + 2 * call.pad_y - 2, call.width + 2 * call.pad_x - 2};
  if (PyArray_DIM(w, transposed ? 0 : 1) != call.in || PyArray_DIM(w, 2) != 3 || PyArray_DIM(w, 3) != 3 ||
      call.pad_y < 0 || call.pad_y > 2 || call.pad_x < 0 || call.pad_x > 2 || call.batch == 0 || call.in == 0 ||
      call.out == 0 || shape[2] < 1 || shape[3] < 1)
    return declined();
  call.tile = tile == 2 || tile == 4 ? tile : FACULA_BEST(winograd_tile)(call, precise);
  if (call.tile == 0) return declined();

  const nb::object dense_x = dense_float(input, 4), dense_w = dense_float(weight, 4);
  nb::object dense_b;
  if (!bias.is_none()) {
    dense_b = dense_float(bias, 1);
    if (!dense_b.is_valid() || PyArray_DIM(as_array(dense_b), 0) != call.out) return declined();
    call.bias = data<float>(as_array(dense_b));
  }
  call.x = data<float>(as_array(dense_x)), call.weight = data<float>(as_array(dense_w));
  nb::object result = new_array<float>(4, shape);
  call.result = data<float>(as_array(result));
  bool finite;
  {
    Unlocked unlocked(9 * PyArray_SIZE(as_array(result)) * call.in);
    finite = FACULA_BEST(winograd)(call);
  }
  return finite ? result : declined();
}

}  // namespace

void bind_winograd(nb::module_& m) {
  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  m.def("winograd", &winograd_array, any, any, any, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg() = 0);
}

}  // namespace facula
