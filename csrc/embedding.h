// Rows of a table by number, and the sum of rows back into it.
#pragma once
#include <cstdint>

#include "cpu.h"

namespace facula {

FACULA_KERNELS(
    // out row i = table row index[i]; `stride` and `width` in bytes. Numbers are trusted.
    void gather_rows(const char* table, int64_t stride, int64_t width, const int64_t* index, int64_t count, char* out);
    // table row index[i] += row i of g, in order, but for those with index[i] == skipped. table is [..., width].
    void add_rows(const float* g, const int64_t* index, int64_t count, int64_t width, int64_t skipped,
                  float* table);)

}  // namespace facula
