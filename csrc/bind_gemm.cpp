// Matrix products as Python functions.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arrays.h"
#include "blas.h"
#include "gemm.h"
#include "parallel.h"

#include <nanobind/stl/string.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace facula {
namespace {

using Shape = std::vector<npy_intp>;

// The array that a product is written to: `out` if given and fit, a new one if None, else empty.
template <typename T>
nb::object product_out(nb::handle out, const Shape& shape) {
  const int dimensions = static_cast<int>(shape.size());
  if (out.is_none()) return new_array<T>(dimensions, shape.data());
  PyArrayObject* array = dense_array<T>(out);
  if (!array || !PyArray_ISWRITEABLE(array) || PyArray_NDIM(array) != dimensions ||
      !PyArray_CompareLists(PyArray_DIMS(array), shape.data(), dimensions))
    return {};
  return nb::borrow(out);
}

// ---- operands --------------------------------------------------------------------------------------------------------

// An array as a stack of matrices; strides are in elements.
template <typename T>
struct Stack {
  nb::object owner;  // the array, or a dense copy of it if neither of the matrices' strides is one element
  PyArrayObject* array = nullptr;
  bool vector = false;
  MatrixOf<T> matrix{};
  npy_intp rows = 0, columns = 0;
  int batches = 0;  // dimensions

  npy_intp batch_size(int i) const { return PyArray_DIM(array, i); }
  int64_t batch_stride(int i) const { return PyArray_STRIDE(array, i) / static_cast<npy_intp>(sizeof(T)); }
};

// A vector counts as a row on the left and as a column on the right. False: declined.
template <typename T>
bool as_stack(nb::handle object, bool left, Stack<T>& stack) {
  PyArrayObject* array = any_array<T>(object);
  if (!array || PyArray_NDIM(array) < 1) return false;
  const int dimensions = PyArray_NDIM(array);
  for (int i = 0; i < dimensions; ++i)
    if (PyArray_STRIDE(array, i) % static_cast<npy_intp>(sizeof(T))) return false;
  stack.owner = nb::borrow(object);
  stack.array = array;
  stack.vector = dimensions == 1;
  stack.batches = std::max(0, dimensions - 2);
  const int64_t last = PyArray_STRIDE(array, dimensions - 1) / static_cast<npy_intp>(sizeof(T));
  if (stack.vector) {
    const npy_intp size = PyArray_DIM(array, 0);
    stack.rows = left ? 1 : size, stack.columns = left ? size : 1;
    stack.matrix = {data<T>(array), left ? 1 : last, left ? last : 1};
    return true;
  }
  stack.rows = PyArray_DIM(array, dimensions - 2), stack.columns = PyArray_DIM(array, dimensions - 1);
  int64_t row = stack.batch_stride(dimensions - 2), column = last;
  // The stride of a dimension of one element means nothing, nor any of an empty array's: read such a matrix as dense.
  if (PyArray_SIZE(array) == 0) row = stack.columns, column = 1;
  if (stack.columns <= 1 && row != 1) column = 1;
  if (stack.rows <= 1 && column != 1) row = 1;
  if (row != 1 && column != 1) {
    nb::object copy = nb::steal(PyArray_NewCopy(array, NPY_CORDER));
    if (!copy.is_valid()) throw nb::python_error();
    return as_stack<T>(copy, left, stack);
  }
  stack.matrix = {data<T>(array), row, column};
  return true;
}

// Makes one matrix of a stack whose rows, of all matrices, follow each other at one distance.
template <typename T>
bool flatten(Stack<T>& stack) {
  int64_t rows = stack.rows, distance = stack.matrix.row;
  if (PyArray_SIZE(stack.array) == 0) {
    for (int i = 0; i < stack.batches; ++i) stack.rows *= stack.batch_size(i);
    stack.batches = 0;
    return true;
  }
  for (int i = stack.batches - 1; i >= 0; --i) {
    const npy_intp size = stack.batch_size(i);
    if (size != 1 && rows != 1 && stack.batch_stride(i) != distance * rows) return false;
    if (rows == 1) distance = stack.batch_stride(i);
    rows *= size;
  }
  if (stack.matrix.column != 1 && distance != 1) return false;
  stack.matrix.row = distance;
  stack.rows = rows;
  stack.batches = 0;
  return true;
}

// ---- one product -----------------------------------------------------------------------------------------------------

// OpenBLAS is looked for, in Python, at the first product that would be its.
bool blas_loaded() {
  static const bool loaded = [] {
    nb::object path = nb::module_::import_("facula.kernels.gemm").attr("find_openblas")();
    return !path.is_none() && blas::load(nb::cast<std::string>(path).c_str());
  }();
  return loaded;
}

// Whether a product is OpenBLAS's: doubles, unless so few that NumPy is as quick; and large ones of floats where our tiles
// have not been measured to be its equal, as they have with AVX2.
template <typename T>
bool by_blas(int64_t count, int64_t m, int64_t n, int64_t k, MatrixOf<T> a, MatrixOf<T> b) {
  const bool single = sizeof(T) == sizeof(float);
  if (single && std::strcmp(cpu::isa_name(cpu::isa()), "avx2") == 0) return false;
  if (m * n * k * (single ? 1 : count) < (single ? 1 << 24 : 1 << 15) || (single && std::min({m, n, k}) < 64)) return false;
  return blas_loaded() && blas::takes(m, n, k, a, b);
}

void multiply(bool blas, int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, const float* bias, bool relu, float* out) {
  if (blas)
    blas::gemm(m, n, k, a, b, bias, relu, out);
  else
    FACULA_BEST(sgemm)(m, n, k, a, b, bias, relu, out);
}

void multiply(bool, int64_t m, int64_t n, int64_t k, MatrixOf<double> a, MatrixOf<double> b, const double* bias,
              bool relu, double* out) {
  blas::gemm(m, n, k, a, b, bias, relu, out);
}

// ---- stacks of them --------------------------------------------------------------------------------------------------

// Where the matrices of both stacks begin, batch dimensions broadcast.
template <typename T>
struct Batches {
  Shape shape;
  std::vector<int64_t> left, right;  // strides
  int64_t count = 1;

