// Attention as Python functions.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arithmetic.h"
#include "arrays.h"
#include "attention.h"

#include <vector>

namespace facula {
namespace {

// Dimensions of the heads, joined by broadcasting.
struct Lead {
  int count = 0;
  npy_intp size[NPY_MAXDIMS];

  bool join(PyArrayObject* x) {
    const int own = PyArray_NDIM(x) - 2;
    if (own > count) {
      for (int i = count - 1; i >= 0; --i) size[i + own - count] = size[i];
      for (int i = 0; i < own - count; ++i) size[i] = 1;
      count = own;
    }
    for (int i = 0; i < own; ++i) {
      npy_intp& n = size[count - own + i];
      const npy_intp m = PyArray_DIM(x, i);
      if (n != m && n != 1 && m != 1) return false;
      if (n == 1) n = m;
    }
    return true;
  }
  int64_t heads() const {
    int64_t product = 1;
    for (int i = 0; i < count; ++i) product *= size[i];
    return product;
  }
  // Where each head's part of x begins, in elements.
  std::vector<int64_t> places(PyArrayObject* x) const {
    std::vector<int64_t> at(heads());
    const int own = PyArray_NDIM(x) - 2;
    int64_t done = 1;  // at[0 .. done) holds the places for the dimensions so far, from the last
    for (int i = own - 1; i >= 0 && !at.empty(); --i) {
      const npy_intp n = size[count - own + i];
      const int64_t step = PyArray_DIM(x, i) == 1 ? 0 : PyArray_STRIDE(x, i) / PyArray_ITEMSIZE(x);
      for (int64_t k = done; k < done * n; ++k) at[k] = at[k % done] + k / done * step;
      done *= n;
    }
    for (size_t k = done; k < at.size(); ++k) at[k] = at[k % done];  // dimensions that x has not
    return at;
  }
};

// An array whose rows are dense, and where its heads begin.
struct Operand {
  nb::object keeper;  // a copy, where the rows were not
  PyArrayObject* array = nullptr;
  std::vector<int64_t> at;

  bool take(nb::handle object) {
    array = any_array<float>(object);
    if (!array || PyArray_NDIM(array) < 2) return false;
    if (columns() > 1 && PyArray_STRIDE(array, PyArray_NDIM(array) - 1) != sizeof(float)) {
      keeper = nb::steal(PyArray_NewCopy(array, NPY_CORDER));
      if (!keeper.is_valid()) throw nb::python_error();
      array = as_array(keeper);
    }
    return true;
  }
  int64_t rows() const { return PyArray_DIM(array, PyArray_NDIM(array) - 2); }
  int64_t columns() const { return PyArray_DIM(array, PyArray_NDIM(array) - 1); }
  HeadRows<float> heads() const {
    return {data<float>(array), at.data(), PyArray_STRIDE(array, PyArray_NDIM(array) - 2) / int64_t{sizeof(float)}};
  }
  HeadRows<const float> inputs() const {
    const HeadRows<float> all = heads();
    return {all.data, all.at, all.row};
  }
};

struct Call {
  Operand q, k, v;
  PyArrayObject* mask = nullptr;
  std::vector<int64_t> mask_at;
  Lead lead;
  AttentionProblem problem{};

  bool take(nb::handle query, nb::handle key, nb::handle value, nb::handle mask_or_none, bool causal, nb::handle factor) {
    double scale;
    if (!q.take(query) || !k.take(key) || !v.take(value) || !as_number(factor, scale)) return false;
    if (q.columns() != k.columns() || k.rows() != v.rows()) return false;
    if (!lead.join(q.array) || !lead.join(k.array) || !lead.join(v.array)) return false;
    problem.queries = q.rows(), problem.keys = k.rows(), problem.width = q.columns(), problem.value_width = v.columns();
    problem.scale = static_cast<float>(scale), problem.causal = causal;
    if (!mask_or_none.is_none() && !take_mask(mask_or_none)) return false;
    problem.heads = lead.heads();
    for (Operand* operand : {&q, &k, &v}) operand->at = lead.places(operand->array);
    problem.q = q.inputs(), problem.k = k.inputs(), problem.v = v.inputs();
    if (mask) mask_at = lead.places(mask), problem.mask.at = mask_at.data();
    return true;
  }

