// facula.autograd.op.apply and facula.autograd.engine walk the same road in Python; these functions are that road for
// the ordinary case, at a fraction of the price, and turn to the Python functions for everything else: keyword
// arguments, out=, sequences, promotion, observers, hooks, custom functions, a graph of the gradient. Objects stay
// Python objects with the attributes that the Python code gives them, so both can be mixed freely.
#define NO_IMPORT_ARRAY
#include "dispatch.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "arrays.h"

namespace facula {
namespace {

using nb::object;

// ---- what Python hands over ------------------------------------------------------------------------------------------

struct {
  PyTypeObject* tensor;
  PyObject *apply, *define, *record, *mark_views, *refresh;        // of facula.autograd.op
  PyObject *before, *after, *accumulate, *leaf_hooks, *unbroadcast, *cast;  // of facula.autograd.engine
  PyObject *node_gradients, *node_release;                         // Node's own methods: not overridden
  PyObject *observers, *sequence, *grad_mode;
  PyObject *numpy_mode, *quiet;  // numpy_mode null: this NumPy has no such variable
} py;

#define FACULA_NAMES(X)                                                                                       \
  X(_array) X(_vc) X(_requires_grad) X(_grad) X(_grad_fn) X(_nr) X(_base) X(_hooks) X(_post_accumulate_hooks) \
  X(op) X(edges) X(slots) X(plan) X(saved) X(versions) X(seq) X(meta) X(n_outputs) X(hooked) X(hooks)         \
  X(arity) X(n_arrays) X(sequence) X(view) X(differentiable) X(promote) X(kernels) X(forward) X(plans)        \
  X(keeps_arrays) X(live) X(fetch) X(node_type) X(rules) X(dtype) X(shape) X(gradients) X(release)
struct {
#define FACULA_DECLARE(name) PyObject* name;
  FACULA_NAMES(FACULA_DECLARE)
#undef FACULA_DECLARE
} names;

PyObject *empty_tuple, *zero;

object check(PyObject* owned) {
  if (!owned) throw nb::python_error();
  return nb::steal(owned);
}
void check(int status) {
  if (status < 0) throw nb::python_error();
}

object get(nb::handle from, PyObject* name) { return check(PyObject_GetAttr(from.ptr(), name)); }
void set(nb::handle on, PyObject* name, nb::handle value) { check(PyObject_SetAttr(on.ptr(), name, value.ptr())); }
bool truth(nb::handle value) {
  if (value.ptr() == Py_True) return true;
  if (value.ptr() == Py_False || value.ptr() == Py_None) return false;
  int answer = PyObject_IsTrue(value.ptr());
  check(answer);
  return answer;
}
bool flag(nb::handle from, PyObject* name) { return truth(get(from, name)); }
int64_t integer(nb::handle value) {
  int64_t result = PyLong_AsLongLong(value.ptr());
  if (result == -1 && PyErr_Occurred()) throw nb::python_error();
  return result;
}

template <typename... Arguments>
object call(PyObject* function, Arguments... arguments) {
  PyObject* list[] = {nb::handle(arguments).ptr()...};
  return check(PyObject_Vectorcall(function, list, sizeof...(arguments), nullptr));
}

bool is_tensor(nb::handle x) { return PyObject_TypeCheck(x.ptr(), py.tensor); }

// An object of a plain Python class, as cls.__new__(cls) gives it.
object bare(PyTypeObject* type) { return check(PyBaseObject_Type.tp_new(type, empty_tuple, nullptr)); }

object as_ndarray(object value) {
  if (PyArray_Check(value.ptr())) return value;
  return check(PyArray_FromAny(value.ptr(), nullptr, 0, 0, 0, nullptr));
}

object wrap(object array) {
  object tensor = bare(py.tensor), version = check(PyList_New(1));
  PyList_SET_ITEM(version.ptr(), 0, Py_NewRef(zero));
  set(tensor, names._array, as_ndarray(std::move(array)));
  set(tensor, names._vc, version);
  return tensor;
}

// Within this object's life NumPy keeps silent about overflow and the like.
class Quiet {
 public:
  Quiet() : token(check(PyContextVar_Set(py.numpy_mode, py.quiet))) {}
  ~Quiet() {
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    if (PyContextVar_Reset(py.numpy_mode, token.ptr()) < 0) PyErr_WriteUnraisable(py.numpy_mode);
    PyErr_Restore(type, value, trace);
  }

