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

// Lists of arrays that belong to one parameter each, the parameters themselves first; None stands for "no such arrays".
template <size_t lists>
class Lists {
 public:
  template <typename... Handles>
  explicit Lists(const Handles&... handles) : given{handles...} {
    for (nb::handle h : given) items.emplace_back(h.is_none() ? given[0] : h);
  }
  int64_t count() const { return items[0].size(); }

  // take(i, size, pointers) for each parameter, if all arrays are dense ones of T, of their parameter's shape, and
  // writeable but for the gradients (list 1); else false.
  template <typename T, typename Take>
  bool read(Take&& take) const {
    for (const Items& list : items)
      if (list.size() != count()) return false;
    for (int64_t i = 0; i < count(); ++i) {
      T* pointers[lists];
      auto* value = reinterpret_cast<PyArrayObject*>(items[0][i].ptr());
      bool fit = true;
      for (size_t k = 0; fit && k < lists; ++k)
        pointers[k] = given[k].is_none() ? nullptr : operand<T>(items[k], i, k ? value : nullptr, k != 1, fit);
      if (!fit) return false;
      take(i, PyArray_SIZE(value), pointers);
    }
    return true;
  }

 private:
  nb::handle given[lists];
  std::vector<Items> items;
};

// Tries float, then double; `step` is told the type by a value of it, and whether the arrays were of it.
template <typename Step>
nb::object of_either_type(Step&& step) {
  return step(float()) || step(double()) ? nb::none() : declined();
}

template <typename Parameter>
int64_t total_size(const std::vector<Parameter>& parameters) {
  int64_t total = 0;
  for (const Parameter& p : parameters) total += p.size;
  return total;
}

// Numbers, one for each parameter.
std::vector<double> numbers_of(nb::handle sequence) {
  const Items items(sequence);
  std::vector<double> all(items.size());
  for (int64_t i = 0; i < items.size(); ++i) {
    all[i] = PyFloat_AsDouble(items[i].ptr());
    if (all[i] == -1.0 && PyErr_Occurred()) throw nb::python_error();
  }
  return all;
}

nb::object sgd_lists(nb::handle values, nb::handle gradients, nb::handle buffers, bool first, double lr, double momentum,
                     double dampening, double weight_decay, bool nesterov, bool maximize) {
  const Lists<3> lists(values, gradients, buffers);
  const SgdOptions options{lr, momentum, dampening, weight_decay, nesterov, maximize};
  return of_either_type([&](auto type) {
    using T = decltype(type);
    std::vector<SgdParameter<T>> all(lists.count());
    if (!lists.template read<T>([&](int64_t i, int64_t size, T** p) { all[i] = {p[0], p[1], p[2], first, size}; }))
      return false;
    Unlocked unlocked(total_size(all));
    FACULA_BEST(sgd_step<T>)(all, options);
    return true;
  });
}

nb::object adam_lists(nb::handle values, nb::handle gradients, nb::handle means, nb::handle squares, nb::handle largest,
                      nb::handle steps, double lr, double beta1, double beta2, double epsilon, double weight_decay,
                      bool decoupled, bool maximize) {
  const Lists<5> lists(values, gradients, means, squares, largest);
  const std::vector<double> counts = numbers_of(steps);
  const AdamOptions options{lr, beta1, beta2, epsilon, weight_decay, decoupled, maximize};
  if (static_cast<int64_t>(counts.size()) != lists.count()) return declined();
  return of_either_type([&](auto type) {
    using T = decltype(type);
    std::vector<AdamParameter<T>> all(lists.count());
    if (!lists.template read<T>(
            [&](int64_t i, int64_t size, T** p) { all[i] = {p[0], p[1], p[2], p[3], p[4], counts[i], size}; }))
      return false;
    Unlocked unlocked(total_size(all) * 4);
    FACULA_BEST(adam_step<T>)(all, options);
    return true;
  });
}

nb::object rmsprop_lists(nb::handle values, nb::handle gradients, nb::handle squares, nb::handle buffers,
                         nb::handle averages, double lr, double alpha, double epsilon, double weight_decay,
                         double momentum, bool maximize) {
  const Lists<5> lists(values, gradients, squares, buffers, averages);
  const RmspropOptions options{lr, alpha, epsilon, weight_decay, momentum, maximize};
  return of_either_type([&](auto type) {
    using T = decltype(type);
    std::vector<RmspropParameter<T>> all(lists.count());
    if (!lists.template read<T>(
            [&](int64_t i, int64_t size, T** p) { all[i] = {p[0], p[1], p[2], p[3], p[4], size}; }))
      return false;
    Unlocked unlocked(total_size(all) * 4);
    FACULA_BEST(rmsprop_step<T>)(all, options);
    return true;
  });
}

nb::object adagrad_lists(nb::handle values, nb::handle gradients, nb::handle sums, nb::handle rates, double epsilon,
                         double weight_decay, bool maximize) {
  const Lists<3> lists(values, gradients, sums);
  const std::vector<double> lr = numbers_of(rates);
  const AdagradOptions options{epsilon, weight_decay, maximize};
  if (static_cast<int64_t>(lr.size()) != lists.count()) return declined();
  return of_either_type([&](auto type) {
    using T = decltype(type);
    std::vector<AdagradParameter<T>> all(lists.count());
    if (!lists.template read<T>([&](int64_t i, int64_t size, T** p) { all[i] = {p[0], p[1], p[2], lr[i], size}; }))
      return false;
    Unlocked unlocked(total_size(all) * 4);
    FACULA_BEST(adagrad_step<T>)(all, options);
    return true;
  });
}

}  // namespace

void bind_optim(nb::module_& m) {
  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  m.def("sgd_step", &sgd_lists, nb::arg(), nb::arg(), any, nb::arg(), nb::arg(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg());
  m.def("adam_step", &adam_lists, nb::arg(), nb::arg(), nb::arg(), nb::arg(), any, nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg());
  m.def("rmsprop_step", &rmsprop_lists, nb::arg(), nb::arg(), nb::arg(), any, any, nb::arg(), nb::arg(), nb::arg(),
        nb::arg(), nb::arg(), nb::arg());
  m.def("adagrad_step", &adagrad_lists, nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg(), nb::arg());
}

}  // namespace facula
