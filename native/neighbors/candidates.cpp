#include "neighbors/candidates.h"

namespace mdlab {

void Candidates::start(std::int32_t place) {
  size_ = 0;
  place_ = place;
  home_ = false;
  runs_.clear();
}

void Candidates::add(const CellBins& bins, const Lattice& lattice, Run run) {
  const std::int64_t length = run.end - run.begin;
  reserve(size_ + length);
  double t[3];
  for (int c = 0; c < 3; ++c)
    t[c] = run.image[0] * lattice.rows[c] + run.image[1] * lattice.rows[3 + c] +
           run.image[2] * lattice.rows[6 + c];
  const auto shifted = [&](const Buffer<double>& from, Buffer<double>& to, double by) {
    const double* source = from.data() + run.begin;
    double* target = to.data() + size_;
    for (std::int64_t k = 0; k < length; ++k) target[k] = source[k] + by;
  };
  shifted(bins.x, x_, t[0]);
  shifted(bins.y, y_, t[1]);
  shifted(bins.z, z_, t[2]);
  size_ += length;
  run.stop = size_;
  runs_.push_back(run);
  home_ |= run.begin <= place_ && place_ < run.end && run.home();
}

void Candidates::pad() {
  reserve(size_);
  for (std::int64_t k = size_; k < size_ + block; ++k)
    x_[k] = y_[k] = z_[k] = std::numeric_limits<double>::infinity();
}

void Candidates::reserve(std::int64_t least) {
  if (least + block <= static_cast<std::int64_t>(x_.size())) return;
  for (Buffer<double>* buffer : {&x_, &y_, &z_}) {
    Buffer<double> larger(std::max<std::int64_t>(1024, 2 * (least + block)));
    std::copy_n(buffer->data(), size_, larger.data());
    *buffer = std::move(larger);
  }
}

}  // namespace mdlab
