// Pooling as Python functions.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include <algorithm>
#include <vector>

#include "arrays.h"
#include "pool.h"

namespace facula {
namespace {

using Handle = nb::handle;
constexpr int kMostDimensions = 8;

// A tuple of up to three numbers, after `absent` in front.
bool numbers(Handle tuple, int64_t absent, int64_t (&into)[3]) {
  if (!PyTuple_CheckExact(tuple.ptr())) return false;
  const Py_ssize_t count = PyTuple_GET_SIZE(tuple.ptr());
  if (count < 1 || count > 3) return false;
  std::fill(into, into + 3, absent);
  for (Py_ssize_t i = 0; i < count; ++i) {
    const int64_t n = PyLong_AsLongLong(PyTuple_GET_ITEM(tuple.ptr(), i));
    if (n == -1 && PyErr_Occurred()) {
      PyErr_Clear();
      return false;
    }
    into[3 - count + i] = n;
  }
  return true;
}

// The shape of an array or a tuple: its last dimensions, and all before them as planes.
struct Extent {
  npy_intp shape[kMostDimensions];
  int dimensions = 0, spatial = 0;
  int64_t planes = 1, size[3] = {1, 1, 1};

  bool read(Handle source, Py_ssize_t last) {
    if (PyArray_Check(source.ptr())) {
      auto* array = reinterpret_cast<PyArrayObject*>(source.ptr());
      dimensions = PyArray_NDIM(array);
      if (dimensions > kMostDimensions) return false;
      std::copy(PyArray_DIMS(array), PyArray_DIMS(array) + dimensions, shape);
    } else if (PyTuple_Check(source.ptr())) {
      dimensions = static_cast<int>(std::min<Py_ssize_t>(PyTuple_GET_SIZE(source.ptr()), kMostDimensions + 1));
      if (dimensions > kMostDimensions) return false;
      for (int i = 0; i < dimensions; ++i) {
        shape[i] = PyLong_AsLongLong(PyTuple_GET_ITEM(source.ptr(), i));
        if (shape[i] == -1 && PyErr_Occurred()) PyErr_Clear();
        if (shape[i] < 0) return false;
      }
    } else {
      return false;
    }
    if (last < 1 || last > 3 || dimensions < last) return false;
    spatial = static_cast<int>(last);
    for (int i = 0; i < dimensions - spatial; ++i) planes *= shape[i];
    for (int i = 0; i < spatial; ++i) size[3 - spatial + i] = shape[dimensions - spatial + i];
    return true;
  }
  int64_t count() const { return planes * size[0] * size[1] * size[2]; }
  // The same planes with other places.
  template <typename T>
  nb::object make(const int64_t (&places)[3]) const {
    npy_intp made[kMostDimensions];
    std::copy(shape, shape + dimensions - spatial, made);
    for (int i = 0; i < spatial; ++i) made[dimensions - spatial + i] = places[3 - spatial + i];
    return new_array<T>(dimensions, made);
  }
};

Py_ssize_t length(Handle tuple) { return PyTuple_CheckExact(tuple.ptr()) ? PyTuple_GET_SIZE(tuple.ptr()) : 0; }

// As `out_size` in ops/pool.py.
int64_t out_size(int64_t n, int64_t k, int64_t s, int64_t p, int64_t d, bool ceil_mode) {
  const int64_t span = n + 2 * p - d * (k - 1) - 1;
  if (span < 0) return 0;
  int64_t size = (ceil_mode ? (span + s - 1) / s : span / s) + 1;
  if (ceil_mode && (size - 1) * s >= n + p) --size;
  return size;
}

// False for what is left to the definition: nothing to do, or windows without an element inside.
bool pool_shape(const Extent& x, Handle kernel, Handle stride, Handle padding, Handle dilation, bool ceil_mode,
                PoolShape& s) {
  if (!numbers(kernel, 1, s.kernel) || !numbers(stride, 1, s.stride) || !numbers(padding, 0, s.pad) ||
      !numbers(dilation, 1, s.dilation))
    return false;
  s.planes = x.planes;
  for (int d = 0; d < 3; ++d) {
    s.size[d] = x.size[d];
    if (s.kernel[d] < 1 || s.stride[d] < 1 || s.dilation[d] < 1 || s.pad[d] < 0) return false;
    s.places[d] = out_size(s.size[d], s.kernel[d], s.stride[d], s.pad[d], s.dilation[d], ceil_mode);
    if (s.places[d] < 1) return false;
    for (int64_t j = 0; j < s.places[d]; ++j) {
      int64_t at = j * s.stride[d] - s.pad[d];
      if (at < 0) at += (-at + s.dilation[d] - 1) / s.dilation[d] * s.dilation[d];
      if (at >= s.size[d] || at > j * s.stride[d] - s.pad[d] + (s.kernel[d] - 1) * s.dilation[d]) return false;
    }
  }
  return x.count() > 0;
}

nb::object max_pool_array(Handle input, Handle kernel, Handle stride, Handle padding, Handle dilation, bool ceil_mode,
                          bool compact) {
  nb::object x = dense<float>(input);
  Extent extent;
  PoolShape s;
  if (!x.is_valid() || !extent.read(x, length(kernel)) ||
      !pool_shape(extent, kernel, stride, padding, dilation, ceil_mode, s) || (compact ? s.window() > 256 : s.window() > 1 << 30))
    return declined();
  nb::object out = extent.make<float>(s.places);
  nb::object where = compact ? extent.make<uint8_t>(s.places) : extent.make<int64_t>(s.places);
  {
    Unlocked unlocked(s.planes * s.outputs() * s.window());
    FACULA_BEST(max_pool)
    (data<float>(as_array(x)), s, data<float>(as_array(out)), compact ? data<uint8_t>(as_array(where)) : nullptr,
     compact ? nullptr : data<int64_t>(as_array(where)));
  }
  return nb::make_tuple(out, where);
}

nb::object max_unpool_array(Handle gradient, Handle shape, Handle codes, Handle kernel, Handle stride, Handle padding,
                            Handle dilation) {
  nb::object g = dense<float>(gradient), which = dense<uint8_t>(codes);
  Extent extent, from;
  PoolShape s;
  if (!g.is_valid() || !which.is_valid() || !same_shape(as_array(g), as_array(which)) || !extent.read(shape, length(kernel)) ||
      !from.read(g, length(kernel)) || from.planes != extent.planes)
    return declined();
  if (!pool_shape(extent, kernel, stride, padding, dilation, false, s) || s.window() > 256) return declined();
  for (int d = 0; d < 3; ++d) {
    if (from.size[d] != s.places[d] && from.size[d] != s.places[d] + 1) return declined();
    s.places[d] = from.size[d];  // one more with ceil_mode
  }
  nb::object dx = extent.make<float>(s.size);
  Unlocked unlocked(extent.count());
  FACULA_BEST(max_unpool)
  (data<float>(as_array(g)), data<uint8_t>(as_array(which)), s, data<float>(as_array(dx)));
  return dx;
}

nb::object unpool_array(Handle gradient, Handle shape, Handle indices, int dimensions) {
  nb::object g = dense<float>(gradient), where = dense<int64_t>(indices);
  Extent to, from;
  if (!g.is_valid() || !where.is_valid() || !same_shape(as_array(g), as_array(where)) || !to.read(shape, dimensions) ||
      !from.read(g, dimensions) || from.planes != to.planes || to.count() == 0)
    return declined();
  nb::object dx = to.make<float>(to.size);
  bool done;
  {
    Unlocked unlocked(to.count());
    done = FACULA_BEST(scatter)(data<float>(as_array(g)), data<int64_t>(as_array(where)), to.planes,
                                from.count() / to.planes, to.count() / to.planes, data<float>(as_array(dx)));
  }
  return done ? dx : declined();
}

nb::object pooled_array(Handle input, Handle indices, int dimensions) {
  nb::object x = dense<float>(input), where = dense<int64_t>(indices);
  Extent from, to;
  if (!x.is_valid() || !where.is_valid() || !from.read(x, dimensions) || !to.read(where, dimensions) ||
      from.planes != to.planes || from.count() == 0)
    return declined();
  nb::object out = to.make<float>(to.size);
  bool done;
  {
    Unlocked unlocked(from.count());
    done = FACULA_BEST(gather)(data<float>(as_array(x)), data<int64_t>(as_array(where)), to.planes,
                               to.count() / to.planes, from.count() / to.planes, data<float>(as_array(out)));
  }
  return done ? out : declined();
}

// ---- means -----------------------------------------------------------------------------------------------------------

// The bounds of windows, kept for as long as the kernel works.
struct Boxes : BoxShape {
  std::vector<int64_t> bounds;
  std::vector<float> counts;