 private:
  object token;
};

// ---- calling an op ---------------------------------------------------------------------------------------------------

enum Promote { kLeave, kCommon, kFloat };
constexpr int kMost = 8;  // arguments of an op on this road

struct Op {
  int arity, n_arrays;
  bool plain, view, differentiable;  // plain: this road can take it
  Promote promote;
  PyObject *kernels, *forward, *plans;
};

// What is known of an op, read once: these attributes do not change, and the dictionaries among them are shared.
const Op& facts(PyObject* this_op) {
  static auto& known = *new std::unordered_map<PyObject*, Op>;
  auto found = known.find(this_op);
  if (found != known.end()) return found->second;
  Op op;
  op.arity = static_cast<int>(integer(get(this_op, names.arity)));
  op.n_arrays = static_cast<int>(integer(get(this_op, names.n_arrays)));
  op.view = flag(this_op, names.view);
  op.differentiable = flag(this_op, names.differentiable);
  object promote = get(this_op, names.promote);
  op.promote = promote.is_none()                                               ? kLeave
               : PyUnicode_CompareWithASCIIString(promote.ptr(), "common") == 0 ? kCommon
                                                                               : kFloat;
  op.kernels = get(this_op, names.kernels).release().ptr();
  op.forward = get(this_op, names.forward).release().ptr();
  op.plans = get(this_op, names.plans).release().ptr();
  op.plain = !flag(this_op, names.sequence) && op.arity <= kMost && op.n_arrays > 0 && op.n_arrays <= op.arity &&
             PyDict_CheckExact(op.kernels) && PyDict_CheckExact(op.plans);
  return known.emplace(Py_NewRef(this_op), op).first->second;
}

bool is_float(PyArrayObject* a) { return std::strchr("fcV", PyArray_DESCR(a)->kind); }

// Whether the arrays are already in the dtype to compute in, seen at a glance.
bool needs_no_promotion(const Op& op, PyObject* const* raw) {
  if (op.promote == kLeave) return true;
  auto* a = PyArray_CheckExact(raw[0]) ? reinterpret_cast<PyArrayObject*>(raw[0]) : nullptr;
  if (op.n_arrays == 1) return a && is_float(a);
  if (op.n_arrays != 2) return false;
  auto* b = PyArray_CheckExact(raw[1]) ? reinterpret_cast<PyArrayObject*>(raw[1]) : nullptr;
  if (a && b) return PyArray_DESCR(a) == PyArray_DESCR(b) && (op.promote == kCommon || is_float(a));
  PyArrayObject* array = a ? a : b;
  PyObject* number = a ? raw[1] : raw[0];
  if (!array || (PyArray_TYPE(array) != NPY_FLOAT && PyArray_TYPE(array) != NPY_DOUBLE)) return false;
  return PyFloat_CheckExact(number) || PyLong_CheckExact(number);
}

// A Plan, read once.
struct Plan {
  PyObject* node_type;  // null: depends on the arguments
  bool keeps_arrays;
  std::vector<int> live;
  enum Kind { kArgument, kOut, kShape, kDtype };
  std::vector<std::pair<Kind, int>> fetch;
};

const Plan& plan_facts(PyObject* plan) {
  static auto& known = *new std::unordered_map<PyObject*, Plan>;
  auto found = known.find(plan);
  if (found != known.end()) return found->second;
  Plan facts;
  object type = get(plan, names.node_type);
  facts.node_type = type.is_none() ? nullptr : type.release().ptr();
  facts.keeps_arrays = flag(plan, names.keeps_arrays);
  for (nb::handle i : get(plan, names.live)) facts.live.push_back(static_cast<int>(integer(i)));
  for (nb::handle item : get(plan, names.fetch)) {
    const char* kind = PyUnicode_AsUTF8(PyTuple_GetItem(item.ptr(), 0));
    if (!kind) throw nb::python_error();
    const std::string_view name = kind;
    facts.fetch.emplace_back(name == "arg"     ? Plan::kArgument
                             : name == "out"   ? Plan::kOut
                             : name == "shape" ? Plan::kShape
                                               : Plan::kDtype,
                             static_cast<int>(integer(PyTuple_GetItem(item.ptr(), 1))));
  }
  return known.emplace(Py_NewRef(plan), std::move(facts)).first->second;
}

// (tensor._vc, tensor._vc[0]) at the end of `versions`
void keep_version(nb::handle versions, nb::handle tensor) {
  object counter = get(tensor, names._vc);
  object pair = check(PyTuple_Pack(2, counter.ptr(), PyList_GetItem(counter.ptr(), 0)));
  check(PyList_Append(versions.ptr(), pair.ptr()));
}

void keep(nb::handle node, const Plan& plan, PyObject* args, const object* raw, nb::handle out) {
  object saved = check(PyList_New(0)), versions = check(PyList_New(0));
  for (auto [kind, i] : plan.fetch) {
    object value;
    if (kind == Plan::kArgument) {
      value = nb::borrow(PyTuple_GET_ITEM(args, i));
      if (is_tensor(value)) {
        // In the dtype that the op computed with.
        if (!raw[i].is(get(value, names._array)) && !flag(value, names._requires_grad)) value = wrap(raw[i]);
        keep_version(versions, value);
      }
    } else if (kind == Plan::kOut) {
      value = get(out, names._array);
      keep_version(versions, out);
    } else if (kind == Plan::kShape) {
      value = PyArray_Check(raw[i].ptr()) ? get(raw[i], names.shape) : nb::borrow(empty_tuple);
    } else {
      value = get(PyTuple_GET_ITEM(args, i), names.dtype);
    }
    check(PyList_Append(saved.ptr(), value.ptr()));
  }
  set(node, names.saved, saved);
  set(node, names.versions, versions);
}

// Attach a node to the result; false where Python must do it.
bool record(PyObject* this_op, const Op& op, PyObject* args, const object* raw, nb::handle out, int mask) {
  object key = check(PyLong_FromLong(mask));
  PyObject* plan_object = PyDict_GetItemWithError(op.plans, key.ptr());
  if (!plan_object) return PyErr_Occurred() ? throw nb::python_error() : false;
  const Plan& plan = plan_facts(plan_object);
  object array = get(out, names._array);
  auto* result = reinterpret_cast<PyArrayObject*>(array.ptr());
  if (!is_float(result)) return true;
  object edges = check(PyList_New(op.n_arrays));
  for (int i = 0; i < op.n_arrays; ++i) PyList_SET_ITEM(edges.ptr(), i, Py_NewRef(Py_None));
  for (int i : plan.live) {
    nb::handle x = PyTuple_GET_ITEM(args, i);
    object edge = get(x, names._grad_fn);
    if (edge.is_none())
      edge = nb::borrow(x);
    else if (!get(x, names._base).is_none())
      edge = call(py.refresh, x);
    if (integer(get(x, names._nr)) != 0) return false;
    check(PyList_SetItem(edges.ptr(), i, edge.release().ptr()));
  }
  object type = plan.node_type ? nb::borrow(plan.node_type)
                               : check(PyObject_CallMethodOneArg(this_op, names.node_type, args));
  object node = bare(reinterpret_cast<PyTypeObject*>(type.ptr()));
  set(node, names.op, this_op);
  set(node, names.edges, edges);
  set(node, names.plan, plan_object);
  set(node, names.seq, check(PyObject_CallNoArgs(py.sequence)));
  if (!plan.fetch.empty()) keep(node, plan, args, raw, out);
  object shape = get(array, names.shape);
  set(node, names.meta, check(PyTuple_Pack(2, shape.ptr(), PyArray_DESCR(result))));
  set(out, names._requires_grad, Py_True);
  set(out, names._grad_fn, node);
  return true;
}

// Also a view whose base has got a history since.
bool needs_gradient(nb::handle tensor) {
  if (flag(tensor, names._requires_grad)) return true;
  object base = get(tensor, names._base);
  return !base.is_none() && flag(base, names._requires_grad) && !call(py.refresh, tensor).is_none();
}

object as_list(const object* items, int count) {
  object list = check(PyList_New(count));
  for (int i = 0; i < count; ++i) PyList_SET_ITEM(list.ptr(), i, Py_NewRef(items[i].ptr()));
  return list;
}

// apply(op, args, kwargs=None)
object apply(PyObject* const* given, Py_ssize_t count) {
  PyObject *this_op = given[0], *args = given[1];
  const Op& op = facts(this_op);
  const bool named = count > 2 && given[2] != Py_None && PyDict_Size(given[2]) != 0;
  if (named || !op.plain || !PyTuple_CheckExact(args) || PyTuple_GET_SIZE(args) != op.arity ||
      PyList_GET_SIZE(py.observers) != 0)
    return check(PyObject_Vectorcall(py.apply, given, count, nullptr));

