// Convolutions as Python functions.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arrays.h"
#include "conv.h"

namespace facula {
namespace {

// The numbers of a tuple, right-aligned into three; false if it is none of `count` integers.
bool read(nb::handle tuple, int64_t count, int64_t* to) {
  if (!PyTuple_Check(tuple.ptr()) || PyTuple_GET_SIZE(tuple.ptr()) != count) return false;
  for (int64_t i = 0; i < count; ++i) {
    to[3 - count + i] = PyLong_AsLongLong(PyTuple_GET_ITEM(tuple.ptr(), i));
    if (to[3 - count + i] == -1 && PyErr_Occurred()) {
      PyErr_Clear();
      return false;
    }
  }
  return true;
}

// A dense float32 array with the elements of `object`: itself, or a copy; empty if it has another type.
nb::object dense(nb::handle object) {
  if (dense_array<float>(object)) return nb::borrow(object);
  PyArrayObject* array = any_array<float>(object);
  if (!array) return {};
  PyObject* copy = PyArray_NewCopy(array, NPY_CORDER);
  if (!copy) throw nb::python_error();
  return nb::steal(copy);
}

// The convolution of arrays of these shapes; false if they do not fit each other or leave nothing to add up.
bool shape_of(int64_t dims, const npy_intp* x, const npy_intp* w, nb::handle stride, nb::handle padding,
              nb::handle dilation, int64_t groups, ConvShape& shape) {
  shape = {x[0], x[1], w[0], groups, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}, {1, 1, 1}};
  if (!read(stride, dims, shape.stride) || !read(padding, dims, shape.pad) || !read(dilation, dims, shape.dilation))
    return false;
  if (groups < 1 || w[1] < 1 || w[1] * groups != x[1] || w[0] % groups) return false;
  for (int64_t i = 0; i < dims; ++i) {
    const int64_t a = 3 - dims + i;
    shape.size[a] = x[2 + i], shape.kernel[a] = w[2 + i];
    const int64_t free = shape.size[a] + 2 * shape.pad[a] - shape.dilation[a] * (shape.kernel[a] - 1) - 1;
    if (shape.stride[a] < 1 || shape.dilation[a] < 1 || shape.pad[a] < 0 || shape.kernel[a] < 1 || free < 0) return false;
    shape.places[a] = free / shape.stride[a] + 1;
  }
  return true;
}

int64_t operations(const ConvShape& s) {
  return s.batch * s.out * s.places[0] * s.places[1] * s.places[2] * (s.in / s.groups) * s.kernel[0] * s.kernel[1] *
         s.kernel[2];
}

nb::object conv(nb::handle input, nb::handle weight, nb::handle bias, nb::handle stride, nb::handle padding,
                nb::handle dilation, int64_t groups, bool relu) {
  const nb::object x = dense(input), w = dense(weight);
  if (!x.is_valid() || !w.is_valid()) return declined();
  const int dims = PyArray_NDIM(as_array(x)) - 2;
  if (dims < 1 || dims > 3 || PyArray_NDIM(as_array(w)) != dims + 2) return declined();
  PyArrayObject* b = bias.is_none() ? nullptr : dense_array<float>(bias);
  ConvShape shape;
  if (!shape_of(dims, PyArray_DIMS(as_array(x)), PyArray_DIMS(as_array(w)), stride, padding, dilation, groups, shape))
    return declined();
  if (!bias.is_none() && (!b || PyArray_NDIM(b) != 1 || PyArray_DIM(b, 0) != shape.out)) return declined();
  npy_intp sizes[5] = {shape.batch, shape.out};
  for (int i = 0; i < dims; ++i) sizes[2 + i] = shape.places[3 - dims + i];
  nb::object result = new_array<float>(dims + 2, sizes);
  const int64_t work = operations(shape);
  if (work == 0) return result;
  float* out = data<float>(as_array(result));
  const float *from = data<float>(as_array(x)), *by = data<float>(as_array(w)), *plus = b ? data<float>(b) : nullptr;
  Unlocked unlocked(work);
  if (shape.groups == shape.in && shape.out < 16 * shape.in)  // of more filters for a channel, products are the faster
    FACULA_BEST(conv_depthwise)(shape, from, by, plus, relu, out);
  else
    FACULA_BEST(conv_gemm)(shape, from, by, plus, relu, out);
  return result;
}

nb::object conv_input(nb::handle gradient, nb::handle weight, nb::handle sizes, nb::handle stride, nb::handle padding,
                      nb::handle dilation, int64_t groups) {
  const nb::object g = dense(gradient), w = dense(weight);
  if (!g.is_valid() || !w.is_valid()) return declined();
  const int dims = PyArray_NDIM(as_array(g)) - 2;
  if (dims < 1 || dims > 3 || PyArray_NDIM(as_array(w)) != dims + 2) return declined();
  if (!PyTuple_Check(sizes.ptr()) || PyTuple_GET_SIZE(sizes.ptr()) != dims + 2) return declined();
  npy_intp x[5];
  for (int i = 0; i < dims + 2; ++i) {
    x[i] = PyLong_AsSsize_t(PyTuple_GET_ITEM(sizes.ptr(), i));
    if (x[i] < 0) {
      PyErr_Clear();
      return declined();
    }
  }
  ConvShape shape;
  if (!shape_of(dims, x, PyArray_DIMS(as_array(w)), stride, padding, dilation, groups, shape)) return declined();
  const npy_intp* from = PyArray_DIMS(as_array(g));
  if (from[0] != shape.batch || from[1] != shape.out) return declined();
  // Sizes between those that a stride divides have places of a result that never was.
  for (int i = 0; i < dims; ++i)
    if (from[2 + i] != shape.places[3 - dims + i]) return declined();
  nb::object result = new_array<float>(dims + 2, x);
  if (PyArray_SIZE(as_array(result)) == 0) return result;
  if (shape.out == 0) return declined();
  float* out = data<float>(as_array(result));
  const float *gradients = data<float>(as_array(g)), *by = data<float>(as_array(w));
  Unlocked unlocked(operations(shape));
  if (shape.groups == shape.in && shape.groups == shape.out)
    FACULA_BEST(conv_depthwise_input)(shape, gradients, by, out);
  else
    FACULA_BEST(conv_gemm_input)(shape, gradients, by, out);
  return result;
}

}  // namespace

void bind_conv(nb::module_& m) {
  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  m.def("conv", &conv, any, any, any, any, any, any, nb::arg(), nb::arg() = false);
  m.def("conv_input", &conv_input, any, any, any, any, any, any, nb::arg());
}

}  // namespace facula
