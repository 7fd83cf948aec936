#include "models/schnet/stored-basis.h"

namespace mdlab {

void StoredBasis::prepare(cuda::Stream& stream, std::size_t edges, int width, bool slopes) {
  ops_.load(stream.device());
  width_ = width;
  scalars_.reset(stream, 4 * edges);
  gaussian_.reset(stream, edges * width);
  values_.reset(stream, edges * width);
  if (slopes) slopes_.reset(stream, edges * width);
}

void StoredBasis::compute(cuda::Stream& stream, const FlashBasis& basis, const int* count,
                          const float* r) {
  const std::size_t edges = scalars_.size() / 4;
  ops_.setEdges(count, static_cast<std::int64_t>(edges));
  float *c = scalars_.data(), *t = c + edges, *dc = t + edges, *dt = dc + edges;
  EdgeBasis b = edgeBasisOf(basis, width_);
  b.r = r;
  b.envelope = c;
  b.argument = t;
  b.envelopeSlope = dc;
  b.argumentSlope = dt;
  ops_.envelope(stream, b);
  float* difference = values_.data();  // until the products
  ops_.run(stream, edgeop::difference,
           {.width = width_, .out = difference, .perEdge = t, .channel = basis.centers});
  ops_.run(stream, edgeop::gaussian,
           {.width = width_, .a = difference, .out = gaussian_.data(), .channel2 = basis.widths});
  ops_.run(stream, edgeop::scale,
           {.width = width_, .a = gaussian_.data(), .out = values_.data(), .perEdge = c});
  if (!slopes_.size()) return;
  ops_.run(stream, edgeop::basisSlope,
           {.width = width_,
            .b = gaussian_.data(),
            .out = slopes_.data(),
            .perEdge = c,
            .perEdge2 = t,
            .perEdge3 = dc,
            .perEdge4 = dt,
            .channel = basis.centers,
            .channel2 = basis.widths});
}

double StoredBasis::bytes(double edges, int width) {
  return edges * sizeof(float) * (4.0 + 3.0 * width);
}

}  // namespace mdlab
