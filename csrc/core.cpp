// facula.autograd.op.apply, the way of every op call, in native code for the ordinary case, at a fraction of the price. It
// turns to the Python function of that name for everything else: keyword arguments, out=, sequences, observers.
#define NO_IMPORT_ARRAY
#include "core.h"

#include <structmember.h>

#include <cstddef>

#include "arithmetic.h"

namespace facula {

Handed py;

object wrap(object array) {
  object tensor = check(py.tensor->tp_alloc(py.tensor, 0));
  as_tensor(tensor.ptr())->array = as_ndarray(std::move(array)).release().ptr();
  return tensor;
}

namespace {

constexpr Py_ssize_t kMost = 8;  // arguments of an op on this road

long long sequence_number = 0;

// Owned references to the arguments, with the tensors' arrays in the tensors' place.
struct Raw {
  explicit Raw(Py_ssize_t count) : count(count) {}
  ~Raw() {
    for (Py_ssize_t i = 0; i < count; ++i) Py_XDECREF(items[i]);
  }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  void put(Py_ssize_t i, PyObject* owned) {
    PyObject* before = items[i];
    items[i] = owned;
    Py_XDECREF(before);
  }
  object list() const {
    object result = check(PyList_New(count));
    for (Py_ssize_t i = 0; i < count; ++i) PyList_SET_ITEM(result.ptr(), i, Py_NewRef(items[i]));
    return result;
  }
  Py_ssize_t count;
  PyObject* items[kMost] = {};
};

object as_tuple(PyObject* const* items, Py_ssize_t count) {
  object result = check(PyTuple_New(count));
  for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(result.ptr(), i, Py_NewRef(items[i]));
  return result;
}

object shape_of(PyArrayObject* array) {
  const int dimensions = PyArray_NDIM(array);
  object shape = check(PyTuple_New(dimensions));
  for (int i = 0; i < dimensions; ++i)
    PyTuple_SET_ITEM(shape.ptr(), i, check(PyLong_FromSsize_t(PyArray_DIM(array, i))).release().ptr());
  return shape;
}

PyArrayObject* exact_array(PyObject* x) {
  return PyArray_CheckExact(x) ? reinterpret_cast<PyArrayObject*>(x) : nullptr;
}

// Whether the arrays are already in the dtype to compute in, seen at a glance; as at the head of `_promote`.
bool needs_no_promotion(const OpFacts& op, PyObject* const* raw) {
  if (op.promote == OpFacts::kLeave) return true;
  PyArrayObject* a = exact_array(raw[0]);
  if (op.n_arrays == 1) return a && can_have_gradient(a);
  if (op.n_arrays != 2) return false;
  PyArrayObject* b = exact_array(raw[1]);
  if (a && b) return PyArray_DESCR(a) == PyArray_DESCR(b) && (op.promote == OpFacts::kCommon || can_have_gradient(a));
  PyArrayObject* array = a ? a : b;
  PyObject* number = a ? raw[1] : raw[0];
  if (!array || (PyArray_TYPE(array) != NPY_FLOAT && PyArray_TYPE(array) != NPY_DOUBLE)) return false;
  return PyFloat_CheckExact(number) || PyLong_CheckExact(number);
}

// What the op's kernel makes of the arguments; null if there is none or it declines.
object from_kernel(const OpFacts& op, PyObject* const* raw) {
  if (PyDict_GET_SIZE(op.kernels.ptr()) == 0) return {};
  PyObject* kernel = PyDict_GetItemWithError(op.kernels.ptr(), reinterpret_cast<PyObject*>(Py_TYPE(raw[0])));
  if (!kernel) return PyErr_Occurred() ? throw nb::python_error() : object();
  object result = check(PyObject_Vectorcall(kernel, raw, op.arity, nullptr));
  return result.ptr() == Py_NotImplemented ? object() : result;
}

// The op's definition on arrays that need no promotion; null if that is for `_define` to do.
object from_definition(const OpFacts& op, PyObject* const* raw) {
  if (!py.numpy_mode || !needs_no_promotion(op, raw)) return {};
  Switched quiet(py.numpy_mode, py.quiet);
  PyObject* made = PyObject_Vectorcall(op.forward.ptr(), raw, op.arity, nullptr);
  if (!made) {
    if (!PyErr_ExceptionMatches(PyExc_ValueError)) throw nb::python_error();
    PyErr_Clear();  // shapes that do not fit: `_define` has a clearer error
  }
  return nb::steal(made);
}

// Whether a tensor needs a gradient: also a view whose base has got a history since.
bool needs_gradient(PyObject* x) {
  TensorObject* t = as_tensor(x);
  if (t->requires_grad) return true;
  return present(t->base) && as_tensor(t->base)->requires_grad && !call(py.refresh, x).is_none();
}

// `_mark_views` for one result: whose memory it shares, and the calls that lead from the base to it.
void mark_view(PyObject* this_op, PyObject* const* args, Py_ssize_t count, PyObject* result) {
  if (!is_tensor(args[0])) return;
  TensorObject *source = as_tensor(args[0]), *view = as_tensor(result);
  PyObject* memory = PyArray_BASE(reinterpret_cast<PyArrayObject*>(view->array));
  PyObject* owner = PyArray_BASE(reinterpret_cast<PyArrayObject*>(source->array));
  if (!memory || (memory != source->array && memory != owner)) return;
  const Py_ssize_t before = present(source->view) ? PyTuple_Size(source->view) : 0;
  object step = check(PyTuple_New(3)), steps = check(PyTuple_New(before + 1));
  PyTuple_SET_ITEM(step.ptr(), 0, Py_NewRef(this_op));
  PyTuple_SET_ITEM(step.ptr(), 1, as_tuple(args + 1, count - 1).release().ptr());
  PyTuple_SET_ITEM(step.ptr(), 2, PyLong_FromLong(0));
  for (Py_ssize_t i = 0; i < before; ++i)
    PyTuple_SET_ITEM(steps.ptr(), i, Py_NewRef(PyTuple_GET_ITEM(source->view, i)));
  PyTuple_SET_ITEM(steps.ptr(), before, step.release().ptr());
  PyObject* counter = counter_of(source);
  view->counter = Py_NewRef(counter);
  view->base = Py_NewRef(present(source->base) ? source->base : args[0]);
  view->view = steps.release().ptr();
  view->view_version = version_of(counter);
  // Also where nothing is recorded: it is then a leaf of its own.
  view->requires_grad = source->requires_grad && can_have_gradient(reinterpret_cast<PyArrayObject*>(view->array));
}

// (tensor._vc, tensor._vc[0]) at the end of `versions`
void keep_version(const object& versions, PyObject* tensor) {
  PyObject* counter = counter_of(as_tensor(tensor));
  object pair = check(PyTuple_Pack(2, counter, PyList_GET_ITEM(counter, 0)));
  check(PyList_Append(versions.ptr(), pair.ptr()));
}

// `_keep`: save what the node's rules ask for.
void keep(NodeObject* node, const OpFacts& op, const PlanFacts& plan, PyObject* const* args, const Raw& raw,
          PyObject* out) {
  const Py_ssize_t count = static_cast<Py_ssize_t>(plan.fetch.size());
  object saved = check(PyList_New(count)), versions = check(PyList_New(0));
  for (Py_ssize_t k = 0; k < count; ++k) {
    const auto [kind, i] = plan.fetch[k];
    object value;
    if (kind == PlanFacts::kArgument) {
      value = nb::borrow(args[i]);
      if (i < op.n_arrays && is_tensor(args[i])) {
        // In the dtype that the op computed with.
        if (raw.items[i] != as_tensor(args[i])->array && !as_tensor(args[i])->requires_grad)
          value = wrap(nb::borrow(raw.items[i]));
        keep_version(versions, value.ptr());
      }
    } else if (kind == PlanFacts::kOut) {
      value = nb::borrow(as_tensor(out)->array);
      keep_version(versions, out);
    } else if (kind == PlanFacts::kShape) {
      value = PyArray_Check(raw.items[i]) ? shape_of(reinterpret_cast<PyArrayObject*>(raw.items[i]))
                                          : check(PyTuple_New(0));
    } else {
      value = check(PyObject_GetAttrString(args[i], "dtype"));
    }
    PyList_SET_ITEM(saved.ptr(), k, value.release().ptr());
  }
  node->saved = saved.release().ptr();
  if (PyList_GET_SIZE(versions.ptr())) node->versions = versions.release().ptr();
}

// `_record`: attach a node to the result; false where Python must do it.
bool record(PyObject* this_op, const OpFacts& op, PyObject* const* args, const Raw& raw, PyObject* out, int mask) {
  object key = check(PyLong_FromLong(mask));
  object plan_object = nb::borrow(PyDict_GetItemWithError(op.plans.ptr(), key.ptr()));
  if (!plan_object.is_valid()) return PyErr_Occurred() ? throw nb::python_error() : false;
  const PlanFacts& plan = plan_facts(plan_object.ptr());
  TensorObject* result = as_tensor(out);
  auto* array = reinterpret_cast<PyArrayObject*>(result->array);
  if (!can_have_gradient(array)) return true;
  for (int i : plan.live)
    if (as_tensor(args[i])->nr != 0) return false;
  object edges = check(PyList_New(op.n_arrays));
  for (int i = 0; i < op.n_arrays; ++i) PyList_SET_ITEM(edges.ptr(), i, Py_NewRef(Py_None));
  for (int i : plan.live) {
    TensorObject* x = as_tensor(args[i]);
    PyObject* edge = !present(x->grad_fn) ? Py_NewRef(args[i])
                     : present(x->base)   ? call(py.refresh, args[i]).release().ptr()
                                          : Py_NewRef(x->grad_fn);
    check(PyList_SetItem(edges.ptr(), i, edge));
  }
  object type = plan.node_type;
  if (type.is_none()) type = call(py.node_type, this_op, as_tuple(args, op.arity));
  auto* cls = reinterpret_cast<PyTypeObject*>(type.ptr());
  object made = check(cls->tp_alloc(cls, 0));
  NodeObject* node = as_node(made.ptr());
  node->op = Py_NewRef(this_op);
  node->edges = edges.release().ptr();
  node->plan = plan_object.release().ptr();
  node->seq = ++sequence_number;
  if (!plan.fetch.empty()) keep(node, op, plan, args, raw, out);
  node->meta = check(PyTuple_Pack(2, shape_of(array).ptr(), PyArray_DESCR(array))).release().ptr();
  result->requires_grad = true;
  assign(result->grad_fn, std::move(made));
  return true;
}

object python_apply(PyObject* this_op, PyObject* const* args, Py_ssize_t count, PyObject* kwargs = Py_None) {
  return call(py.apply, this_op, as_tuple(args, count), kwargs);
}

// An op on positional arguments.
object apply(PyObject* this_op, PyObject* const* given, Py_ssize_t count) {
  const OpFacts& op = op_facts(this_op);
  const Py_ssize_t defaults = PyTuple_GET_SIZE(op.defaults.ptr());
  if (!py.enabled || !op.plain || count > op.arity || count + defaults < op.arity || op.arity > kMost ||
      PyList_GET_SIZE(py.observers) != 0)
    return python_apply(this_op, given, count);
  PyObject* args[kMost];  // borrowed from the caller, and from the op's defaults
  for (Py_ssize_t i = 0; i < op.arity; ++i)
    args[i] = i < count ? given[i] : PyTuple_GET_ITEM(op.defaults.ptr(), i - op.arity + defaults);