  object held[kMost];
  PyObject* raw[kMost];
  int mask = 0;
  bool tensors = false;
  for (int i = 0; i < op.arity; ++i) {
    nb::handle x = PyTuple_GET_ITEM(args, i);
    if (i < op.n_arrays && is_tensor(x)) {
      tensors = true;
      held[i] = get(x, names._array);
      if (needs_gradient(x)) mask |= 1 << i;
    } else {
      held[i] = nb::borrow(x);
    }
    raw[i] = held[i].ptr();
  }

  object result;
  if (PyDict_GET_SIZE(op.kernels) != 0) {
    PyObject* kernel = PyDict_GetItemWithError(op.kernels, reinterpret_cast<PyObject*>(Py_TYPE(raw[0])));
    if (kernel) {
      result = check(PyObject_Vectorcall(kernel, raw, op.arity, nullptr));
      if (result.ptr() == Py_NotImplemented) result = object();
    } else if (PyErr_Occurred()) {
      throw nb::python_error();
    }
  }
  if (!tensors) return result.is_valid() ? result : check(PyObject_Vectorcall(op.forward, raw, op.arity, nullptr));
  if (!result.is_valid() && py.numpy_mode && needs_no_promotion(op, raw)) {
    Quiet quiet;
    PyObject* made = PyObject_Vectorcall(op.forward, raw, op.arity, nullptr);
    if (!made && !PyErr_ExceptionMatches(PyExc_ValueError)) throw nb::python_error();
    if (!made) PyErr_Clear();  // shapes that do not fit: `define` has a clearer error
    result = nb::steal(made);
  }
  if (!result.is_valid()) {
    object list = as_list(held, op.arity);
    result = call(py.define, this_op, list);
    for (int i = 0; i < op.arity; ++i) held[i] = nb::borrow(PyList_GetItem(list.ptr(), i));
  }

