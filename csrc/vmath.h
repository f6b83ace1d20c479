// Elementary functions of vectors of floats; the error is given in units in the last place.
#pragma once
#include <limits>

#include "simd.h"

namespace facula::FACULA_ISA {

// e^x within about one unit: x = n ln 2 + r with |r| <= ln 2 / 2, e^r by its series to the seventh power, 2^n by writing
// the exponent. Below the smallest normal number the result is 0; NaN stays NaN.
FACULA_INLINE Float exp(Float x) {
  const Float low = broadcast(-87.336544f), high = broadcast(88.722839f);
  const Int vanishes = x < low, overflows = x > high;
  x = max(low, min(high, x));  // in this order a NaN passes
  const Float n = round(x * 1.44269504f);
  Float r = fnma(n, broadcast(0.693359375f), x);  // ln 2 in two parts, the first exact in few bits
  r = fnma(n, broadcast(-2.12194440e-4f), r);
  Float p = broadcast(1.0f / 5040);
  p = fma(p, r, broadcast(1.0f / 720));
  p = fma(p, r, broadcast(1.0f / 120));
  p = fma(p, r, broadcast(1.0f / 24));
  p = fma(p, r, broadcast(1.0f / 6));
  p = fma(p, r, broadcast(0.5f));
  p = fma(p, r, broadcast(1.0f));
  p = fma(p, r, broadcast(1.0f));
  // 2^n in two factors: n may be 128, whose power is no finite float on its own.
  const Int whole = to_int(n), half = whole >> 1;
  p = p * (Float)((half + 127) << 23) * (Float)((whole - half + 127) << 23);
  p = overflows ? broadcast(std::numeric_limits<float>::infinity()) : p;
  return vanishes ? Float{} : p;
}

}  // namespace facula::FACULA_ISA
