// A block of tiles goes through three steps. (1) The inputs of each channel are transformed, first down the columns of
// whole rows of tiles, then along the rows with a tile in each lane, and written as panels [position][panel of kWide
// tiles][channel][kWide]. (2) For a few strips of outputs at a time and each position, the product of strip and panels
// (tile.h) goes to [output][position][tile]. (3) That is transformed back along the rows and down the columns, where
// bias and ReLU are applied on the way to the result.
//
// Many blocks: each thread takes whole blocks, whose panels stay in its cache. One or few blocks: the threads share the
// block's channels in (1) and its strips in (2) and (3). Weights are transformed once if there are many blocks and they
// are small, else strips right before they are used: so they never leave the cache. Keeping them between calls was no
// faster: four times the weights then come from memory, and must be known to be unchanged.
#include "winograd.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "parallel.h"
#include "winograd_transforms.h"

namespace facula::FACULA_ISA {
namespace {

constexpr int64_t kMostTiles = 256;  // in a block

// Neighbouring tiles of one row of tiles.
struct Segment {
  int64_t image, row, column, count;  // in tiles
  int64_t first;                      // its first tile's number in the block
  int64_t place;                      // its first column in the scratch rows of step (1)
};

template <int m>
struct Problem {
  static constexpr int64_t side = m + 2, positions = side * side;

  const WinogradCall& call;
  int64_t out_height, out_width, tiles_y, tiles_x, tiles;

  explicit Problem(const WinogradCall& c)
      : call(c),
        out_height(c.height + 2 * c.pad_y - 2),
        out_width(c.width + 2 * c.pad_x - 2),
        tiles_y(ceil_div(out_height, m)),
        tiles_x(ceil_div(out_width, m)),
        tiles(c.batch * tiles_y * tiles_x) {}
};

template <int m>
struct Block {
  static constexpr int64_t side = m + 2, positions = side * side;

  const Problem<m>& problem;
  int64_t count, panels, segments, scratch_row;  // scratch_row: floats of a scratch row of step (1)
  Segment segment[kMostTiles];
  // Where each tile's columns begin in the scratch rows; tiles beyond the last repeat the first.
  int32_t at[kMostTiles];

  Block(const Problem<m>& p, int64_t begin, int64_t end) : problem(p), count(end - begin), segments(0) {
    panels = ceil_div(count, kWide);
    int64_t place = 0;
    for (int64_t t = begin; t < end;) {
      const int64_t line = t / p.tiles_x, column = t % p.tiles_x;
      const int64_t run = std::min(p.tiles_x - column, end - t);
      segment[segments++] = {line / p.tiles_y, line % p.tiles_y, column, run, t - begin, place};
      for (int64_t i = 0; i < run; ++i) at[t - begin + i] = static_cast<int32_t>(place + m * i);
      place += m * run + 4;
      t += run;
    }
    for (int64_t i = count; i < panels * kWide; ++i) at[i] = 0;
    scratch_row = ceil_div(place + kLanes, 16) * 16 + 16;
  }

  // Strides of panels and products, in floats.
  int64_t input_position() const { return panels * problem.call.in * kWide + kApart; }
  int64_t panels_size() const { return positions * input_position(); }
  int64_t product_position() const { return panels * kWide; }
  int64_t product_row() const { return positions * product_position() + kApart; }
  int64_t result_row() const { return m * product_position() + kApart; }  // a scratch row of step (3)

