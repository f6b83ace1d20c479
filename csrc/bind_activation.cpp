// Functions of one array as Python functions, made by name.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "activation.h"
#include "arithmetic.h"

#include <cstring>

namespace facula {
namespace {

constexpr int kMost = 3;  // numbers besides the array

// The numbers among a call's arguments; false if one is something else.
bool as_numbers(const nb::handle* arguments, int count, float* numbers) {
  for (int i = 0; i < count; ++i) {
    double number;
    if (!as_number(arguments[i], number)) return false;
    numbers[i] = static_cast<float>(number);
  }
  return true;
}

nb::object checked(PyObject* array) {
  if (!array) throw nb::python_error();
  return nb::steal(array);
}

// Whether the elements fill their memory without gaps, in whatever order of the dimensions; `like` is a new array that
// NumPy gave the same order.
bool same_strides(PyArrayObject* x, PyArrayObject* like) {
  for (int i = 0; i < PyArray_NDIM(x); ++i)
    if (PyArray_DIM(x, i) > 1 && PyArray_STRIDE(x, i) != PyArray_STRIDE(like, i)) return false;
  return true;
}

// `x` itself, or a copy of it, with the elements where `like` has them.
nb::object in_order_of(PyArrayObject* x, PyArrayObject* like) {
  if (same_strides(x, like)) return nb::borrow(reinterpret_cast<PyObject*>(x));
  nb::object copy = checked(PyArray_NewLikeArray(like, NPY_KEEPORDER, nullptr, 0));
  if (PyArray_CopyInto(as_array(copy), x) < 0) throw nb::python_error();
  return copy;
}

// A result for `x` with its order of dimensions.
nb::object result_for(PyArrayObject* x) {
  return PyArray_IS_C_CONTIGUOUS(x) ? new_like<float>(x) : checked(PyArray_NewLikeArray(x, NPY_KEEPORDER, nullptr, 0));
}

nb::object activation_of(Activation function, nb::handle input, const float* numbers) {
  PyArrayObject* x = any_array<float>(input);
  if (!x) return declined();
  nb::object result = result_for(x);
  nb::object source = in_order_of(x, as_array(result));
  const float* from = data<float>(as_array(source));
  float* out = data<float>(as_array(result));
  Unlocked unlocked(10 * PyArray_SIZE(x));
  FACULA_BEST(activation)(function, from, PyArray_SIZE(x), numbers, out);
  return result;
}

nb::object gradient_of(ActivationGradient function, nb::handle gradient, nb::handle kept, const float* numbers) {
  PyArrayObject *g = any_array<float>(gradient), *x = any_array<float>(kept);
  if (!g || !x || !same_shape(g, x)) {
    if (function == ActivationGradient::tanh_grad) return tanh_grad(gradient, kept);  // small ones of float64
    return function == ActivationGradient::sigmoid_grad ? sigmoid_grad(gradient, kept) : declined();
  }
  nb::object result = result_for(x);
  nb::object source = in_order_of(x, as_array(result)), slope = in_order_of(g, as_array(result));
  const float *from = data<float>(as_array(source)), *with = data<float>(as_array(slope));
  float* out = data<float>(as_array(result));
  Unlocked unlocked(10 * PyArray_SIZE(x));
  FACULA_BEST(activation_grad)(function, with, from, PyArray_SIZE(x), numbers, out);
  return result;
}

// `call(arrays..., numbers)` as a Python function of the arrays and of `parameters` numbers.
template <typename Call>
nb::object one_array(int parameters, Call call) {
  switch (parameters) {
    case 0: return nb::cpp_function([call](nb::handle x) { return call(x, nullptr); }, nb::arg().none());
    case 1:
      return nb::cpp_function([call](nb::handle x, nb::handle a) {
        float numbers[1];
        return as_numbers(&a, 1, numbers) ? call(x, numbers) : declined();
      }, nb::arg().none(), nb::arg().none());
    case 2:
      return nb::cpp_function([call](nb::handle x, nb::handle a, nb::handle b) {
        const nb::handle all[] = {a, b};
        float numbers[2];
        return as_numbers(all, 2, numbers) ? call(x, numbers) : declined();
      }, nb::arg().none(), nb::arg().none(), nb::arg().none());
    default:
      return nb::cpp_function([call](nb::handle x, nb::handle a, nb::handle b, nb::handle c) {
        const nb::handle all[] = {a, b, c};
        float numbers[kMost];
        return as_numbers(all, kMost, numbers) ? call(x, numbers) : declined();
      }, nb::arg().none(), nb::arg().none(), nb::arg().none(), nb::arg().none());
  }
}

// The same for two arrays.
template <typename Call>
nb::object two_arrays(int parameters, Call call) {
  switch (parameters) {
    case 0:
      return nb::cpp_function([call](nb::handle g, nb::handle x) { return call(g, x, nullptr); }, nb::arg().none(),
                              nb::arg().none());
    case 1:
      return nb::cpp_function([call](nb::handle g, nb::handle x, nb::handle a) {
        float numbers[1];
        return as_numbers(&a, 1, numbers) ? call(g, x, numbers) : declined();
      }, nb::arg().none(), nb::arg().none(), nb::arg().none());
    case 2:
      return nb::cpp_function([call](nb::handle g, nb::handle x, nb::handle a, nb::handle b) {
        const nb::handle all[] = {a, b};
        float numbers[2];
        return as_numbers(all, 2, numbers) ? call(g, x, numbers) : declined();
      }, nb::arg().none(), nb::arg().none(), nb::arg().none(), nb::arg().none());
    default:
      return nb::cpp_function([call](nb::handle g, nb::handle x, nb::handle a, nb::handle b, nb::handle c) {
        const nb::handle all[] = {a, b, c};
        float numbers[kMost];
        return as_numbers(all, kMost, numbers) ? call(g, x, numbers) : declined();
      }, nb::arg().none(), nb::arg().none(), nb::arg().none(), nb::arg().none(), nb::arg().none());
  }
}

struct Entry {
  const char* name;
  int kind, parameters;
};

template <size_t size>
const Entry& named(const Entry (&entries)[size], const char* name) {
  for (const Entry& entry : entries)
    if (!std::strcmp(entry.name, name)) return entry;
  throw nb::key_error(name);
}

// The kernel of the named function. Where the array is no float32 one, the loop of `ufunc`, a NumPy function, is run if it
// is given: without NumPy's dispatch it is quick for small float64 arrays.
nb::object activation_named(const char* name, nb::handle ufunc) {
#define FACULA_ENTRY(function, parameters) {#function, static_cast<int>(Activation::function), parameters},
  static const Entry entries[] = {FACULA_ACTIVATIONS(FACULA_ENTRY)};
#undef FACULA_ENTRY
  const Entry& entry = named(entries, name);
  const auto kind = static_cast<Activation>(entry.kind);
  if (ufunc.is_none())
    return one_array(entry.parameters, [kind](nb::handle x, const float* p) { return activation_of(kind, x, p); });
  return nb::cpp_function(
      [kind, loops = loops_of(ufunc)](nb::handle x) {
        return any_array<float>(x) ? activation_of(kind, x, nullptr) : run_loop(loops, x);
      },
      nb::arg().none());
}

nb::object activation_grad_named(const char* name) {
#define FACULA_ENTRY(function, parameters) {#function, static_cast<int>(ActivationGradient::function), parameters},
  static const Entry entries[] = {FACULA_ACTIVATION_GRADIENTS(FACULA_ENTRY)};
#undef FACULA_ENTRY
  const Entry& entry = named(entries, name);
  const auto kind = static_cast<ActivationGradient>(entry.kind);
  return two_arrays(entry.parameters,
                    [kind](nb::handle g, nb::handle x, const float* p) { return gradient_of(kind, g, x, p); });
}

}  // namespace

void bind_activation(nb::module_& m) {
  const auto any = nb::arg().none();
  m.def("activation", &activation_named, nb::arg(), any);
  m.def("activation_grad", &activation_grad_named, nb::arg());
}

}  // namespace facula