  Raw raw(op.arity);
  int mask = 0;
  bool tensors = false;
  for (int i = 0; i < op.arity; ++i) {
    if (i >= op.n_arrays || !is_tensor(args[i])) {
      raw.items[i] = Py_NewRef(args[i]);
      continue;
    }
    tensors = true;
    PyObject* array = as_tensor(args[i])->array;
    if (!array || !PyArray_Check(array)) return python_apply(this_op, given, count);
    raw.items[i] = Py_NewRef(array);
    if (needs_gradient(args[i])) mask |= 1 << i;
  }

  object result = from_kernel(op, raw.items);
  if (!tensors)
    return result.is_valid() ? result : check(PyObject_Vectorcall(op.forward.ptr(), raw.items, op.arity, nullptr));
  if (!result.is_valid()) result = from_definition(op, raw.items);
  if (!result.is_valid()) {
    object list = raw.list();
    result = call(py.define, this_op, list);
    for (int i = 0; i < op.arity; ++i) raw.put(i, check(PySequence_GetItem(list.ptr(), i)).release().ptr());
  }

  object out;
  const bool several = PyTuple_CheckExact(result.ptr());
  if (several) {
    const Py_ssize_t size = PyTuple_GET_SIZE(result.ptr());
    out = check(PyTuple_New(size));
    for (Py_ssize_t i = 0; i < size; ++i)
      PyTuple_SET_ITEM(out.ptr(), i, wrap(nb::borrow(PyTuple_GET_ITEM(result.ptr(), i))).release().ptr());
    if (op.view) call(py.mark_views, this_op, as_tuple(args, op.arity), out);
  } else {
    out = wrap(std::move(result));
    if (op.view) mark_view(this_op, args, op.arity, out.ptr());
  }
  if (mask && op.differentiable) {
    PyObject* mode;
    check(PyContextVar_Get(py.grad_mode, nullptr, &mode));
    const bool recording = mode == Py_True;
    Py_DECREF(mode);
    if (recording && (several || !record(this_op, op, args, raw, out.ptr(), mask)))
      call(py.record, this_op, as_tuple(args, op.arity), raw.list(), out, check(PyLong_FromLong(mask)));
  }
  return out;
}

// ---- an op as a function and as a method -----------------------------------------------------------------------------

struct Function {
  PyObject_HEAD
  vectorcallfunc vectorcall;
  PyObject *op, *dict, *weak;
  char swapped;  // for __radd__ and the like: called with (other, self)
};

PyTypeObject function_type;

Function* as_function(PyObject* x) { return reinterpret_cast<Function*>(x); }

PyObject* call_function(PyObject* self, PyObject* const* args, size_t flags, PyObject* names) {
  const Py_ssize_t count = PyVectorcall_NARGS(flags);
  return guarded([&] {
    if (names && PyTuple_GET_SIZE(names)) {
      object kwargs = check(PyDict_New());
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); ++i)
        check(PyDict_SetItem(kwargs.ptr(), PyTuple_GET_ITEM(names, i), args[count + i]));
      return python_apply(as_function(self)->op, args, count, kwargs.ptr());
    }
    if (as_function(self)->swapped && count == 2) {
      PyObject* turned[2] = {args[1], args[0]};
      return apply(as_function(self)->op, turned, 2);
    }
    return apply(as_function(self)->op, args, count);
  });
}