  // False if the shapes do not broadcast.
  bool set(const Stack<T>& a, const Stack<T>& b) {
    const int dimensions = std::max(a.batches, b.batches);
    for (int i = 0; i < dimensions; ++i) {
      const int ia = i - dimensions + a.batches, ib = i - dimensions + b.batches;
      const npy_intp na = ia < 0 ? 1 : a.batch_size(ia), nb = ib < 0 ? 1 : b.batch_size(ib);
      if (na != nb && na != 1 && nb != 1) return false;
      shape.push_back(na == 1 ? nb : na);
      left.push_back(na == 1 ? 0 : a.batch_stride(ia));
      right.push_back(nb == 1 ? 0 : b.batch_stride(ib));
      count *= shape.back();
    }
    return true;
  }

  void offsets(int64_t index, int64_t& from_left, int64_t& from_right) const {
    from_left = from_right = 0;
    for (size_t i = shape.size(); i-- > 0;) {
      const int64_t at = index % shape[i];
      index /= shape[i];
      from_left += at * left[i], from_right += at * right[i];
    }
  }
};

// Fills `out`. False: declined, with nothing done.
template <typename T>
bool multiply_all(const Stack<T>& a, const Stack<T>& b, const Batches<T>& batches, const T* bias, bool relu, T* out) {
  const int64_t m = a.rows, n = b.columns, k = a.columns, work = m * n * k;
  const bool blas = by_blas(batches.count, m, n, k, a.matrix, b.matrix);
  if (sizeof(T) == sizeof(double) && !blas) return false;
  Unlocked unlocked(work * batches.count);
  if (batches.count == 1) {
    multiply(blas, m, n, k, a.matrix, b.matrix, bias, relu, out);
    return true;
  }
  // Whole matrices are shared out, unless there are fewer of them than threads.
  const int64_t threads = num_threads();
  const int64_t least = (1 << 17) / std::max<int64_t>(1, work) + 1;
  const int64_t grain = batches.count < threads ? batches.count : std::max(least, batches.count / (threads * 4));
  parallel_for(batches.count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t left, right;
      batches.offsets(i, left, right);
      multiply(blas, m, n, k, {a.matrix.data + left, a.matrix.row, a.matrix.column},
               {b.matrix.data + right, b.matrix.row, b.matrix.column}, bias, relu, out + i * m * n);
    }
  });
  return true;
}