  void start(const Extent& x) {
    planes = x.planes;
    divisor = 0;
    kernel = stride = pad = 0;
    int64_t all = 0;
    for (int d = 0; d < 3; ++d) size[d] = x.size[d], all += places[d];
    bounds.resize(2 * all), counts.resize(all);
    int64_t at = 0;
    for (int d = 0; d < 3; ++d) {
      begin[d] = bounds.data() + at, end[d] = bounds.data() + all + at, count[d] = counts.data() + at;
      at += places[d];
    }
  }
  void set(int d, int64_t j, int64_t first, int64_t last, int64_t number) {
    const int64_t at = begin[d] - bounds.data() + j;
    bounds[at] = first, bounds[counts.size() + at] = last, counts[at] = static_cast<float>(number);
  }
};

bool sliding_boxes(const Extent& x, Handle kernel, Handle stride, Handle padding, bool ceil_mode, bool include,
                   Handle divisor, Boxes& s) {
  int64_t k[3], step[3], pad[3];
  if (!numbers(kernel, 1, k) || !numbers(stride, 1, step) || !numbers(padding, 0, pad) || x.count() == 0) return false;
  for (int d = 0; d < 3; ++d) {
    if (k[d] < 1 || step[d] < 1 || pad[d] < 0) return false;
    s.places[d] = out_size(x.size[d], k[d], step[d], pad[d], 1, ceil_mode);
    if (s.places[d] < 1) return false;
  }
  s.start(x);
  for (int d = 0; d < 3; ++d)
    for (int64_t j = 0; j < s.places[d]; ++j) {
      const int64_t from = j * step[d] - pad[d], to = std::min(from + k[d], x.size[d] + pad[d]);
      const int64_t first = std::max<int64_t>(0, from), last = std::max(first, std::min(to, x.size[d]));
      s.set(d, j, first, last, include ? to - from : last - first);
    }
  s.kernel = k[2], s.stride = step[2], s.pad = pad[2];
  if (divisor.is_none()) return true;
  if (!PyLong_CheckExact(divisor.ptr())) return false;
  s.divisor = static_cast<float>(PyLong_AsDouble(divisor.ptr()));
  return s.divisor != 0 && !PyErr_Occurred();
}

bool adaptive_boxes(const Extent& x, const int64_t (&sizes)[3], Boxes& s) {
  if (x.count() == 0) return false;
  for (int d = 0; d < 3; ++d) {
    s.places[d] = sizes[d];
    if (sizes[d] < 1) return false;
  }
  s.start(x);
  for (int d = 0; d < 3; ++d)
    for (int64_t j = 0; j < s.places[d]; ++j) {
      const int64_t first = j * s.size[d] / s.places[d], last = ((j + 1) * s.size[d] + s.places[d] - 1) / s.places[d];
      s.set(d, j, first, last, last - first);
    }
  if (s.size[2] % s.places[2] == 0) s.kernel = s.stride = s.size[2] / s.places[2];
  return true;
}

nb::object mean_of(const nb::object& x, const Extent& extent, const Boxes& s) {
  nb::object out = extent.make<float>(s.places);
  Unlocked unlocked(extent.count());
  FACULA_BEST(box_mean)(data<float>(as_array(x)), s, data<float>(as_array(out)));
  return out;
}

// g has the boxes' places in the planes of `extent`.
nb::object mean_grad(const nb::object& g, const Extent& extent, const Boxes& s) {
  Extent from;
  if (!from.read(g, extent.spatial) || from.planes != extent.planes || !std::equal(from.size, from.size + 3, s.places))
    return declined();
  nb::object dx = extent.make<float>(extent.size);
  Unlocked unlocked(extent.count());
  FACULA_BEST(box_mean_grad)(data<float>(as_array(g)), s, data<float>(as_array(dx)));
  return dx;
}

nb::object avg_pool(Handle input, Handle kernel, Handle stride, Handle padding, bool ceil_mode, bool include, Handle divisor) {
  nb::object x = dense<float>(input);
  Extent extent;
  Boxes s;
  if (!x.is_valid() || !extent.read(x, length(kernel)) ||
      !sliding_boxes(extent, kernel, stride, padding, ceil_mode, include, divisor, s))
    return declined();
  return mean_of(x, extent, s);
}

nb::object avg_unpool(Handle gradient, Handle shape, Handle kernel, Handle stride, Handle padding, bool ceil_mode,
                      bool include, Handle divisor) {
  nb::object g = dense<float>(gradient);
  Extent extent;
  Boxes s;
  if (!g.is_valid() || !extent.read(shape, length(kernel)) ||
      !sliding_boxes(extent, kernel, stride, padding, ceil_mode, include, divisor, s))
    return declined();
  return mean_grad(g, extent, s);
}

nb::object adaptive_avg_pool(Handle input, Handle sizes) {
  nb::object x = dense<float>(input);
  Extent extent;
  Boxes s;
  int64_t wanted[3];
  if (!x.is_valid() || !numbers(sizes, 1, wanted) || !extent.read(x, length(sizes)) || !adaptive_boxes(extent, wanted, s))
    return declined();
  return mean_of(x, extent, s);
}

nb::object adaptive_avg_unpool(Handle gradient, Handle shape, int dimensions) {
  nb::object g = dense<float>(gradient);
  Extent extent, from;
  Boxes s;
  if (!g.is_valid() || !extent.read(shape, dimensions) || !from.read(g, dimensions) || !adaptive_boxes(extent, from.size, s))
    return declined();
  return mean_grad(g, extent, s);
}

nb::object adaptive_max_pool(Handle input, Handle sizes) {
  nb::object x = dense<float>(input);
  Extent extent;
  Boxes s;
  int64_t wanted[3];
  if (!x.is_valid() || !numbers(sizes, 1, wanted) || !extent.read(x, length(sizes)) || !adaptive_boxes(extent, wanted, s))
    return declined();
  nb::object out = extent.make<float>(s.places), where = extent.make<int64_t>(s.places);
  {
    Unlocked unlocked(extent.count());
    FACULA_BEST(box_max)(data<float>(as_array(x)), s, data<float>(as_array(out)), data<int64_t>(as_array(where)));
  }
  return nb::make_tuple(out, where);
}

}  // namespace

void bind_pool(nb::module_& m) {
  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  const auto number = nb::arg();
  m.def("max_pool",
        [](Handle x, Handle k, Handle s, Handle p, Handle d, bool ceil_mode) { return max_pool_array(x, k, s, p, d, ceil_mode, false); },
        any, any, any, any, any, number);
  m.def("max_pool_compact",
        [](Handle x, Handle k, Handle s, Handle p, Handle d, bool ceil_mode) { return max_pool_array(x, k, s, p, d, ceil_mode, true); },
        any, any, any, any, any, number);
  m.def("unpool_compact", &max_unpool_array, any, any, any, any, any, any, any);
  m.def("unpool", &unpool_array, any, any, any, number);
  m.def("pooled", &pooled_array, any, any, number);
  m.def("avg_pool", &avg_pool, any, any, any, any, number, number, any);
  m.def("avg_unpool", &avg_unpool, any, any, any, any, any, number, number, any);
  m.def("adaptive_avg_pool", &adaptive_avg_pool, any, any);
  m.def("adaptive_avg_unpool", &adaptive_avg_unpool, any, any, number);
  m.def("adaptive_max_pool", &adaptive_max_pool, any, any);
}

}  // namespace facula
