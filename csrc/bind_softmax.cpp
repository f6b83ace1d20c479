// Softmax and cross-entropy as Python functions; the arguments are those of the ops.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arrays.h"
#include "cross_entropy.h"
#include "softmax.h"

#include <vector>

namespace facula {
namespace {

// A dense array of T with the elements of a plain one, itself if it is dense; null for anything else.
template <typename T>
nb::object dense(nb::handle object) {
  PyArrayObject* array = any_array<T>(object);
  if (!array) return nb::object();
  if (PyArray_IS_C_CONTIGUOUS(array)) return nb::borrow(object);
  PyObject* copy = PyArray_NewCopy(array, NPY_CORDER);
  if (!copy) throw nb::python_error();
  return nb::steal(copy);
}

// The shape as [outer, n, inner] around dimension dim; false if there is no such dimension.
bool rows_of(PyArrayObject* array, int64_t dim, Rows& rows) {
  const int dimensions = PyArray_NDIM(array);
  if (dim < 0) dim += dimensions;
  if (dim < 0 || dim >= dimensions) return false;
  rows = {1, PyArray_DIM(array, dim), 1};
  for (int64_t i = 0; i < dim; ++i) rows.outer *= PyArray_DIM(array, i);
  for (int64_t i = dim + 1; i < dimensions; ++i) rows.inner *= PyArray_DIM(array, i);
  return true;
}

template <typename Kernel>
nb::object over_rows(Kernel kernel, nb::handle input, int64_t dim) {
  const nb::object held = dense<float>(input);
  Rows rows;
  if (!held || !rows_of(as_array(held), dim, rows)) return declined();
  PyArrayObject* x = as_array(held);
  nb::object result = new_like<float>(x);
  float* out = data<float>(as_array(result));
  Unlocked unlocked(10 * PyArray_SIZE(x));
  if (PyArray_SIZE(x)) kernel(data<float>(x), rows, out);
  return result;
}

template <typename Kernel>
nb::object over_rows_grad(Kernel kernel, nb::handle gradient, nb::handle result_of_forward, int64_t dim) {
  const nb::object held = dense<float>(gradient), other = dense<float>(result_of_forward);
  Rows rows;
  if (!held || !other || !same_shape(as_array(held), as_array(other)) || !rows_of(as_array(held), dim, rows))
    return declined();
  PyArrayObject* g = as_array(held);
  nb::object result = new_like<float>(g);
  float* out = data<float>(as_array(result));
  Unlocked unlocked(10 * PyArray_SIZE(g));
  if (PyArray_SIZE(g)) kernel(data<float>(g), data<float>(as_array(other)), rows, out);
  return result;
}

enum Reduction { kNone, kMean, kSum };

bool reduction_of(nb::handle name, Reduction& reduction) {
  if (!PyUnicode_Check(name.ptr())) return false;
  for (auto [text, value] : {std::pair{"none", kNone}, {"mean", kMean}, {"sum", kSum}})
    if (PyUnicode_CompareWithASCIIString(name.ptr(), text) == 0) return reduction = value, true;
  return false;
}

// The arguments of cross_entropy, and what keeps them alive.
struct Arguments {
  nb::object x, target, weight;
  Classification task{};
  Reduction reduction = kNone;
  double divisor = 0;  // of the mean

  int64_t losses() const { return task.outer * task.inner; }

  // Logits [N, classes, ...] with indices [N, ...], each in range or ignored, or probabilities of the shape of the
  // logits. False where that is not so; the definition raises for a target that is out of range.
  bool read(nb::handle input, nb::handle targets, nb::handle weights, int64_t ignored, nb::handle name,
            double smoothing) {
    x = dense<float>(input);
    if (!x || PyArray_NDIM(as_array(x)) < 2 || !reduction_of(name, reduction)) return false;
    Rows rows;
    if (!rows_of(as_array(x), 1, rows) || rows.n == 0) return false;
    task = {rows.outer, rows.n, rows.inner, nullptr, nullptr, nullptr, ignored, static_cast<float>(smoothing)};
    if (!weights.is_none()) {
      weight = dense<float>(weights);
      if (!weight || PyArray_NDIM(as_array(weight)) != 1 || PyArray_DIM(as_array(weight), 0) != rows.n) return false;
      task.weight = data<float>(as_array(weight));
    }
    if ((target = dense<int64_t>(targets))) return indices();
    target = dense<float>(targets);
    if (!target || !same_shape(as_array(target), as_array(x))) return false;
    task.probabilities = data<float>(as_array(target));
    divisor = static_cast<double>(losses());
    return true;
  }

