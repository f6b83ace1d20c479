// Elementwise kernels as Python functions.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arrays.h"

namespace facula {

void bind_pointwise(nb::module_&) {}

}  // namespace facula
