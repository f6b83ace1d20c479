// What this processor can do, and the marks that let one build serve every processor.
#pragma once
#include <cstdint>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define FACULA_X86 1
// Compiled for AVX2 and FMA whatever the build's baseline is; call only where cpu::has_avx2() says so.
#define FACULA_AVX2 __attribute__((target("avx2,fma")))
#else
#define FACULA_X86 0
#define FACULA_AVX2
#endif

#if defined(__GNUC__) || defined(__clang__)
// A body written once and inlined both into a FACULA_AVX2 function and into a plain one.
#define FACULA_INLINE inline __attribute__((always_inline))
#else
#define FACULA_INLINE inline
#endif

namespace facula::cpu {

// True where AVX2 and FMA instructions may be used; false after set_avx2(false), by which tests reach the plain path.
bool has_avx2();
void set_avx2(bool allowed);

}  // namespace facula::cpu
