// The objects that every op call makes, as C structures: a tensor, a node of the backward graph, and what is known of an
// op and of one of its plans. facula/_core.py has the same types in Python, for where there is no extension; the classes
// Tensor, Node, Op and Plan derive from one or the other and cannot tell the difference.
#pragma once
#include "arrays.h"

#include <vector>

namespace facula {

using nb::object;

inline object check(PyObject* owned) {
  if (!owned) throw nb::python_error();
  return nb::steal(owned);
}
inline void check(int status) {
  if (status < 0) throw nb::python_error();
}

// ---- the types -------------------------------------------------------------------------------------------------------

// In both, a null field is None (for `saved` and `versions`: nothing kept). Fields that hold objects stand together,
// from the first to `dict`.
struct TensorObject {
  PyObject_HEAD
  PyObject *array, *counter, *grad, *grad_fn, *base, *view, *hooks, *post_hooks, *dict;
  PyObject* weak;
  long long view_version;
  int nr;
  char requires_grad;
};

struct NodeObject {
  PyObject_HEAD
  PyObject *op, *edges, *slots, *plan, *saved, *versions, *meta, *hooks, *pre_hooks, *tensor_hooks, *retained, *metadata,
      *dict;
  PyObject* weak;
  long long seq;
  int further_outputs;  // n_outputs - 1, so that zero is the usual
  char hooked;
};

// What is known of an op, read from the Python object at its first call.
struct OpFacts {
  int arity, n_arrays;
  bool sequence, plain, view, differentiable;  // plain: the way through here can take it
  enum Promote { kLeave, kCommon, kFloat } promote;
  object kernels, forward, plans, defaults;
};

struct PlanFacts {
  enum Kind { kArgument, kOut, kShape, kDtype };
  struct Rule {
    int input;            // -1: the rule gives the gradients of all inputs
    object function;
    bool all;             // wants all that is kept, in order
    std::vector<int> at;  // else these
  };
  object node_type;  // None: depends on the arguments
  bool keeps_arrays;
  std::vector<int> live;
  std::vector<std::pair<Kind, int>> fetch;
  std::vector<Rule> rules;
};

template <typename Facts>
struct Known {
  PyObject_HEAD
  Facts* facts;  // null until asked for
};

extern PyTypeObject tensor_type, node_type, op_type, plan_type;

inline bool is_tensor(PyObject* x) { return PyObject_TypeCheck(x, &tensor_type); }
inline bool is_node(PyObject* x) { return PyObject_TypeCheck(x, &node_type); }
inline TensorObject* as_tensor(PyObject* x) { return reinterpret_cast<TensorObject*>(x); }
inline NodeObject* as_node(PyObject* x) { return reinterpret_cast<NodeObject*>(x); }
inline bool present(PyObject* field) { return field && field != Py_None; }

inline void assign(PyObject*& field, object value) {
  PyObject* before = field;
  field = value.release().ptr();
  Py_XDECREF(before);
}

const OpFacts& op_facts(PyObject* op);
const PlanFacts& plan_facts(PyObject* plan);

// The tensor's version counter, a list of one number; made when it is first asked for.
PyObject* counter_of(TensorObject* tensor);
int64_t version_of(PyObject* counter);

// ---- what Python hands over, and helpers -----------------------------------------------------------------------------

// The functions that do in Python what is out of the ordinary; see the `set_up` of op.py and engine.py.
struct Handed {
  PyTypeObject* tensor;
  PyObject *apply, *define, *record, *mark_views, *refresh, *node_type;  // of facula.autograd.op
  PyObject *before, *after, *accumulate, *leaf_hooks, *unbroadcast, *cast;  // of facula.autograd.engine
  PyObject *observers, *grad_mode;
  PyObject *numpy_mode, *quiet;  // numpy_mode null: this NumPy has no such variable
  bool enabled;                  // false: everything goes to Python, for tests
};
extern Handed py;

template <typename... Arguments>
object call(PyObject* function, Arguments... arguments) {
  PyObject* list[] = {nb::handle(arguments).ptr()...};
  return check(PyObject_Vectorcall(function, list, sizeof...(arguments), nullptr));
}

inline object as_ndarray(object value) {
  if (PyArray_Check(value.ptr())) return value;
  if (PyArray_IsScalar(value.ptr(), Generic)) return check(PyArray_FromScalar(value.ptr(), nullptr));
  return check(PyArray_FromAny(value.ptr(), nullptr, 0, 0, 0, nullptr));
}

inline bool can_have_gradient(PyArrayObject* a) {
  const char kind = PyArray_DESCR(a)->kind;
  return kind == 'f' || kind == 'c' || kind == 'V';
}

// A new Tensor around an array, without copying.
object wrap(object array);

template <typename F>
PyObject* guarded(F&& f) {
  try {
    return f().release().ptr();
  } catch (nb::python_error& error) {
    error.restore();
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
  return nullptr;
}

// A context variable that has another value within this object's life.
class Switched {
 public:
  Switched(PyObject* variable, PyObject* value)
      : variable(variable), token(variable ? check(PyContextVar_Set(variable, value)) : object()) {}
  ~Switched() {
    if (!variable) return;
    nb::error_scope pending;
    if (PyContextVar_Reset(variable, token.ptr()) < 0) PyErr_WriteUnraisable(variable);
  }

 private:
  PyObject* variable;
  object token;
};

object walk(nb::handle keys, nb::handle root_gradients, bool keep);
// `tensor.backward()` of one element, without arguments but `retain_graph`; False where Python must do it.
object backward(nb::handle root, bool keep);
void bind_types(nb::module_& m);
void bind_core(nb::module_& m);

}  // namespace facula
