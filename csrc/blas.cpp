#include "blas.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include "parallel.h"

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

namespace facula::blas {
namespace {

// The part of OpenBLAS's interface that is used. With two functions of it, its headers would be needed for no more.
template <typename T>
using Gemm = void (*)(int order, int turn_a, int turn_b, int m, int n, int k, T alpha, const T* a, int row_a, const T* b,
                      int row_b, T beta, T* c, int row_c);
constexpr int kRowMajor = 101, kPlain = 111, kTurned = 112;
constexpr int64_t kLeastSide = 64;       // of a piece
constexpr int64_t kLeastWork = 1 << 20;  // products worth handing to another thread

Gemm<float> single = nullptr;
Gemm<double> twofold = nullptr;

template <typename T>
Gemm<T> function();
template <>
Gemm<float> function<float>() {
  return single;
}
template <>
Gemm<double> function<double>() {
  return twofold;
}

// Row stride and orientation as the library wants them.
template <typename T>
struct Operand {
  int turn;
  int64_t stride, least;  // least: what the library demands of the stride

  Operand(int64_t rows, int64_t columns, MatrixOf<T> x)
      : turn(x.column == 1 ? kPlain : kTurned),
        stride(x.column == 1 ? x.row : x.column),
        least(x.column == 1 ? columns : rows) {
    if ((x.column == 1 ? rows : columns) == 1) stride = least;  // a single row's stride means nothing
  }
};

}  // namespace

bool load(const char* path) {
#if defined(_WIN32)
  (void)path;
  return false;
#else
  // It starts as many threads as this says when it is loaded, and looks at it then only.
  const char* before = std::getenv("OPENBLAS_NUM_THREADS");
  const std::string kept = before ? before : "";
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
  void* library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (before)
    setenv("OPENBLAS_NUM_THREADS", kept.c_str(), 1);
  else
    unsetenv("OPENBLAS_NUM_THREADS");
  if (!library) return false;
  auto set_threads = reinterpret_cast<void (*)(int)>(dlsym(library, "scipy_openblas_set_num_threads"));
  auto floats = reinterpret_cast<Gemm<float>>(dlsym(library, "scipy_cblas_sgemm"));
  auto doubles = reinterpret_cast<Gemm<double>>(dlsym(library, "scipy_cblas_dgemm"));
  if (!set_threads || !floats || !doubles) return false;
  set_threads(1);  // it may have been loaded before, by somebody else
  single = floats, twofold = doubles;
  return true;
#endif
}

template <typename T>
bool takes(int64_t m, int64_t n, int64_t k, MatrixOf<T> a, MatrixOf<T> b) {
  const Operand<T> left(m, k, a), right(k, n, b);
  const int64_t limit = INT32_MAX;
  return function<T>() && std::max({m, n, k, left.stride, right.stride}) <= limit && left.stride >= left.least &&
         right.stride >= right.least;
}

template <typename T>
void gemm(int64_t m, int64_t n, int64_t k, MatrixOf<T> a, MatrixOf<T> b, const T* bias, bool relu, T* out) {
  const Operand<T> left(m, k, a), right(k, n, b);
  const bool by_rows = m >= n;  // the longer side is shared out
  const int64_t side = by_rows ? m : n;
  const int64_t grain = std::max({kLeastSide, (side + num_threads() * 2 - 1) / (num_threads() * 2),
                                  kLeastWork / std::max<int64_t>(1, k * std::min(m, n))});
  parallel_for(side, grain, [&](int64_t begin, int64_t end) {
    const int64_t i0 = by_rows ? begin : 0, i1 = by_rows ? end : m, j0 = by_rows ? 0 : begin, j1 = by_rows ? n : end;
    if (bias)
      for (int64_t i = i0; i < i1; ++i) std::copy(bias + j0, bias + j1, out + i * n + j0);
    function<T>()(kRowMajor, left.turn, right.turn, static_cast<int>(i1 - i0), static_cast<int>(j1 - j0),
                  static_cast<int>(k), T(1), a.data + i0 * a.row, static_cast<int>(left.stride),
                  b.data + j0 * b.column, static_cast<int>(right.stride), bias ? T(1) : T(0), out + i0 * n + j0,
                  static_cast<int>(n));
    if (relu)
      for (int64_t i = i0; i < i1; ++i)
        for (int64_t j = j0; j < j1; ++j) out[i * n + j] = out[i * n + j] <= 0 ? T(0) : out[i * n + j];
  });
}

template bool takes(int64_t, int64_t, int64_t, MatrixOf<float>, MatrixOf<float>);
template bool takes(int64_t, int64_t, int64_t, MatrixOf<double>, MatrixOf<double>);
template void gemm(int64_t, int64_t, int64_t, MatrixOf<float>, MatrixOf<float>, const float*, bool, float*);
template void gemm(int64_t, int64_t, int64_t, MatrixOf<double>, MatrixOf<double>, const double*, bool, double*);

}  // namespace facula::blas
