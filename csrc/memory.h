// A cache of large blocks of memory for results of operations. The first touch of a fresh page costs more than the
// arithmetic that fills it, so a block that is freed is kept for the next request of about its size.
//
// What is kept is bounded three ways: by a limit in bytes, by a quarter of the memory that the machine has left, and by
// what the program itself needed a moment ago: blocks in use and kept blocks together are no more than a little above the
// most that was in use at once. So the cache adds next to nothing to the peak.
#pragma once
#include <cstddef>
#include <cstdint>

namespace facula::memory {

// Requests from this size on are served by the cache; smaller ones are malloc's trade, which keeps their pages itself.
constexpr size_t kFrom = size_t{1} << 20;

struct Stats {
  uint64_t in_use, in_use_peak;  // bytes handed out
  uint64_t held, reserved_peak;  // bytes kept for later; the most that was handed out and kept together
  uint64_t hits, misses;         // requests that a kept block served, and those that took memory from the system
  uint64_t released;             // bytes given back to the system so far
  uint64_t limit;                // most bytes that are kept
};

// Whether this system has what the cache needs. Without it, allocate returns null.
bool available();

// A block of at least `size` bytes, aligned to a page; null if there is no memory. *fresh: it holds zeros.
void* allocate(size_t size, bool* fresh);

// Blocks start at pages; of malloc's hardly any does, so those are told apart without a lock.
inline bool may_be_ours(const void* block) { return reinterpret_cast<uintptr_t>(block) % 4096 == 0; }

// Takes the block back and returns true; false if it is none of the cache's.
bool release(void* block);

// Bytes that the block has room for; 0 if it is none of the cache's.
size_t room(const void* block);

Stats stats();
void reset_peaks();
void empty();                      // gives back all that is kept
void set_limit(uint64_t bytes);    // 0: keep nothing

}  // namespace facula::memory
