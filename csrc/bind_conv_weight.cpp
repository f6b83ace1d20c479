// The gradient of a convolution in its weight as a Python function.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arrays.h"
#include "conv_weight.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace facula {
namespace {

// Reads a tuple of integers into to[3 - count] .. to[2]; false if it is none, or not `count` long.
bool spatial(nb::handle tuple, Py_ssize_t from, Py_ssize_t count, int64_t* to) {
  if (!PyTuple_CheckExact(tuple.ptr()) || PyTuple_GET_SIZE(tuple.ptr()) != from + count) return false;
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* item = PyTuple_GET_ITEM(tuple.ptr(), from + i);
    if (!PyLong_CheckExact(item)) return false;
    to[3 - count + i] = PyLong_AsLongLong(item);
    if (PyErr_Occurred()) return PyErr_Clear(), false;
  }
  return true;
}

// The array itself if it is dense, else a dense copy.
nb::object dense(PyArrayObject* array) {
  PyObject* result = reinterpret_cast<PyObject*>(PyArray_GETCONTIGUOUS(array));
  if (!result) throw nb::python_error();
  return nb::steal(result);
}

bool read_shape(PyArrayObject* g, PyArrayObject* x, nb::handle weight, nb::handle stride, nb::handle padding,
                nb::handle dilation, int64_t groups, ConvShape& s) {
  const int count = PyArray_NDIM(x) - 2;
  if (count < 1 || count > 3 || PyArray_NDIM(g) != count + 2 || groups < 1) return false;
  s = {};
  s.batch = PyArray_DIM(x, 0), s.in = PyArray_DIM(x, 1), s.out = PyArray_DIM(g, 1), s.groups = groups;
  std::fill_n(s.size, 3, 1), std::fill_n(s.kernel, 3, 1), std::fill_n(s.stride, 3, 1), std::fill_n(s.dilation, 3, 1);
  std::fill_n(s.places, 3, 1);
  if (!spatial(weight, 2, count, s.kernel) || !spatial(stride, 0, count, s.stride) ||
      !spatial(padding, 0, count, s.pad) || !spatial(dilation, 0, count, s.dilation))
    return false;
  for (int i = 0; i < count; ++i) {
    s.size[3 - count + i] = PyArray_DIM(x, i + 2);
    s.places[3 - count + i] = PyArray_DIM(g, i + 2);
  }
  for (int i = 0; i < 3; ++i) {
    if (s.kernel[i] < 1 || s.stride[i] < 1 || s.dilation[i] < 1 || s.pad[i] < 0) return false;
    const int64_t reach = s.size[i] + 2 * s.pad[i] - s.dilation[i] * (s.kernel[i] - 1) - 1;
    if (s.places[i] != (reach < 0 ? 0 : reach / s.stride[i] + 1)) return false;
  }
  const int64_t outs = PyLong_AsLongLong(PyTuple_GET_ITEM(weight.ptr(), 0));
  const int64_t ins = PyLong_AsLongLong(PyTuple_GET_ITEM(weight.ptr(), 1));
  if (PyErr_Occurred()) return PyErr_Clear(), false;
  return PyArray_DIM(g, 0) == s.batch && outs == s.out && ins * groups == s.in && s.out % groups == 0;
}

using Way = void (*)(const ConvShape&, const float*, const float*, float*);

bool winograd_fits(const ConvShape& s) {
  return s.groups == 1 && s.size[0] == 1 && s.kernel[0] == 1 && s.kernel[1] == 3 && s.kernel[2] == 3 && s.pad[0] == 0 &&
         s.stride[0] == 1 && s.stride[1] == 1 && s.stride[2] == 1 && s.dilation[1] == 1 && s.dilation[2] == 1;
}

// The quickest as measured, unless one is asked for by name (tests do). Panels of kWide channels are wasted on a few, and
// Winograd's transforms cost too much for a few outputs.
Way choose(const ConvShape& s, bool precise, std::string_view asked) {
  if (asked == "direct") return FACULA_BEST(conv_weight_direct);
  if (asked == "few") return FACULA_BEST(conv_weight_few);
  if (asked == "winograd") return winograd_fits(s) ? FACULA_BEST(conv_weight_winograd) : nullptr;
  if (!asked.empty()) return nullptr;
  if (s.in / s.groups <= 8) return FACULA_BEST(conv_weight_few);
  if (!precise && winograd_fits(s) && s.in >= 12 && s.out >= 8) return FACULA_BEST(conv_weight_winograd);
  return FACULA_BEST(conv_weight_direct);
}

nb::object conv_weight(nb::handle gradient, nb::handle input, nb::handle weight, nb::handle stride, nb::handle padding,
                       nb::handle dilation, int64_t groups, bool precise, const char* asked) {
  PyArrayObject *g = any_array<float>(gradient), *x = any_array<float>(input);
  ConvShape s;
  if (!g || !x || !read_shape(g, x, weight, stride, padding, dilation, groups, s)) return declined();
  const Way way = choose(s, precise, asked);
  if (!way) return declined();
  const int count = PyArray_NDIM(x);
  npy_intp shape[5] = {s.out, s.in / s.groups};
  std::copy_n(s.kernel + 5 - count, count - 2, shape + 2);
  nb::object result = new_array<float>(count, shape);
  float* out = data<float>(as_array(result));
  const int64_t taps = s.kernel[0] * s.kernel[1] * s.kernel[2], elements = s.out * (s.in / s.groups) * taps;
  if (PyArray_SIZE(g) == 0 || PyArray_SIZE(x) == 0 || elements == 0) {
    std::memset(out, 0, elements * sizeof(float));
    return result;
  }
  const nb::object dense_g = dense(g), dense_x = dense(x);
  const float *from_g = data<float>(as_array(dense_g)), *from_x = data<float>(as_array(dense_x));
  Unlocked unlocked(PyArray_SIZE(g) * (s.in / s.groups) * taps);
  way(s, from_g, from_x, out);
  return result;
}

}  // namespace

void bind_conv_weight(nb::module_& m) {
  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  m.def("conv_weight", &conv_weight, any, any, any, any, any, any, nb::arg(), nb::arg() = false, nb::arg() = "");
}

}  // namespace facula