  object out;
  const bool several = PyTuple_CheckExact(result.ptr());
  if (several) {
    const Py_ssize_t size = PyTuple_GET_SIZE(result.ptr());
    out = check(PyTuple_New(size));
    for (Py_ssize_t i = 0; i < size; ++i)
      PyTuple_SET_ITEM(out.ptr(), i, wrap(nb::borrow(PyTuple_GET_ITEM(result.ptr(), i))).release().ptr());
  } else {
    out = wrap(std::move(result));
  }
  if (op.view) call(py.mark_views, this_op, args, out);
  if (mask && op.differentiable) {
    PyObject* mode;
    check(PyContextVar_Get(py.grad_mode, nullptr, &mode));
    if (truth(nb::steal(mode)) && (several || !record(this_op, op, args, held, out, mask)))
      call(py.record, this_op, args, as_list(held, op.arity), out, check(PyLong_FromLong(mask)));
  }
  return out;
}

// ---- the backward pass -----------------------------------------------------------------------------------------------

// A node or a leaf tensor in one backward pass.
struct Stop {
  nb::handle target;   // kept alive by the roots and by the edges of the nodes that lead here
  object edges;        // of a node
  object gradient;     // so far; for a node with several outputs, a list of them
  int64_t order = 0;   // of a node: its sequence number
  int64_t waiting = 0; // of a leaf: edges that have not brought their part yet
  int64_t outputs = 1;
  bool leaf = false;
};

class Walk {
 public:
  Walk(nb::handle keys, nb::handle root_gradients, bool keep) : keep(keep) {
    collect(keys);
    const Py_ssize_t count = PyList_Size(keys.ptr());
    for (Py_ssize_t i = 0; i < count; ++i) {
      nb::handle key = PyList_GetItem(keys.ptr(), i);
      const bool node = PyTuple_CheckExact(key.ptr());
      Stop& stop = find(node ? PyTuple_GetItem(key.ptr(), 0) : key.ptr());
      object g = nb::borrow(PyList_GetItem(root_gradients.ptr(), i));
      check(PyList_SetItem(root_gradients.ptr(), i, Py_NewRef(Py_None)));  // so that a leaf can take the array over
      add(stop, node ? integer(PyTuple_GetItem(key.ptr(), 1)) : 0, std::move(g));
      if (!node) arrived(stop);
    }
  }

