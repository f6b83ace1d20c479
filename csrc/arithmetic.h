// Arithmetic on small arrays, where NumPy's dispatch costs more than the work: one shape, or an array and a number.
#pragma once
#include "arrays.h"

#include <numpy/ufuncobject.h>

namespace facula {

// From here on NumPy's own loops are as quick.
constexpr npy_intp kSmall = 1 << 14;

// The value of a Python float or int; false for anything else (a bool, a NumPy scalar, an int beyond a double).
inline bool as_number(nb::handle object, double& value) {
  if (PyFloat_CheckExact(object.ptr())) {
    value = PyFloat_AS_DOUBLE(object.ptr());
    return true;
  }
  if (!PyLong_CheckExact(object.ptr())) return false;
  value = PyLong_AsDouble(object.ptr());
  if (value == -1.0 && PyErr_Occurred()) {
    PyErr_Clear();
    return false;
  }
  return true;
}

template <typename T, typename Operation>
nb::object binary_of(PyArrayObject* x, nb::handle left, nb::handle right, Operation operation) {
  PyArrayObject *a = dense_array<T>(left), *b = dense_array<T>(right);
  double number;
  const npy_intp size = PyArray_SIZE(x);
  if (size > kSmall) return declined();
  if (a && b) {
    if (!same_shape(a, b)) return declined();
    nb::object result = new_like<T>(a);
    const T *p = data<T>(a), *q = data<T>(b);
    T* out = data<T>(as_array(result));
    for (npy_intp i = 0; i < size; ++i) out[i] = operation(p[i], q[i]);
    return result;
  }
  if (a && as_number(right, number)) {
    nb::object result = new_like<T>(a);
    const T *p = data<T>(a), q = static_cast<T>(number);
    T* out = data<T>(as_array(result));
    for (npy_intp i = 0; i < size; ++i) out[i] = operation(p[i], q);
    return result;
  }
  if (b && as_number(left, number)) {
    nb::object result = new_like<T>(b);
    const T p = static_cast<T>(number), *q = data<T>(b);
    T* out = data<T>(as_array(result));
    for (npy_intp i = 0; i < size; ++i) out[i] = operation(p, q[i]);
    return result;
  }
  return declined();
}

// `operation(left, right)` for float32 or float64 arrays of one shape, or for such an array and a number.
template <typename Operation>
nb::object binary(nb::handle left, nb::handle right, Operation operation) {
  for (nb::handle side : {left, right}) {
    if (PyArrayObject* x = dense_array<float>(side)) return binary_of<float>(x, left, right, operation);
    if (PyArrayObject* x = dense_array<double>(side)) return binary_of<double>(x, left, right, operation);
  }
  return declined();
}

inline nb::object add(nb::handle a, nb::handle b) {
  return binary(a, b, [](auto x, auto y) { return x + y; });
}
inline nb::object sub(nb::handle a, nb::handle b) {
  return binary(a, b, [](auto x, auto y) { return x - y; });
}
inline nb::object mul(nb::handle a, nb::handle b) {
  return binary(a, b, [](auto x, auto y) { return x * y; });
}
inline nb::object divide(nb::handle a, nb::handle b) {
  return binary(a, b, [](auto x, auto y) { return x / y; });
}
// Gradients of functions that are known from their result: g * (1 - y * y) and g * (1 - y) * y.
inline nb::object tanh_grad(nb::handle g, nb::handle y) {
  return binary(g, y, [](auto s, auto t) { return s * (1 - t * t); });
}
inline nb::object sigmoid_grad(nb::handle g, nb::handle y) {
  return binary(g, y, [](auto s, auto t) { return s * ((1 - t) * t); });
}

// The sum of all elements of a small float32 array, added up in float64; `dim`, `keepdim` and `dtype` as of facula.sum.
inline nb::object sum_all(nb::handle input, nb::handle dim, bool keepdim, nb::handle dtype) {
  PyArrayObject* x = dense_array<float>(input);
  if (!x || !dim.is_none() || keepdim || !dtype.is_none() || PyArray_SIZE(x) > kSmall) return declined();
  double total = 0;
  for (npy_intp i = 0, size = PyArray_SIZE(x); i < size; ++i) total += data<float>(x)[i];
  nb::object result = new_array<float>(0, nullptr);
  *data<float>(as_array(result)) = static_cast<float>(total);
  return result;
}

// A view of `input` in `shape`: dimensions of length one, and new ones in front, repeated. Writeable if the input is.
inline nb::object expand(nb::handle input, nb::handle shape) {
  if (!PyArray_CheckExact(input.ptr()) || !PyTuple_Check(shape.ptr())) return declined();
  auto* x = reinterpret_cast<PyArrayObject*>(input.ptr());
  const int count = static_cast<int>(PyTuple_GET_SIZE(shape.ptr())), lead = count - PyArray_NDIM(x);
  npy_intp sizes[NPY_MAXDIMS], strides[NPY_MAXDIMS];
  if (lead < 0 || count > NPY_MAXDIMS) return declined();
  for (int i = 0; i < count; ++i) {
    if (!PyLong_CheckExact(PyTuple_GET_ITEM(shape.ptr(), i))) return declined();
    sizes[i] = PyLong_AsSsize_t(PyTuple_GET_ITEM(shape.ptr(), i));
    if (sizes[i] == -1 && PyErr_Occurred()) throw nb::python_error();
    const bool same = i >= lead && PyArray_DIM(x, i - lead) == sizes[i];
    if (sizes[i] < 0 || (!same && i >= lead && PyArray_DIM(x, i - lead) != 1)) return declined();
    strides[i] = same ? PyArray_STRIDE(x, i - lead) : 0;
  }
  PyArray_Descr* dtype = PyArray_DESCR(x);
  Py_INCREF(dtype);  // the new array takes it
  nb::object result = nb::steal(PyArray_NewFromDescr(&PyArray_Type, dtype, count, sizes, strides, PyArray_DATA(x),
                                                     PyArray_ISWRITEABLE(x) ? NPY_ARRAY_WRITEABLE : 0, nullptr));
  if (!result.is_valid()) throw nb::python_error();
  Py_INCREF(input.ptr());
  if (PyArray_SetBaseObject(as_array(result), input.ptr()) < 0) throw nb::python_error();
  return result;
}

// The loop of a NumPy function of one array, such as numpy.tanh, without the dispatch in front of it: bit for bit what
// the function computes.
inline nb::object loop_of(nb::handle function) {
  auto* ufunc = reinterpret_cast<PyUFuncObject*>(function.ptr());
  struct Loop {
    PyUFuncGenericFunction run = nullptr;
    void* data = nullptr;
  } single, twice;
  for (int i = 0; i < ufunc->ntypes && ufunc->nin == 1 && ufunc->nout == 1; ++i) {
    const char from = ufunc->types[2 * i], to = ufunc->types[2 * i + 1];
    if (from != to || (from != NPY_FLOAT && from != NPY_DOUBLE)) continue;
    Loop& loop = from == NPY_FLOAT ? single : twice;
    // The first that fits, as NumPy chooses; later ones are its portable spares.
    if (!loop.run) loop = {ufunc->functions[i], ufunc->data ? ufunc->data[i] : nullptr};
  }
  return nb::cpp_function(
      [single, twice](nb::handle input) -> nb::object {
        PyArrayObject *f = dense_array<float>(input), *d = dense_array<double>(input), *x = f ? f : d;
        const Loop loop = f ? single : twice;
        if (!x || !loop.run || PyArray_SIZE(x) > kSmall) return declined();
        nb::object result = f ? new_like<float>(x) : new_like<double>(x);
        char* places[2] = {PyArray_BYTES(x), PyArray_BYTES(as_array(result))};
        const npy_intp size = PyArray_SIZE(x), steps[2] = {PyArray_ITEMSIZE(x), PyArray_ITEMSIZE(x)};
        if (size) loop.run(places, &size, steps, loop.data);
        return result;
      },
      nb::arg().none());
}

}  // namespace facula
