// Elementary functions of vectors of floats; the error is given in units in the last place.
#pragma once
#include <limits>

#include "simd.h"

namespace facula::FACULA_ISA {

// x = n ln 2 + r with |r| <= ln 2 / 2, ln 2 in two parts, of which the first has few bits: its product with n is exact.
FACULA_INLINE Float reduced(Float x, Float n) {
  return fnma(n, broadcast(-2.12194440e-4f), fnma(n, broadcast(0.693359375f), x));
}

// 2^n for -126 <= n <= 127.
FACULA_INLINE Float power_of_two(Int n) { return (Float)((n + 127) << 23); }

// (e^r - 1 - r) / r^2 for |r| <= ln 2 / 2: a polynomial fitted so that e^r has equal relative errors, of 3e-9.
FACULA_INLINE Float exp_series(Float r) {
  Float p = broadcast(1.3814222e-3f);
  p = fma(p, r, broadcast(8.3688991e-3f));
  p = fma(p, r, broadcast(4.1668404e-2f));
  p = fma(p, r, broadcast(0.16666520f));
  return fma(p, r, broadcast(0.49999994f));
}

// e^x within about one unit. Below the smallest normal number the result is 0; NaN stays NaN.
FACULA_INLINE Float exp(Float x) {
  const Float low = broadcast(-87.336544f), high = broadcast(88.722839f);
  const Int vanishes = x < low, overflows = x > high;
  x = max(low, min(high, x));  // in this order a NaN passes
  const Float n = round(x * 1.44269504f), r = reduced(x, n);
  Float p = fma(fma(exp_series(r), r, broadcast(1.0f)), r, broadcast(1.0f));
  // 2^n in two factors: n may be 128, whose power is no finite float on its own.
  const Int whole = to_int(n), half = whole >> 1;
  p = p * power_of_two(half) * power_of_two(whole - half);
  p = overflows ? broadcast(std::numeric_limits<float>::infinity()) : p;
  return vanishes ? Float{} : p;
}

// e^x for x <= 0, cheaper: within about one unit, 0 below the smallest normal number.
FACULA_INLINE Float exp_negative(Float x) {
  x = max(broadcast(-88.0f), x);
  // Adding 1.5 * 2^23 leaves no bits for a fraction: the last bits are n, and 127 more is the exponent of 2^n, with
  // that of 0 for n = -127.
  const Float shifted = fma(x, broadcast(1.44269504f), broadcast(12582912.0f + 127)), n = shifted - (12582912.0f + 127);
  const Float r = reduced(x, n), power = (Float)((Int)shifted << 23);
  return fma(fma(exp_series(r), r, broadcast(1.0f)), r, broadcast(1.0f)) * power;
}

// e^x - 1 for x <= 0 within about one unit: also near 0, where the difference would lose all digits.
FACULA_INLINE Float expm1_negative(Float x) {
  x = max(broadcast(-87.0f), x);
  const Float n = round(x * 1.44269504f), r = reduced(x, n);
  const Float s = power_of_two(to_int(n));
  return fma(s, fma(exp_series(r), r * r, r), s - 1.0f);
}

// 1 / (1 + e^-x) and 1 / (1 + e^x), each within about two units; 0 below the smallest normal number.
struct Sigmoid {
  Float value, rest;
};
FACULA_INLINE Sigmoid sigmoids(Float x) {
  const Float e = exp_negative(-abs(x)), large = 1.0f / (1.0f + e), small = e * large;
  const Int left = x < 0.0f;
  return {left ? small : large, left ? large : small};
}
FACULA_INLINE Float sigmoid(Float x) { return sigmoids(x).value; }

// Within about two units, from e^(-2 |x|) - 1; keeps the sign of 0.
FACULA_INLINE Float tanh(Float x) {
  const Float e = expm1_negative(abs(x) * -2.0f);
  const Int sign = (Int)x & static_cast<int32_t>(0x80000000);
  return (Float)((Int)abs(e / (e + 2.0f)) | sign);
}

// log(1 + t) for 0 <= t <= 1 within about two units: 2 artanh(s) with s = t / (2 + t), by a polynomial in s^2.
FACULA_INLINE Float log1p_unit(Float t) {
  const Float s = t / (t + 2.0f), w = s * s;
  Float p = broadcast(0.12206534f);
  p = fma(p, w, broadcast(0.10696626f));
  p = fma(p, w, broadcast(0.14310361f));
  p = fma(p, w, broadcast(0.19999346f));
  p = fma(p, w, broadcast(0.33333340f));
  const Float twice = s + s;
  return fma(twice, w * p, twice);
}

// log(x) within about one unit: x = 2^n m with m between sqrt(1/2) and sqrt(2), log m = 2 artanh((m - 1) / (m + 1)).
FACULA_INLINE Float log(Float x) {
  const Int tiny = x < 1.17549435e-38f;
  const Float scaled = tiny ? x * 8388608.0f : x;  // 2^23: subnormal numbers become normal
  const Int bits = ((Int)scaled & 0x7fffffff) - 0x3f3504f3;  // sqrt(1/2); what is negative is dealt with below
  const Int exponent = (bits >> 23) - (tiny & 23);
  const Float m = (Float)((bits & 0x007fffff) + 0x3f3504f3), n = to_float(exponent);
  const Float f = m - 1.0f, s = f / (f + 2.0f), w = s * s;
  Float p = broadcast(0.14962891f);
  p = fma(p, w, broadcast(0.19987395f));
  p = fma(p, w, broadcast(0.33333409f));
  // 2 s = f - s f: f is exact, so only the small rest is rounded.
  const Float rest = fma(n, broadcast(-2.12194440e-4f), s * fma(w + w, p, -f));
  const Float y = fma(n, broadcast(0.693359375f), f + rest);
  const float infinity = std::numeric_limits<float>::infinity();
  Float special = x == 0.0f ? broadcast(-infinity) : broadcast(std::numeric_limits<float>::quiet_NaN());
  special = x == infinity ? x : special;
  return (x > 0.0f) & (x < infinity) ? y : special;
}

// e^(z^2) erfc(z) for z >= 0, within a unit: z times a polynomial in 1 / (1 + 0.298 z), fitted for equal relative errors.
FACULA_INLINE Float scaled_erfc(Float z) {
  const Float t = 1.0f / fma(z, broadcast(0.298f), broadcast(1.0f));
  Float p = broadcast(-0.135834917f);
  p = fma(p, t, broadcast(0.525416493f));
  p = fma(p, t, broadcast(-0.580501199f));
  p = fma(p, t, broadcast(0.612965047f));
  p = fma(p, t, broadcast(-0.131880417f));
  p = fma(p, t, broadcast(0.22731261f));
  p = fma(p, t, broadcast(0.144558445f));
  p = fma(p, t, broadcast(0.169921324f));
  p = fma(p, t, broadcast(0.168042645f));
  return p * t;
}

// e^-(z^2), with what the rounding of the square lost where FACULA_FMA.
FACULA_INLINE Float exp_minus_square(Float z) {
  const Float square = z * z;
  Float e = exp_negative(-square);
  if (FACULA_FMA) e = fnma(e, fma(z, z, -square), e);
  return e;
}

// 1 - erf(x) within about five units.
FACULA_INLINE Float erfc(Float x) {
  const Float z = min(broadcast(10.5f), abs(x));
  const Float tail = exp_minus_square(z) * scaled_erfc(z);
  return x < 0.0f ? 2.0f - tail : tail;
}

// Within about two units: a polynomial in x^2 below 1, the rest of erfc above.
FACULA_INLINE Float erf(Float x) {
  const Float a = abs(x), z = min(broadcast(10.5f), a), w = z * z;
  Float p = broadcast(-9.6414560e-6f);
  p = fma(p, w, broadcast(1.1256928e-4f));
  p = fma(p, w, broadcast(-8.4828259e-4f));
  p = fma(p, w, broadcast(5.2209455e-3f));
  p = fma(p, w, broadcast(-2.6865400e-2f));
  p = fma(p, w, broadcast(0.11283782f));
  p = fma(p, w, broadcast(-0.37612638f));
  p = fma(p, w, broadcast(0.12837917f));
  const Float far = 1.0f - exp_negative(-w) * scaled_erfc(z);
  const Float y = a < 1.0f ? fma(a, p, a) : far;
  return (Float)((Int)y | ((Int)x & static_cast<int32_t>(0x80000000)));
}

}  // namespace facula::FACULA_ISA
