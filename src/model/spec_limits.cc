#include <algorithm>
#include <charconv>
#include <cmath>

#include "model/spec_rules.h"
#include "model/spec_tree.h"

namespace baton {
namespace {

constexpr int64_t kDayMs = 86'400'000;

void read_signal(SpecReader& in, const YamlNode& node, Path path, std::string& signal) {
  auto name = node.is_scalar() ? signal_name(node.text) : std::nullopt;
  if (!name)
    return in.expected(node, path,
                       "a signal that a program can catch, such as SIGTERM, SIGINT or SIGUSR1");
  signal = *name;
}

void read_max(SpecReader& in, const YamlNode& node, Path path, std::optional<int>& max) {
  if (node.is_scalar() && node.text == "unlimited") {
    max.reset();
    return;
  }
  bool digits =
      node.is_scalar() && !node.text.empty() &&
      std::all_of(node.text.begin(), node.text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return in.expected(node, path, "unlimited or a whole number");
  int count = 0;
  in.integer(0, 1'000'000, count)(node, path);
  max = count;
}

void read_cpus(SpecReader& in, const YamlNode& node, Path path, double& cpus) {
  double value = 0;
  const std::string& text = node.text;
  const char* last = text.data() + text.size();
  auto [end, error] = std::from_chars(text.data(), last, value);
  bool number = node.is_scalar() && error == std::errc() && end == last && std::isfinite(value);
  if (!number || (value != 0 && (value < 0.01 || value > 100'000)))
    return in.expected(node, path, "a number of CPUs such as 2 or 0.5");
  cpus = std::abs(value);  // never -0
}

void read_devices(SpecReader& in, const YamlNode& node, Path path,
                  std::vector<std::string>& devices) {
  in.read_items(node, path, "a list of CDI devices such as [nvidia.com/gpu=all]",
                [&](const YamlNode& item, Path shown) {
                  if (!is_cdi_device(item.text))
                    in.expected(item, shown, "a CDI device such as nvidia.com/gpu=all");
                  devices.push_back(item.text);
                });
}

}  // namespace

void read_checkpoint(SpecReader& in, const YamlNode& node, Path path, Spec& spec) {
  in.read_map(node, path,
              {{"every", in.duration(10, 365 * kDayMs, spec.checkpoint_every_ms)},
               {"keep", in.integer(1, 10'000, spec.checkpoint_keep)}});
}

void read_preemption(SpecReader& in, const YamlNode& node, Path path, Spec& spec) {
  in.read_map(node, path,
              {{"grace", in.duration(0, kDayMs, spec.grace_ms)},
               {"signal", in.part(read_signal, spec.signal)},
               {"max", in.part(read_max, spec.max_preemptions)}});
}

void read_resources(SpecReader& in, const YamlNode& node, Path path, Spec& spec) {
  in.read_map(node, path,
              {{"cpus", in.part(read_cpus, spec.cpus)},
               {"memory", in.size(1 << 20, spec.memory)},
               {"gpus", in.integer(0, 1024, spec.gpus)},
               {"devices", in.part(read_devices, spec.devices)},
               {"shm", in.size(4096, spec.shm)}});
}

void read_timeout(SpecReader& in, const YamlNode& node, Path path, std::optional<int64_t>& ms) {
  if (node.is_null()) return;
  int64_t value = 0;
  in.duration(1, 3650 * kDayMs, value)(node, path);
  ms = value;
}

}  // namespace baton
