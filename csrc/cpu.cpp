#include "cpu.h"

#include <atomic>
#include <cstring>

namespace facula::cpu {
namespace {

Isa detect() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return avx512 ? Isa::avx512 : avx2 ? Isa::avx2 : Isa::base;
#else
  return Isa::base;
#endif
}

const Isa best = detect();
std::atomic<Isa> chosen{best};

}  // namespace

Isa isa() { return chosen.load(std::memory_order_relaxed); }

const char* isa_name(Isa isa) {
  switch (isa) {
#define FACULA_NAME(name) \
  case Isa::name:         \
    return #name;
    FACULA_ISAS(FACULA_NAME)
#undef FACULA_NAME
  }
  return "";
}

bool has_isa(const char* name) {
  for (int i = 0; i <= static_cast<int>(best); ++i)
    if (std::strcmp(isa_name(static_cast<Isa>(i)), name) == 0) return true;
  return false;
}

bool set_isa(const char* name) {
  for (int i = 0; i <= static_cast<int>(best); ++i)
    if (std::strcmp(isa_name(static_cast<Isa>(i)), name) == 0) {
      chosen.store(static_cast<Isa>(i));
      return true;
    }
  return false;
}

}  // namespace facula::cpu
