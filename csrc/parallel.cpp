#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#if defined(__linux__)
#include <sched.h>
#endif
#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace facula {
namespace {

// ---- how many threads ----------------------------------------------------------------------------------------------

int processors_allowed() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

// The container's processor quota, rounded up; 0 where there is none.
int container_quota() {
#if defined(__linux__)
  double quota = -1, period = 0;
  if (std::FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {  // cgroup v2; "max 100000" means no limit
    if (std::fscanf(file, "%lf %lf", &quota, &period) != 2) quota = -1;
    std::fclose(file);
  } else {  // cgroup v1; a quota of -1 means no limit
    if (std::FILE* q = std::fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "r")) {
      if (std::fscanf(q, "%lf", &quota) != 1) quota = -1;
      std::fclose(q);
    }
    if (std::FILE* p = std::fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "r")) {
      if (std::fscanf(p, "%lf", &period) != 1) period = 0;
      std::fclose(p);
    }
  }
  if (quota > 0 && period > 0) return static_cast<int>((quota + period - 1) / period);
#endif
  return 0;
}

int default_threads() {
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    int asked = std::atoi(text);
    if (asked > 0) return asked;
  }
  int count = processors_allowed();
  if (int quota = container_quota()) count = std::min(count, quota);
  return count;
}

std::atomic<int> threads{0};  // 0: not asked yet

// ---- the pool --------------------------------------------------------------------------------------------------------

struct Job {
  detail::Body body;
  void* context;
  int64_t count, grain;
  std::atomic<int64_t> next{0};
  std::atomic<int> inside{0};  // workers that have entered; changed only under the pool's mutex

  void drain() {
    for (;;) {
      int64_t begin = next.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= count) return;
      body(context, begin, std::min(begin + grain, count));
    }
  }
};

thread_local bool inside_job = false;

// How long a thread watches for what it waits for before it sleeps: kernels of one training step follow each other
// within some tens of microseconds, and waking a sleeping thread costs about as much.
constexpr auto watch_time = std::chrono::microseconds(100);

inline void pause() {
#if defined(__x86_64__) && defined(__GNUC__)
  __builtin_ia32_pause();
#endif
}

template <typename Condition>
void watch(Condition&& met) {
  auto until = std::chrono::steady_clock::now() + watch_time;
  while (!met()) {
    for (int i = 0; i < 32; ++i) pause();
    if (std::chrono::steady_clock::now() > until) return;
  }
}

class Pool {
 public:
  void run(Job& job, int helpers) {
    {
      std::lock_guard lock(mutex);
      while (static_cast<int>(workers.size()) < helpers) {
        try {
          workers.emplace_back(&Pool::work, this, static_cast<int>(workers.size()));
        } catch (const std::system_error&) {  // the system gives no more threads: go on with those there are
          break;
        }
      }
      current = &job;
      admitted = helpers;
      epoch.fetch_add(1, std::memory_order_release);
      if (sleeping > 0) wake.notify_all();
    }
    inside_job = true;
    job.drain();
    inside_job = false;
    {
      std::lock_guard lock(mutex);
      current = nullptr;  // a worker that comes now is too late, and is not waited for
    }
    // Those inside are in their last chunk: watch for a moment, then sleep.
    watch([&] { return job.inside.load(std::memory_order_acquire) == 0; });
    std::unique_lock lock(mutex);
    done.wait(lock, [&] { return job.inside == 0; });
  }

  // Ends the workers; the next job starts new ones. Called with `busy` held.
  void stop() {
    {
      std::lock_guard lock(mutex);
      stopping = true;
      epoch.fetch_add(1, std::memory_order_release);
      wake.notify_all();
    }
    for (std::thread& worker : workers) worker.join();
    workers.clear();
    stopping = false;
  }

  std::mutex busy;  // held by the thread whose job this is; others then work alone

 private:
  void work(int index) {
    inside_job = true;
    uint64_t seen = 0;
    for (;;) {
      watch([&] { return epoch.load(std::memory_order_acquire) != seen; });
      std::unique_lock lock(mutex);
      if (epoch.load(std::memory_order_relaxed) == seen) {
        ++sleeping;
        wake.wait(lock, [&] { return epoch.load(std::memory_order_relaxed) != seen; });
        --sleeping;
      }
      seen = epoch.load(std::memory_order_relaxed);
      if (stopping) return;
      Job* job = current;
      if (job == nullptr || index >= admitted) continue;
      ++job->inside;
      lock.unlock();
      job->drain();
      lock.lock();
      if (--job->inside == 0) done.notify_all();
    }
  }

  std::mutex mutex;
  std::condition_variable wake, done;
  std::atomic<uint64_t> epoch{0};
  Job* current = nullptr;
  std::vector<std::thread> workers;
  int sleeping = 0, admitted = 0;
  bool stopping = false;
};

std::atomic<Pool*> pool{nullptr};

// A fork copies no threads but the one that asks for it. So the workers end before it (Python warns of a fork with
// threads running), parent and child each start theirs anew, and no lock of the pool is held in the child but `busy`,
// which the child forgets with the pool.
Pool* held = nullptr;
void before_fork() {
  held = pool.load();
  if (held == nullptr) return;
  held->busy.lock();
  held->stop();
}
void after_fork_in_parent() {
  if (held != nullptr) held->busy.unlock();
}
void after_fork_in_child() { pool.store(nullptr); }

Pool& shared_pool() {
  if (Pool* existing = pool.load(std::memory_order_acquire)) return *existing;
  static std::once_flag once;
#if !defined(_WIN32)
  std::call_once(once, [] { pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); });
#endif
  auto* fresh = new Pool;  // never deleted: its threads run until the process ends
  Pool* expected = nullptr;
  if (!pool.compare_exchange_strong(expected, fresh)) {
    delete fresh;
    return *expected;
  }
  return *fresh;
}

}  // namespace

int num_threads() {
  int count = threads.load(std::memory_order_relaxed);
  if (count == 0) {
    count = default_threads();
    threads.store(count);
  }
  return count;
}

void set_num_threads(int count) { threads.store(std::max(1, count)); }

void detail::run(int64_t count, int64_t grain, Body body, void* context) {
  Job job{body, context, count, grain};
  if (!inside_job) {
    Pool& shared = shared_pool();
    std::unique_lock mine(shared.busy, std::try_to_lock);
    if (mine) {
      int64_t chunks = (count + grain - 1) / grain;
      int helpers = static_cast<int>(std::min<int64_t>(num_threads(), chunks)) - 1;
      shared.run(job, helpers);
      return;
    }
  }
  job.drain();
}

}  // namespace facula
