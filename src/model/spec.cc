#include "model/spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "model/spec_rules.h"
#include "model/spec_tree.h"

namespace baton {
namespace {

constexpr int64_t kSecond = 1000;
constexpr int64_t kDay = 86'400 * kSecond;
constexpr uint64_t kMebi = 1 << 20;
constexpr int kMany = 1'000'000;

using Handler = SpecReader::Handler;

Handler integer(SpecReader& in, int least, int most, int& target) {
  return [&in, least, most, &target](const YamlNode& node, const std::string& path) {
    in.read_int(node, path, least, most, target);
  };
}

Handler size(SpecReader& in, uint64_t least, uint64_t& target) {
  return [&in, least, &target](const YamlNode& node, const std::string& path) {
    in.read_size(node, path, least, target);
  };
}

Handler duration(SpecReader& in, int64_t least_ms, int64_t most_ms, int64_t& target) {
  return [&in, least_ms, most_ms, &target](const YamlNode& node, const std::string& path) {
    in.read_duration(node, path, least_ms, most_ms, target);
  };
}

// Wraps a reader of one section: void section(in, node, path, target).
template <class Section, class Target>
Handler section(SpecReader& in, Section read, Target& target) {
  return [&in, read, &target](const YamlNode& node, const std::string& path) {
    read(in, node, path, target);
  };
}

// "My Job" → "my-job": a name that is_job_name takes, near to what was written.
std::string near_name(const std::string& text) {
  std::string name;
  for (char c : text.substr(0, 63)) {
    char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    if (is_job_name(std::string_view(&lower, 1)) || (!name.empty() && (c == '.' || c == '_')))
      name += lower;
    else if (!name.empty() && name.back() != '-')
      name += '-';
  }
  while (!name.empty() && name.back() == '-') name.pop_back();
  return name.empty() ? "my-job" : name;
}

void read_name(SpecReader& in, const YamlNode& node, const std::string& path, std::string& name) {
  if (!node.is_scalar() || !is_job_name(node.text))
    return in.expected(node, path,
                       fmt::format("1 to 63 lower-case letters, digits, \".\", \"_\" and \"-\", "
                                   "such as \"{}\"",
                                   near_name(node.text)));
  if (node.text == "latest")
    return in.expected(node, path, "another name, as \"latest\" means the newest job");
  name = node.text;
}

void read_packages(SpecReader& in, const YamlNode& node, const std::string& path,
                   std::vector<std::string>& packages) {
  std::vector<std::string> found;
  in.read_list(node, path, "a list of Debian packages such as [python3-torch]", found);
  for (size_t i = 0; i < found.size(); ++i)
    if (!is_debian_package(found[i]))
      in.expected(node.items[std::min(i, node.items.size() - 1)], fmt::format("{}[{}]", path, i),
                  "a Debian package, \"name\" or \"name=version\"");
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  for (size_t i = 1; i < found.size(); ++i)
    if (split(found[i - 1], '=')[0] == split(found[i], '=')[0])
      in.fail(node.place, fmt::format("{} names both \"{}\" and \"{}\"; keep one", path,
                                      printable(found[i - 1]), printable(found[i])));
  packages = std::move(found);
}

void read_image(SpecReader& in, const YamlNode& node, const std::string& path, ImageSpec& image) {
  if (node.is_scalar()) {
    if (node.text == "host") return;
    return in.fail(
        node.place,
        fmt::format(
            "{} {} is a registry image or archive, which is not supported yet; use \"host\" or "
            "{{debian: SUITE, packages: […]}}",
            path, describe(node)));
  }
  auto suite = [&](const YamlNode& value, const std::string& key) {
    image.form = ImageSpec::Form::debian;
    if (!value.is_scalar() || !is_debian_suite(value.text))
      return in.expected(value, key, "a Debian suite such as trixie or bookworm");
    image.suite = value.text;
  };
  if (!node.is_map())
    return in.expected(node, path,
                       "\"host\" or a map such as {debian: trixie, packages: [python3]}");
  size_t errors = in.errors();
  in.read_map(node, path,
              {{"debian", suite},
               {"packages", section(in, read_packages, image.packages)},
               {"from", in.unsupported()},
               {"dockerfile", in.unsupported()},
               {"pip", in.unsupported()},
               {"run", in.unsupported()}});
  if (!node.find("debian") && in.errors() == errors)
    in.fail(node.place,
            path + " does not say what to start from, expected \"debian: SUITE\" in it");
}

void read_code(SpecReader& in, const YamlNode& node, const std::string& path,
               std::optional<std::string>& code) {
  if (node.is_null()) return;
  std::string directory;
  in.read_text(node, path, "a directory such as \".\"", directory);
  if (is_url(directory))
    return in.fail(node.place, path + " from a URL is not supported yet; name a directory");
  code = directory;
}

std::optional<std::string> read_source(SpecReader& in, const YamlNode& node,
                                       const std::string& path) {
  if (node.is_map()) {
    std::string ignored;
    in.read_map(
        node, path,
        {{"source", [&](const YamlNode& n,
                        const std::string& p) { in.read_text(n, p, "a path or URL", ignored); }},
         {"mode", in.unsupported()}});
    if (!node.find("mode")) in.expected(node, path, "a path such as ./data");
    return std::nullopt;
  }
  std::string source;
  in.read_text(node, path, "a path such as ./data", source);
  if (is_url(source)) {
    in.fail(node.place, fmt::format("{} comes from {}, and data from buckets or the web is not "
                                    "supported yet; name a path on this "
                                    "machine",
                                    path, describe(node)));
    return std::nullopt;
  }
  return source;
}

void read_data(SpecReader& in, const YamlNode& node, const std::string& path,
               std::vector<DataMount>& data) {
  in.read_entries(
      node, path, "a map of mount points such as {/data: ./data}",
      [&](const YamlKey& key, const YamlNode& value) {
        std::string shown = path + " " + printable(key.name);
        auto source = read_source(in, value, shown);
        auto destination = mount_path(key.name);
        if (!destination)
          return in.fail(key.place,
                         fmt::format("{} mounts at \"{}\", expected an absolute path such as /data",
                                     path, printable(key.name)));
        if (auto reserved = reserved_mount(*destination))
          return in.fail(
              key.place,
              fmt::format("{} mounts at \"{}\", but {} is taken; choose another path such as /data",
                          path, printable(key.name), *reserved));
        for (const auto& other : data)
          if (lies_in(*destination, other.destination) || lies_in(other.destination, *destination))
            return in.fail(
                key.place,
                fmt::format("{} mounts \"{}\" and \"{}\", and one lies in the other; separate them",
                            path, printable(other.destination), printable(*destination)));
        if (source) data.push_back({*destination, *source});
      });
}

void read_command(SpecReader& in, const YamlNode& node, const std::string& path, Spec& spec) {
  static const char* kExpected = "a shell command or a list such as [python3, train.py]";
  if (node.is_list() && !node.items.empty()) {
    for (size_t i = 0; i < node.items.size(); ++i) {
      const YamlNode& item = node.items[i];
      if (!item.is_scalar() || (i == 0 && item.text.empty()))
        in.expected(item, fmt::format("{}[{}]", path, i), "text");
      spec.command_list.push_back(item.text);
    }
    return;
  }
  in.read_text(node, path, kExpected, spec.command);
  if (node.is_scalar() && !node.text.empty() && trim(node.text).empty())
    in.expected(node, path, kExpected);
}

void check_references(SpecReader& in, const YamlNode& node, const Spec& spec) {
  auto check = [&](const YamlNode& text) {
    if (!text.is_scalar()) return;
    auto result = substitute(text.text, spec.params, false);
    if (!result.ok()) in.fail(text.place, "command: " + result.error().message);
  };
  check(node);
  if (node.is_list()) std::for_each(node.items.begin(), node.items.end(), check);
}

void read_params(SpecReader& in, const YamlNode& node, const std::string& path,
                 std::vector<std::pair<std::string, Json>>& params) {
  in.read_entries(
      node, path, "a map such as {lr: 0.01}", [&](const YamlKey& key, const YamlNode& value) {
        std::string shown = path + "." + printable(key.name);
        if (!is_param_name(key.name))
          return in.fail(key.place, fmt::format("{} has \"{}\", expected a name of letters, "
                                                "digits, \"_\", \"-\" and \".\" (at most 64, "
                                                "beginning with a letter)",
                                                path, printable(key.name)));
        for (const auto& [other, unused] : params)
          if (param_variable(other) == param_variable(key.name))
            in.fail(key.place, fmt::format("{} and {} would both be ${}; rename one",
                                           path + "." + other, shown, param_variable(other)));
        auto json = value.is_scalar() ? param_from_scalar(value.text, value.quoted) : Json();
        if (!json)
          return in.expected(value, shown,
                             "a number that fits 64 bits (quote it to pass it as text)");
        if (json->is_null()) return in.expected(value, shown, "a number, text, true or false");
        // The parameter exists even where its value was refused, so that ${name} is not reported
        // too.
        params.emplace_back(key.name, std::move(*json));
      });
}

void check_env_name(SpecReader& in, const Place& place, const std::string& path,
                    const std::string& name) {
  if (!is_env_name(name))
    return in.fail(
        place, fmt::format("{} has \"{}\", expected a variable name such as OMP_NUM_THREADS", path,
                           printable(name)));
  if (starts_with(name, "BATON_"))
    in.fail(place,
            fmt::format("{} has \"{}\", but names beginning with BATON_ are baton's own; rename it",
                        path, name));
}

void read_env(SpecReader& in, const YamlNode& node, const std::string& path,
              std::vector<std::pair<std::string, std::string>>& env) {
  in.read_entries(node, path, "a map such as {OMP_NUM_THREADS: \"2\"}",
                  [&](const YamlKey& key, const YamlNode& value) {
                    check_env_name(in, key.place, path, key.name);
                    if (!value.is_scalar())
                      return in.expected(value, path + "." + printable(key.name),
                                         "text (\"\" for an empty value)");
                    env.emplace_back(key.name, value.text);
                  });
}

void read_secrets(SpecReader& in, const YamlNode& node, const std::string& path,
                  std::vector<std::string>& secrets) {
  if (node.is_map())
    return in.fail(node.place, path +
                                   " is a map, expected a list of names such as [HF_TOKEN]; values "
                                   "come from the environment of "
                                   "whoever submits the job");
  in.read_list(node, path, "a list of names such as [HF_TOKEN]", secrets);
  for (size_t i = 0; i < secrets.size(); ++i) {
    check_env_name(in, node.place, path, secrets[i]);
    if (std::find(secrets.begin(), secrets.begin() + static_cast<long>(i), secrets[i]) !=
        secrets.begin() + static_cast<long>(i))
      in.fail(node.place, fmt::format("{} names {} twice", path, printable(secrets[i])));
  }
}

void read_results(SpecReader& in, const YamlNode& node, const std::string& path,
                  std::string& results) {
  in.read_text(node, path, "a directory such as ./results", results);
  if (is_url(results))
    in.fail(node.place, path + " in a bucket is not supported yet; name a directory");
}

void read_checkpoint(SpecReader& in, const YamlNode& node, const std::string& path, Spec& spec) {
  in.read_map(node, path,
              {{"every", duration(in, 10, 365 * kDay, spec.checkpoint_every_ms)},
               {"keep", integer(in, 1, 10'000, spec.checkpoint_keep)}});
}

void read_signal(SpecReader& in, const YamlNode& node, const std::string& path,
                 std::string& signal) {
  auto name = node.is_scalar() ? signal_name(node.text) : std::nullopt;
  if (!name)
    return in.expected(node, path,
                       "a signal that a program can catch, such as SIGTERM, SIGINT or SIGUSR1");
  signal = *name;
}

void read_max(SpecReader& in, const YamlNode& node, const std::string& path,
              std::optional<int>& max) {
  if (node.is_scalar() && node.text == "unlimited") {
    max.reset();
    return;
  }
  int count = 0;
  bool plain =
      node.is_scalar() && !node.text.empty() &&
      std::all_of(node.text.begin(), node.text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!plain) return in.expected(node, path, "\"unlimited\" or a whole number");
  in.read_int(node, path, 0, kMany, count);
  max = count;
}

void read_preemption(SpecReader& in, const YamlNode& node, const std::string& path, Spec& spec) {
  in.read_map(node, path,
              {{"grace", duration(in, 0, kDay, spec.grace_ms)},
               {"signal", section(in, read_signal, spec.signal)},
               {"max", section(in, read_max, spec.max_preemptions)}});
}

void read_cpus(SpecReader& in, const YamlNode& node, const std::string& path, double& cpus) {
  double value = 0;
  const std::string& text = node.text;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  bool good = node.is_scalar() && error == std::errc() && end == text.data() + text.size() &&
              std::isfinite(value) && (value == 0 || (value >= 0.01 && value <= 100'000));
  if (!good) return in.expected(node, path, "a number of CPUs such as 2 or 0.5");
  cpus = std::abs(value);
}

void read_devices(SpecReader& in, const YamlNode& node, const std::string& path,
                  std::vector<std::string>& devices) {
  in.read_list(node, path, "a list of CDI devices such as [nvidia.com/gpu=all]", devices);
  for (const auto& device : devices)
    if (!is_cdi_device(device))
      in.fail(node.place,
              fmt::format("{} has \"{}\", expected a CDI device such as nvidia.com/gpu=all", path,
                          printable(device)));
}

void read_resources(SpecReader& in, const YamlNode& node, const std::string& path, Spec& spec) {
  in.read_map(node, path,
              {{"cpus", section(in, read_cpus, spec.cpus)},
               {"memory", size(in, kMebi, spec.memory)},
               {"gpus", integer(in, 0, 1024, spec.gpus)},
               {"devices", section(in, read_devices, spec.devices)},
               {"shm", size(in, 4096, spec.shm)}});
}

void read_timeout(SpecReader& in, const YamlNode& node, const std::string& path,
                  std::optional<int64_t>& timeout) {
  if (node.is_null()) return;
  int64_t ms = 0;
  in.read_duration(node, path, 1, 3650 * kDay, ms);
  timeout = ms;
}

void check_together(SpecReader& in, const YamlNode& root, const Spec& spec) {
  if (const YamlNode* command = root.find("command"))
    check_references(in, *command, spec);
  else
    in.fail({}, "the spec has no command, expected one such as \"command: python3 train.py\"");
  for (const auto& secret : spec.secrets)
    for (const auto& [name, value] : spec.env)
      if (name == secret)
        in.fail(root.find("secrets")->place,
                fmt::format("secrets and env both set {}; remove it from one", printable(name)));
}

}  // namespace

Spec read_spec(const YamlNode& root, SpecReader& in) {
  Spec spec;
  SpecReader::Fields fields = {
      {"name", section(in, read_name, spec.name)},
      {"image", section(in, read_image, spec.image)},
      {"code", section(in, read_code, spec.code)},
      {"data", section(in, read_data, spec.data)},
      {"command", section(in, read_command, spec)},
      {"params", section(in, read_params, spec.params)},
      {"env", section(in, read_env, spec.env)},
      {"secrets", section(in, read_secrets, spec.secrets)},
      {"results", section(in, read_results, spec.results)},
      {"checkpoint", section(in, read_checkpoint, spec)},
      {"preemption", section(in, read_preemption, spec)},
      {"resources", section(in, read_resources, spec)},
      {"network", [&](const YamlNode& node,
                      const std::string& path) { in.read_bool(node, path, spec.network); }},
      {"retries", integer(in, 0, kMany, spec.retries)},
      {"timeout", section(in, read_timeout, spec.timeout_ms)},
      {"sweep", in.unsupported()},
  };
  in.read_map(root, "", fields);
  if (root.is_map() || root.is_null()) check_together(in, root, spec);
  return spec;
}

Result<Spec> parse_spec(const std::string& text, const std::string& file,
                        const std::vector<Override>& overrides) {
  std::vector<std::string> names;
  for (const auto& override : overrides) names.push_back(override_name(override));
  SpecReader in(printable(file), names);
  YamlNode root;
  if (auto problem = parse_yaml(text, root)) {
    in.fail(problem->place, problem->message);
    return in.error(Code::invalid);
  }
  for (size_t i = 0; i < overrides.size(); ++i)
    apply_override(root, overrides[i], static_cast<int>(i), in);
  Spec spec = read_spec(root, in);
  if (!in.ok()) return in.error(Code::invalid);
  return spec;
}

}  // namespace baton
