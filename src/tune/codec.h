// Codec: the parameters of a space as points of the unit cube, one coordinate a dimension.
//
// real: the position in [min, max], on its scale. integer, or real with a step: the range is first
// widened by half a step at either end, so that on a linear scale the k-th of n levels lies at
// (k + 0.5) / n and equal volumes decode to each. category: choice k of n at (k + 0.5) / n.
// decode(encode(p)) gives p back (a real without step up to rounding); encode(decode(u)) is the
// centre of u's cell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "model/space.h"

namespace baton {

using Point = std::vector<double>;

class Codec {
 public:
  // `space` has passed check_space().
  explicit Codec(Space space);

  const Space& space() const { return space_; }
  size_t size() const { return space_.dimensions.size(); }

  // Any point with coordinates in [0, 1] (1 included); coordinates of unused dimensions are
  // ignored.
  Params decode(const Point& point) const;
  // `params` have passed check_params(). Unused dimensions get kUnused.
  Point encode(const Params& params) const;
  // Snaps to levels and choices, marks the unused. Coordinates of a continuum stay as they are.
  Point snap(const Point& point) const;
  // encode(decode(point)): the point that a trial with these parameters has.
  Point as_encoded(const Point& point) const { return encode(decode(point)); }

  // Number of choices of a category; 0 for other dimensions.
  size_t choices(size_t dimension) const;
  // Number of different values that a dimension can take; 0: a continuum.
  uint64_t levels(size_t dimension) const;
  // Whether a condition asks about the dimension: its value decides which others are used.
  bool decides(size_t dimension) const;
  // Which choice a coordinate of a category means.
  size_t choice(size_t dimension, double coordinate) const;
  // Number of different points; 0: a continuum, or too many to count.
  uint64_t points() const;
  // All points one after the other, the last dimension fastest; of a continuum its middle stands
  // for all. next() is false after the last one.
  Point first() const;
  bool next(Point& point) const;

  // The coordinate of a dimension that is not used: outside the cube, so it cannot be mistaken.
  static constexpr double kUnused = -1;
  static bool used(double coordinate) { return coordinate >= 0; }

 private:
  // Dimension `parent` must be at one of these levels.
  struct Condition {
    size_t parent;
    std::vector<uint64_t> levels;
  };
  // What a dimension's coordinate means: low + coordinate · width, before exp() where it is `log`.
  struct Axis {
    double low = 0, width = 1;
    uint64_t levels = 0;
    std::vector<Condition> when;
  };
  static Axis make_axis(const Dimension& dimension);
  uint64_t level(size_t dimension, double coordinate) const;
  double centre(size_t dimension, uint64_t level) const;
  bool is_used_at(size_t dimension, const Point& point) const;
  // Puts every dimension from place `from` of order_ on at its first level.
  void restart(Point& point, size_t from) const;

  Space space_;
  std::vector<size_t> order_;  // dimensions, those that conditions ask about first
  std::vector<Axis> axes_;
};

}  // namespace baton
