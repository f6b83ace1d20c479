// The Python face of the structures in core.h: fields under the names that the Python code uses, garbage collection, weak
// references and a __dict__ for what users set.
#define NO_IMPORT_ARRAY
#include "core.h"

#include <structmember.h>

#include <cstddef>
#include <string_view>

namespace facula {

PyTypeObject tensor_type, node_type, op_type, plan_type;

PyObject* counter_of(TensorObject* tensor) {
  if (!tensor->counter) {
    object list = check(PyList_New(1));
    PyList_SET_ITEM(list.ptr(), 0, PyLong_FromLong(0));
    tensor->counter = list.release().ptr();
  }
  return tensor->counter;
}

int64_t version_of(PyObject* counter) {
  const int64_t version = PyLong_AsLongLong(check(PySequence_GetItem(counter, 0)).ptr());
  if (version == -1 && PyErr_Occurred()) throw nb::python_error();
  return version;
}

namespace {

PyObject** first_field(TensorObject* self) { return &self->array; }
PyObject** first_field(NodeObject* self) { return &self->op; }

template <typename T>
int traverse(PyObject* object, visitproc visit, void* arg) {
  T* self = reinterpret_cast<T*>(object);
  for (PyObject** field = first_field(self); field <= &self->dict; ++field) Py_VISIT(*field);
  return 0;
}

template <typename T>
int clear(PyObject* object) {
  T* self = reinterpret_cast<T*>(object);
  for (PyObject** field = first_field(self); field <= &self->dict; ++field) Py_CLEAR(*field);
  return 0;
}

// The classes are always Python subclasses, whose deallocator calls this one within CPython's guard against recursion:
// a long graph is freed node by node.
template <typename T>
void deallocate(PyObject* object) {
  T* self = reinterpret_cast<T*>(object);
  PyObject_GC_UnTrack(object);
  if (self->weak) PyObject_ClearWeakRefs(object);
  clear<T>(object);
  Py_TYPE(object)->tp_free(object);
}

template <typename Facts>
void forget(PyObject* object) {
  delete reinterpret_cast<Known<Facts>*>(object)->facts;
  Py_TYPE(object)->tp_free(object);
}

PyObject* get_counter(PyObject* self, void*) {
  return guarded([&] { return nb::borrow(counter_of(as_tensor(self))); });
}

int set_counter(PyObject* self, PyObject* value, void*) {
  if (!value || !PyList_CheckExact(value) || PyList_GET_SIZE(value) != 1) {
    PyErr_SetString(PyExc_TypeError, "_vc: expected a list of one number");
    return -1;
  }
  assign(as_tensor(self)->counter, nb::borrow(value));
  return 0;
}

// Fields that read as () until they are set.
PyObject*& kept_field(PyObject* self, void* versions) {
  return versions ? as_node(self)->versions : as_node(self)->saved;
}

PyObject* get_kept(PyObject* self, void* versions) {
  PyObject* value = kept_field(self, versions);
  return value ? Py_NewRef(value) : PyTuple_New(0);
}

int set_kept(PyObject* self, PyObject* value, void* versions) {
  assign(kept_field(self, versions), value ? nb::borrow(value) : object());
  return 0;
}

PyObject* get_outputs(PyObject* self, void*) { return PyLong_FromLong(as_node(self)->further_outputs + 1); }

int set_outputs(PyObject* self, PyObject* value, void*) {
  const long count = value ? PyLong_AsLong(value) : 1;
  if (count == -1 && PyErr_Occurred()) return -1;
  as_node(self)->further_outputs = static_cast<int>(count - 1);
  return 0;
}

char kVersions[] = "versions";  // a mark for kept_field

#define FACULA_FIELD(name, type, of, field) {name, type, offsetof(of, field), 0, nullptr}
PyMemberDef tensor_fields[] = {
    FACULA_FIELD("_array", T_OBJECT_EX, TensorObject, array),
    FACULA_FIELD("_grad", T_OBJECT, TensorObject, grad),
    FACULA_FIELD("_grad_fn", T_OBJECT, TensorObject, grad_fn),
    FACULA_FIELD("_base", T_OBJECT, TensorObject, base),
    FACULA_FIELD("_view", T_OBJECT, TensorObject, view),
    FACULA_FIELD("_hooks", T_OBJECT, TensorObject, hooks),
    FACULA_FIELD("_post_accumulate_hooks", T_OBJECT, TensorObject, post_hooks),
    FACULA_FIELD("_view_version", T_LONGLONG, TensorObject, view_version),
    FACULA_FIELD("_nr", T_INT, TensorObject, nr),
    FACULA_FIELD("_requires_grad", T_BOOL, TensorObject, requires_grad),
    {},
};
PyGetSetDef tensor_attributes[] = {
    {"_vc", get_counter, set_counter, nullptr, nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {},
};
PyMemberDef node_fields[] = {
    FACULA_FIELD("op", T_OBJECT, NodeObject, op),
    FACULA_FIELD("edges", T_OBJECT_EX, NodeObject, edges),
    FACULA_FIELD("slots", T_OBJECT, NodeObject, slots),
    FACULA_FIELD("plan", T_OBJECT, NodeObject, plan),
    FACULA_FIELD("meta", T_OBJECT, NodeObject, meta),
    FACULA_FIELD("hooks", T_OBJECT, NodeObject, hooks),
    FACULA_FIELD("pre_hooks", T_OBJECT, NodeObject, pre_hooks),
    FACULA_FIELD("tensor_hooks", T_OBJECT, NodeObject, tensor_hooks),
    FACULA_FIELD("retained", T_OBJECT, NodeObject, retained),
    FACULA_FIELD("_metadata", T_OBJECT, NodeObject, metadata),
    FACULA_FIELD("seq", T_LONGLONG, NodeObject, seq),
    FACULA_FIELD("hooked", T_BOOL, NodeObject, hooked),
    {},
};
PyGetSetDef node_attributes[] = {
    {"saved", get_kept, set_kept, nullptr, nullptr},
    {"versions", get_kept, set_kept, nullptr, kVersions},
    {"n_outputs", get_outputs, set_outputs, nullptr, nullptr},
    {"__dict__", PyObject_GenericGetDict, PyObject_GenericSetDict, nullptr, nullptr},
    {},
};

template <typename T>
void make(PyTypeObject& type, const char* name, const char* doc, PyMemberDef* fields, PyGetSetDef* attributes) {
  type.tp_name = name;
  type.tp_doc = doc;
  type.tp_basicsize = sizeof(T);
  type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC;
  type.tp_traverse = traverse<T>;
  type.tp_clear = clear<T>;
  type.tp_dealloc = deallocate<T>;
  type.tp_dictoffset = offsetof(T, dict);
  type.tp_weaklistoffset = offsetof(T, weak);
  type.tp_members = fields;
  type.tp_getset = attributes;
}

template <typename Facts>
void make(PyTypeObject& type, const char* name, const char* doc) {
  type.tp_name = name;
  type.tp_doc = doc;
  type.tp_basicsize = sizeof(Known<Facts>);
  type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE;
  type.tp_dealloc = forget<Facts>;
}

// ---- reading the Python objects Op and Plan --------------------------------------------------------------------------

object get(nb::handle from, const char* name) { return check(PyObject_GetAttrString(from.ptr(), name)); }
bool flag(nb::handle from, const char* name) {
  const int answer = PyObject_IsTrue(get(from, name).ptr());
  check(answer);
  return answer;
}
int integer(nb::handle value) {
  const long result = PyLong_AsLong(value.ptr());
  if (result == -1 && PyErr_Occurred()) throw nb::python_error();
  return static_cast<int>(result);
}
std::string_view text(nb::handle value) {
  const char* found = PyUnicode_AsUTF8(value.ptr());
  if (!found) throw nb::python_error();
  return found;
}

OpFacts* read_op(nb::handle op) {
  OpFacts facts;
  facts.arity = integer(get(op, "arity"));
  facts.n_arrays = integer(get(op, "n_arrays"));
  facts.sequence = flag(op, "sequence");
  facts.view = flag(op, "view");
  facts.differentiable = flag(op, "differentiable");
  object promote = get(op, "promote");
  facts.promote = promote.is_none()           ? OpFacts::kLeave
                  : text(promote) == "common" ? OpFacts::kCommon
                                              : OpFacts::kFloat;
  facts.kernels = get(op, "kernels");
  facts.forward = get(op, "forward");
  facts.plans = get(op, "plans");
  facts.defaults = check(PySequence_Tuple(check(PyDict_Values(get(op, "defaults").ptr())).ptr()));
  facts.plain = !facts.sequence && facts.n_arrays > 0 && PyDict_CheckExact(facts.kernels.ptr()) &&
                PyDict_CheckExact(facts.plans.ptr());
  return new OpFacts(std::move(facts));
}

PlanFacts* read_plan(nb::handle plan) {
  PlanFacts facts;
  facts.node_type = get(plan, "node_type");
  facts.keeps_arrays = flag(plan, "keeps_arrays");
  for (nb::handle i : get(plan, "live")) facts.live.push_back(integer(i));
  for (nb::handle item : get(plan, "fetch")) {
    const std::string_view kind = text(item[0]);
    facts.fetch.emplace_back(kind == "arg"     ? PlanFacts::kArgument
                             : kind == "out"   ? PlanFacts::kOut
                             : kind == "shape" ? PlanFacts::kShape
                                               : PlanFacts::kDtype,
                             integer(nb::object(item[1])));
  }
  for (nb::handle item : get(plan, "rules")) {
    PlanFacts::Rule rule{integer(nb::object(item[0])), item[1], true, {}};
    object at = item[2];
    rule.all = at.is_none();
    if (!rule.all)
      for (nb::handle k : at) rule.at.push_back(integer(k));
    facts.rules.push_back(std::move(rule));
  }
  return new PlanFacts(std::move(facts));
}

}  // namespace

const OpFacts& op_facts(PyObject* op) {
  if (!PyObject_TypeCheck(op, &op_type)) {
    PyErr_Format(PyExc_TypeError, "expected an Op: got %s", Py_TYPE(op)->tp_name);
    throw nb::python_error();
  }
  auto* known = reinterpret_cast<Known<OpFacts>*>(op);
  if (!known->facts) known->facts = read_op(op);
  return *known->facts;
}

const PlanFacts& plan_facts(PyObject* plan) {
  if (!PyObject_TypeCheck(plan, &plan_type)) {
    PyErr_Format(PyExc_TypeError, "expected a Plan: got %s", Py_TYPE(plan)->tp_name);
    throw nb::python_error();
  }
  auto* known = reinterpret_cast<Known<PlanFacts>*>(plan);
  if (!known->facts) known->facts = read_plan(plan);
  return *known->facts;
}

void bind_types(nb::module_& m) {
  make<TensorObject>(tensor_type, "facula._C.TensorBase", "Fields of Tensor.", tensor_fields, tensor_attributes);
  make<NodeObject>(node_type, "facula._C.NodeBase", "Fields of Node.", node_fields, node_attributes);
  make<OpFacts>(op_type, "facula._C.OpBase", "Room for what native code knows of an Op.");
  make<PlanFacts>(plan_type, "facula._C.PlanBase", "Room for what native code knows of a Plan.");
  const std::pair<const char*, PyTypeObject*> types[] = {
      {"TensorBase", &tensor_type}, {"NodeBase", &node_type}, {"OpBase", &op_type}, {"PlanBase", &plan_type}};
  for (auto [name, type] : types) {
    Py_SET_REFCNT(reinterpret_cast<PyObject*>(type), 1);
    type->tp_new = PyBaseObject_Type.tp_new;  // object.__new__ makes them, with every field zero
    check(PyType_Ready(type));
    m.attr(name) = nb::handle(reinterpret_cast<PyObject*>(type));
  }
}

}  // namespace facula
