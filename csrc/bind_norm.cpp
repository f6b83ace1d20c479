// Normalisation as Python functions.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arrays.h"
#include "norm.h"

namespace facula {
namespace {

// An array argument, dense; `optional` ones may be None and are null then.
class Input {
 public:
  explicit Input(nb::handle object, bool optional = false)
      : owner(object.is_none() ? nb::object() : dense<float>(object)), fits(owner.is_valid() || (optional && object.is_none())) {}
  bool is(int64_t size) const { return fits && (!owner.is_valid() || PyArray_SIZE(array()) == size); }
  PyArrayObject* array() const { return as_array(owner); }
  const float* get() const { return owner.is_valid() ? data<float>(array()) : nullptr; }
  explicit operator bool() const { return fits; }

 private:
  nb::object owner;
  bool fits;
};

float* out(const nb::object& array) { return data<float>(as_array(array)); }

// An array as rows of its last dimensions.
struct Rows {
  int64_t rows = 1, n = 1;
  int dimensions;
  const npy_intp* last;
  Rows(const Input& x, int dimensions) : dimensions(dimensions) {
    const int all = PyArray_NDIM(x.array());
    last = PyArray_DIMS(x.array()) + all - dimensions;
    for (int i = 0; i < all; ++i) (i < all - dimensions ? rows : n) *= PyArray_DIM(x.array(), i);
  }
};

bool has_rows(const Input& x, int dimensions) {
  return x && dimensions >= 1 && dimensions <= PyArray_NDIM(x.array()) && PyArray_SIZE(x.array()) > 0;
}

nb::object row_norm_array(nb::handle input, nb::handle weight, nb::handle bias, int dimensions, double eps, bool centered) {
  const Input x(input), w(weight, true), b(bias, true);
  if (!has_rows(x, dimensions)) return declined();
  const Rows shape(x, dimensions);
  if (!w.is(shape.n) || !b.is(shape.n)) return declined();
  nb::object result = new_like<float>(x.array());
  Unlocked unlocked(10 * shape.rows * shape.n);
  FACULA_BEST(row_norm)(x.get(), shape.rows, shape.n, 1, w.get(), b.get(), eps, centered, out(result));
  return result;
}

nb::object row_norm_grad_array(nb::handle gradient, nb::handle input, nb::handle weight, int dimensions, double eps,
                               bool centered) {
  const Input g(gradient), x(input), w(weight, true);
  if (!g || !has_rows(x, dimensions) || !same_shape(g.array(), x.array())) return declined();
  const Rows shape(x, dimensions);
  if (!w.is(shape.n)) return declined();
  nb::object dx = new_like<float>(x.array()), dw = new_array<float>(dimensions, shape.last), db;
  if (centered) db = new_array<float>(dimensions, shape.last);
  {
    Unlocked unlocked(10 * shape.rows * shape.n);
    FACULA_BEST(row_norm_grad)
    (g.get(), x.get(), shape.rows, shape.n, 1, w.get(), eps, centered, out(dx), out(dw), centered ? out(db) : nullptr);
  }
  if (centered) return nb::make_tuple(dx, dw, db);
  return nb::make_tuple(dx, dw);
}

// (batch, channels, places...)
struct Planes {
  int64_t batch, channels, places = 1;
  explicit Planes(const Input& x) : batch(PyArray_DIM(x.array(), 0)), channels(PyArray_DIM(x.array(), 1)) {
    for (int i = 2; i < PyArray_NDIM(x.array()); ++i) places *= PyArray_DIM(x.array(), i);
  }
  int64_t work() const { return 10 * batch * channels * places; }
};

bool has_planes(const Input& x) { return x && PyArray_NDIM(x.array()) >= 2 && PyArray_SIZE(x.array()) > 0; }

nb::object vector(int64_t n) {
  const npy_intp size = n;
  return new_array<float>(1, &size);
}

nb::object group_norm_array(nb::handle input, nb::handle weight, nb::handle bias, int64_t groups, double eps) {
  const Input x(input), w(weight, true), b(bias, true);
  if (!has_planes(x)) return declined();
  const Planes shape(x);
  if (groups < 1 || shape.channels % groups || !w.is(shape.channels) || !b.is(shape.channels)) return declined();
  nb::object result = new_like<float>(x.array());
  Unlocked unlocked(shape.work());
  FACULA_BEST(group_norm)
  (x.get(), shape.batch, groups, shape.channels / groups, shape.places, w.get(), b.get(), eps, out(result));
  return result;
}

nb::object group_norm_grad_array(nb::handle gradient, nb::handle input, nb::handle weight, int64_t groups, double eps) {
  const Input g(gradient), x(input), w(weight, true);
  if (!g || !has_planes(x) || !same_shape(g.array(), x.array())) return declined();
  const Planes shape(x);
  if (groups < 1 || shape.channels % groups || !w.is(shape.channels)) return declined();
  nb::object dx = new_like<float>(x.array()), dw = vector(shape.channels), db = vector(shape.channels);
  {
    Unlocked unlocked(shape.work());
    FACULA_BEST(group_norm_grad)
    (g.get(), x.get(), shape.batch, groups, shape.channels / groups, shape.places, w.get(), eps, out(dx), out(dw), out(db));
  }
  return nb::make_tuple(dx, dw, db);
}

nb::object batch_norm_array(nb::handle input, nb::handle weight, nb::handle bias, double eps) {
  const Input x(input), w(weight, true), b(bias, true);
  if (!has_planes(x)) return declined();
  const Planes shape(x);
  if (!w.is(shape.channels) || !b.is(shape.channels)) return declined();
  nb::object result = new_like<float>(x.array()), mean = vector(shape.channels), var = vector(shape.channels);
  {
    Unlocked unlocked(shape.work());
    FACULA_BEST(batch_norm)
    (x.get(), shape.batch, shape.channels, shape.places, w.get(), b.get(), eps, out(result), out(mean), out(var));
  }
  return nb::make_tuple(result, mean, var);
}

nb::object batch_norm_eval_array(nb::handle input, nb::handle weight, nb::handle bias, nb::handle means, nb::handle vars,
                                 double eps) {
  const Input x(input), w(weight, true), b(bias, true), mean(means), var(vars);
  if (!has_planes(x)) return declined();
  const Planes shape(x);
  for (const Input* v : {&w, &b, &mean, &var})
    if (!v->is(shape.channels)) return declined();
  nb::object result = new_like<float>(x.array());
  Unlocked unlocked(shape.work());
  FACULA_BEST(batch_norm_eval)
  (x.get(), shape.batch, shape.channels, shape.places, w.get(), b.get(), mean.get(), var.get(), eps, out(result));
  return result;
}

nb::object batch_norm_grad_array(nb::handle gradient, nb::handle input, nb::handle weight, nb::handle means,
                                 nb::handle vars, double eps, bool training) {
  const Input g(gradient), x(input), w(weight, true), mean(means), var(vars);
  if (!g || !has_planes(x) || !same_shape(g.array(), x.array())) return declined();
  const Planes shape(x);
  for (const Input* v : {&w, &mean, &var})
    if (!v->is(shape.channels)) return declined();
  nb::object dx = new_like<float>(x.array()), dw = vector(shape.channels), db = vector(shape.channels);
  {
    Unlocked unlocked(shape.work());
    FACULA_BEST(batch_norm_grad)
    (g.get(), x.get(), shape.batch, shape.channels, shape.places, w.get(), mean.get(), var.get(), eps, training, out(dx),
     out(dw), out(db));
  }
  return nb::make_tuple(dx, dw, db);
}

}  // namespace

void bind_norm(nb::module_& m) {
  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  const auto number = nb::arg();
  using Any = nb::handle;
  m.def("layer_norm", [](Any x, Any w, Any b, int n, double eps) { return row_norm_array(x, w, b, n, eps, true); }, any,
        any, any, number, number);
  m.def("layer_norm_grad",
        [](Any g, Any x, Any w, int n, double eps) { return row_norm_grad_array(g, x, w, n, eps, true); }, any, any, any,
        number, number);
  m.def("rms_norm", [](Any x, Any w, int n, double eps) { return row_norm_array(x, w, nb::none(), n, eps, false); }, any,
        any, number, number);
  m.def("rms_norm_grad",
        [](Any g, Any x, Any w, int n, double eps) { return row_norm_grad_array(g, x, w, n, eps, false); }, any, any, any,
        number, number);
  m.def("group_norm", &group_norm_array, any, any, any, number, number);
  m.def("group_norm_grad", &group_norm_grad_array, any, any, any, number, number);
  m.def("batch_norm", &batch_norm_array, any, any, any, number);
  m.def("batch_norm_eval", &batch_norm_eval_array, any, any, any, any, any, number);
  m.def("batch_norm_grad",
        [](Any g, Any x, Any w, Any mean, Any var, double eps) { return batch_norm_grad_array(g, x, w, mean, var, eps, true); },
        any, any, any, any, any, number);
  m.def("batch_norm_eval_grad",
        [](Any g, Any x, Any w, Any mean, Any var, double eps) { return batch_norm_grad_array(g, x, w, mean, var, eps, false); },
        any, any, any, any, any, number);
}

}  // namespace facula
