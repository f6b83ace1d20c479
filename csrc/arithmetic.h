// Arithmetic on small arrays, where NumPy's dispatch costs more than the work (one shape, or an array and a number), and
// on large ones, which are shared among threads.
#pragma once
#include "arrays.h"

#include <numpy/ufuncobject.h>

#include <algorithm>

#include "binary.h"
#include "reduce.h"

namespace facula {

// From here on NumPy's own loops are as quick, on one thread.
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

// Whether memory is laid out in the order of the dimensions (with gaps or repetitions), and the last one without gaps: of
// such operands NumPy, too, gives a result in that order.
inline bool in_order(PyArrayObject* x) {
  npy_intp above = NPY_MAX_INTP;
  for (int i = 0; i < PyArray_NDIM(x); ++i) {
    if (PyArray_DIM(x, i) <= 1) continue;
    const npy_intp stride = PyArray_STRIDE(x, i);
    if (stride < PyArray_ITEMSIZE(x) || stride % PyArray_ITEMSIZE(x) || stride > above) return false;
    above = stride;
  }
  return above == NPY_MAX_INTP || above == PyArray_ITEMSIZE(x);
}

// One dimension more of a pairing, in front of those that are there, joined to the next where memory goes on.
inline bool prepend(Pairing& p, int64_t size, int64_t left, int64_t right) {
  if (size == 1) return true;
  if (p.dimensions > 0) {
    const int first = Pairing::kMost - p.dimensions;
    if (left == p.left[first] * p.size[first] && right == p.right[first] * p.size[first]) {
      p.size[first] *= size;
      return true;
    }
  }
  if (p.dimensions == Pairing::kMost) return false;
  const int at = Pairing::kMost - ++p.dimensions;
  p.size[at] = size, p.left[at] = left, p.right[at] = right;
  return true;
}

// Two arrays of T, or one and a number, broadcast to a large result.
template <typename T>
nb::object pair_of(Arithmetic operation, nb::handle left, nb::handle right) {
  PyArrayObject *a = any_array<T>(left), *b = any_array<T>(right);
  double number = 0;
  if (!(a || as_number(left, number)) || !(b || as_number(right, number)) || !(a || b)) return declined();
  if ((a && !in_order(a)) || (b && !in_order(b))) return declined();
  const int na = a ? PyArray_NDIM(a) : 0, nb = b ? PyArray_NDIM(b) : 0, dimensions = std::max(na, nb);
  npy_intp shape[NPY_MAXDIMS];
  Pairing p{};
  int64_t total = 1;
  for (int i = 1; i <= dimensions; ++i) {  // from the last
    const npy_intp da = i <= na ? PyArray_DIM(a, na - i) : 1, db = i <= nb ? PyArray_DIM(b, nb - i) : 1;
    if (da != db && da != 1 && db != 1) return declined();
    const npy_intp size = da == 1 ? db : da, unit = sizeof(T);
    shape[dimensions - i] = size;
    total *= size;
    if (!prepend(p, size, da == 1 ? 0 : PyArray_STRIDE(a, na - i) / unit, db == 1 ? 0 : PyArray_STRIDE(b, nb - i) / unit))
      return declined();
  }
  if (total <= kSmall || p.dimensions == 0) return declined();
  for (auto* list : {p.size, p.left, p.right}) std::copy(list + Pairing::kMost - p.dimensions, list + Pairing::kMost, list);
  if (p.left[p.dimensions - 1] > 1 || p.right[p.dimensions - 1] > 1) return declined();
  nb::object result = new_array<T>(dimensions, shape);
  T* out = data<T>(as_array(result));
  const T scalar = static_cast<T>(number);
  const T *x = a ? data<T>(a) : &scalar, *y = b ? data<T>(b) : &scalar;
  Unlocked unlocked(total);
  FACULA_BEST(arithmetic<T>)(operation, p, x, y, out);
  return result;
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

template <typename Operation>
nb::object small_or_large(nb::handle left, nb::handle right, Operation operation, Arithmetic name) {
  nb::object result = binary(left, right, operation);
  if (result.ptr() == Py_NotImplemented) result = pair_of<float>(name, left, right);
  if (result.ptr() == Py_NotImplemented) result = pair_of<double>(name, left, right);
  return result;
}

inline nb::object add(nb::handle a, nb::handle b) {
  return small_or_large(a, b, [](auto x, auto y) { return x + y; }, Arithmetic::add);
}
inline nb::object sub(nb::handle a, nb::handle b) {
  return small_or_large(a, b, [](auto x, auto y) { return x - y; }, Arithmetic::sub);
}
inline nb::object mul(nb::handle a, nb::handle b) {
  return small_or_large(a, b, [](auto x, auto y) { return x * y; }, Arithmetic::mul);
}
inline nb::object divide(nb::handle a, nb::handle b) {
  return small_or_large(a, b, [](auto x, auto y) { return x / y; }, Arithmetic::div);
}
// Gradients of functions that are known from their result: g * (1 - y * y) and g * (1 - y) * y.
inline nb::object tanh_grad(nb::handle g, nb::handle y) {
  return binary(g, y, [](auto s, auto t) { return s * (1 - t * t); });
}
inline nb::object sigmoid_grad(nb::handle g, nb::handle y) {
  return binary(g, y, [](auto s, auto t) { return s * ((1 - t) * t); });
}

// The sum of a float32 array over the dimensions that are `added`, as an array of `shape`; divided by how many were added
// if `mean`. Partial sums are in float64. Arrays that are not of the form [outer, kept, inner], with one
// stretch of kept dimensions, are declined.
inline nb::object sum_over(PyArrayObject* x, const bool* added, int dimensions, const npy_intp* shape, bool mean) {
  const npy_intp size = PyArray_SIZE(x);
  int64_t outer = 1, kept = 1, inner = 1;
  int stage = 0;
  for (int i = 0; i < PyArray_NDIM(x); ++i) {
    const npy_intp length = PyArray_DIM(x, i);
    if (length == 1) continue;
    if (added[i] && stage == 0) {
      outer *= length;
    } else if (added[i]) {
      stage = 2, inner *= length;
    } else {
      if (stage == 2) return declined();
      stage = 1, kept *= length;
    }
  }
  if (size == 0 && (stage || mean)) return declined();
  if (stage == 0) inner = outer, outer = 1;  // nothing is kept
  nb::object result = new_array<float>(dimensions, shape);
  float* out = data<float>(as_array(result));
  if (size <= kSmall && stage == 0) {  // rounded once
    double total = 0;
    for (npy_intp i = 0; i < size; ++i) total += data<float>(x)[i];
    *out = static_cast<float>(mean ? total / size : total);
    return result;
  }
  Unlocked unlocked(size);
  FACULA_BEST(sum)(data<float>(x), outer, kept, inner, mean ? 1.0 / (outer * inner) : 1.0, out);
  return result;
}

// `dim`, `keepdim` and `dtype` as of facula.sum and facula.mean.
template <bool mean>
nb::object sum_of(nb::handle input, nb::handle dim, bool keepdim, nb::handle dtype) {
  PyArrayObject* x = dense_array<float>(input);
  if (!x || !dtype.is_none()) return declined();
  const int dimensions = PyArray_NDIM(x);
  bool added[NPY_MAXDIMS];
  std::fill(added, added + dimensions, dim.is_none());
  if (!dim.is_none()) {
    if (!PyTuple_Check(dim.ptr()) || PyTuple_GET_SIZE(dim.ptr()) == 0) return declined();
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(dim.ptr()); ++i) {
      PyObject* item = PyTuple_GET_ITEM(dim.ptr(), i);
      if (!PyLong_CheckExact(item)) return declined();
      Py_ssize_t d = PyLong_AsSsize_t(item);
      if (d == -1 && PyErr_Occurred()) PyErr_Clear();
      if (d < 0) d += dimensions;
      if (d < 0 || d >= dimensions || added[d]) return declined();
      added[d] = true;
    }
  }
  npy_intp shape[NPY_MAXDIMS];
  int left = 0;
  for (int i = 0; i < dimensions; ++i)
    if (!added[i] || keepdim) shape[left++] = added[i] ? 1 : PyArray_DIM(x, i);
  return sum_over(x, added, left, shape, mean);
}

// The sum over what broadcasting from `shape` repeated.
inline nb::object sum_to(nb::handle input, nb::handle shape) {
  PyArrayObject* x = dense_array<float>(input);
  if (!x || !PyTuple_Check(shape.ptr()) || PyTuple_GET_SIZE(shape.ptr()) > PyArray_NDIM(x)) return declined();
  if (PyArray_SIZE(x) < 64) return declined();  // NumPy adds a few numbers in PyTorch's order, and so to the same bits
  const int dimensions = static_cast<int>(PyTuple_GET_SIZE(shape.ptr())), lead = PyArray_NDIM(x) - dimensions;
  bool added[NPY_MAXDIMS];
  npy_intp sizes[NPY_MAXDIMS];
  std::fill(added, added + lead, true);
  for (int i = 0; i < dimensions; ++i) {
    if (!PyLong_CheckExact(PyTuple_GET_ITEM(shape.ptr(), i))) return declined();
    sizes[i] = PyLong_AsSsize_t(PyTuple_GET_ITEM(shape.ptr(), i));
    if (sizes[i] == -1 && PyErr_Occurred()) throw nb::python_error();
    const npy_intp length = PyArray_DIM(x, lead + i);
    if (sizes[i] != length && sizes[i] != 1) return declined();
    added[lead + i] = sizes[i] == 1;
  }
  return sum_over(x, added, dimensions, sizes, false);
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

// The loops of a NumPy function of one array, such as numpy.tanh, without the dispatch in front of them: bit for bit what
// the function computes.
struct Loop {
  PyUFuncGenericFunction run = nullptr;
  void* data = nullptr;
};
struct Loops {
  Loop single, twice;  // of float32 and of float64
};

inline Loops loops_of(nb::handle function) {
  auto* ufunc = reinterpret_cast<PyUFuncObject*>(function.ptr());
  Loops loops;
  for (int i = 0; i < ufunc->ntypes && ufunc->nin == 1 && ufunc->nout == 1; ++i) {
    const char from = ufunc->types[2 * i], to = ufunc->types[2 * i + 1];
    if (from != to || (from != NPY_FLOAT && from != NPY_DOUBLE)) continue;
    Loop& loop = from == NPY_FLOAT ? loops.single : loops.twice;
    // The first that fits, as NumPy chooses; later ones are its portable spares.
    if (!loop.run) loop = {ufunc->functions[i], ufunc->data ? ufunc->data[i] : nullptr};
  }
  return loops;
}

// The loop on a small dense array.
inline nb::object run_loop(const Loops& loops, nb::handle input) {
  PyArrayObject *f = dense_array<float>(input), *d = dense_array<double>(input), *x = f ? f : d;
  const Loop& loop = f ? loops.single : loops.twice;
  if (!x || !loop.run || PyArray_SIZE(x) > kSmall) return declined();
  nb::object result = f ? new_like<float>(x) : new_like<double>(x);
  char* places[2] = {PyArray_BYTES(x), PyArray_BYTES(as_array(result))};
  const npy_intp size = PyArray_SIZE(x), steps[2] = {PyArray_ITEMSIZE(x), PyArray_ITEMSIZE(x)};
  if (size) loop.run(places, &size, steps, loop.data);
  return result;
}

inline nb::object loop_of(nb::handle function) {
  return nb::cpp_function([loops = loops_of(function)](nb::handle input) { return run_loop(loops, input); },
                          nb::arg().none());
}

}  // namespace facula