  void run() {
    std::sort(nodes.begin(), nodes.end(), [](Stop* a, Stop* b) { return a->order > b->order; });
    for (Stop* stop : nodes) visit(*stop);
  }

 private:
  Stop& find(PyObject* target) { return stops.at(target); }

  void enter(nb::handle target, std::vector<Stop*>& stack) {
    auto [place, fresh] = stops.try_emplace(target.ptr());
    Stop& stop = place->second;
    if (fresh) {
      stop.target = target;
      stop.leaf = is_tensor(target);
      if (!stop.leaf) stack.push_back(&stop);
    }
    if (stop.leaf) ++stop.waiting;
  }

  void collect(nb::handle keys) {
    std::vector<Stop*> stack;
    for (nb::handle key : nb::borrow<nb::list>(keys))
      enter(PyTuple_CheckExact(key.ptr()) ? PyTuple_GetItem(key.ptr(), 0) : key.ptr(), stack);
    while (!stack.empty()) {
      Stop* stop = stack.back();
      stack.pop_back();
      nodes.push_back(stop);
      stop->edges = check(PySequence_Fast(get(stop->target, names.edges).ptr(), "edges"));
      stop->order = integer(get(stop->target, names.seq));
      stop->outputs = integer(get(stop->target, names.n_outputs));
      const Py_ssize_t count = PySequence_Fast_GET_SIZE(stop->edges.ptr());
      for (Py_ssize_t i = 0; i < count; ++i) {
        PyObject* edge = PySequence_Fast_GET_ITEM(stop->edges.ptr(), i);
        if (edge != Py_None) enter(edge, stack);
      }
    }
  }

  static void sum(object& total, object g) {
    total = total.is_valid() && !total.is_none() ? check(PyNumber_Add(total.ptr(), g.ptr())) : std::move(g);
  }

  // Add to what an output of a node, or a leaf, has received.
  void add(Stop& stop, int64_t output, object g) {
    if (stop.outputs == 1) return sum(stop.gradient, std::move(g));
    if (!stop.gradient.is_valid()) {
      stop.gradient = check(PyList_New(stop.outputs));
      for (int64_t i = 0; i < stop.outputs; ++i) PyList_SET_ITEM(stop.gradient.ptr(), i, Py_NewRef(Py_None));
    }
    object part = nb::borrow(PyList_GetItem(stop.gradient.ptr(), output));
    sum(part, std::move(g));
    check(PyList_SetItem(stop.gradient.ptr(), output, part.release().ptr()));
  }

  // One edge to a leaf is done; with the last one its gradient is complete.
  void arrived(Stop& stop) {
    if (--stop.waiting != 0 || !stop.gradient.is_valid()) return;
    object g = std::move(stop.gradient);
    nb::handle leaf = stop.target;
    object hooks = get(leaf, names._hooks);
    if (truth(hooks)) g = call(py.leaf_hooks, hooks, g, Py_False);
    if (!flag(leaf, names._requires_grad)) return;  // it may have been switched off since
    // Take the array over if nobody else can see it and it lies in memory as the leaf does; else accumulate copies.
    const bool ours = PyArray_CheckExact(g.ptr()) && Py_REFCNT(g.ptr()) == 1 &&
                      !PyArray_BASE(reinterpret_cast<PyArrayObject*>(g.ptr())) &&
                      PyArray_ISCARRAY(reinterpret_cast<PyArrayObject*>(g.ptr()));
    if (ours && get(leaf, names._grad).is_none() && !truth(get(leaf, names._post_accumulate_hooks)))
      set(leaf, names._grad, wrap(std::move(g)));
    else
      call(py.accumulate, leaf, g, Py_False);
  }

  // Whether a method of Node is the node's own: not overridden, as in custom functions.
  static bool ordinary(nb::handle node, PyObject* name, PyObject* method) {
    return get(reinterpret_cast<PyObject*>(Py_TYPE(node.ptr())), name).ptr() == method;
  }

