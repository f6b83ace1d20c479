// Table look-up and dropout as Python functions.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include "arrays.h"

namespace facula {

void bind_embedding(nb::module_&) {}

}  // namespace facula
