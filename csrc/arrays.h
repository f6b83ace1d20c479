// NumPy arrays as the kernels see them. Each function answers "is this what the kernel covers?"; where it is not, the
// binding returns NotImplemented and the ordinary definition of the operation runs.
#pragma once
#include <Python.h>

#include <nanobind/nanobind.h>

#include <numpy/arrayobject.h>

#include "memory.h"

namespace facula {

namespace nb = nanobind;

inline nb::object declined() { return nb::borrow(Py_NotImplemented); }

template <typename T>
struct TypeNumber;
template <>
struct TypeNumber<float> {
  static constexpr int value = NPY_FLOAT32;
};
template <>
struct TypeNumber<double> {
  static constexpr int value = NPY_FLOAT64;
};
template <>
struct TypeNumber<int64_t> {
  static constexpr int value = NPY_INT64;
};
template <>
struct TypeNumber<uint8_t> {
  static constexpr int value = NPY_UINT8;
};

// A plain ndarray of T in this machine's byte order and alignment, of any strides; else null.
template <typename T>
PyArrayObject* any_array(nb::handle object) {
  if (!PyArray_CheckExact(object.ptr())) return nullptr;
  auto* array = reinterpret_cast<PyArrayObject*>(object.ptr());
  return PyArray_TYPE(array) == TypeNumber<T>::value && PyArray_ISBEHAVED_RO(array) ? array : nullptr;
}

// The same, C-contiguous.
template <typename T>
PyArrayObject* dense_array(nb::handle object) {
  PyArrayObject* array = any_array<T>(object);
  return array && PyArray_IS_C_CONTIGUOUS(array) ? array : nullptr;
}

// A dense array with the same elements: the array itself or a copy; null where it is no array of T.
template <typename T>
nb::object dense(nb::handle object) {
  PyArrayObject* array = any_array<T>(object);
  if (!array || PyArray_IS_C_CONTIGUOUS(array)) return array ? nb::borrow(object) : nb::object();
  PyObject* copy = PyArray_NewCopy(array, NPY_CORDER);
  if (!copy) throw nb::python_error();
  return nb::steal(copy);
}

template <typename T>
T* data(PyArrayObject* array) {
  return static_cast<T*>(PyArray_DATA(array));
}

inline bool same_shape(PyArrayObject* a, PyArrayObject* b) { return PyArray_SAMESHAPE(a, b); }

// Makes the cache of memory.h serve large arrays in this thread's context too, unless it has a handler of its own;
// whether it does (bind_memory.cpp).
bool use_cache();

template <typename T>
nb::object new_array(int dimensions, const npy_intp* shape) {
  static thread_local bool asked = false;
  if (!asked && PyArray_MultiplyList(shape, dimensions) >= static_cast<npy_intp>(memory::kFrom / sizeof(T)))
    asked = true, use_cache();
  PyObject* array = PyArray_EMPTY(dimensions, const_cast<npy_intp*>(shape), TypeNumber<T>::value, 0);
  if (!array) throw nb::python_error();
  return nb::steal(array);
}

template <typename T>
nb::object new_like(PyArrayObject* array) {
  return new_array<T>(PyArray_NDIM(array), PyArray_DIMS(array));
}

inline PyArrayObject* as_array(const nb::object& object) { return reinterpret_cast<PyArrayObject*>(object.ptr()); }

// A dense array's dimensions but the last, as one.
inline int64_t leading_size(PyArrayObject* array) {
  int64_t size = 1;
  for (int i = 0; i + 1 < PyArray_NDIM(array); ++i) size *= PyArray_DIM(array, i);
  return size;
}

// Lets other Python threads run while a kernel works, where the work is worth the hand-over.
class Unlocked {
 public:
  explicit Unlocked(int64_t operations) : state(operations > 100000 ? PyEval_SaveThread() : nullptr) {}
  ~Unlocked() {
    if (state) PyEval_RestoreThread(state);
  }
  Unlocked(const Unlocked&) = delete;
  Unlocked& operator=(const Unlocked&) = delete;

 private:
  PyThreadState* state;
};

}  // namespace facula