  void transform_input(int64_t channel, float* scratch, float* panels_out) const;
  bool transform_output(int64_t output, const float* products, float* scratch) const;
  // Strips [begin, end), whose packed weights begin at `packed`.
  bool outputs(int64_t begin, int64_t end, const float* packed, const float* inputs, float* products,
               float* scratch) const;
};

template <int m>
FACULA_INLINE void load_tiles(const float* from, const int32_t* at, Float (&d)[m + 2]) {
  Float q0 = load_quads(from, at), q1 = load_quads(from, at + 1), q2 = load_quads(from, at + 2),
        q3 = load_quads(from, at + 3);
  turn_quads(q0, q1, q2, q3);
  d[0] = q0, d[1] = q1, d[2] = q2, d[3] = q3;
  if constexpr (m == 4) {
    q0 = load_quads(from + 4, at), q1 = load_quads(from + 4, at + 1), q2 = load_quads(from + 4, at + 2),
    q3 = load_quads(from + 4, at + 3);
    turn_quads(q0, q1, q2, q3);
    d[4] = q0, d[5] = q1;
  }
}

template <int m>
void Block<m>::transform_input(int64_t channel, float* scratch, float* panels_out) const {
  const WinogradCall& call = problem.call;
  const int64_t plane = call.height * call.width;
  const float* zeros = scratch + side * scratch_row;  // a row of the input above or below it
  for (int64_t s = 0; s < segments; ++s) {
    const Segment& seg = segment[s];
    const float* image = call.x + (seg.image * call.in + channel) * call.height * call.width;
    const int64_t top = seg.row * m - call.pad_y, left = seg.column * m - call.pad_x, columns = seg.count * m + 4;
    const int64_t begin = std::max<int64_t>(left, 0), end = std::min(left + columns, call.width);
    const int64_t n = std::max<int64_t>(end - begin, 0);
    const float* rows[side];
    for (int64_t i = 0; i < side; ++i) {
      const int64_t y = top + i;
      rows[i] = y >= 0 && y < call.height ? image + y * call.width + begin : zeros;
    }
    float* to = scratch + seg.place;
    for (int64_t i = 0; i < side; ++i)
      for (int64_t x = left; x < std::min<int64_t>(begin, left + columns); ++x) to[i * scratch_row + x - left] = 0.0f;
    float* inner = to + (begin - left);
    int64_t x = 0;
    for (; x + kLanes <= n; x += kLanes) {
      Float d[side], v[side];
      for (int64_t i = 0; i < side; ++i) d[i] = load(rows[i] + x), __builtin_prefetch(rows[i] + x + plane);
      Transform<m>::input(d, v);
      for (int64_t i = 0; i < side; ++i) store(inner + i * scratch_row + x, v[i]);
    }
    if (x < n) {
      Float d[side], v[side];
      for (int64_t i = 0; i < side; ++i) d[i] = load_first(rows[i] + x, n - x);
      Transform<m>::input(d, v);
      for (int64_t i = 0; i < side; ++i) store(inner + i * scratch_row + x, v[i]);  // the next segment comes later
      x += kLanes;
    }
    for (x += begin - left; x < columns; x += kLanes)
      for (int64_t i = 0; i < side; ++i) store(to + i * scratch_row + x, Float{});
  }

  const int64_t position = input_position();
  for (int64_t t = 0; t < panels * kWide; t += kLanes) {
    float* out = panels_out + (t / kWide * call.in + channel) * kWide + t % kWide;
    for (int64_t i = 0; i < side; ++i) {
      Float d[side], v[side];
      load_tiles<m>(scratch + i * scratch_row, at + t, d);
      Transform<m>::input(d, v);
      for (int64_t j = 0; j < side; ++j, out += position) store(out, v[j]);
    }
  }
}

template <int m>
bool Block<m>::transform_output(int64_t output, const float* products, float* scratch) const {
  const WinogradCall& call = problem.call;
  const int64_t position = product_position(), row = result_row();
  for (int64_t t = 0; t < count; t += kLanes) {
    const float* from = products + t;
    for (int64_t i = 0; i < side; ++i) {
      Float p[side], y[m];
      for (int64_t j = 0; j < side; ++j, from += position) p[j] = load(from);
      Transform<m>::output(p, y);
      float* to = scratch + i * row + m * t;
      if constexpr (m == 4) {
        turn_quads(y[0], y[1], y[2], y[3]);
        for (int k = 0; k < 4; ++k) store_quads(to + 4 * k, 16, y[k]);
      } else {
        store_pairs(to, y[0], y[1]);
      }
    }
  }

  const Float bias = broadcast(call.bias ? call.bias[output] : 0.0f);
  Float spoilt{};  // becomes NaN with the first infinity or NaN
  for (int64_t s = 0; s < segments; ++s) {
    const Segment& seg = segment[s];
    const int64_t y0 = seg.row * m, x0 = seg.column * m;
    const int64_t rows = std::min<int64_t>(m, problem.out_height - y0);
    const int64_t n = std::min(seg.count * m, problem.out_width - x0);
    float* to = call.result + ((seg.image * call.out + output) * problem.out_height + y0) * problem.out_width + x0;
    const float* from = scratch + seg.first * m;
    for (int64_t x = 0; x < n; x += kLanes) {
      Float p[side], y[m];
      for (int64_t i = 0; i < side; ++i) p[i] = load(from + i * row + x);
      if (n - x < kLanes)  // beyond are other tiles, or nothing
        for (int64_t i = 0; i < side; ++i) p[i] = first_lanes(n - x) ? p[i] : Float{};
      Transform<m>::output(p, y);
      spoilt = fma(y[0] + y[m - 1], Float{}, spoilt);
      for (int k = 0; k < m; ++k) {
        y[k] = y[k] + bias;
        if (call.relu) y[k] = y[k] <= 0.0f ? Float{} : y[k];
      }
      if (n - x >= kLanes) {
        for (int k = 0; k < m; ++k)
          if (k < rows) store(to + k * problem.out_width + x, y[k]);
      } else {
        for (int k = 0; k < m; ++k)
          if (k < rows) store_first(to + k * problem.out_width + x, y[k], n - x);
      }
    }
  }
  return !any(spoilt != spoilt);
}

// The product for a panel of which only the first vector counts: two strips abreast, which keep as many sums going as
// tile() does. `out` has a row for each number of the first strip, then of the second.
template <bool two>
void half_tile(int64_t depth, const float* first, const float* second, const float* wide, float* out, int64_t row) {
#define FACULA_ZERO(r) Float low##r{}, high##r{};
  FACULA_ROWS(FACULA_ZERO)
#undef FACULA_ZERO
#define FACULA_STEP(r)                                                        \
  if constexpr (kTall > r) {                                                  \
    low##r = fma(broadcast(first[r]), column, low##r);                        \
    if constexpr (two) high##r = fma(broadcast(second[r]), column, high##r);  \
  }
#pragma GCC unroll 4
  for (int64_t k = 0; k < depth; ++k) {
    const Float column = load(wide);
    FACULA_ROWS(FACULA_STEP)
    wide += kWide, first += kTall, second += kTall;
  }
#undef FACULA_STEP
#define FACULA_STORE(r)                                                   \
  if constexpr (kTall > r) {                                              \
    store(out + r * row, low##r);                                         \
    if constexpr (two) store(out + (kTall + r) * row, high##r);           \
  }
  FACULA_ROWS(FACULA_STORE)
#undef FACULA_STORE
}

template <int m>
bool Block<m>::outputs(int64_t begin, int64_t end, const float* packed, const float* inputs, float* products,
                       float* scratch) const {
  const WinogradCall& call = problem.call;
  const int64_t weights = packed_position(call.in), strip_size = positions * weights;
  const int64_t row = product_row(), most = call.out - begin * kTall;
  const int64_t halves = count - (panels - 1) * kWide <= kLanes ? 1 : 0, whole = panels - halves;
  for (int64_t p = 0; p < positions; ++p) {
    const float *strip = packed + p * weights, *from = inputs + p * input_position();
    float* to = products + p * product_position();
    for (int64_t s = 0; s < end - begin; ++s)
      for (int64_t k = 0; k < whole; ++k)
        tile_of<true>(std::min(kTall, most - s * kTall), call.in, strip + s * strip_size, 0, from + k * call.in * kWide,
                      kWide, {to + s * kTall * row + k * kWide, row, 1, nullptr, nullptr, false, false});
    for (int64_t s = 0; halves && s < end - begin; s += 2) {
      const bool two = s + 1 < end - begin;
      const float* first = strip + s * strip_size;
      const auto product = two ? half_tile<true> : half_tile<false>;
      product(call.in, first, first + (two ? strip_size : 0), from + whole * call.in * kWide,
              to + s * kTall * row + whole * kWide, row);
    }
  }
  bool finite = true;
  const int64_t last = std::min(end * kTall, call.out);
  for (int64_t o = begin * kTall; o < last; ++o, products += row) finite &= transform_output(o, products, scratch);
  return finite;
}

constexpr int64_t kGroup = 2;           // strips whose products are transformed back together
constexpr int64_t kBlockTiles = 96;     // tiles of a block whose panels shall stay in the cache
constexpr int64_t kLargeTiles = 208;    // and of one that transforms its weights just in time
constexpr int64_t kMostPanels = 4 << 20, kMostWeights = 10 << 20;  // floats

// Scratch rows of steps (1) and (3), and a row of zeros.
template <int m>
float* scratch_of(const Block<m>& block) {
  static thread_local Buffer buffer;
  const int64_t rows = block.side * block.scratch_row, zeros = std::max(block.problem.call.width, kLanes) + kLanes;
  float* scratch = buffer.reserve(std::max(rows + zeros, block.side * block.result_row()));
  std::memset(scratch + rows, 0, zeros * sizeof(float));
  return scratch;
}

template <int m>
bool run(const WinogradCall& call) {
  static thread_local Buffer all_weights, some_weights, panels, products;
  const Problem<m> problem(call);
  const int64_t threads = num_threads();
  const int64_t strips = ceil_div(call.out, kTall), groups = ceil_div(strips, kGroup), strip = packed_strip(call.in, m);
  // Transforming the weights anew for each block costs a few tiles' time; keeping them costs four times their memory.
  const bool keep = problem.tiles > kLargeTiles && strips * strip <= kMostWeights;
  const int64_t wanted = keep ? kBlockTiles : kLargeTiles;
  const int64_t most = std::max(kWide, std::min(wanted, kMostPanels / (problem.positions * call.in)));
  const int64_t even = ceil_div(problem.tiles, ceil_div(problem.tiles, most));
  const int64_t block_tiles = std::min(ceil_div(even, kWide), most / kWide) * kWide;
  const int64_t blocks = ceil_div(problem.tiles, block_tiles);
  const auto block_of = [&](int64_t b) {
    return Block<m>(problem, b * block_tiles, std::min((b + 1) * block_tiles, problem.tiles));
  };

  const float* packed = nullptr;
  if (keep) {
    float* to = all_weights.reserve(strips * strip);
    const int64_t grain = std::max(ceil_div(4096, call.in * kTall), ceil_div(strips, 4 * threads));
    parallel_for(strips, grain, [&](int64_t s, int64_t end) { pack_strips(call, s, end, to + s * strip); });
    packed = to;
  }
  std::atomic<bool> finite{true};
  const auto outputs = [&](const Block<m>& block, int64_t group, const float* inputs) {
    const int64_t s = group * kGroup, end = std::min(s + kGroup, strips);
    const float* weights = packed ? packed + s * strip : nullptr;
    if (!weights) {
      float* to = some_weights.reserve(kGroup * strip);
      pack_strips(call, s, end, to);
      weights = to;
    }
    if (!block.outputs(s, end, weights, inputs, products.reserve(kGroup * kTall * block.product_row()),
                       scratch_of(block)))
      finite = false;
  };

  if (blocks >= 2 * threads && blocks > 1) {
    parallel_for(blocks, 1, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const Block<m> block = block_of(b);
        float* inputs = panels.reserve(block.panels_size());
        float* scratch = scratch_of(block);
        for (int64_t c = 0; c < call.in; ++c) block.transform_input(c, scratch, inputs);
        for (int64_t g = 0; g < groups; ++g) outputs(block, g, inputs);
      }
    });
    return finite;
  }
  for (int64_t b = 0; b < blocks; ++b) {
    const Block<m> block = block_of(b);
    float* inputs = panels.reserve(block.panels_size());
    parallel_for(call.in, ceil_div(call.in, 4 * threads), [&](int64_t c, int64_t end) {
      float* scratch = scratch_of(block);
      for (; c < end; ++c) block.transform_input(c, scratch, inputs);
    });
    parallel_for(groups, 1, [&](int64_t g, int64_t end) {
      for (; g < end; ++g) outputs(block, g, inputs);
    });
  }
  return finite;
}

// About how long it takes, in multiply-adds of tile().
template <int m>
int64_t cost(const WinogradCall& call) {
  const Problem<m> problem(call);
  const int64_t rest = problem.tiles % kWide, whole = problem.tiles - rest;
  const int64_t columns = whole + (rest == 0 ? 0 : rest <= kLanes ? kWide * 5 / 8 : kWide);
  const int64_t weights = m == 4 ? 8 : 10;  // their transform, as so many columns
  const int64_t input = m == 4 ? 600 : 300, output = m == 4 ? 450 : 200;
  return problem.positions * (columns + weights) * call.in * call.out +
         problem.tiles * (input * call.in + output * call.out);
}

}  // namespace

int winograd_tile(const WinogradCall& call, bool precise) {
  const Problem<2> problem(call);
  const int64_t products = 9 * call.batch * problem.out_height * problem.out_width * call.in * call.out;
  const int64_t direct = products + products / 3;  // packing, and tiles that are not full
  const int64_t two = cost<2>(call), four = precise ? direct : cost<4>(call);
  return std::min(two, four) >= direct ? 0 : two < four ? 2 : 4;
}

bool winograd(const WinogradCall& call) { return call.tile == 2 ? run<2>(call) : run<4>(call); }

}  // namespace facula::FACULA_ISA
