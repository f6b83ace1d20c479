#include "binary.h"

#include <algorithm>

#include "parallel.h"
#include "simd.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kGrain = 32768;

// One stretch of the last dimension; a step is 0 or 1.
template <typename T, typename Operation>
void stretch(Operation operation, const T* a, int64_t a_step, const T* b, int64_t b_step, int64_t count, T* out) {
  if (a_step && b_step) {
    for (int64_t i = 0; i < count; ++i) out[i] = operation(a[i], b[i]);
  } else if (a_step) {
    const T y = *b;
    for (int64_t i = 0; i < count; ++i) out[i] = operation(a[i], y);
  } else if (b_step) {
    const T x = *a;
    for (int64_t i = 0; i < count; ++i) out[i] = operation(x, b[i]);
  } else {
    const T value = operation(*a, *b);
    for (int64_t i = 0; i < count; ++i) out[i] = value;
  }
}

template <typename T, typename Operation>
void all(Operation operation, const Pairing& p, const T* a, const T* b, T* out) {
  const int last = p.dimensions - 1;
  const int64_t length = p.size[last];
  int64_t total = length;
  for (int d = 0; d < last; ++d) total *= p.size[d];
  parallel_for(total, kGrain, [&](int64_t begin, int64_t end) {
    int64_t place[Pairing::kMost], rest = begin / length, from_a = 0, from_b = 0;
    for (int d = last - 1; d >= 0; --d) {
      place[d] = rest % p.size[d], rest /= p.size[d];
      from_a += place[d] * p.left[d], from_b += place[d] * p.right[d];
    }
    for (int64_t first = begin % length; begin < end; first = 0) {
      const int64_t count = std::min(length - first, end - begin);
      stretch(operation, a + from_a + first * p.left[last], p.left[last], b + from_b + first * p.right[last],
              p.right[last], count, out + begin);
      begin += count;
      for (int d = last - 1; d >= 0; --d) {  // the next row
        from_a += p.left[d], from_b += p.right[d];
        if (++place[d] < p.size[d]) break;
        from_a -= p.left[d] * p.size[d], from_b -= p.right[d] * p.size[d];
        place[d] = 0;
      }
    }
  });
}

}  // namespace

template <typename T>
void arithmetic(Arithmetic operation, const Pairing& pairing, const T* a, const T* b, T* out) {
  switch (operation) {
    case Arithmetic::add: return all([](T x, T y) { return x + y; }, pairing, a, b, out);
    case Arithmetic::sub: return all([](T x, T y) { return x - y; }, pairing, a, b, out);
    case Arithmetic::mul: return all([](T x, T y) { return x * y; }, pairing, a, b, out);
    case Arithmetic::div: return all([](T x, T y) { return x / y; }, pairing, a, b, out);
  }
}

template void arithmetic<float>(Arithmetic, const Pairing&, const float*, const float*, float*);
template void arithmetic<double>(Arithmetic, const Pairing&, const double*, const double*, double*);

}  // namespace facula::FACULA_ISA
