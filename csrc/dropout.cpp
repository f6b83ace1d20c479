// MT19937 (Matsumoto and Nishimura 1998), some numbers at a time. A coin is nearly always decided by the first of its two
// words, so only every other word is tempered.
#include "dropout.h"

#include <algorithm>
#include <cstring>

#include "parallel.h"
#include "simd.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kWords = 624, kShift = 397;

Int words_at(const uint32_t* p) {
  Int v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

typedef uint32_t Unsigned __attribute__((vector_size(FACULA_BYTES)));

// One step of the recurrence: from words i, i + 1 and i + 397 the new word i.
FACULA_INLINE Int twisted(Int here, Int next, Int far) {
  const Int mixed = (here & static_cast<int32_t>(0x80000000u)) | (next & 0x7fffffff);
  const Int odd = -(next & 1);
  return far ^ (Int)((Unsigned)mixed >> 1) ^ (odd & static_cast<int32_t>(0x9908b0dfu));
}
FACULA_INLINE uint32_t twisted(uint32_t here, uint32_t next, uint32_t far) {
  const uint32_t mixed = (here & 0x80000000u) | (next & 0x7fffffffu);
  return far ^ (mixed >> 1) ^ (next & 1 ? 0x9908b0dfu : 0u);
}

// In place: word i is read, as the one after i - 1, before it is written.
void renew(uint32_t* w) {
  const auto run = [w](int64_t i, int64_t end, int64_t far) {
    for (; i + kLanes <= end; i += kLanes) {
      const Int v = twisted(words_at(w + i), words_at(w + i + 1), words_at(w + i + far));
      std::memcpy(w + i, &v, sizeof v);
    }
    for (int64_t rest = end - i; rest > 0; --rest, ++i) w[i] = twisted(w[i], w[i + 1], w[i + far]);
  };
  run(0, kWords - kShift, kShift);
  run(kWords - kShift, kWords - 1, kShift - kWords);
  w[kWords - 1] = twisted(w[kWords - 1], w[0], w[kShift - 1]);
}

template <typename T>
FACULA_INLINE T tempered(T y) {
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  y ^= y >> 18;
  return y;
}

// Words 0, 2, 4, ... from p on, one a lane.
FACULA_INLINE Unsigned every_other(const uint32_t* p) {
  const Int a = words_at(p), b = words_at(p + kLanes);
#if defined(__AVX512F__)
  const Int from = lane_numbers() * 2;
  return (Unsigned)_mm512_permutex2var_epi32((__m512i)a, (__m512i)from, (__m512i)b);
#elif defined(__AVX2__)
  const __m256 mixed = _mm256_shuffle_ps((__m256)a, (__m256)b, 0x88);
  return (Unsigned)_mm256_permute4x64_pd((__m256d)mixed, 0xd8);
#elif defined(__x86_64__)
  return (Unsigned)_mm_shuffle_ps((__m128)a, (__m128)b, 0x88);
#else
  return (Unsigned)Int{a[0], a[2], b[0], b[2]};
#endif
}

// One bit a lane.
FACULA_INLINE uint32_t bits_of(Int mask) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask((__m512i)mask);
#elif defined(__AVX2__)
  return static_cast<uint32_t>(_mm256_movemask_ps((__m256)mask));
#elif defined(__x86_64__)
  return static_cast<uint32_t>(_mm_movemask_ps((__m128)mask));
#else
  uint32_t bits = 0;
  for (int i = 0; i < kLanes; ++i) bits |= (mask[i] & 1u) << i;
  return bits;
#endif
}

// Bits are gathered here and leave by whole bytes.
struct Writer {
  uint8_t* out;
  uint64_t held = 0;
  int count = 0;

  void put(uint32_t bits, int n) {
    held |= static_cast<uint64_t>(bits) << count;
    count += n;
    for (; count >= 8; count -= 8, held >>= 8) *out++ = static_cast<uint8_t>(held);
  }
  void finish() {
    if (count > 0) *out = static_cast<uint8_t>(held);
  }
};

}  // namespace

void coins(Twister& state, int64_t count, uint32_t high, uint32_t low, uint8_t* bits) {
  uint32_t* w = state.words;
  int64_t at = state.position;
  Writer writer{bits};
  const auto less = [&](uint32_t first, uint32_t second) -> uint32_t {
    first = tempered(first) & 0x1fffff;
    return first < high || (first == high && tempered(second) < low);
  };
  const Int limit = broadcast(static_cast<int32_t>(high));
  while (count > 0) {
    if (at == kWords) {
      renew(w);
      at = 0;
    }
    const int64_t pairs = std::min(count, (kWords - at) / 2);
    int64_t i = 0;
    for (; i + kLanes <= pairs; i += kLanes) {
      const uint32_t* p = w + at + 2 * i;
      const Int first = (Int)(tempered(every_other(p)) & 0x1fffffu);
      if (__builtin_expect(any(first == limit), 0)) {
        for (int64_t k = 0; k < kLanes; ++k) writer.put(less(p[2 * k], p[2 * k + 1]), 1);
      } else {
        writer.put(bits_of(first < limit), kLanes);
      }
    }
    for (; i < pairs; ++i) writer.put(less(w[at + 2 * i], w[at + 2 * i + 1]), 1);
    at += 2 * pairs;
    count -= pairs;
    if (count > 0 && at == kWords - 1) {  // a pair of which one word is old and one is new
      const uint32_t first = w[at];
      renew(w);
      writer.put(less(first, w[0]), 1);
      at = 1;
      --count;
    }
  }
  writer.finish();
  state.position = static_cast<int32_t>(at);
}

void masked_scale(const float* x, const uint8_t* bits, int64_t count, float scale, float* out) {
  Int lane{};  // which bit of those of a vector is a lane's
  for (int i = 0; i < kLanes; ++i) lane[i] = 1 << i;
  const Float kept = broadcast(scale);
  const auto noise = [&](int64_t i) {
    uint32_t word = bits[i / 8];
    if constexpr (kLanes == 16) word |= static_cast<uint32_t>(bits[i / 8 + 1]) << 8;
    if constexpr (kLanes == 4) word >>= i % 8;
    return (broadcast(static_cast<int32_t>(word)) & lane) != 0 ? kept : Float{};
  };
  parallel_for((count + 16383) / 16384, 1, [&](int64_t begin, int64_t end) {
    int64_t i = begin * 16384;
    const int64_t stop = std::min(count, end * 16384);
    for (; i + kLanes <= stop; i += kLanes) store(out + i, load(x + i) * noise(i));
    for (; i < stop; ++i) out[i] = x[i] * (bits[i / 8] >> i % 8 & 1 ? scale : 0.0f);
  });
}

}  // namespace facula::FACULA_ISA
