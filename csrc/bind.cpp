// facula._C: the native kernels as Python functions. Arguments are taken as raw handles and looked at through NumPy's C
// interface, which costs a thirtieth of nanobind's ndarray conversion. A function returns NotImplemented for whatever it
// does not cover; only facula.kernels.cpu calls it.
#include "arithmetic.h"
#include "arrays.h"

#include <nanobind/stl/vector.h>

#include <algorithm>
#include <vector>

#include "core.h"
#include "cpu.h"
#include "images.h"
#include "optim.h"
#include "parallel.h"
#include "pointwise.h"
#include "softmax.h"

namespace facula {
namespace {

// ---- products --------------------------------------------------------------------------------------------------------

// The array that a product is written to: `out` if given and fit, a new one if None, else empty.
nb::object product_out(nb::handle out, int dimensions, const npy_intp* shape) {
  if (out.is_none()) return new_array<float>(dimensions, shape);
  PyArrayObject* array = dense_array<float>(out);
  if (!array || !PyArray_ISWRITEABLE(array) || PyArray_NDIM(array) != dimensions ||
      !PyArray_CompareLists(PyArray_DIMS(array), shape, dimensions))
    return {};
  return nb::borrow(out);
}

// Whether sgemm is at least as quick as NumPy's BLAS. It is not for a vector or a few rows, where BLAS has kernels that
// read the matrix once; and a large product is BLAS's trade, whose vectors may be wider than AVX2's.
bool worthwhile(int64_t m, int64_t n, int64_t k) {
  const int64_t narrow = std::min(m, n), work = m * n * k;
  if (narrow == 1 && work > 4096) return false;
  if (narrow < 8 && work > 500000) return false;
  return std::min(narrow, k) < 1024;
}

nb::object multiply(int64_t m, int64_t n, int64_t k, Matrix a, Matrix b, const float* bias, nb::object result) {
  if (!result.is_valid()) return declined();
  float* out = data<float>(as_array(result));
  Unlocked unlocked(m * n * k);
  sgemm(m, n, k, a, b, bias, out);
  return result;
}

nb::object matmul(nb::handle left, nb::handle right, nb::handle out) {
  PyArrayObject *a = any_array<float>(left), *b = any_array<float>(right);
  Matrix ma, mb;
  if (!cpu::has_avx2() || !a || !b || !as_matrix(a, ma) || !as_matrix(b, mb)) return declined();
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
  if (!cpu::has_avx2() || !x || !w || (!b && !bias.is_none()) || PyArray_NDIM(x) < 1 || !as_matrix(w, mw))
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
  if (!cpu::has_avx2() || !g || !w || PyArray_NDIM(g) < 1 || !as_matrix(w, mw)) return declined();
  const npy_intp k = PyArray_DIM(w, 0), n = PyArray_DIM(w, 1);
  if (PyArray_DIM(g, PyArray_NDIM(g) - 1) != k || !worthwhile(leading_size(g), n, k)) return declined();
  const std::vector<npy_intp> shape = with_last(g, n);
  return multiply(leading_size(g), n, k, {data<float>(g), k, 1}, mw, nullptr,
                  product_out(out, static_cast<int>(shape.size()), shape.data()));
}

nb::object linear_grad_weight(nb::handle gradient, nb::handle input, nb::handle out) {
  PyArrayObject *g = dense_array<float>(gradient), *x = dense_array<float>(input);
  if (!cpu::has_avx2() || !g || !x || PyArray_NDIM(g) < 1 || PyArray_NDIM(g) != PyArray_NDIM(x)) return declined();
  const int last = PyArray_NDIM(g) - 1;
  if (!PyArray_CompareLists(PyArray_DIMS(g), PyArray_DIMS(x), last)) return declined();
  const npy_intp m = PyArray_DIM(g, last), n = PyArray_DIM(x, last), shape[2] = {m, n};
  if (!worthwhile(m, n, leading_size(g))) return declined();
  return multiply(m, n, leading_size(g), {data<float>(g), 1, m}, {data<float>(x), n, 1}, nullptr,
                  product_out(out, 2, shape));
}

// ---- elementwise -----------------------------------------------------------------------------------------------------

nb::object relu_array(nb::handle input) {
  PyArrayObject* x = dense_array<float>(input);
  if (!x) return declined();
  nb::object result = new_like<float>(x);
  float* out = data<float>(as_array(result));
  Unlocked unlocked(PyArray_SIZE(x));
  relu(data<float>(x), PyArray_SIZE(x), out);
  return result;
}

nb::object relu_grad_array(nb::handle gradient, nb::handle result_of_relu) {
  PyArrayObject *g = dense_array<float>(gradient), *y = dense_array<float>(result_of_relu);
  if (!g || !y || !same_shape(g, y)) return declined();
  nb::object result = new_like<float>(g);
  float* out = data<float>(as_array(result));
  Unlocked unlocked(PyArray_SIZE(g));
  relu_grad(data<float>(g), data<float>(y), PyArray_SIZE(g), out);
  return result;
}

// ---- softmax and cross-entropy ---------------------------------------------------------------------------------------

using RowKernel = void (*)(const float*, int64_t, int64_t, float*);
using RowGradient = void (*)(const float*, const float*, int64_t, int64_t, float*);

template <RowKernel kernel>
nb::object over_rows(nb::handle input) {
  PyArrayObject* x = dense_array<float>(input);
  if (!x || PyArray_NDIM(x) < 1) return declined();
  nb::object result = new_like<float>(x);
  float* out = data<float>(as_array(result));
  Unlocked unlocked(10 * PyArray_SIZE(x));
  if (PyArray_SIZE(x)) kernel(data<float>(x), leading_size(x), PyArray_DIM(x, PyArray_NDIM(x) - 1), out);
  return result;
}

template <RowGradient kernel>
nb::object over_rows_grad(nb::handle gradient, nb::handle result_of_forward) {
  PyArrayObject *g = dense_array<float>(gradient), *y = dense_array<float>(result_of_forward);
  if (!g || !y || PyArray_NDIM(g) < 1 || !same_shape(g, y)) return declined();
  nb::object result = new_like<float>(g);
  float* out = data<float>(as_array(result));
  Unlocked unlocked(10 * PyArray_SIZE(g));
  if (PyArray_SIZE(g))
    kernel(data<float>(g), data<float>(y), leading_size(g), PyArray_DIM(g, PyArray_NDIM(g) - 1), out);
  return result;
}

enum Reduction { kNone = 0, kMean = 1, kSum = 2 };

struct Classification {
  PyArrayObject *x = nullptr, *target = nullptr;
  int64_t rows = 0, classes = 0, counted = 0;  // counted: rows that are not ignored
};

// Logits [rows, classes] and targets [rows], each in range or ignored; a target out of range is left to the ordinary
// definition, which raises.
bool classification(nb::handle input, nb::handle target, int64_t ignored, Classification& c) {
  c.x = dense_array<float>(input);
  c.target = dense_array<int64_t>(target);
  if (!c.x || !c.target || PyArray_NDIM(c.x) != 2 || PyArray_NDIM(c.target) != 1) return false;
  c.rows = PyArray_DIM(c.x, 0), c.classes = PyArray_DIM(c.x, 1);
  if (PyArray_DIM(c.target, 0) != c.rows || c.classes == 0) return false;
  const int64_t* t = data<int64_t>(c.target);
  for (int64_t i = 0; i < c.rows; ++i) {
    if (t[i] == ignored) continue;
    if (t[i] < 0 || t[i] >= c.classes) return false;
    ++c.counted;
  }
  return true;
}

nb::object cross_entropy_array(nb::handle input, nb::handle target, int64_t ignored, int reduction) {
  Classification c;
  if (!classification(input, target, ignored, c)) return declined();
  nb::object result = new_array<float>(reduction == kNone ? 1 : 0, PyArray_DIMS(c.target));
  float* out = data<float>(as_array(result));
  Unlocked unlocked(10 * c.rows * c.classes);
  if (reduction == kNone) {
    cross_entropy(data<float>(c.x), data<int64_t>(c.target), c.rows, c.classes, ignored, out);
    return result;
  }
  std::vector<float> losses(c.rows);
  cross_entropy(data<float>(c.x), data<int64_t>(c.target), c.rows, c.classes, ignored, losses.data());
  double sum = 0;
  for (float loss : losses) sum += loss;
  *out = static_cast<float>(reduction == kMean ? sum / c.counted : sum);  // 0 / 0 is NaN, as it should be
  return result;
}

nb::object cross_entropy_grad_array(nb::handle gradient, nb::handle input, nb::handle target, int64_t ignored,
                                    int reduction) {
  Classification c;
  PyArrayObject* g = dense_array<float>(gradient);
  if (!g || !classification(input, target, ignored, c)) return declined();
  if (reduction == kNone ? PyArray_NDIM(g) != 1 || PyArray_DIM(g, 0) != c.rows : PyArray_SIZE(g) != 1)
    return declined();
  nb::object result = new_like<float>(c.x);
  float* out = data<float>(as_array(result));
  float shared = 0;
  if (reduction != kNone) shared = *data<float>(g) / (reduction == kMean ? static_cast<float>(c.counted) : 1.0f);
  const float* scale = reduction == kNone ? data<float>(g) : &shared;
  Unlocked unlocked(20 * c.rows * c.classes);
  cross_entropy_grad(data<float>(c.x), data<int64_t>(c.target), c.rows, c.classes, ignored, scale, reduction == kNone,
                     out);
  return result;
}

// ---- images ----------------------------------------------------------------------------------------------------------

nb::object images(nb::handle source, nb::handle chosen, const std::vector<float>& mean,
                  const std::vector<float>& deviation) {
  PyArrayObject* from = dense_array<uint8_t>(source);
  if (!from || (PyArray_NDIM(from) != 3 && PyArray_NDIM(from) != 4)) return declined();
  const npy_intp count = PyArray_DIM(from, 0), height = PyArray_DIM(from, 1), width = PyArray_DIM(from, 2);
  const npy_intp channels = PyArray_NDIM(from) == 4 ? PyArray_DIM(from, 3) : 1;
  const int64_t* indices = nullptr;
  npy_intp batch = count;
  if (!chosen.is_none()) {
    PyArrayObject* index = dense_array<int64_t>(chosen);
    if (!index || PyArray_NDIM(index) != 1) return declined();
    batch = PyArray_DIM(index, 0);
    indices = data<int64_t>(index);
    for (npy_intp i = 0; i < batch; ++i)
      if (indices[i] < 0 || indices[i] >= count) return declined();
  }
  // One value serves every channel, as in broadcasting.
  if (mean.size() != deviation.size()) return declined();
  std::vector<float> means = mean, deviations = deviation;
  if (mean.size() == 1) means.resize(channels, mean[0]), deviations.resize(channels, deviation[0]);
  if (!means.empty() && static_cast<npy_intp>(means.size()) != channels) return declined();
  const npy_intp shape[4] = {batch, channels, height, width};
  nb::object result = new_array<float>(4, shape);
  float* out = data<float>(as_array(result));
  Unlocked unlocked(batch * height * width * channels);
  images_to_float(data<uint8_t>(from), indices, batch, height * width, channels, means.empty() ? nullptr : means.data(),
                  means.empty() ? nullptr : deviations.data(), out);
  return result;
}

// ---- optimizers ------------------------------------------------------------------------------------------------------

// A list or tuple, read in place.
struct Items {
  explicit Items(nb::handle sequence) : object(nb::steal(PySequence_Fast(sequence.ptr(), "expected a sequence"))) {
    if (!object.is_valid()) throw nb::python_error();
  }
  int64_t size() const { return PySequence_Fast_GET_SIZE(object.ptr()); }
  nb::handle operator[](int64_t i) const { return PySequence_Fast_GET_ITEM(object.ptr(), i); }
  nb::object object;
};

// The data of item i of a list, if it is a dense array of T of the given shape; null if it is not, with `fit` cleared.
template <typename T>
T* operand(const Items& items, int64_t i, PyArrayObject* like, bool writeable, bool& fit) {
  PyArrayObject* array = dense_array<T>(items[i]);
  if (!array || (writeable && !PyArray_ISWRITEABLE(array)) || (like && !same_shape(array, like))) {
    fit = false;
    return nullptr;
  }
  return data<T>(array);
}

template <typename T>
bool sgd(const Items& values, const Items& gradients, nb::handle buffers, bool first, const SgdOptions& options) {
  std::vector<SgdParameter<T>> all(values.size());
  const bool momentum = !buffers.is_none();
  const Items held(momentum ? buffers : nb::handle(values.object));
  if (gradients.size() != values.size() || held.size() != values.size()) return false;
  int64_t total = 0;
  for (int64_t i = 0; i < values.size(); ++i) {
    bool fit = true;
    T* value = operand<T>(values, i, nullptr, true, fit);
    if (!fit) return false;
    auto* array = reinterpret_cast<PyArrayObject*>(values[i].ptr());
    const T* gradient = operand<T>(gradients, i, array, false, fit);
    T* buffer = momentum ? operand<T>(held, i, array, true, fit) : nullptr;
    if (!fit) return false;
    all[i] = {value, gradient, buffer, first, PyArray_SIZE(array)};
    total += all[i].size;
  }
  Unlocked unlocked(total);
  sgd_step(all, options);
  return true;
}

template <typename T>
bool adam(const Items& values, const Items& gradients, const Items& means, const Items& squares, nb::handle largest,
          const Items& steps, const AdamOptions& options) {
  const int64_t count = values.size();
  std::vector<AdamParameter<T>> all(count);
  const bool amsgrad = !largest.is_none();
  const Items held(amsgrad ? largest : nb::handle(values.object));
  if (gradients.size() != count || means.size() != count || squares.size() != count || held.size() != count ||
      steps.size() != count)
    return false;
  int64_t total = 0;
  for (int64_t i = 0; i < count; ++i) {
    bool fit = true;
    T* value = operand<T>(values, i, nullptr, true, fit);
    if (!fit) return false;
    auto* array = reinterpret_cast<PyArrayObject*>(values[i].ptr());
    const T* gradient = operand<T>(gradients, i, array, false, fit);
    T* mean = operand<T>(means, i, array, true, fit);
    T* square = operand<T>(squares, i, array, true, fit);
    T* most = amsgrad ? operand<T>(held, i, array, true, fit) : nullptr;
    if (!fit) return false;
    const double step = PyFloat_AsDouble(steps[i].ptr());
    if (step == -1.0 && PyErr_Occurred()) throw nb::python_error();
    all[i] = {value, gradient, mean, square, most, step, PyArray_SIZE(array)};
    total += all[i].size;
  }
  Unlocked unlocked(total * 4);
  adam_step(all, options);
  return true;
}

nb::object sgd_lists(nb::handle values, nb::handle gradients, nb::handle buffers, bool first, double lr, double momentum,
                     double dampening, double weight_decay, bool nesterov, bool maximize) {
  const Items v(values), g(gradients);
  const SgdOptions options{lr, momentum, dampening, weight_decay, nesterov, maximize};
  if (sgd<float>(v, g, buffers, first, options) || sgd<double>(v, g, buffers, first, options)) return nb::none();
  return declined();
}

nb::object adam_lists(nb::handle values, nb::handle gradients, nb::handle means, nb::handle squares, nb::handle largest,
                      nb::handle steps, double lr, double beta1, double beta2, double epsilon, double weight_decay,
                      bool decoupled, bool maximize) {
  const Items v(values), g(gradients), m(means), s(squares), t(steps);
  const AdamOptions options{lr, beta1, beta2, epsilon, weight_decay, decoupled, maximize};
  if (adam<float>(v, g, m, s, largest, t, options) || adam<double>(v, g, m, s, largest, t, options)) return nb::none();
  return declined();
}

}  // namespace

NB_MODULE(_C, m) {
  if (_import_array() < 0) throw nb::python_error();
  m.doc() = "Facula's native CPU kernels; use them through facula.kernels.cpu.";
  bind_core(m);
  m.def("has_avx2", &cpu::has_avx2, "Whether AVX2 and FMA are used.");
  m.def("set_avx2", &cpu::set_avx2, "Forbid or allow AVX2, to test the portable path.");
  m.def("get_num_threads", &num_threads);
  m.def("set_num_threads", &set_num_threads);

  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  const auto optional = nb::arg() = nb::none();
  m.def("matmul", &matmul, any, any, optional);
  m.def("linear", &linear, any, any, any, optional);
  m.def("linear_grad_input", &linear_grad_input, any, any, optional);
  m.def("linear_grad_weight", &linear_grad_weight, any, any, optional);
  m.def("add", &add, any, any);
  m.def("sub", &sub, any, any);
  m.def("mul", &mul, any, any);
  m.def("div", &divide, any, any);
  m.def("tanh_grad", &tanh_grad, any, any);
  m.def("sigmoid_grad", &sigmoid_grad, any, any);
  m.def("sum_all", &sum_all, any, any, nb::arg(), any);
  m.def("expand", &expand, any, any);
  m.def("loop_of", &loop_of, nb::arg());
  m.def("relu", &relu_array, any);
  m.def("relu_grad", &relu_grad_array, any, any);
  m.def("softmax", &over_rows<softmax>, any);
  m.def("log_softmax", &over_rows<log_softmax>, any);
  m.def("softmax_grad", &over_rows_grad<softmax_grad>, any, any);
  m.def("log_softmax_grad", &over_rows_grad<log_softmax_grad>, any, any);
  m.def("cross_entropy", &cross_entropy_array, any, any, nb::arg(), nb::arg());
  m.def("cross_entropy_grad", &cross_entropy_grad_array, any, any, any, nb::arg(), nb::arg());
  m.def("images_to_float", &images, any, any, nb::arg(), nb::arg());
  m.def("sgd_step", &sgd_lists, nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg());
  m.def("adam_step", &adam_lists, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg().none(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg());
}

}  // namespace facula
