// Matrix products as Python functions.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arrays.h"
#include "gemm.h"
#include "parallel.h"

#include <algorithm>
#include <vector>

namespace facula {
namespace {

// The array that a product is written to: `out` if given and fit, a new one if None, else empty.
nb::object product_out(nb::handle out, int dimensions, const npy_intp* shape) {
  if (out.is_none()) return new_array<float>(dimensions, shape);
  PyArrayObject* array = dense_array<float>(out);
  if (!array || !PyArray_ISWRITEABLE(array) || PyArray_NDIM(array) != dimensions ||
      !PyArray_CompareLists(PyArray_DIMS(array), shape, dimensions))
    return {};
  return nb::borrow(out);
}

bool worthwhile(int64_t, int64_t, int64_t) { return true; }

nb::object multiply(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, const float* bias, nb::object result) {
  if (!result.is_valid()) return declined();
  float* out = data<float>(as_array(result));
  Unlocked unlocked(m * n * k);
  FACULA_BEST(sgemm)(m, n, k, a, b, bias, false, out);
  return result;
}

nb::object matmul(nb::handle left, nb::handle right, nb::handle out) {
  PyArrayObject *a = any_array<float>(left), *b = any_array<float>(right);
  Matrix ma, mb;
  if (!a || !b || !as_matrix(a, ma) || !as_matrix(b, mb)) return declined();
  const npy_intp m = PyArray_DIM(a, 0), k = PyArray_DIM(a, 1), n = PyArray_DIM(b, 1), shape[2] = {m, n};
  if (PyArray_DIM(b, 0) != k || !worthwhile(m, n, k)) return declined();
  return multiply(m, n, k, ma, mb, nullptr, product_out(out, 2, shape));
}

// The shape of `array` with its last dimension replaced.
std::vector<npy_intp> with_last(PyArrayObject* array, npy_intp last) {
  std::vector<npy_intp> shape(PyArray_DIMS(array), PyArray_DIMS(array) + PyArray_NDIM(array));
  shape.back() = last;
  return shape;
}

nb::object linear(nb::handle input, nb::handle weight, nb::handle bias, nb::handle out) {
  PyArrayObject *x = dense_array<float>(input), *w = any_array<float>(weight);
  PyArrayObject* b = bias.is_none() ? nullptr : dense_array<float>(bias);
  Matrix mw;
  if (!x || !w || (!b && !bias.is_none()) || PyArray_NDIM(x) < 1 || !as_matrix(w, mw))
    return declined();
  const npy_intp n = PyArray_DIM(w, 0), k = PyArray_DIM(w, 1);
  if (PyArray_DIM(x, PyArray_NDIM(x) - 1) != k || !worthwhile(leading_size(x), n, k)) return declined();
  if (b && (PyArray_NDIM(b) != 1 || PyArray_DIM(b, 0) != n)) return declined();
  const std::vector<npy_intp> shape = with_last(x, n);
  return multiply(leading_size(x), n, k, {data<float>(x), k, 1}, {mw.data, mw.column, mw.row},
                  b ? data<float>(b) : nullptr, product_out(out, static_cast<int>(shape.size()), shape.data()));
}

nb::object linear_grad_input(nb::handle gradient, nb::handle weight, nb::handle out) {
  PyArrayObject *g = dense_array<float>(gradient), *w = any_array<float>(weight);
  Matrix mw;
  if (!g || !w || PyArray_NDIM(g) < 1 || !as_matrix(w, mw)) return declined();
  const npy_intp k = PyArray_DIM(w, 0), n = PyArray_DIM(w, 1);
  if (PyArray_DIM(g, PyArray_NDIM(g) - 1) != k || !worthwhile(leading_size(g), n, k)) return declined();
  const std::vector<npy_intp> shape = with_last(g, n);
  return multiply(leading_size(g), n, k, {data<float>(g), k, 1}, mw, nullptr,
                  product_out(out, static_cast<int>(shape.size()), shape.data()));
}

nb::object linear_grad_weight(nb::handle gradient, nb::handle input, nb::handle out) {
  PyArrayObject *g = dense_array<float>(gradient), *x = dense_array<float>(input);
  if (!g || !x || PyArray_NDIM(g) < 1 || PyArray_NDIM(g) != PyArray_NDIM(x)) return declined();
  const int last = PyArray_NDIM(g) - 1;
  if (!PyArray_CompareLists(PyArray_DIMS(g), PyArray_DIMS(x), last)) return declined();
  const npy_intp m = PyArray_DIM(g, last), n = PyArray_DIM(x, last), shape[2] = {m, n};
  if (!worthwhile(m, n, leading_size(g))) return declined();
  return multiply(m, n, leading_size(g), {data<float>(g), 1, m}, {data<float>(x), n, 1}, nullptr,
                  product_out(out, 2, shape));
}

}  // namespace

void bind_gemm(nb::module_& m) {
  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  const auto optional = nb::arg() = nb::none();
  m.def("matmul", &matmul, any, any, optional);
  m.def("linear", &linear, any, any, any, optional);
  m.def("linear_grad_input", &linear_grad_input, any, any, optional);
  m.def("linear_grad_weight", &linear_grad_weight, any, any, optional);
}

}  // namespace facula
