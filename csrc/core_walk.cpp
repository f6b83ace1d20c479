// The ordinary backward pass, into the .grad of the leaves: `_walk` of facula.autograd.engine in native code. Hooks, custom
// functions and other nodes without a plan are run by the Python functions, one at a time.
#define NO_IMPORT_ARRAY
#include "core.h"

#include <algorithm>
#include <deque>

#include "arithmetic.h"

namespace facula {
namespace {

// A node or a leaf tensor in one backward pass.
struct Stop {
  object target;
  object gradient;      // so far; for a node with several outputs, a list of them
  int64_t order = 0;    // of a node: its sequence number
  size_t links = 0;     // of a node: where its edges' stops begin,
  size_t edges = 0;     // and how many there are
  int waiting = 0;      // of a leaf: edges that have not brought their part yet
  bool leaf = false;
};

// Finds the stop of an object. Not in the nodes themselves: a hook may start another pass over the same graph.
class Index {
 public:
  Index() : places(64) {}

  // The place of this object's stop; null in it if it is new.
  Stop*& operator[](PyObject* target) {
    if (2 * count >= places.size()) grow();
    Stop*& place = probe(target);
    if (!place) ++count;  // the caller fills it
    return place;
  }

 private:
  Stop*& probe(PyObject* target) {
    const size_t mask = places.size() - 1;
    size_t i = (reinterpret_cast<uintptr_t>(target) >> 4) * 0x9E3779B97F4A7C15u >> 20 & mask;
    while (places[i] && places[i]->target.ptr() != target) i = (i + 1) & mask;
    return places[i];
  }
  void grow() {
    std::vector<Stop*> old(places.size() * 2);
    old.swap(places);
    for (Stop* stop : old)
      if (stop) probe(stop->target.ptr()) = stop;
  }

  std::vector<Stop*> places;
  size_t count = 0;
};

// Whether something kept for the backward pass has memory to free; as in Node.release.
bool holds_arrays(PyObject* value) {
  if (PyList_CheckExact(value) || PyTuple_CheckExact(value)) {
    for (Py_ssize_t i = 0; i < Py_SIZE(value); ++i)
      if (holds_arrays(PySequence_Fast_GET_ITEM(value, i))) return true;
    return false;
  }
  return is_tensor(value) || PyArray_Check(value);
}

bool changed_since(PyObject* versions) {
  if (!versions) return false;
  const Py_ssize_t count = PySequence_Fast_GET_SIZE(versions);
  for (Py_ssize_t i = 0; i < count; ++i) {
    PyObject* pair = PySequence_Fast_GET_ITEM(versions, i);
    PyObject *now = PyList_GET_ITEM(PyTuple_GET_ITEM(pair, 0), 0), *then = PyTuple_GET_ITEM(pair, 1);
    if (now != then && version_of(PyTuple_GET_ITEM(pair, 0)) != PyLong_AsLongLong(then)) return true;
  }
  return false;
}

PyArrayObject* ndarray(PyObject* x) { return reinterpret_cast<PyArrayObject*>(x); }

// Whether nobody but the holder of this reference can see the array's memory.
bool unshared(const object& array) {
  return PyArray_CheckExact(array.ptr()) && Py_REFCNT(array.ptr()) == 1 && !PyArray_BASE(ndarray(array.ptr()));
}

// Adds a large array in place, where nobody can see that; false if that is not so.
bool add_into(const object& total, const object& g) {
  PyArrayObject *to = dense_array<float>(total), *from = dense_array<float>(g);
  if (!to || !from || !unshared(total) || !same_shape(to, from) || !PyArray_ISWRITEABLE(to)) return false;
  const Pairing pairing{1, {PyArray_SIZE(to)}, {1}, {1}};
  FACULA_BEST(arithmetic<float>)(Arithmetic::add, pairing, data<float>(to), data<float>(from), data<float>(to));
  return true;
}

object sum(object total, object g) {
  if (!total.is_valid() || total.is_none()) return g;
  if (PyArray_CheckExact(total.ptr()) && PyArray_SIZE(ndarray(total.ptr())) > kSmall && add_into(total, g)) return total;
  object sum = add(total, g);
  if (sum.ptr() != Py_NotImplemented) return sum;
  return check(PyNumber_Add(total.ptr(), g.ptr()));
}

class Walk {
 public:
  Walk(PyObject* keys, PyObject* root_gradients, bool keep) : keep(keep) {
    collect(keys);
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(keys); ++i) {
      object key = nb::borrow(PyList_GET_ITEM(keys, i));
      const bool node = PyTuple_CheckExact(key.ptr());
      Stop& stop = *index[node ? PyTuple_GET_ITEM(key.ptr(), 0) : key.ptr()];
      object g = check(PySequence_GetItem(root_gradients, i));
      check(PyList_SetItem(root_gradients, i, Py_NewRef(Py_None)));  // so that a leaf can take the array over
      deliver(stop, node ? PyLong_AsSsize_t(PyTuple_GET_ITEM(key.ptr(), 1)) : 0, std::move(g));
      if (!node) arrived(stop);
    }
  }