  // The gradients of the inputs: a list as long as the edges.
  object gradients(nb::handle node, nb::handle g) {
    object saved = get(node, names.saved), versions = get(node, names.versions);
    object plan = get(node, names.plan), op = get(node, names.op);
    bool plain = !saved.is_none() && ordinary(node, names.gradients, py.node_gradients) &&
                 !flag(op, names.sequence);
    std::vector<object> kept;
    if (plain) {
      for (nb::handle pair : versions) {
        nb::handle counter = PyTuple_GetItem(pair.ptr(), 0), version = PyTuple_GetItem(pair.ptr(), 1);
        plain = plain && integer(PyList_GetItem(counter.ptr(), 0)) == integer(version);
      }
      for (nb::handle value : saved) kept.push_back(is_tensor(value) ? get(value, names._array) : nb::borrow(value));
    }
    if (!plain) return check(PyObject_CallMethodObjArgs(node.ptr(), names.gradients, g.ptr(), Py_None, Py_False, nullptr));
    const Py_ssize_t count = PyList_Size(get(node, names.edges).ptr());
    object grads = check(PyList_New(count));
    for (Py_ssize_t i = 0; i < count; ++i) PyList_SET_ITEM(grads.ptr(), i, Py_NewRef(Py_None));
    std::vector<PyObject*> arguments;
    for (nb::handle item : get(plan, names.rules)) {
      PyObject *rule = PyTuple_GetItem(item.ptr(), 1), *at = PyTuple_GetItem(item.ptr(), 2);
      arguments.assign(1, g.ptr());
      if (at == Py_None)
        for (object& value : kept) arguments.push_back(value.ptr());
      else
        for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(at); ++k)
          arguments.push_back(kept.at(integer(PyTuple_GET_ITEM(at, k))).ptr());
      object gi = check(PyObject_Vectorcall(rule, arguments.data(), arguments.size(), nullptr));
      check(PyList_SetItem(grads.ptr(), integer(PyTuple_GetItem(item.ptr(), 0)), gi.release().ptr()));
    }
    return grads;
  }

  // A gradient in the shape and dtype of what it belongs to.
  object fit(nb::handle node, object g, nb::handle shape, nb::handle dtype) {
    g = as_ndarray(std::move(g));
    auto* array = reinterpret_cast<PyArrayObject*>(g.ptr());
    bool same = PyTuple_GET_SIZE(shape.ptr()) == PyArray_NDIM(array);
    for (int i = 0; same && i < PyArray_NDIM(array); ++i)
      same = integer(PyTuple_GET_ITEM(shape.ptr(), i)) == PyArray_DIM(array, i);
    if (!same) {
      g = as_ndarray(call(py.unbroadcast, node, g, shape));
      array = reinterpret_cast<PyArrayObject*>(g.ptr());
    }
    auto* wanted = reinterpret_cast<PyArray_Descr*>(dtype.ptr());
    if (PyArray_DESCR(array) != wanted && !PyArray_EquivTypes(PyArray_DESCR(array), wanted))
      g = as_ndarray(call(py.cast, g, dtype));
    return g;
  }

  void visit(Stop& stop) {
    nb::handle node = stop.target;
    object g = std::move(stop.gradient);
    const Py_ssize_t count = PySequence_Fast_GET_SIZE(stop.edges.ptr());
    if (g.is_valid() && !g.is_none() && flag(node, names.hooked)) g = call(py.before, node, g, Py_False);
    if (!g.is_valid() || g.is_none()) {
      for (Py_ssize_t i = 0; i < count; ++i) {
        PyObject* edge = PySequence_Fast_GET_ITEM(stop.edges.ptr(), i);
        if (edge != Py_None && is_tensor(edge)) arrived(find(edge));
      }
      return;
    }
    object grads = gradients(node, g);
    if (truth(get(node, names.hooks))) grads = call(py.after, node, grads, g, Py_False);
    g = object();
    object slots = get(node, names.slots);
    for (Py_ssize_t i = 0; i < count; ++i) {
      PyObject* edge = PySequence_Fast_GET_ITEM(stop.edges.ptr(), i);
      if (edge == Py_None) continue;
      Stop& to = find(edge);
      object gi = check(PySequence_GetItem(grads.ptr(), i));
      if (!gi.is_none()) {
        if (PyList_CheckExact(grads.ptr())) check(PyList_SetItem(grads.ptr(), i, Py_NewRef(Py_None)));
        const int64_t output = slots.is_none() ? 0 : integer(check(PySequence_GetItem(slots.ptr(), i)));
        if (to.leaf) {
          object array = get(edge, names._array), shape = get(array, names.shape);
          gi = fit(node, std::move(gi), shape, reinterpret_cast<PyObject*>(
              PyArray_DESCR(reinterpret_cast<PyArrayObject*>(array.ptr()))));
        } else {
          object meta = get(edge, names.meta);
          if (to.outputs > 1) meta = check(PySequence_GetItem(meta.ptr(), output));
          gi = fit(node, std::move(gi), PyTuple_GetItem(meta.ptr(), 0), PyTuple_GetItem(meta.ptr(), 1));
        }
        add(to, output, std::move(gi));
      }
      if (to.leaf) arrived(to);
    }
    if (keep) return;
    object plan = get(node, names.plan);
    if (!plan.is_none() && ordinary(node, names.release, py.node_release)) {
      if (plan_facts(plan.ptr()).fetch.empty()) return;
      if (plan_facts(plan.ptr()).keeps_arrays) return set(node, names.saved, Py_None);
    }
    check(PyObject_CallMethodNoArgs(node.ptr(), names.release));
  }

