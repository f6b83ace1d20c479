// Softmax and cross-entropy as Python functions.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arrays.h"
#include "softmax.h"

#include <vector>

namespace facula {
namespace {

template <typename Kernel>
nb::object over_rows(Kernel kernel, nb::handle input) {
  PyArrayObject* x = dense_array<float>(input);
  if (!x || PyArray_NDIM(x) < 1) return declined();
  nb::object result = new_like<float>(x);
  float* out = data<float>(as_array(result));
  Unlocked unlocked(10 * PyArray_SIZE(x));
  if (PyArray_SIZE(x)) kernel(data<float>(x), leading_size(x), PyArray_DIM(x, PyArray_NDIM(x) - 1), out);
  return result;
}

template <typename Kernel>
nb::object over_rows_grad(Kernel kernel, nb::handle gradient, nb::handle result_of_forward) {
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
    FACULA_BEST(cross_entropy)(data<float>(c.x), data<int64_t>(c.target), c.rows, c.classes, ignored, out);
    return result;
  }
  std::vector<float> losses(c.rows);
  FACULA_BEST(cross_entropy)(data<float>(c.x), data<int64_t>(c.target), c.rows, c.classes, ignored, losses.data());
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
  FACULA_BEST(cross_entropy_grad)(data<float>(c.x), data<int64_t>(c.target), c.rows, c.classes, ignored, scale, reduction == kNone,
                     out);
  return result;
}

}  // namespace

void bind_softmax(nb::module_& m) {
  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  m.def("softmax", [](nb::handle x) { return over_rows(FACULA_BEST(softmax), x); }, any);
  m.def("log_softmax", [](nb::handle x) { return over_rows(FACULA_BEST(log_softmax), x); }, any);
  m.def("softmax_grad", [](nb::handle g, nb::handle y) { return over_rows_grad(FACULA_BEST(softmax_grad), g, y); }, any, any);
  m.def("log_softmax_grad", [](nb::handle g, nb::handle y) { return over_rows_grad(FACULA_BEST(log_softmax_grad), g, y); },
        any, any);
  m.def("cross_entropy", &cross_entropy_array, any, any, nb::arg(), nb::arg());
  m.def("cross_entropy_grad", &cross_entropy_grad_array, any, any, any, nb::arg(), nb::arg());
}

}  // namespace facula