  bool take_mask(nb::handle object) {
    if (!PyArray_CheckExact(object.ptr())) return false;
    mask = reinterpret_cast<PyArrayObject*>(object.ptr());
    const bool boolean = PyArray_TYPE(mask) == NPY_BOOL;
    if ((!boolean && !any_array<float>(object)) || PyArray_NDIM(mask) < 2 || !lead.join(mask)) return false;
    const int rows = PyArray_NDIM(mask) - 2, columns = rows + 1;
    const npy_intp n = PyArray_DIM(mask, rows), m = PyArray_DIM(mask, columns);
    if ((n != 1 && n != problem.queries) || (m != 1 && m != problem.keys)) return false;
    problem.mask.data = PyArray_DATA(mask);
    problem.mask.row = n == 1 ? 0 : PyArray_STRIDE(mask, rows) / PyArray_ITEMSIZE(mask);
    problem.mask.column = m == 1 ? 0 : PyArray_STRIDE(mask, columns) / PyArray_ITEMSIZE(mask);
    problem.mask.boolean = boolean;
    return true;
  }

  // A new array (heads..., rows, columns). `by_rows`: in memory the last dimension of the heads comes after the rows, as
  // where heads are parts of wider rows; joining them again is then no work. Results are as what they belong to.
  nb::object result(int64_t rows, int64_t columns, bool by_rows, Operand& operand) const {
    npy_intp shape[NPY_MAXDIMS];
    const int n = lead.count;
    std::copy(lead.size, lead.size + n, shape);
    shape[n] = rows, shape[n + 1] = columns;
    by_rows = by_rows && n >= 2;
    if (by_rows) std::swap(shape[n - 1], shape[n]);
    operand.keeper = new_array<float>(n + 2, shape);
    if (by_rows) operand.keeper = nb::steal(PyArray_SwapAxes(as_array(operand.keeper), n - 1, n));
    if (!operand.keeper.is_valid()) throw nb::python_error();
    operand.array = as_array(operand.keeper);
    operand.at = lead.places(operand.array);
    return operand.keeper;
  }

  int64_t work() const { return problem.heads * problem.queries * (problem.keys + 1) * (problem.width + 1); }
};

// Whether the heads of an array lie within its rows.
bool by_rows(PyArrayObject* x) {
  const int n = PyArray_NDIM(x);
  return n >= 4 && PyArray_STRIDE(x, n - 3) < PyArray_STRIDE(x, n - 2);
}

nb::object attention_arrays(nb::handle query, nb::handle key, nb::handle value, nb::handle mask, bool causal,
                            nb::handle scale) {
  Call call;
  if (!call.take(query, key, value, mask, causal, scale)) return declined();
  const AttentionProblem& p = call.problem;
  Operand out;
  nb::object result = call.result(p.queries, p.value_width, by_rows(call.q.array), out);
  npy_intp shape[NPY_MAXDIMS];
  std::copy(call.lead.size, call.lead.size + call.lead.count, shape);
  shape[call.lead.count] = p.queries;
  nb::object sums = new_array<float>(call.lead.count + 1, shape);
  {
    Unlocked unlocked(call.work());
    FACULA_BEST(attention)(p, out.heads(), data<float>(as_array(sums)));
  }
  return nb::make_tuple(result, sums);
}

nb::object attention_grad_arrays(nb::handle gradient, nb::handle query, nb::handle key, nb::handle value,
                                 nb::handle mask, nb::handle result, nb::handle log_sums, bool causal,
                                 nb::handle scale) {
  Call call;
  Operand g, out, dq, dk, dv;
  PyArrayObject* sums = dense_array<float>(log_sums);
  if (!sums || !g.take(gradient) || !out.take(result) || !call.take(query, key, value, mask, causal, scale))
    return declined();
  const AttentionProblem& p = call.problem;
  if (!same_shape(g.array, out.array) || PyArray_NDIM(g.array) != call.lead.count + 2 || g.rows() != p.queries ||
      g.columns() != p.value_width || PyArray_SIZE(sums) != p.heads * p.queries)
    return declined();
  for (int i = 0; i < call.lead.count; ++i)
    if (PyArray_DIM(g.array, i) != call.lead.size[i]) return declined();
  g.at = call.lead.places(g.array), out.at = call.lead.places(out.array);
  nb::object first = call.result(p.queries, p.width, by_rows(call.q.array), dq);
  nb::object second = call.result(p.keys, p.width, by_rows(call.k.array), dk);
  nb::object third = call.result(p.keys, p.value_width, by_rows(call.v.array), dv);
  {
    Unlocked unlocked(call.work());
    FACULA_BEST(attention_grad)(p, g.inputs(), out.inputs(), data<float>(sums), dq.heads(), dk.heads(), dv.heads());
  }
  return nb::make_tuple(first, second, third);
}

}  // namespace

void bind_attention(nb::module_& m) {
  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  m.def("attention", &attention_arrays, any, any, any, any, nb::arg(), any);
  m.def("attention_grad", &attention_grad_arrays, any, any, any, any, any, any, any, nb::arg(), any);
}

}  // namespace facula
