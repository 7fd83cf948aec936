#pragma once
// Device code only: how the warps of all blocks share the rows of pairs. Rows differ in length by a
// factor of six, so each warp takes an equally long stretch of them, row after row, which may begin
// and end within a row.
#include "cuda/warp.h"
#include "models/schnet/table.cuda.h"

namespace mdlab {

__device__ inline int chunksOf(const TableRows& rows, int i) {
  return max((rows.count[i] + 7) / 8, 1);
}

// Where part k of n equal ones begins, of `count` things.
__device__ inline int partStart(int count, int k, int n) {
  return count / n * k + min(count % n, k);
}

// Cuts the chunks of all rows into equally long stretches, one for each warp of the blocks that
// have the same slice: start[w] for the warps of this block and the one after. Called by all
// threads of the block; to be read after a __syncthreads().
__device__ inline void cutRows(const TableRows& rows, int group, int groups, TableStart* start,
                               int* sums) {
  const int warps = blockDim.x / 32, each = (rows.atoms - 1) / static_cast<int>(blockDim.x) + 1;
  const int first = min(static_cast<int>(threadIdx.x) * each, rows.atoms);
  const int last = min(first + each, rows.atoms);
  int own = 0;
  for (int i = first; i < last; ++i) own += chunksOf(rows, i);
  int before = own;
#pragma unroll
  for (int o = 1; o < 32; o *= 2) {
    const int lower = __shfl_up_sync(wholeWarp, before, o);
    if (laneOf() >= o) before += lower;
  }
  if (laneOf() == 31) sums[warpOf()] = before;
  __syncthreads();
  const int ofWarp = laneOf() < warps ? sums[laneOf()] : 0;
  before += __reduce_add_sync(wholeWarp, laneOf() < warpOf() ? ofWarp : 0) - own;
  const int all = __reduce_add_sync(wholeWarp, ofWarp);
  const int from = partStart(all, group, groups), to = partStart(all, group + 1, groups);
  const int length = (to - from) / warps, longer = (to - from) % warps;
  const auto startOf = [&](int w) { return from + length * w + min(w, longer); };
  for (int i = first; i < last; ++i) {
    const int end = before + chunksOf(rows, i), past = before - from;
    if (before <= to && end > from) {
      // The first start that is no earlier than the row.
      int w = past <= longer * (length + 1) ? (past + length) / (length + 1)
                                            : (past - longer + length - 1) / max(length, 1);
      for (w = max(w, 0); w <= warps && startOf(w) < end; ++w)
        start[w] = {i, startOf(w) - before, startOf(w)};
    }
    before = end;
  }
  const int mine = static_cast<int>(threadIdx.x);
  if (mine <= warps && startOf(mine) == all) start[mine] = {rows.atoms, 0, all};
}

// The same where rows are so few that eight warps can have each: always the same eighths of a row,
// so that its sums do not depend on the batch. The last part is never empty.
__device__ inline void cutRowsInEight(const TableRows& rows, int group, int groups,
                                      TableStart* start) {
  const int w = threadIdx.x, each = (rows.atoms - 1) / groups + 1;
  if (w > static_cast<int>(blockDim.x) / 32) return;
  const int first = min(group * each, rows.atoms), last = min(first + each, rows.atoms);
  const int row = min(first + w / 8, last);
  int at = 0;
  for (int i = first; i < row; ++i) at += chunksOf(rows, i);
  const int chunk = row < last ? chunksOf(rows, row) * (w % 8) / 8 : 0;
  start[w] = {row, chunk, at + chunk};
}

// A warp's stretch: row after row, eight pairs at a time. Each lane of eight reads one pair, ahead
// of the eight before it; where the next row begins is read a row ahead.
class Stretch {
 public:
  __device__ Stretch(const TableRows& rows, const TableStart* start)
      : rows_(rows), row_(start->row), chunk_(start->chunk), left_(start[1].at - start->at) {
    if (left_ == 0) return;
    next_ = static_cast<unsigned>(firstSlot(rows, row_));
    chunksOfNext_ = chunksOf(rows, row_);
    enter();
    read(slot_ + 8 * chunk_);
  }
  __device__ bool done() const { return left_ == 0; }
  __device__ int row() const { return row_; }
  // Calls eight(slot, k) for every chunk of the row that is in the stretch, after laying it out for
  // the warp, and goes on to the next row. True where the row ended.
  template <bool WithSlopes, class Filter, class Eight>
  __device__ bool walkRow(const Filter& filter, const Eight& eight) {
    const int end = min(chunks_, chunk_ + left_);
    left_ -= end - chunk_;
    for (int k = chunk_; k < end; ++k) {
      __syncwarp();
      if (laneOf() < 8) filter.template put<WithSlopes>(laneOf(), place_, atom_);
      if (k + 1 < end)
        read(slot_ + 8 * (k + 1));
      else if (left_ > 0)
        read(next_);
      __syncwarp();
      eight(slot_ + 8 * k, k);
    }
    const bool ended = end == chunks_;
    chunk_ = 0;
    ++row_;
    if (left_ > 0) enter();
    return ended;
  }

