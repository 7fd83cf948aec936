#pragma once
#include "models/schnet/filter-network.h"
#include "models/schnet/stage-clock.h"

namespace mdlab {

// Everything of SchNet that sees one atom at a time: embedding, lin1, lin2 and lin of every block,
// the head, and their reverse. Rows of features are padded to whole vectors.
template <class T>
class NodeNetwork {
 public:
  NodeNetwork(const SchnetConfig& config, const SchnetParameters& parameters, bool half);

  int hidden() const { return H_; }                // row length of x
  int filters() const { return F_; }               // row length of y, m
  T* y(int block) { return y_.at(block).data(); }  // (atoms, filters)
  T* m() { return m_.data(); }                     // (atoms, filters)

  // x = embedding; y of block 0.
  void embed(const Batch& batch);
  // x += lin act(lin2 m + b2) + b, then y of the next block. Keeps act' for the reverse.
  void update(int block);
  // Energy per atom in model units, and g = dE/dx when `gradient`.
  void head(std::span<double> energies, bool gradient);
  // m <- dE/dm of a block, from g.
  void reverseUpdate(int block);
  // g += lin1ᵀ · dE/dy.
  void reverseLin1(int block, const T* gradY);

  double bytes(double atoms) const;

 private:
  struct Block {
    PackedLinear<T> lin1, lin2, lin;
  };
  // Runs body(first row, rows, scratch) over all atoms; scratch holds `tile` rows of `width_` three
  // times over.
  template <class Body>
  void overRows(const Body& body);
  void round(T* data, std::int64_t n) const;

  static constexpr int tile = 48;
  Activation activation_;
  bool half_;
  int H_, F_, width_;
  std::int64_t atoms_ = 0;
  Buffer<T> embedding_;  // (types,H)
  std::vector<Block> blocks_;
  std::vector<PackedLinear<T>> head_;
  Buffer<T> x_, m_;
  std::vector<Buffer<T>> y_, slope_;  // per block: (atoms,F), act' (atoms,H)
};

}  // namespace mdlab
