#include "memory.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <new>
#include <unordered_map>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#define FACULA_MMAP 1
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#else
#define FACULA_MMAP 0
#endif

// With the address sanitizer what is not handed out is poisoned, and some of it follows every block.
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#define FACULA_POISON(start, bytes) ASAN_POISON_MEMORY_REGION(start, bytes)
#define FACULA_UNPOISON(start, bytes) ASAN_UNPOISON_MEMORY_REGION(start, bytes)
constexpr std::size_t kPoisoned = 64;
#else
#define FACULA_POISON(start, bytes) static_cast<void>(0)
#define FACULA_UNPOISON(start, bytes) static_cast<void>(0)
constexpr std::size_t kPoisoned = 0;
#endif

namespace facula::memory {

#if FACULA_MMAP
namespace {

constexpr size_t kPage = 4096, kHuge = size_t{2} << 20;
constexpr uint64_t kMostKept = uint64_t{2} << 30;
constexpr uint64_t kSlack = 16 << 20;  // kept beyond an eighth of the peak, so that small programs gain too
constexpr auto kLook = std::chrono::seconds(1);     // how often the machine's memory is looked at
constexpr auto kWindow = std::chrono::seconds(10);  // how long a peak counts, at least: longer than most training steps

// ---- size classes: eight to a power of two, so at most an eighth of a block is wasted ----------------------------------

constexpr int kSteps = 8, kClasses = 44 * kSteps;

// The class of a size from kFrom on, and the bytes of its blocks.
int class_of(size_t size) {
  const int power = 63 - __builtin_clzll(size - 1);  // 2^power < size <= 2^(power + 1); kFrom itself: power is 19
  const size_t step = (size_t{1} << power) / kSteps;
  const int within = static_cast<int>((size - (size_t{1} << power) + step - 1) / step);  // 1 .. kSteps
  return (power - 19) * kSteps + within;
}
size_t class_bytes(int index) {
  const int power = 19 + (index - 1) / kSteps, within = (index - 1) % kSteps + 1;
  return (size_t{1} << power) + (size_t{1} << power) / kSteps * within;
}

// ---- what the machine has ----------------------------------------------------------------------------------------------

uint64_t number_in(const char* path, const char* format) {
  uint64_t value = 0;
  bool found = false;
  if (std::FILE* file = std::fopen(path, "r")) {
    char line[128];
    while (!found && std::fgets(line, sizeof line, file)) found = std::sscanf(line, format, &value) == 1;
    std::fclose(file);
  }
  return found ? value : UINT64_MAX;  // "max" in a container's file is no number
}

// Bytes that could still be taken, by the system and by the container (cgroup v2, v1).
uint64_t bytes_left() {
  uint64_t left = number_in("/proc/meminfo", "MemAvailable: %lu kB");
  left = left == UINT64_MAX ? uint64_t{4} << 30 : left * 1024;  // no such file: suppose 4 GB
  static const char* const groups[][2] = {
      {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
      {"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"}};
  for (auto& group : groups) {
    const uint64_t most = number_in(group[0], "%lu"), used = number_in(group[1], "%lu");
    if (most != UINT64_MAX && used != UINT64_MAX) left = std::min(left, most > used ? most - used : 0);
  }
  return left;
}

// ---- the cache ---------------------------------------------------------------------------------------------------------

struct Block {
  char* start;   // what is handed out
  int index;     // its class
  uint64_t age;  // when it was kept, by a counter
};

class Cache {
 public:
  std::mutex mutex;

  void* take(size_t size, bool* fresh) {
    if (size > (size_t{1} << 60)) return nullptr;
    const int index = class_of(size);
    look_around();
    // A block up to a quarter larger serves as well: better than to have both.
    for (int i = index; i <= index + 2; ++i)
      if (!kept[i].empty()) {
        const Block block = kept[i].back();  // the latest is the likeliest to be in a processor's cache
        kept[i].pop_back();
        counts.held -= class_bytes(i);
        hand_out(block.start, i);
        ++counts.hits;
        *fresh = false;
        return block.start;
      }
    const size_t bytes = class_bytes(index);
    // Blocks of other sizes make room first, so that what is kept does not add to the peak.
    trim(std::max(allowed(), counts.in_use + bytes) - (counts.in_use + bytes));
    char* start = map(bytes);
    if (!start) {
      trim(0);
      start = map(bytes);
      if (!start) return nullptr;
    }
    hand_out(start, index);
    ++counts.misses;
    *fresh = true;
    return start;
  }

  bool give(void* p) {
    const auto found = used.find(p);
    if (found == used.end()) return false;
    const int index = found->second;
    used.erase(found);
    const size_t bytes = class_bytes(index);
    note_peak();
    counts.in_use -= bytes;
    kept[index].push_back({static_cast<char*>(p), index, ++clock});
    FACULA_POISON(p, bytes);
    counts.held += bytes;
    trim(std::min(most_kept(), std::max(allowed(), counts.in_use) - counts.in_use));
    return true;
  }

  size_t room(const void* p) {
    const auto found = used.find(const_cast<void*>(p));
    return found == used.end() ? 0 : class_bytes(found->second);
  }

  // Gives back the longest kept blocks until no more than `bytes` are held.
  void trim(uint64_t bytes) {
    while (counts.held > bytes) {
      std::vector<Block>* oldest = nullptr;
      for (auto& list : kept)
        if (!list.empty() && (!oldest || list.front().age < oldest->front().age)) oldest = &list;
      const Block block = oldest->front();
      oldest->erase(oldest->begin());
      const size_t size = class_bytes(block.index);
      FACULA_UNPOISON(block.start, size);
      munmap(block.start, size);
      counts.held -= size;
      counts.released += size;
    }
  }

  Stats counts{};
  uint64_t asked_limit = kMostKept;

  uint64_t most_kept() {
    if (asked_limit == 0) return 0;
    if (machine_limit == 0) look_around();
    return std::min(asked_limit, machine_limit);
  }

  void start_peaks() {
    counts.in_use_peak = counts.in_use;
    counts.reserved_peak = counts.in_use + counts.held;
  }

 private:
  void hand_out(char* start, int index) {
    used.emplace(start, index);
    counts.in_use += class_bytes(index);
    counts.in_use_peak = std::max(counts.in_use_peak, counts.in_use);
    counts.reserved_peak = std::max(counts.reserved_peak, counts.in_use + counts.held);
    note_peak();
  }

  // Blocks in use and kept blocks together: a little above the most that was lately in use.
  uint64_t allowed() const {
    const uint64_t peak = std::max(this_peak, last_peak);
    return peak + peak / 8 + kSlack;
  }
  void note_peak() { this_peak = std::max(this_peak, counts.in_use); }

  // Once in a while: forget the peak before the last, and see how much memory the machine has.
  void look_around() {
    const auto now = std::chrono::steady_clock::now();
    if (machine_limit != 0 && now - looked < kLook) return;
    looked = now;
    if (now - window >= kWindow) {
      window = now;
      last_peak = this_peak;
      this_peak = counts.in_use;
    }
    machine_limit = std::max<uint64_t>(1, (bytes_left() + counts.held) / 4);
    if (counts.held > machine_limit) trim(machine_limit);
  }

  static char* map(size_t bytes) {
    // Large pages make a first touch cheap (one fault for 512 pages), and need a start that is a multiple of theirs.
    const size_t align = bytes >= 2 * kHuge ? kHuge : kPage, extra = align - kPage;
    void* got = mmap(nullptr, bytes + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (got == MAP_FAILED) return nullptr;
    char* raw = static_cast<char*>(got);
    char* start = reinterpret_cast<char*>((reinterpret_cast<uintptr_t>(raw) + extra) & ~(uintptr_t{align} - 1));
    if (start > raw) munmap(raw, start - raw);
    const size_t behind = raw + bytes + extra - (start + bytes);
    if (behind) munmap(start + bytes, behind);
#if defined(MADV_HUGEPAGE)
    if (align == kHuge) madvise(start, bytes & ~(kHuge - 1), MADV_HUGEPAGE);
#endif
    return start;
  }

  std::unordered_map<void*, int> used;  // block to class
  std::vector<Block> kept[kClasses + 3];
  uint64_t clock = 0, this_peak = 0, last_peak = 0, machine_limit = 0;
  std::chrono::steady_clock::time_point window{}, looked{};
};

Cache& cache() {
  // Never deleted: arrays may be freed after everything else at the interpreter's end.
  static Cache* const one = [] {
    auto* made = new Cache;
    // The lock must not be held by a thread that the child does not have.
    pthread_atfork([] { cache().mutex.lock(); }, [] { cache().mutex.unlock(); }, [] { cache().mutex.unlock(); });
    return made;
  }();
  return *one;
}

}  // namespace

bool available() { return sysconf(_SC_PAGESIZE) == static_cast<long>(kPage); }

void* allocate(size_t size, bool* fresh) {
  std::lock_guard lock(cache().mutex);
  try {
    void* block = cache().take(std::max(size, kFrom) + kPoisoned, fresh);
    if (block) {
      FACULA_POISON(block, cache().room(block));
      FACULA_UNPOISON(block, size);
    }
    return block;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

bool release(void* block) {
  std::lock_guard lock(cache().mutex);
  return cache().give(block);
}

size_t room(const void* block) {
  std::lock_guard lock(cache().mutex);
  const size_t bytes = cache().room(block);
  FACULA_UNPOISON(block, bytes);  // who asks goes on to use it
  return bytes;
}

Stats stats() {
  std::lock_guard lock(cache().mutex);
  Stats found = cache().counts;
  found.limit = cache().most_kept();
  return found;
}

void reset_peaks() {
  std::lock_guard lock(cache().mutex);
  cache().start_peaks();
}

void empty() {
  std::lock_guard lock(cache().mutex);
  cache().trim(0);
}

void set_limit(uint64_t bytes) {
  std::lock_guard lock(cache().mutex);
  cache().asked_limit = bytes;
  cache().trim(cache().most_kept());
}

#else  // no mmap: all memory is malloc's

bool available() { return false; }
void* allocate(size_t, bool*) { return nullptr; }
bool release(void*) { return false; }
size_t room(const void*) { return 0; }
Stats stats() { return {}; }
void reset_peaks() {}
void empty() {}
void set_limit(uint64_t) {}

#endif

}  // namespace facula::memory