  void run() {
    const auto younger = [](Stop* a, Stop* b) { return a->order > b->order; };
    if (!std::is_sorted(nodes.begin(), nodes.end(), younger)) std::sort(nodes.begin(), nodes.end(), younger);
    for (Stop* stop : nodes) visit(*stop);
  }

 private:
  Stop* enter(PyObject* target) {
    Stop*& place = index[target];
    if (!place) {
      stops.emplace_back();
      place = &stops.back();
      place->target = nb::borrow(target);
      place->leaf = is_tensor(target);
      if (!place->leaf) {
        if (!is_node(target)) throw nb::type_error("an edge of the graph is neither a node nor a tensor");
        nodes.push_back(place);
      }
    }
    if (place->leaf) ++place->waiting;
    return place;
  }

  void collect(PyObject* keys) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(keys); ++i) {
      PyObject* key = PyList_GET_ITEM(keys, i);
      enter(PyTuple_CheckExact(key) ? PyTuple_GET_ITEM(key, 0) : key);
    }
    for (size_t next = 0; next < nodes.size(); ++next) {  // grows as it goes
      Stop* stop = nodes[next];
      NodeObject* node = as_node(stop->target.ptr());
      stop->order = node->seq;
      stop->links = links.size();
      if (!node->edges || !PyList_CheckExact(node->edges)) throw nb::type_error("a node's edges are no list");
      for (Py_ssize_t i = 0; i < PyList_GET_SIZE(node->edges); ++i) {
        PyObject* edge = PyList_GET_ITEM(node->edges, i);
        links.push_back(edge == Py_None ? nullptr : enter(edge));
      }
      stop->edges = links.size() - stop->links;
    }
  }

  // Add to what an output of a node, or a leaf, has received.
  static void deliver(Stop& stop, Py_ssize_t output, object g) {
    const int further = stop.leaf ? 0 : as_node(stop.target.ptr())->further_outputs;
    if (further == 0) {
      stop.gradient = sum(std::move(stop.gradient), std::move(g));
      return;
    }
    if (!stop.gradient.is_valid()) {
      stop.gradient = check(PyList_New(further + 1));
      for (int i = 0; i <= further; ++i) PyList_SET_ITEM(stop.gradient.ptr(), i, Py_NewRef(Py_None));
    }
    object part = sum(check(PySequence_GetItem(stop.gradient.ptr(), output)), std::move(g));
    check(PyList_SetItem(stop.gradient.ptr(), output, part.release().ptr()));
  }

  // Up to here NumPy adds without letting other threads run, which may add to the same gradient; beyond it
  // py.accumulate holds a lock.
  static constexpr Py_ssize_t kAddedAtOnce = 500;

  // One edge to a leaf is done; with the last one its gradient is complete.
  static void arrived(Stop& stop) {
    if (--stop.waiting != 0 || !stop.gradient.is_valid()) return;
    object g = std::move(stop.gradient);
    TensorObject* leaf = as_tensor(stop.target.ptr());
    if (present(leaf->hooks) && PyObject_Size(leaf->hooks) > 0)
      g = call(py.leaf_hooks, nb::borrow(leaf->hooks), g, Py_False);
    if (!leaf->requires_grad) return;  // it may have been switched off since
    const bool hooked = present(leaf->post_hooks) && PyObject_Size(leaf->post_hooks) > 0;
    // Take the array over only if nobody else can see it and it lies in memory as the leaf does.
    if (!hooked && !present(leaf->grad) && unshared(g) && PyArray_ISCARRAY(ndarray(g.ptr()))) {
      assign(leaf->grad, wrap(std::move(g)));
    } else if (!hooked && present(leaf->grad) && as_tensor(leaf->grad)->array &&
               PyArray_SIZE(ndarray(as_tensor(leaf->grad)->array)) <= kAddedAtOnce) {
      object before = nb::borrow(leaf->grad);
      TensorObject* total = as_tensor(before.ptr());
      assign(total->array, check(PyNumber_InPlaceAdd(total->array, g.ptr())));
      PyObject* counter = counter_of(total);
      check(PyList_SetItem(counter, 0, check(PyLong_FromLongLong(version_of(counter) + 1)).release().ptr()));
    } else {
      call(py.accumulate, stop.target, g, Py_False);
    }
  }

  // The gradients of a node's inputs by its rules, each at its input's place in `grads`.
  static void by_rules(NodeObject* node, const PlanFacts& plan, const object& g, std::vector<object>& grads) {
    if (node->saved == Py_None || changed_since(node->versions)) {
      check(PyObject_CallMethod(reinterpret_cast<PyObject*>(node), "check_saved", nullptr));
      throw nb::type_error("what was kept for the backward pass is gone");
    }
    object held = nb::borrow(node->saved);  // a rule is free to do anything, even to run this graph
    std::vector<object> kept;
    const Py_ssize_t count = node->saved ? PySequence_Fast_GET_SIZE(node->saved) : 0;
    kept.reserve(count);
    for (Py_ssize_t i = 0; i < count; ++i) {
      PyObject* value = PySequence_Fast_GET_ITEM(node->saved, i);
      kept.push_back(nb::borrow(is_tensor(value) ? as_tensor(value)->array : value));
    }
    std::vector<PyObject*> arguments;
    for (const PlanFacts::Rule& rule : plan.rules) {
      arguments.assign(1, g.ptr());
      if (rule.all)
        for (const object& value : kept) arguments.push_back(value.ptr());
      else
        for (int k : rule.at) arguments.push_back(kept[k].ptr());
      object found = check(PyObject_Vectorcall(rule.function.ptr(), arguments.data(), arguments.size(), nullptr));
      if (rule.input >= 0) {
        grads[rule.input] = std::move(found);
        continue;
      }
      for (size_t i = 0; i < grads.size(); ++i) grads[i] = check(PySequence_GetItem(found.ptr(), i));
    }
  }

  // The same from the node's own method, for custom functions, sequences and hooks.
  static void by_method(NodeObject* node, object& g, std::vector<object>& grads) {
    PyObject* self = reinterpret_cast<PyObject*>(node);
    object found = check(PyObject_CallMethod(self, "gradients", "OOO", g.ptr(), Py_None, Py_False));
    if (present(node->hooks) && PyObject_Size(node->hooks) > 0) found = call(py.after, self, found, g, Py_False);
    if (PyObject_Size(found.ptr()) < static_cast<Py_ssize_t>(grads.size()))
      throw nb::index_error("a node gave too few gradients");
    for (size_t i = 0; i < grads.size(); ++i) grads[i] = check(PySequence_GetItem(found.ptr(), i));
  }

  // A gradient in the shape and dtype of what it belongs to.
  static object fit(PyObject* node, object g, const Stop& to, Py_ssize_t output) {
    g = as_ndarray(std::move(g));
    object shape;
    object dtype;
    bool same = true;
    if (to.leaf) {
      PyArrayObject* leaf = ndarray(as_tensor(to.target.ptr())->array);
      same = same_shape(ndarray(g.ptr()), leaf);
      if (!same) shape = check(PyObject_GetAttrString(reinterpret_cast<PyObject*>(leaf), "shape"));
      dtype = nb::borrow(reinterpret_cast<PyObject*>(PyArray_DESCR(leaf)));
    } else {
      NodeObject* target = as_node(to.target.ptr());
      object meta = nb::borrow(target->meta);
      if (target->further_outputs) meta = check(PySequence_GetItem(meta.ptr(), output));
      shape = nb::borrow(PyTuple_GetItem(meta.ptr(), 0)), dtype = nb::borrow(PyTuple_GetItem(meta.ptr(), 1));
      same = PyTuple_GET_SIZE(shape.ptr()) == PyArray_NDIM(ndarray(g.ptr()));
      for (int i = 0; same && i < PyArray_NDIM(ndarray(g.ptr())); ++i)
        same = PyLong_AsSsize_t(PyTuple_GET_ITEM(shape.ptr(), i)) == PyArray_DIM(ndarray(g.ptr()), i);
    }
    if (!same) g = as_ndarray(call(py.unbroadcast, node, g, shape));
    auto* wanted = reinterpret_cast<PyArray_Descr*>(dtype.ptr());
    if (PyArray_DESCR(ndarray(g.ptr())) != wanted && !PyArray_EquivTypes(PyArray_DESCR(ndarray(g.ptr())), wanted))
      g = as_ndarray(call(py.cast, g, dtype));
    return g;
  }

  void visit(Stop& stop) {
    NodeObject* node = as_node(stop.target.ptr());
    object g = std::move(stop.gradient);
    const size_t count = stop.edges;
    if (g.is_valid() && node->hooked) g = call(py.before, stop.target, g, Py_False);
    if (!g.is_valid() || g.is_none()) {
      for (size_t i = 0; i < count; ++i)
        if (Stop* to = links[stop.links + i]; to && to->leaf) arrived(*to);
      return;
    }
    const PlanFacts* plan = present(node->plan) ? &plan_facts(node->plan) : nullptr;
    const bool hooks = present(node->hooks) && PyObject_Size(node->hooks) > 0;
    std::vector<object> grads(count);
    if (plan && !hooks && !op_facts(node->op).sequence)
      by_rules(node, *plan, g, grads);
    else
      by_method(node, g, grads);
    g = object();  // so that a leaf can take over what a rule passed on
    for (size_t i = 0; i < count; ++i) {
      Stop* to = links[stop.links + i];
      if (!to) continue;
      object gi = std::move(grads[i]);
      if (gi.is_valid() && !gi.is_none()) {
        Py_ssize_t output = 0;
        if (present(node->slots)) output = PyLong_AsSsize_t(check(PySequence_GetItem(node->slots, i)).ptr());
        gi = fit(stop.target.ptr(), std::move(gi), *to, output);
        deliver(*to, output, std::move(gi));
      }
      if (to->leaf) arrived(*to);
    }
    if (!keep) release(node, plan);
  }

  static void release(NodeObject* node, const PlanFacts* plan) {
    if (!plan)
      check(PyObject_CallMethod(reinterpret_cast<PyObject*>(node), "release", nullptr));
    else if (present(node->saved) && Py_SIZE(node->saved) && (plan->keeps_arrays || holds_arrays(node->saved)))
      assign(node->saved, nb::none());
  }

  const bool keep;
  std::deque<Stop> stops;  // its elements do not move
  std::vector<Stop*> nodes, links;
  Index index;
};

}  // namespace

