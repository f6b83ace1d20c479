// Optimizer steps as Python functions.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arrays.h"
#include "optim.h"

#include <vector>

namespace facula {
namespace {

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
  FACULA_BEST(sgd_step<T>)(all, options);
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
  FACULA_BEST(adam_step<T>)(all, options);
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

void bind_optim(nb::module_& m) {
  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  m.def("sgd_step", &sgd_lists, nb::arg(), nb::arg(), any, nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg());
  m.def("adam_step", &adam_lists, nb::arg(), nb::arg(), nb::arg(), nb::arg(), any, nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg());
}

}  // namespace facula