template <typename T>
nb::object matmul_of(nb::handle left, nb::handle right, nb::handle out) {
  Stack<T> a, b;
  if (!as_stack(left, true, a) || !as_stack(right, false, b) || a.columns != b.rows) return declined();
  Batches<T> all;
  if (!all.set(a, b)) return declined();
  Shape shape = all.shape;
  if (!a.vector) shape.push_back(a.rows);
  if (!b.vector) shape.push_back(b.columns);
  // All rows times one matrix: one product.
  Batches<T> batches = all;
  if (a.batches > 0 && b.batches == 0 && all.count > 1 && flatten(a)) batches = {};
  nb::object result = product_out<T>(out, shape);
  if (!result.is_valid() || !multiply_all<T>(a, b, batches, nullptr, false, data<T>(as_array(result)))) return declined();
  return result;
}

nb::object matmul(nb::handle left, nb::handle right, nb::handle out) {
  if (any_array<float>(left)) return matmul_of<float>(left, right, out);
  return any_array<double>(left) ? matmul_of<double>(left, right, out) : declined();
}

// A bias of `count` numbers: `values` is null for None. False: declined.
template <typename T>
bool as_bias(nb::handle object, npy_intp count, const T*& values) {
  values = nullptr;
  if (object.is_none()) return true;
  PyArrayObject* array = dense_array<T>(object);
  if (!array || PyArray_NDIM(array) != 1 || PyArray_DIM(array, 0) != count) return false;
  values = data<T>(array);
  return true;
}

template <typename T>
nb::object linear_of(nb::handle input, nb::handle weight, nb::handle bias, bool relu, nb::handle out) {
  Stack<T> x, w;
  const T* b;
  if (!as_stack(input, true, x) || !as_stack(weight, true, w) || w.vector || w.batches || x.columns != w.columns ||
      !as_bias(bias, w.rows, b))
    return declined();
  Shape shape(PyArray_DIMS(x.array), PyArray_DIMS(x.array) + PyArray_NDIM(x.array));
  shape.back() = w.rows;
  std::swap(w.rows, w.columns);
  std::swap(w.matrix.row, w.matrix.column);
  if (x.batches > 0 && !flatten(x)) {
    nb::object copy = nb::steal(PyArray_NewCopy(x.array, NPY_CORDER));
    if (!copy.is_valid()) throw nb::python_error();
    if (!as_stack(copy, true, x) || !flatten(x)) return declined();
  }
  nb::object result = product_out<T>(out, shape);
  if (!result.is_valid() || !multiply_all<T>(x, w, {}, b, relu, data<T>(as_array(result)))) return declined();
  return result;
}

template <bool relu>
nb::object linear(nb::handle input, nb::handle weight, nb::handle bias, nb::handle out) {
  if (any_array<float>(input)) return linear_of<float>(input, weight, bias, relu, out);
  return any_array<double>(input) ? linear_of<double>(input, weight, bias, relu, out) : declined();
}

// bias + a @ b for a bias of one dimension; `beta` and `alpha` must be 1.
nb::object addmm(nb::handle bias, nb::handle left, nb::handle right, nb::handle beta, nb::handle alpha) {
  auto is_one = [](nb::handle x) { return PyLong_CheckExact(x.ptr()) && PyLong_AsLong(x.ptr()) == 1; };
  Stack<float> a, b;
  const float* values;
  if (!is_one(beta) || !is_one(alpha) || !as_stack(left, true, a) || !as_stack(right, false, b)) return declined();
  if (a.vector || b.vector || a.batches || b.batches || a.columns != b.rows) return declined();
  if (bias.is_none() || !as_bias(bias, b.columns, values)) return declined();
  nb::object result = new_array<float>(2, Shape{a.rows, b.columns}.data());
  if (!multiply_all<float>(a, b, {}, values, false, data<float>(as_array(result)))) return declined();
  return result;
}

}  // namespace

void bind_gemm(nb::module_& m) {
  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  const auto optional = nb::arg() = nb::none();
  m.def("matmul", &matmul, any, any, optional);
  m.def("linear", &linear<false>, any, any, any, optional);
  m.def("linear_relu", &linear<true>, any, any, any, optional);
  m.def("addmm", &addmm, any, any, any, any, any);
  m.def("has_openblas", &blas_loaded, "Whether OpenBLAS is there, for what it does; loads it.");
}

}  // namespace facula