object walk(nb::handle keys, nb::handle root_gradients, bool keep) {
  Walk(keys.ptr(), root_gradients.ptr(), keep).run();
  return nb::none();
}

object backward(nb::handle root, bool keep) {
  if (!py.enabled || !py.numpy_mode || !is_tensor(root.ptr())) return nb::borrow(Py_False);
  TensorObject* t = as_tensor(root.ptr());
  if (!t->requires_grad || present(t->base) || !t->array || !PyArray_Check(t->array)) return nb::borrow(Py_False);
  PyArrayObject* array = ndarray(t->array);
  if (PyArray_SIZE(array) != 1 || PyArray_DESCR(array)->kind != 'f') return nb::borrow(Py_False);
  object one = check(PyLong_FromLong(1)), keys = check(PyList_New(1)), gradients = check(PyList_New(1));
  object ones = check(PyArray_NewLikeArray(array, NPY_CORDER, nullptr, 0));
  check(PyArray_FillWithScalar(ndarray(ones.ptr()), one.ptr()));
  PyList_SET_ITEM(gradients.ptr(), 0, ones.release().ptr());
  PyObject* key = present(t->grad_fn) ? Py_BuildValue("(Oi)", t->grad_fn, t->nr) : Py_NewRef(root.ptr());
  PyList_SET_ITEM(keys.ptr(), 0, check(key).release().ptr());
  Switched recording(py.grad_mode, Py_False), quiet(py.numpy_mode, py.quiet);
  walk(keys, gradients, keep);
  return nb::borrow(Py_True);
}

}  // namespace facula
