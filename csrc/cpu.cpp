#include "cpu.h"

#include <atomic>

namespace facula::cpu {

static bool detect() {
#if FACULA_X86
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return false;
#endif
}

static const bool detected = detect();
static std::atomic<bool> usable{detected};

bool has_avx2() { return usable.load(std::memory_order_relaxed); }

void set_avx2(bool allowed) { usable.store(allowed && detected); }

}  // namespace facula::cpu