PyObject* new_function(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject* op;
  int swapped = 0;
  if (!PyArg_ParseTuple(args, "O!|p", &op_type, &op, &swapped)) return nullptr;
  PyObject* self = type->tp_alloc(type, 0);
  if (!self) return nullptr;
  as_function(self)->vectorcall = call_function;
  as_function(self)->op = Py_NewRef(op);
  as_function(self)->swapped = static_cast<char>(swapped);
  return self;
}

int traverse_function(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(as_function(self)->op);
  Py_VISIT(as_function(self)->dict);
  return 0;
}

int clear_function(PyObject* self) {
  Py_CLEAR(as_function(self)->op);
  Py_CLEAR(as_function(self)->dict);
  return 0;
}

void deallocate_function(PyObject* self) {
  PyObject_GC_UnTrack(self);
  if (as_function(self)->weak) PyObject_ClearWeakRefs(self);
  clear_function(self);
  Py_TYPE(self)->tp_free(self);
}

PyObject* bind_function(PyObject* self, PyObject* instance, PyObject*) {
  return instance && instance != Py_None ? PyMethod_New(self, instance) : Py_NewRef(self);
}

PyObject* represent_function(PyObject* self) {
  return guarded([&] {
    object name = check(PyObject_GetAttrString(as_function(self)->op, "name"));
    return check(PyUnicode_FromFormat("<function %U at %p>", name.ptr(), self));
  });
}