  const bool keep;
  std::unordered_map<PyObject*, Stop> stops;  // its elements do not move
  std::vector<Stop*> nodes;
};

// ---- the module's functions ------------------------------------------------------------------------------------------

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

PyObject* apply_entry(PyObject*, PyObject* const* given, Py_ssize_t count) {
  if (count < 2 || count > 3) {
    PyErr_SetString(PyExc_TypeError, "apply(op, args, kwargs=None)");
    return nullptr;
  }
  return guarded([&] { return apply(given, count); });
}

PyObject* walk_entry(PyObject*, PyObject* const* given, Py_ssize_t count) {
  if (count != 3 || !PyList_CheckExact(given[0]) || !PyList_CheckExact(given[1])) {
    PyErr_SetString(PyExc_TypeError, "walk(keys, root_gradients, keep)");
    return nullptr;
  }
  return guarded([&] {
    Walk walk(given[0], given[1], truth(given[2]));
    walk.run();
    return nb::none();
  });
}

PyMethodDef entries[] = {
    {"apply", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(apply_entry)), METH_FASTCALL,
     "apply(op, args, kwargs=None): facula.autograd.op.apply."},
    {"walk", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(walk_entry)), METH_FASTCALL,
     "walk(keys, root_gradients, keep): the backward pass into the leaves."},
    {nullptr, nullptr, 0, nullptr},
};

void set_up_op(nb::dict objects) {
  auto take = [&](const char* name) { return nb::object(objects[name]).release().ptr(); };
  py.tensor = reinterpret_cast<PyTypeObject*>(take("Tensor"));
  py.apply = take("apply"), py.define = take("define"), py.record = take("record");
  py.mark_views = take("mark_views"), py.refresh = take("refresh"), py.observers = take("observers");
  py.sequence = take("sequence"), py.grad_mode = take("grad_mode");
  py.numpy_mode = take("numpy_mode"), py.quiet = take("quiet");
  if (py.numpy_mode == Py_None) py.numpy_mode = nullptr;
}

void set_up_engine(nb::dict objects) {
  auto take = [&](const char* name) { return nb::object(objects[name]).release().ptr(); };
  py.node_gradients = take("node_gradients"), py.node_release = take("node_release");
  py.before = take("before"), py.after = take("after"), py.accumulate = take("accumulate");
  py.leaf_hooks = take("leaf_hooks"), py.unbroadcast = take("unbroadcast"), py.cast = take("cast");
}

}  // namespace

void bind_dispatch(nb::module_& m) {
#define FACULA_INTERN(name) names.name = PyUnicode_InternFromString(#name);
  FACULA_NAMES(FACULA_INTERN)
#undef FACULA_INTERN
  empty_tuple = PyTuple_New(0);
  zero = PyLong_FromLong(0);
  m.def("set_up_op", &set_up_op, "Hand over what apply turns to.");
  m.def("set_up_engine", &set_up_engine, "Hand over what walk turns to.");
  check(PyModule_AddFunctions(m.ptr(), entries));
}

}  // namespace facula
