#include "models/schnet/edge-tensors.h"

namespace mdlab {

template <class T>
void EdgeList<T>::collect(const Geometry& geometry, bool columns) {
  const std::int64_t n = geometry.atoms();
  rowStart.reset(n + 1);
  rowStart[0] = 0;
  parallelFor(n, 32, [&](std::int64_t begin, std::int64_t end, int) {
    thread_local RowEdges row;
    for (std::int64_t k = begin; k < end; ++k) {
      geometry.row(static_cast<std::int32_t>(k), row);
      rowStart[k + 1] = row.count;
    }
  });
  for (std::int64_t k = 0; k < n; ++k) rowStart[k + 1] += rowStart[k];
  count = rowStart[n];
  i.reset(count);
  j.reset(count);
  d.reset(3 * count);
  r.reset(count);
  parallelFor(n, 32, [&](std::int64_t begin, std::int64_t end, int) {
    thread_local RowEdges row;
    for (std::int64_t k = begin; k < end; ++k) {
      geometry.row(static_cast<std::int32_t>(k), row);
      for (int e = 0; e < row.count; ++e) {
        const std::int64_t at = rowStart[k] + e;
        i[at] = k;
        j[at] = row.j[e];
        d[3 * at] = row.x[e];
        d[3 * at + 1] = row.y[e];
        d[3 * at + 2] = row.z[e];
        r[at] = row.r[e];
      }
    }
  });
  if (!columns) return;
  columnStart.reset(n + 1);
  columnStart.fill(0);
  byColumn.reset(count);
  for (std::int64_t e = 0; e < count; ++e) ++columnStart[j[e] + 1];
  for (std::int64_t k = 0; k < n; ++k) columnStart[k + 1] += columnStart[k];
  std::vector<std::int64_t> next(columnStart.data(), columnStart.data() + n);
  for (std::int64_t e = 0; e < count; ++e) byColumn[next[j[e]]++] = e;
}

template struct EdgeList<float>;
template struct EdgeList<double>;

}  // namespace mdlab
