// Winograd's convolution as a Python function.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arrays.h"
#include "winograd.h"

#include <nanobind/stl/pair.h>

#include <cstdlib>

namespace facula {
namespace {

// A dense copy where the array is not dense; null if it is no float32 array of that many dimensions.
nb::object dense_float(nb::handle object, int dimensions) {
  PyArrayObject* array = any_array<float>(object);
  if (!array || PyArray_NDIM(array) != dimensions) return nb::object();
  if (PyArray_IS_C_CONTIGUOUS(array)) return nb::borrow(object);
  PyObject* copy = PyArray_NewCopy(array, NPY_CORDER);
  if (!copy) throw nb::python_error();
  return nb::steal(copy);
}

nb::object winograd_array(nb::handle input, nb::handle weight, nb::handle bias, bool relu, std::pair<int64_t, int64_t> padding,
                          bool transposed, bool precise) {
  nb::object x = dense_float(input, 4), w = dense_float(weight, 4), b;
  if (!x.is_valid() || !w.is_valid()) return declined();
  if (!bias.is_none() && !(b = dense_float(bias, 1)).is_valid()) return declined();
  PyArrayObject *xs = as_array(x), *ws = as_array(w);
  WinogradCall call{};
  call.x = data<float>(xs), call.weight = data<float>(ws);
  call.batch = PyArray_DIM(xs, 0), call.in = PyArray_DIM(xs, 1);
  call.height = PyArray_DIM(xs, 2), call.width = PyArray_DIM(xs, 3);
  call.out = PyArray_DIM(ws, transposed ? 1 : 0);
  call.pad_y = transposed ? 2 - padding.first : padding.first;
  call.pad_x = transposed ? 2 - padding.second : padding.second;
  call.relu = relu, call.transposed = transposed;
  const bool fits = PyArray_DIM(ws, transposed ? 0 : 1) == call.in && PyArray_DIM(ws, 2) == 3 && PyArray_DIM(ws, 3) == 3 &&
                    call.pad_y >= 0 && call.pad_y <= 2 && call.pad_x >= 0 && call.pad_x <= 2;
  if (!fits) return declined();
  const npy_intp shape[4] = {call.batch, call.out, call.height + 2 * call.pad_y - 2, call.width + 2 * call.pad_x - 2};
  if (shape[2] <= 0 || shape[3] <= 0 || call.batch == 0 || call.in == 0 || call.out == 0) return declined();
  if (b.is_valid()) {
    if (PyArray_DIM(as_array(b), 0) != call.out) return declined();
    call.bias = data<float>(as_array(b));
  }
  call.tile = precise ? 2 : 4;
  if (const char* s = std::getenv("W_TILE")) call.tile = std::atoi(s);
  nb::object result = new_array<float>(4, shape);
  call.result = data<float>(as_array(result));
  static float* pk = nullptr; static const float* last = nullptr;
  if (std::getenv("W_CACHED")) {
    if (last != call.weight) { std::free(pk); pk = (float*)std::aligned_alloc(64, (FACULA_BEST(winograd_packed_size)(call.out, call.in, call.tile) * 4 + 63) / 64 * 64);
    FACULA_BEST(winograd_pack)(call, pk); last = call.weight; }
    call.packed = pk;
  }
  bool finite;
  {
    Unlocked unlocked(9 * PyArray_SIZE(as_array(result)) * call.in);
    finite = FACULA_BEST(winograd)(call);
  }
  return finite ? result : declined();
}

}  // namespace

void bind_winograd(nb::module_& m) {
  const auto any = nb::arg().none();
  m.def("winograd", &winograd_array, any, any, any, nb::arg(), nb::arg(), nb::arg(), nb::arg());
  m.def("winograd_cache_bytes", &winograd_cache_bytes);
  m.def("winograd_cache_clear", &winograd_cache_clear);
}

}  // namespace facula
