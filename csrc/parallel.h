// A small thread pool of our own: kernels share it, so two libraries' pools never fight over the same cores.
//
// The caller of parallel_for works too, and claims chunks from the same counter as the workers: it never waits for a
// worker that has not begun, so a busy machine costs no more than running alone. Threads start on first use, not at
// import, end before a fork and start anew after it.
#pragma once
#include <cstdint>
#include <type_traits>

namespace facula {

// Threads that parallel_for may use, the caller included. Default: OMP_NUM_THREADS if set, else the processors this
// process may run on, cut down to the container's quota.
int num_threads();
void set_num_threads(int count);

namespace detail {
using Body = void (*)(void* context, int64_t begin, int64_t end);
void run(int64_t count, int64_t grain, Body body, void* context);
}  // namespace detail

// Calls f(begin, end) over pieces of [0, count), each at most `grain` long, in any order and possibly at once. Calls
// made from inside f run serially.
template <typename F>
void parallel_for(int64_t count, int64_t grain, F&& f) {
  if (count <= 0) return;
  if (grain < 1) grain = 1;
  if (count <= grain || num_threads() == 1) {
    f(int64_t{0}, count);
    return;
  }
  using Function = std::remove_reference_t<F>;
  detail::run(
      count, grain, [](void* context, int64_t begin, int64_t end) { (*static_cast<Function*>(context))(begin, end); },
      const_cast<void*>(static_cast<const void*>(&f)));
}

}  // namespace facula
