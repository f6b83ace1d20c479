// The caching allocator as NumPy's memory handler (NEP 49), and as Python functions.
//
// NumPy asks the handler of the current context for the data of a new array, and the array keeps its handler: arrays made
// before, or by another handler, are freed as ever. A context variable says which handler it is, so:
// - code in the thread that imported facula, in its coroutines and in whatever copies its context uses the cache;
// - a new thread starts with an empty context, that is with NumPy's own malloc, until a kernel makes a large array there
//   (new_array, arrays.h) or use_cache() is called; large arrays that NumPy itself makes before that are malloc's.
// A handler that the program has set in a context is never replaced.
#define NO_IMPORT_ARRAY
#include "bind.h"

#include <cstring>

#include "arrays.h"
#include "memory.h"

namespace facula {
namespace {

const PyDataMemAllocator* standard = nullptr;  // NumPy's own allocator
PyObject* capsule = nullptr;                   // ours; never freed, since arrays may outlive the module

void* handler_malloc(void*, size_t size) {
  if (size >= memory::kFrom) {
    bool fresh;
    if (void* block = memory::allocate(size, &fresh)) return block;
  }
  return standard->malloc(standard->ctx, size);
}

void* handler_calloc(void*, size_t count, size_t size) {
  size_t bytes;
  if (!__builtin_mul_overflow(count, size, &bytes) && bytes >= memory::kFrom) {
    bool fresh;
    if (void* block = memory::allocate(bytes, &fresh)) return fresh ? block : std::memset(block, 0, bytes);
  }
  return standard->calloc(standard->ctx, count, size);
}

void handler_free(void*, void* block, size_t size) {
  if (!memory::may_be_ours(block) || !memory::release(block)) standard->free(standard->ctx, block, size);
}

void* handler_realloc(void*, void* block, size_t size) {
  const size_t room = memory::may_be_ours(block) ? memory::room(block) : 0;
  if (!room) return standard->realloc(standard->ctx, block, size);  // malloc's block stays malloc's: its size is unknown
  if (size <= room && size > room / 2) return block;
  void* moved = handler_malloc(nullptr, size);
  if (!moved) return nullptr;
  std::memcpy(moved, block, size < room ? size : room);
  memory::release(block);
  return moved;
}

PyDataMem_Handler handler = {
    "facula_cache", 1, {nullptr, handler_malloc, handler_calloc, handler_realloc, handler_free}};

nb::dict memory_stats() {
  const memory::Stats found = memory::stats();
  nb::dict result;
  result["in_use"] = found.in_use;
  result["in_use_peak"] = found.in_use_peak;
  result["held"] = found.held;
  result["reserved_peak"] = found.reserved_peak;
  result["hits"] = found.hits;
  result["misses"] = found.misses;
  result["released"] = found.released;
  result["limit"] = found.limit;
  return result;
}

}  // namespace

bool use_cache() {
  if (!capsule) return false;
  PyObject* current = PyDataMem_GetHandler();
  if (!current) throw nb::python_error();
  const bool free_choice = current == PyDataMem_DefaultHandler, ours = current == capsule;
  Py_DECREF(current);
  if (!free_choice) return ours;
  PyObject* before = PyDataMem_SetHandler(capsule);
  if (!before) throw nb::python_error();
  Py_DECREF(before);
  return true;
}

void bind_memory(nb::module_& m) {
  if (memory::available()) {
    const auto* numpys = static_cast<PyDataMem_Handler*>(PyCapsule_GetPointer(PyDataMem_DefaultHandler, "mem_handler"));
    if (!numpys) throw nb::python_error();
    standard = &numpys->allocator;
    capsule = PyCapsule_New(&handler, "mem_handler", nullptr);
    if (!capsule) throw nb::python_error();
  }
  m.def("use_cache", &use_cache, "Take large arrays' memory from the cache in this context; whether it does now.");
  m.def("memory_stats", &memory_stats);
  m.def("reset_peak_memory", &memory::reset_peaks);
  m.def("empty_cache", &memory::empty);
  m.def("set_memory_limit", &memory::set_limit, nb::arg());
  use_cache();
}

}  // namespace facula
