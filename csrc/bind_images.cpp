// Byte images to float as a Python function.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arrays.h"
#include "images.h"

#include <nanobind/stl/vector.h>

#include <vector>

namespace facula {
namespace {

nb::object images(nb::handle source, nb::handle chosen, const std::vector<float>& mean,
                  const std::vector<float>& deviation) {
  PyArrayObject* from = dense_array<uint8_t>(source);
  if (!from || (PyArray_NDIM(from) != 3 && PyArray_NDIM(from) != 4)) return declined();
  const npy_intp count = PyArray_DIM(from, 0), height = PyArray_DIM(from, 1), width = PyArray_DIM(from, 2);
  const npy_intp channels = PyArray_NDIM(from) == 4 ? PyArray_DIM(from, 3) : 1;
  const int64_t* indices = nullptr;
  npy_intp batch = count;
  if (!chosen.is_none()) {
    PyArrayObject* index = dense_array<int64_t>(chosen);
    if (!index || PyArray_NDIM(index) != 1) return declined();
    batch = PyArray_DIM(index, 0);
    indices = data<int64_t>(index);
    for (npy_intp i = 0; i < batch; ++i)
      if (indices[i] < 0 || indices[i] >= count) return declined();
  }
  // One value serves every channel, as in broadcasting.
  if (mean.size() != deviation.size()) return declined();
  std::vector<float> means = mean, deviations = deviation;
  if (mean.size() == 1) means.resize(channels, mean[0]), deviations.resize(channels, deviation[0]);
  if (!means.empty() && static_cast<npy_intp>(means.size()) != channels) return declined();
  const npy_intp shape[4] = {batch, channels, height, width};
  nb::object result = new_array<float>(4, shape);
  float* out = data<float>(as_array(result));
  Unlocked unlocked(batch * height * width * channels);
  FACULA_BEST(images_to_float)(data<uint8_t>(from), indices, batch, height * width, channels, means.empty() ? nullptr : means.data(),
                  means.empty() ? nullptr : deviations.data(), out);
  return result;
}

}  // namespace

void bind_images(nb::module_& m) {
  const auto any = nb::arg().none();  // whatever is no fit array, None too, is declined and not refused
  m.def("images_to_float", &images, any, any, nb::arg(), nb::arg());
}

}  // namespace facula