// Pickled, and copied, as the name it is known by, as functions are.
PyObject* reduce_function(PyObject* self, PyObject*) { return PyObject_GetAttrString(self, "__qualname__"); }

PyMethodDef function_methods[] = {{"__reduce__", reduce_function, METH_NOARGS, nullptr}, {}};
PyGetSetDef function_attributes[] = {
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {},
};

void make_function_type() {
  Py_SET_REFCNT(reinterpret_cast<PyObject*>(&function_type), 1);
  function_type.tp_name = "facula._C.OpCall";
  function_type.tp_basicsize = sizeof(Function);
  function_type.tp_flags =
      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR;
  function_type.tp_vectorcall_offset = offsetof(Function, vectorcall);
  function_type.tp_call = PyVectorcall_Call;
  function_type.tp_new = new_function;
  function_type.tp_traverse = traverse_function;
  function_type.tp_clear = clear_function;
  function_type.tp_dealloc = deallocate_function;
  function_type.tp_descr_get = bind_function;
  function_type.tp_repr = represent_function;
  function_type.tp_dictoffset = offsetof(Function, dict);
  function_type.tp_weaklistoffset = offsetof(Function, weak);
  function_type.tp_methods = function_methods;
  function_type.tp_getset = function_attributes;
  check(PyType_Ready(&function_type));
}

