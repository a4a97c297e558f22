#include "tune/codec.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "model/space_axis.h"

namespace baton {
namespace {

using Kind = Dimension::Kind;

constexpr uint64_t kMostCounted = 1'000'000;  // of points, where conditions make counting slow

double step_of(const Dimension& dimension) {
  return dimension.kind == Kind::integer && dimension.step == 0 ? 1 : dimension.step;
}

}  // namespace

Codec::Codec(Space space) : space_(std::move(space)), order_(condition_order(space_)) {
  for (const auto& dimension : space_.dimensions) axes_.push_back(make_axis(dimension));
  for (size_t i = 0; i < size(); ++i)
    for (const auto& [name, values] : space_.dimensions[i].when) {
      auto parent = std::find_if(space_.dimensions.begin(), space_.dimensions.end(),
                                 [&name = name](const Dimension& one) { return one.name == name; });
      Condition condition{static_cast<size_t>(parent - space_.dimensions.begin()), {}};
      for (const auto& value : values) condition.levels.push_back(level_of(*parent, value));
      axes_[i].when.push_back(std::move(condition));
    }
}

Codec::Axis Codec::make_axis(const Dimension& dimension) {
  Axis axis;
  axis.levels = count_values(dimension);
  if (dimension.kind == Kind::category) return axis;
  auto [low, high] = axis_range(dimension);
  if (dimension.log) low = std::log(low), high = std::log(high);
  axis.low = low;
  axis.width = high - low;
  return axis;
}

uint64_t Codec::level(size_t dimension, double coordinate) const {
  const Dimension& one = space_.dimensions[dimension];
  const Axis& axis = axes_[dimension];
  double u = std::clamp(coordinate, 0.0, 1.0), k;
  if (one.kind == Kind::category || !one.log)
    k = std::floor(u * static_cast<double>(axis.levels));
  else
    k = std::round((std::exp(axis.low + u * axis.width) - one.min) / step_of(one));
  if (!(k > 0)) return 0;  // nor a NaN, which no number stands for
  return static_cast<uint64_t>(std::min(k, static_cast<double>(axis.levels - 1)));
}

double Codec::centre(size_t dimension, uint64_t level) const {
  const Dimension& one = space_.dimensions[dimension];
  const Axis& axis = axes_[dimension];
  auto k = static_cast<double>(level);
  if (one.kind == Kind::category || !one.log) return (k + 0.5) / static_cast<double>(axis.levels);
  return std::clamp((std::log(one.min + k * step_of(one)) - axis.low) / axis.width, 0.0, 1.0);
}

bool Codec::is_used_at(size_t dimension, const Point& point) const {
  const auto& when = axes_[dimension].when;
  return std::all_of(when.begin(), when.end(), [&](const Condition& condition) {
    double coordinate = point[condition.parent];
    return used(coordinate) &&
           std::find(condition.levels.begin(), condition.levels.end(),
                     level(condition.parent, coordinate)) != condition.levels.end();
  });
}

Point Codec::snap(const Point& point) const {
  Point snapped(size(), kUnused);
  for (size_t i : order_) {
    if (!is_used_at(i, snapped)) continue;
    double coordinate = std::clamp(point[i], 0.0, 1.0);
    snapped[i] = axes_[i].levels > 0 ? centre(i, level(i, coordinate)) : coordinate;
  }
  return snapped;
}

Params Codec::decode(const Point& point) const {
  Point snapped = snap(point);
  Params params;
  for (size_t i = 0; i < size(); ++i) {
    if (!used(snapped[i])) continue;
    const Dimension& dimension = space_.dimensions[i];
    const Axis& axis = axes_[i];
    if (axis.levels > 0) {
      params.emplace_back(dimension.name, value_at(dimension, level(i, snapped[i])));
      continue;
    }
    double number = axis.low + snapped[i] * axis.width;
    if (dimension.log) number = std::exp(number);
    // The bounds as they were written, without rounding.
    if (snapped[i] == 0) number = dimension.min;
    if (snapped[i] == 1) number = dimension.max;
    params.emplace_back(dimension.name, std::clamp(number, dimension.min, dimension.max));
  }
  return params;
}

Point Codec::encode(const Params& params) const {
  Point point(size(), kUnused);
  for (size_t i = 0; i < size(); ++i) {
    const Dimension& dimension = space_.dimensions[i];
    const Json* value = find_param(params, dimension.name);
    if (!value) continue;
    if (axes_[i].levels > 0) {
      point[i] = centre(i, level_of(dimension, *value));
      continue;
    }
    double number = std::clamp(value->get<double>(), dimension.min, dimension.max);
    if (dimension.log) number = std::log(number);
    point[i] = std::clamp((number - axes_[i].low) / axes_[i].width, 0.0, 1.0);
  }
  return point;
}

size_t Codec::choices(size_t dimension) const {
  return space_.dimensions[dimension].choices.size();
}

uint64_t Codec::levels(size_t dimension) const { return axes_[dimension].levels; }

bool Codec::decides(size_t dimension) const {
  return std::any_of(axes_.begin(), axes_.end(), [&](const Axis& axis) {
    return std::any_of(axis.when.begin(), axis.when.end(),
                       [&](const Condition& condition) { return condition.parent == dimension; });
  });
}

size_t Codec::choice(size_t dimension, double coordinate) const {
  return level(dimension, coordinate);
}

uint64_t Codec::points() const {
  bool conditions = false;
  uint64_t product = 1;
  for (const Axis& axis : axes_) {
    if (axis.levels == 0) return 0;
    conditions = conditions || !axis.when.empty();
    if (product > std::numeric_limits<int64_t>::max() / axis.levels) product = 0;
    product *= axis.levels;
  }
  if (!conditions) return product;
  uint64_t count = 1;
  for (Point point = first(); next(point);)
    if (++count > kMostCounted) return 0;
  return count;
}

void Codec::restart(Point& point, size_t from) const {
  for (size_t place = from; place < order_.size(); ++place) point[order_[place]] = kUnused;
  for (size_t place = from; place < order_.size(); ++place)
    if (size_t i = order_[place]; is_used_at(i, point))
      point[i] = axes_[i].levels > 0 ? centre(i, 0) : 0.5;
}

Point Codec::first() const {
  Point point(size());
  restart(point, 0);
  return point;
}

bool Codec::next(Point& point) const {
  for (size_t place = order_.size(); place-- > 0;) {
    size_t i = order_[place];
    if (!used(point[i]) || axes_[i].levels == 0) continue;
    uint64_t k = level(i, point[i]) + 1;
    // Far from zero a logarithmic scale may have no coordinate of its own for each level.
    while (k < axes_[i].levels && level(i, centre(i, k)) < k) ++k;
    if (k >= axes_[i].levels) continue;
    point[i] = centre(i, k);
    restart(point, place + 1);
    return true;
  }
  return false;
}

}  // namespace baton
