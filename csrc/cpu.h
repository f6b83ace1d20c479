// Which instructions this processor has, and how one build serves them all.
//
// A kernel file is compiled once for each instruction set, with FACULA_ISA naming it, into a namespace of that name
// (facula::avx2, ...); `simd.h` gives it vectors as wide as they are there. Its header declares the functions with
// FACULA_KERNELS(...), and whoever calls one takes FACULA_BEST(function): that of the best set that may be used.
#pragma once
#include <cstdint>

// Instruction sets from the least to the best; "base" is what every processor of the kind has (SSE2, NEON).
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define FACULA_ISAS(X) X(base) X(avx2) X(avx512)
#define FACULA_KERNELS(...)          \
  namespace base { __VA_ARGS__ }     \
  namespace avx2 { __VA_ARGS__ }     \
  namespace avx512 { __VA_ARGS__ }
#define FACULA_BEST(function)                                          \
  (::facula::cpu::isa() == ::facula::cpu::Isa::base   ? &base::function \
   : ::facula::cpu::isa() == ::facula::cpu::Isa::avx2 ? &avx2::function \
                                                      : &avx512::function)
#else
#define FACULA_ISAS(X) X(base)
#define FACULA_KERNELS(...) \
  namespace base { __VA_ARGS__ }
#define FACULA_BEST(function) (&base::function)
#endif

#if defined(__GNUC__) || defined(__clang__)
#define FACULA_INLINE inline __attribute__((always_inline))
#else
#error "The kernels use vector types of GCC and Clang: build with one of them, or without the extension."
#endif

namespace facula::cpu {

enum class Isa {
#define FACULA_NAME(name) name,
  FACULA_ISAS(FACULA_NAME)
#undef FACULA_NAME
};

// The set in use: the best that the processor has, until set_isa names another.
Isa isa();
const char* isa_name(Isa isa);

// Uses the named set from now on, by which tests reach every path; false if there is none such on this processor.
bool set_isa(const char* name);
bool has_isa(const char* name);

}  // namespace facula::cpu