// ---- the module's functions ------------------------------------------------------------------------------------------

// apply(op, args, kwargs=None)
PyObject* apply_entry(PyObject*, PyObject* const* given, Py_ssize_t count) {
  if (count < 2 || count > 3 || !PyTuple_CheckExact(given[1])) {
    PyErr_SetString(PyExc_TypeError, "apply(op, args, kwargs=None): expected an Op and a tuple");
    return nullptr;
  }
  PyObject* const* items = reinterpret_cast<PyTupleObject*>(given[1])->ob_item;
  const Py_ssize_t size = PyTuple_GET_SIZE(given[1]);
  return guarded([&] {
    if (count == 3 && given[2] != Py_None && PyDict_Size(given[2]) != 0)
      return python_apply(given[0], items, size, given[2]);
    return apply(given[0], items, size);
  });
}

// walk(keys, root_gradients, keep)
PyObject* walk_entry(PyObject*, PyObject* const* given, Py_ssize_t count) {
  if (count != 3 || !PyList_CheckExact(given[0]) || !PyList_CheckExact(given[1])) {
    PyErr_SetString(PyExc_TypeError, "walk(keys, root_gradients, keep): expected two lists and a bool");
    return nullptr;
  }
  return guarded([&] { return walk(given[0], given[1], PyObject_IsTrue(given[2]) == 1); });
}

// backward(root, keep)
PyObject* backward_entry(PyObject*, PyObject* const* given, Py_ssize_t count) {
  if (count != 2) {
    PyErr_SetString(PyExc_TypeError, "backward(root, keep): expected two arguments");
    return nullptr;
  }
  return guarded([&] { return backward(given[0], PyObject_IsTrue(given[1]) == 1); });
}

PyObject* next_sequence(PyObject*, PyObject*) { return PyLong_FromLongLong(++sequence_number); }

PyObject* enable(PyObject*, PyObject* value) {
  py.enabled = value == Py_True;
  Py_RETURN_NONE;
}
PyObject* enabled(PyObject*, PyObject*) { return PyBool_FromLong(py.enabled); }

PyObject* wrap_entry(PyObject*, PyObject* array) {
  return guarded([&] { return wrap(nb::borrow(array)); });
}

template <typename F>
PyCFunction fast(F function) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(function));
}

