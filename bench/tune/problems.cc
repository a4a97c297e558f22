#include "tune/problems.h"

#include <array>
#include <cmath>
#include <numbers>

namespace baton::bench {
namespace {

using Vector = std::vector<double>;
using std::numbers::pi;

Vector reals(const Params& params) {
  Vector x;
  for (const auto& [name, value] : params) x.push_back(value.get<double>());
  return x;
}

Space box(size_t dimensions, double min, double max) {
  Space space;
  for (size_t i = 0; i < dimensions; ++i) {
    Dimension dimension;
    dimension.name = "x" + std::to_string(i);
    dimension.min = min;
    dimension.max = max;
    space.dimensions.push_back(dimension);
  }
  return space;
}

Problem real_problem(std::string name, Space space, double minimum,
                     double (*function)(const Vector&), double noise = 0) {
  return {std::move(name), std::move(space), minimum,
          [function](const Params& params) { return function(reals(params)); }, noise};
}

double branin(const Vector& x) {
  const double a = x[1] - 5.1 / (4 * pi * pi) * x[0] * x[0] + 5 / pi * x[0] - 6;
  return a * a + 10 * (1 - 1 / (8 * pi)) * std::cos(x[0]) + 10;
}

// Currin, Mitchell, Morris, Ylvisaker 1988; negated, as it is to be maximised.
double currin(const Vector& x) {
  const double factor = x[1] > 0 ? 1 - std::exp(-1 / (2 * x[1])) : 1;
  const double a = x[0], above = ((2300 * a + 1900) * a + 2092) * a + 60;
  return -factor * above / (((100 * a + 500) * a + 4) * a + 20);
}

// Park 1991, negated. At x0 = 0 its limit.
double park1(const Vector& x) {
  const double first = (std::sqrt(x[0] * x[0] + (x[1] + x[2] * x[2]) * x[3]) - x[0]) / 2;
  return -(first + (x[0] + 3 * x[3]) * std::exp(1 + std::sin(x[2])));
}

constexpr double kHartmannC[4] = {1, 1.2, 3, 3.2};

double hartmann3(const Vector& x) {
  static constexpr double kA[4][3] = {{3, 10, 30}, {0.1, 10, 35}, {3, 10, 30}, {0.1, 10, 35}};
  static constexpr double kP[4][3] = {
      {3689, 1170, 2673}, {4699, 4387, 7470}, {1091, 8732, 5547}, {381, 5743, 8828}};
  double sum = 0;
  for (size_t i = 0; i < 4; ++i) {
    double inner = 0;
    for (size_t j = 0; j < 3; ++j) inner += kA[i][j] * std::pow(x[j] - 1e-4 * kP[i][j], 2);
    sum -= kHartmannC[i] * std::exp(-inner);
  }
  return sum;
}

double hartmann6(const double* x) {
  static constexpr double kA[4][6] = {{10, 3, 17, 3.5, 1.7, 8},
                                      {0.05, 10, 17, 0.1, 8, 14},
                                      {3, 3.5, 1.7, 10, 17, 8},
                                      {17, 8, 0.05, 10, 0.1, 14}};
  static constexpr double kP[4][6] = {{1312, 1696, 5569, 124, 8283, 5886},
                                      {2329, 4135, 8307, 3736, 1004, 9991},
                                      {2348, 1451, 3522, 2883, 3047, 6650},
                                      {4047, 8828, 8732, 5743, 1091, 381}};
  double sum = 0;
  for (int i = 0; i < 4; ++i) {
    double inner = 0;
    for (int j = 0; j < 6; ++j) {
      const double difference = x[j] - 1e-4 * kP[i][j];
      inner += kA[i][j] * difference * difference;
    }
    sum -= kHartmannC[i] * std::exp(-inner);
  }
  return sum;
}

// The sum of Hartmann 6 over three groups of six coordinates.
double hartmann18(const Vector& x) {
  return hartmann6(x.data()) + hartmann6(x.data() + 6) + hartmann6(x.data() + 12);
}

double ackley(const Vector& x) {
  double squares = 0, cosines = 0;
  for (const double v : x) {
    squares += v * v;
    cosines += std::cos(2 * pi * v);
  }
  const auto n = static_cast<double>(x.size());
  return -20 * std::exp(-0.2 * std::sqrt(squares / n)) - std::exp(cosines / n) + 20 +
         std::numbers::e;
}

double levy(const Vector& x) {
  auto w = [&](size_t i) { return 1 + (x[i] - 1) / 4; };
  auto square = [](double v) { return v * v; };
  const size_t last = x.size() - 1;
  double sum = square(std::sin(pi * w(0)));
  for (size_t i = 0; i < last; ++i) {
    sum += square(w(i) - 1) * (1 + 10 * square(std::sin(pi * w(i) + 1)));
  }
  return sum + square(w(last) - 1) * (1 + square(std::sin(2 * pi * w(last))));
}

// A training loss in miniature: learning rate on a log scale, width in steps, an optimiser with
// conditional parameters of its own, divergence to huge losses for bold rates. Minimum 0: sgd, lr
// 10^-1.5, momentum 0.9, width 160, gelu.
Problem mixed() {
  const Json json = Json::parse(R"({
    "lr": {"min": 1e-5, "max": 1.0, "scale": "log"},
    "width": {"min": 16, "max": 256, "type": "int", "step": 16},
    "optimizer": ["sgd", "adam", "adamw"],
    "momentum": {"min": 0.5, "max": 0.99, "when": {"optimizer": "sgd"}},
    "decay": {"min": 1e-6, "max": 1e-1, "scale": "log", "when": {"optimizer": "adamw"}},
    "activation": ["relu", "gelu", "tanh", "selu", "silu"]})");
  auto value = [](const Params& params) {
    auto number = [&](const char* name) {
      for (const auto& [key, one] : params) {
        if (key == name) return one.get<double>();
      }
      return 0.0;
    };
    std::string optimizer, activation;
    for (const auto& [key, one] : params) {
      if (key == "optimizer") optimizer = one.get<std::string>();
      if (key == "activation") activation = one.get<std::string>();
    }
    auto square = [](double v) { return v * v; };
    const double lr = std::log10(number("lr"));
    const double best_lr = optimizer == "sgd" ? -1.5 : -2.8;
    double loss = 0.3 * square(lr - best_lr) + square((number("width") - 160) / 160);
    if (lr > best_lr + 1) loss += std::exp(3 * (lr - best_lr - 1)) - 1;
    if (optimizer == "sgd") loss += 20 * square(number("momentum") - 0.9);
    if (optimizer == "adam") loss += 0.25;
    if (optimizer == "adamw") loss += 0.05 + 0.05 * square(std::log10(number("decay")) + 3);
    static const std::vector<std::pair<std::string, double>> kActivations = {
        {"relu", 0.1}, {"gelu", 0}, {"tanh", 0.5}, {"selu", 0.3}, {"silu", 0.04}};
    for (const auto& [name, extra] : kActivations) {
      if (name == activation) loss += extra;
    }
    return loss;
  };
  return {"mixed", space_from_json(json).value(), 0, value, 0};
}

}  // namespace

std::vector<Problem> problems() {
  Space branin_space = box(2, -5, 10);
  branin_space.dimensions[1].min = 0;
  branin_space.dimensions[1].max = 15;
  auto six = [](const Vector& x) { return hartmann6(x.data()); };
  return {
      real_problem("branin", branin_space, 0.397887357729739, branin),
      real_problem("currin", box(2, 0, 1), -13.798722044728434, currin),
      real_problem("park1", box(4, 0, 1), -25.589254158606547, park1),
      real_problem("hartmann3", box(3, 0, 1), -3.86277978733266, hartmann3),
      real_problem("hartmann6", box(6, 0, 1), -3.32236801141551, six),
      real_problem("hartmann6-noisy", box(6, 0, 1), -3.32236801141551, six, 0.1),
      real_problem("hartmann18", box(18, 0, 1), -9.96710403424653, hartmann18),
      real_problem("ackley10", box(10, -5, 10), 0, ackley),
      real_problem("levy10", box(10, -5, 10), 0, levy),
      mixed(),
  };
}

}  // namespace baton::bench
