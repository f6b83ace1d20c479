// Arithmetic on small arrays, where NumPy's dispatch costs more than the work: one shape, or an array and a number.
#pragma once
#include "arrays.h"

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

}  // namespace facula