PyMethodDef entries[] = {
    {"apply", fast(apply_entry), METH_FASTCALL, "apply(op, args, kwargs=None): facula.autograd.op.apply."},
    {"walk", fast(walk_entry), METH_FASTCALL, "walk(keys, root_gradients, keep): the backward pass into the leaves."},
    {"backward", fast(backward_entry), METH_FASTCALL,
     "backward(root, keep): the pass from one element; False if that is left to Python."},
    {"wrap", wrap_entry, METH_O, "A Tensor around an array."},
    {"next_sequence", next_sequence, METH_NOARGS, "The next node's number."},
    {"enable_core", enable, METH_O, "False: leave every op call and backward pass to the Python code, to test that."},
    {"core_enabled", enabled, METH_NOARGS, "Whether op calls and backward passes run here."},
    {},
};

// Take what Python hands over, by name; called by op.py and by engine.py, each with its part.
void set_up(nb::dict objects) {
  auto take = [&](const char* name, PyObject*& place) {
    if (objects.contains(name)) place = nb::object(objects[name]).release().ptr();
  };
  PyObject* tensor = nullptr;
  take("Tensor", tensor);
  if (tensor) py.tensor = reinterpret_cast<PyTypeObject*>(tensor);
  take("apply", py.apply), take("define", py.define), take("record", py.record), take("mark_views", py.mark_views);
  take("refresh", py.refresh), take("node_type", py.node_type), take("observers", py.observers);
  take("grad_mode", py.grad_mode), take("numpy_mode", py.numpy_mode), take("quiet", py.quiet);
  take("before", py.before), take("after", py.after), take("accumulate", py.accumulate);
  take("leaf_hooks", py.leaf_hooks), take("unbroadcast", py.unbroadcast), take("cast", py.cast);
  if (py.numpy_mode == Py_None) py.numpy_mode = nullptr;
  py.enabled = true;
}

}  // namespace

// Lets the array of `result` take the place of `target`'s, if both are large and nobody else can see either; `old` is
// target itself, or an alias of it that apply_inplace made. Otherwise false, and nothing is done.
bool exchange(nb::handle target, nb::handle old, nb::handle result) {
  if (!is_tensor(target.ptr()) || !is_tensor(old.ptr()) || !is_tensor(result.ptr())) return false;
  TensorObject *to = as_tensor(target.ptr()), *alias = as_tensor(old.ptr()), *from = as_tensor(result.ptr());
  const auto fits = [](PyObject* x) {
    return x && PyArray_CheckExact(x) && !PyArray_BASE(reinterpret_cast<PyArrayObject*>(x)) &&
           PyArray_IS_C_CONTIGUOUS(reinterpret_cast<PyArrayObject*>(x));
  };
  if (!fits(to->array) || !fits(from->array)) return false;
  auto *x = reinterpret_cast<PyArrayObject*>(to->array), *y = reinterpret_cast<PyArrayObject*>(from->array);
  if (PyArray_SIZE(x) <= kSmall || PyArray_DESCR(x) != PyArray_DESCR(y) || !same_shape(x, y)) return false;
  Py_ssize_t kept = 0;  // by the node of the call, which is ours
  if (present(from->grad_fn) && is_node(from->grad_fn)) {
    PyObject* saved = as_node(from->grad_fn)->saved;
    for (Py_ssize_t i = 0; saved && PyList_CheckExact(saved) && i < PyList_GET_SIZE(saved); ++i)
      kept += PyList_GET_ITEM(saved, i) == from->array;
  }
  if (Py_REFCNT(to->array) != 1 + (to != alias && alias->array == to->array) || Py_REFCNT(from->array) != 1 + kept)
    return false;
  assign(to->array, nb::borrow(from->array));
  return true;
}

void bind_core(nb::module_& m) {
  bind_types(m);
  make_function_type();
  m.attr("OpCall") = nb::handle(reinterpret_cast<PyObject*>(&function_type));
  m.def("exchange", &exchange, "Let one tensor take over another's array, if that is not noticed.");
  m.def("set_up", &set_up, "Hand over what apply and walk turn to.");
  check(PyModule_AddFunctions(m.ptr(), entries));
}

}  // namespace facula