 private:
  // What is known of the row to come is now of this one.
  __device__ void enter() {
    slot_ = next_;
    chunks_ = chunksOfNext_;
    if (chunks_ - chunk_ >= left_) return;
    next_ = static_cast<unsigned>(firstSlot(rows_, row_ + 1));
    chunksOfNext_ = chunksOf(rows_, row_ + 1);
  }
  __device__ void read(unsigned first) {
    const unsigned slot = first + laneOf() % 8;
    place_ = rows_.place[slot];
    atom_ = rows_.atom[slot];
  }
  const TableRows& rows_;
  int row_, chunk_, left_, chunks_ = 0, chunksOfNext_ = 0;
  unsigned slot_ = 0, next_ = 0, place_ = 0;
  int atom_ = 0;
};

// Sums of rows that several warps share. Each warp leaves what it has of a row that goes on beyond
// its stretch; the warp in whose stretch the row ends adds up, in a fixed order.
template <int N>
struct SharedRows {
  float* areas;  // of the warps, `stride` floats from one to the next
  int stride;
  const TableStart* start;
  unsigned* passed;
  int slices;

  // Parts of the row that is under way where warp w begins.
  __device__ Channels<N> before(int w) const {
    const int rowStart = start[w].at - start[w].chunk;
    const unsigned have =
        __ballot_sync(wholeWarp, laneOf() < w && start[min(laneOf(), w) + 1].at > rowStart);
    Channels<N> sum{};
    for (int u = have ? __ffs(have) - 1 : w; u < w; ++u)
      add(sum, load<N>(areas + u * stride + laneOf() * N));
    if (start[0].at > rowStart) add(sum, receive());
    return sum;
  }
  // To the next block of the slice, which starts no earlier than this one. A word that is not zero
  // has arrived: no sum has the bits that are sent as zero.
  __device__ void send(const Channels<N>& sum) const {
    volatile unsigned* box = passed + (blockIdx.x * 32 + laneOf()) * N;
#pragma unroll
    for (int c = 0; c < N; ++c) box[c] = ~__float_as_uint(sum.c[c]);
  }
  static __device__ void add(Channels<N>& to, const Channels<N>& more) {
#pragma unroll
    for (int c = 0; c < N; ++c) to.c[c] += more.c[c];
  }

 private:
  __device__ Channels<N> receive() const {
    volatile unsigned* box = passed + ((blockIdx.x - slices) * 32 + laneOf()) * N;
    Channels<N> sum;
#pragma unroll
    for (int c = 0; c < N; ++c) {
      unsigned word;
      do word = box[c];
      while (word == 0);
      box[c] = 0;
      sum.c[c] = __uint_as_float(~word);
    }
    return sum;
  }
};

}  // namespace mdlab
