#pragma once
// Shared by host and device code: plain types only.

namespace mdlab {

// One linear layer as the kernels read it: weights as sums of two halves in the order of the tensor
// cores' operands, times a power of two that keeps both halves in range.
struct NodeMatrix {
  const void* words;  // node-narrow.h: (out/32, in/16, 2, hi|lo, 32 lanes) of 16 bytes;
                      // node-wide.h: (in/32, hi|lo, 4, out/8) of 8 x 8 halves
  const float* bias;  // (out), or null
  float unscale;      // what a product with the words is multiplied by
  float norm;         // no less than the matrix's largest singular value
  float biasNorm;     // ‖bias‖
};

constexpr int maxHeadLayers = 6;  // hidden layers of the output network

// Tiles of node-narrow.h up to so many atoms have a multiprocessor to themselves, larger ones share
// it with another.
constexpr int narrowAlone = 24;

// A block of node-wide.h: its tiles; in its shared memory parts of layers' weights, 32 summed
// channels each, and the tiles' rows.
constexpr int wideAtoms = 64, wideTiles = 3, wideThreads = 128 * wideTiles;
constexpr int wideParts = 7, widePart = 128 * 128, wideRows = wideAtoms * 128 * 4;
constexpr int wideBytes = wideParts * widePart + wideTiles * wideRows;

// x += lin act(lin2 m + b2) + b; y = lin1 x of the next block.
struct NodeUpdateArguments {
  int atoms, rows;         // in all, of a tile
  const float* m;          // (atoms,F)
  float* x;                // (atoms,H)
  const float* embedding;  // (types,H): where x comes from in the first block, else null
  const int* types;        // (atoms)
  float embeddingNorm;
  float* bound;  // (atoms) no less than ‖x‖
  float* slope;  // (atoms,H) act' for the reverse, or null
  float* y;      // (atoms,F)
  NodeMatrix lin2, lin, lin1;
};

// The last block's update, the head, their reverse: energies, g = dE/dx (over x), dE/dm (over m).
struct NodeTopArguments {
  int atoms, rows;
  int gradient;
  float* m;
  float* x;
  const float* embedding;
  const int* types;
  float embeddingNorm;
  float* bound;  // (atoms) in: no less than ‖x‖; out: no less than ‖g‖
  float* slope;  // (atoms,H)
  NodeMatrix lin2, lin, linReverse, lin2Reverse;
  NodeMatrix head[maxHeadLayers], headReverse[maxHeadLayers];
  // (atoms, width) act' of all but the last; of that, where nodeTopReverse follows, dE/d(its sums).
  float* headSlope[maxHeadLayers];
  const float* last;  // (width): weights of the output layer, which has no bias
  float lastNorm;
  float* energy;  // (atoms) model units
};

// Energies of systems from those of atoms, in fixed order, in double.
struct NodeEnergyArguments {
  int systems;
  const int* offsets;   // (systems+1)
  const float* energy;  // (atoms)
  double unit;          // eV per model energy
  double* sum;          // (systems), added to; null: not wanted
};

// g += lin1ᵀ dE/dy of block l; dE/dm of block l-1; energies of systems.
struct NodeReverseArguments {
  int atoms, rows;
  const float* gradY;  // (atoms,F)
  float* g;            // (atoms,H)
  float* bound;        // (atoms) no less than ‖g‖
  const float* slope;  // (atoms,H) of block l-1
  float* gradM;        // (atoms,F)
  NodeMatrix lin1Reverse, linReverse, lin2Reverse;
  NodeEnergyArguments energy;
};

// y of the first block: a row of lin1 · embedding for each atom's type.
struct NodeEmbedArguments {
  int atoms;
  const int* types;
  const float* rows;  // (types,F)
  float* y;           // (atoms,F)
};

}  // namespace mdlab