  bool indices() {
    PyArrayObject *t = as_array(target), *logits = as_array(x);
    const int dimensions = PyArray_NDIM(t);
    if (dimensions != PyArray_NDIM(logits) - 1) return false;
    for (int i = 0; i < dimensions; ++i)
      if (PyArray_DIM(t, i) != PyArray_DIM(logits, i ? i + 1 : 0)) return false;
    task.target = data<int64_t>(t);
    int64_t counted = 0;
    for (int64_t i = 0; i < losses(); ++i) {
      const int64_t c = task.target[i];
      if (c == task.ignored) continue;
      if (c < 0 || c >= task.classes) return false;
      ++counted;
      if (task.weight) divisor += task.weight[c];
    }
    if (!task.weight) divisor = static_cast<double>(counted);
    return true;
  }

  int64_t work() const { return 10 * losses() * task.classes; }
};

nb::object cross_entropy_array(nb::handle input, nb::handle target, nb::handle weight, int64_t ignored,
                               nb::handle reduction, double smoothing) {
  Arguments a;
  if (!a.read(input, target, weight, ignored, reduction, smoothing)) return declined();
  if (a.reduction == kNone) {
    npy_intp shape[NPY_MAXDIMS];
    const int dimensions = PyArray_NDIM(as_array(a.x)) - 1;
    for (int i = 0; i < dimensions; ++i) shape[i] = PyArray_DIM(as_array(a.x), i ? i + 1 : 0);
    nb::object result = new_array<float>(dimensions, shape);
    float* out = data<float>(as_array(result));
    Unlocked unlocked(a.work());
    FACULA_BEST(cross_entropy)(data<float>(as_array(a.x)), a.task, out);
    return result;
  }
  nb::object result = new_array<float>(0, nullptr);
  float* out = data<float>(as_array(result));
  Unlocked unlocked(a.work());
  std::vector<float> losses(a.losses());
  FACULA_BEST(cross_entropy)(data<float>(as_array(a.x)), a.task, losses.data());
  double sum = 0;
  for (float loss : losses) sum += loss;
  *out = static_cast<float>(a.reduction == kMean ? sum / a.divisor : sum);  // 0 / 0 is NaN, as it should be
  return result;
}

nb::object cross_entropy_grad_array(nb::handle gradient, nb::handle input, nb::handle target, nb::handle weight,
                                    int64_t ignored, nb::handle reduction, double smoothing) {
  Arguments a;
  const nb::object g = dense<float>(gradient);
  if (!g || !a.read(input, target, weight, ignored, reduction, smoothing)) return declined();
  const bool each = a.reduction == kNone;
  if (PyArray_SIZE(as_array(g)) != (each ? a.losses() : 1)) return declined();
  nb::object result = new_like<float>(as_array(a.x));
  float* out = data<float>(as_array(result));
  const float* scale = data<float>(as_array(g));
  const float shared = each ? 0 : static_cast<float>(*scale / (a.reduction == kMean ? a.divisor : 1.0));
  Unlocked unlocked(2 * a.work());
  FACULA_BEST(cross_entropy_grad)(data<float>(as_array(a.x)), a.task, each ? scale : &shared, each, out);
  return result;
}

}  // namespace

void bind_softmax(nb::module_& m) {
  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  m.def("softmax", [](nb::handle x, int64_t dim) { return over_rows(FACULA_BEST(softmax), x, dim); }, any, nb::arg());
  m.def("log_softmax", [](nb::handle x, int64_t dim) { return over_rows(FACULA_BEST(log_softmax), x, dim); }, any,
        nb::arg());
  m.def("softmax_grad",
        [](nb::handle g, nb::handle y, int64_t dim) { return over_rows_grad(FACULA_BEST(softmax_grad), g, y, dim); }, any,
        any, nb::arg());
  m.def("log_softmax_grad",
        [](nb::handle g, nb::handle y, int64_t dim) { return over_rows_grad(FACULA_BEST(log_softmax_grad), g, y, dim); },
        any, any, nb::arg());
  m.def("cross_entropy", &cross_entropy_array, any, any, any, nb::arg(), any, nb::arg());
  m.def("cross_entropy_grad", &cross_entropy_grad_array, any, any, any, any, nb::arg(), any, nb::arg());
}

}  // namespace facula
