// Table look-up and dropout as Python functions.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arrays.h"
#include "dropout.h"
#include "embedding.h"

#include <numpy/random/bitgen.h>

namespace facula {
namespace {

// Integers of either width as dense int64, all within [0, rows); a null object if they are not.
nb::object row_numbers(nb::handle object, int64_t rows) {
  if (!PyArray_CheckExact(object.ptr())) return nb::object();
  const int type = PyArray_TYPE(reinterpret_cast<PyArrayObject*>(object.ptr()));
  if (type != NPY_INT64 && type != NPY_INT32) return nb::object();
  PyObject* found = PyArray_FROM_OTF(object.ptr(), NPY_INT64, NPY_ARRAY_IN_ARRAY);
  if (!found) throw nb::python_error();
  nb::object numbers = nb::steal(found);
  const int64_t *index = data<int64_t>(as_array(numbers)), count = PyArray_SIZE(as_array(numbers));
  bool outside = false;
  for (int64_t i = 0; i < count; ++i) outside |= index[i] < 0 || index[i] >= rows;
  return outside ? nb::object() : numbers;
}

nb::object embedding_rows(nb::handle weight, nb::handle index, nb::handle) {
  if (!PyArray_CheckExact(weight.ptr())) return declined();
  auto* table = reinterpret_cast<PyArrayObject*>(weight.ptr());
  if (PyArray_NDIM(table) != 2 || PyDataType_REFCHK(PyArray_DESCR(table))) return declined();
  const int64_t width = PyArray_DIM(table, 1) * PyArray_ITEMSIZE(table);
  if (PyArray_DIM(table, 1) > 1 && PyArray_STRIDE(table, 1) != PyArray_ITEMSIZE(table)) return declined();
  const nb::object numbers = row_numbers(index, PyArray_DIM(table, 0));
  if (!numbers) return declined();
  npy_intp shape[NPY_MAXDIMS + 1];
  const int dimensions = PyArray_NDIM(as_array(numbers));
  for (int i = 0; i < dimensions; ++i) shape[i] = PyArray_DIM(as_array(numbers), i);
  shape[dimensions] = PyArray_DIM(table, 1);
  Py_INCREF(PyArray_DESCR(table));
  PyObject* made = PyArray_Empty(dimensions + 1, shape, PyArray_DESCR(table), 0);
  if (!made) throw nb::python_error();
  nb::object result = nb::steal(made);
  const int64_t count = PyArray_SIZE(as_array(numbers));
  char* out = data<char>(as_array(result));
  Unlocked unlocked(count * width / 4);
  FACULA_BEST(gather_rows)(data<char>(table), PyArray_STRIDE(table, 0), width, data<int64_t>(as_array(numbers)), count, out);
  return result;
}

nb::object embedding_grad(nb::handle gradient, nb::handle index, nb::handle padding, nb::handle shape) {
  PyArrayObject* given = any_array<float>(gradient);
  if (!given || !PyTuple_Check(shape.ptr()) || PyTuple_GET_SIZE(shape.ptr()) != 2) return declined();
  npy_intp sizes[2];
  for (int i = 0; i < 2; ++i) {
    sizes[i] = PyLong_AsSsize_t(PyTuple_GET_ITEM(shape.ptr(), i));
    if (sizes[i] < 0) return PyErr_Clear(), declined();
  }
  const nb::object numbers = row_numbers(index, sizes[0]);
  if (!numbers) return declined();
  const int64_t count = PyArray_SIZE(as_array(numbers));
  if (PyArray_SIZE(given) != count * sizes[1]) return declined();
  int64_t skipped = -1;
  if (!padding.is_none()) {
    skipped = PyLong_AsLongLong(padding.ptr());
    if (skipped < 0) return PyErr_Clear(), declined();
  }
  PyObject* copied = PyArray_FROM_OF(gradient.ptr(), NPY_ARRAY_IN_ARRAY);
  if (!copied) throw nb::python_error();
  const nb::object g = nb::steal(copied);
  PyObject* made = PyArray_ZEROS(2, sizes, NPY_FLOAT32, 0);
  if (!made) throw nb::python_error();
  nb::object result = nb::steal(made);
  float* table = data<float>(as_array(result));
  Unlocked unlocked(count * sizes[1]);
  FACULA_BEST(add_rows)(data<float>(as_array(g)), data<int64_t>(as_array(numbers)), count, sizes[1], skipped, table);
  return result;
}

// Coins as bits from the state behind a numpy.random.MT19937, which goes on from there; see dropout.h. Declined where
// the state does not look like one.
nb::object coins(nb::handle capsule, int64_t count, uint32_t high, uint32_t low) {
  auto* generator = static_cast<bitgen_t*>(PyCapsule_GetPointer(capsule.ptr(), "BitGenerator"));
  if (!generator) throw nb::python_error();
  auto* state = static_cast<Twister*>(generator->state);
  if (state->position < 0 || state->position > 624 || count < 0) return declined();
  const npy_intp bytes = (count + 7) / 8;
  nb::object result = new_array<uint8_t>(1, &bytes);
  uint8_t* bits = data<uint8_t>(as_array(result));
  Unlocked unlocked(count);
  FACULA_BEST(coins)(*state, count, high, low, bits);
  return result;
}

nb::object masked_scale(nb::handle input, nb::handle mask, double scale) {
  PyArrayObject *given = any_array<float>(input), *bits = dense_array<uint8_t>(mask);
  if (!given || !bits || PyArray_SIZE(bits) < (PyArray_SIZE(given) + 7) / 8) return declined();
  PyObject* copied = PyArray_FROM_OF(input.ptr(), NPY_ARRAY_IN_ARRAY);
  if (!copied) throw nb::python_error();
  const nb::object x = nb::steal(copied);
  nb::object result = new_like<float>(given);
  float* out = data<float>(as_array(result));
  Unlocked unlocked(PyArray_SIZE(given));
  FACULA_BEST(masked_scale)(data<float>(as_array(x)), data<uint8_t>(bits), PyArray_SIZE(given), static_cast<float>(scale), out);
  return result;
}

}  // namespace

void bind_embedding(nb::module_& m) {
  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  m.def("embedding_rows", &embedding_rows, any, any, any);
  m.def("embedding_grad", &embedding_grad, any, any, any, any);
  m.def("coins", &coins, nb::arg(), nb::arg(), nb::arg(), nb::arg());
  m.def("masked_scale", &masked_scale, any, any, nb::arg());
}

}  // namespace facula
