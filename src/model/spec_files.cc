#include <fmt/format.h>

#include "base/text.h"
#include "model/spec_rules.h"
#include "model/spec_tree.h"

namespace baton {
namespace {

std::optional<std::string> read_source(SpecReader& in, const YamlNode& node, Path path) {
  static const char* kExpected = "a path such as ./data";
  std::string source;
  if (node.is_map()) {
    // "data" and not the mount point: a feature that is missing is called by its plain name.
    in.read_map(node, "data", {{"source", in.text(kExpected, source)}, {"mode", in.unsupported()}});
    if (!node.find("mode")) in.expected(node, path, kExpected);
    return std::nullopt;
  }
  in.text(kExpected, source)(node, path);
  if (!is_url(source)) return source;
  in.fail(node.place,
          fmt::format("{} comes from {}, but data from buckets and from the web is not supported "
                      "yet; name a path on this machine",
                      path, describe(node)));
  return std::nullopt;
}

// What is wrong with mounting at `destination`, beside the mounts there are already; "" if nothing.
std::string mount_problem(const std::string& destination, const std::vector<DataMount>& others) {
  if (auto reserved = reserved_mount(destination))
    return fmt::format("{} is taken; choose another path such as /data", *reserved);
  for (const auto& other : others)
    if (lies_in(destination, other.destination) || lies_in(other.destination, destination))
      return fmt::format("it collides with the mount at \"{}\"; separate them",
                         printable(other.destination));
  return "";
}

}  // namespace

void read_code(SpecReader& in, const YamlNode& node, Path path, std::optional<std::string>& code) {
  if (node.is_null()) return;
  std::string directory;
  in.text("a directory such as \".\"", directory)(node, path);
  if (is_url(directory))
    return in.fail(node.place, path + " from a URL is not supported yet; name a directory");
  code = directory;
}

void read_data(SpecReader& in, const YamlNode& node, Path path, std::vector<DataMount>& data) {
  auto each = [&](const YamlKey& key, const YamlNode& value) {
    std::string name = printable(key.name);
    auto source = read_source(in, value, path + " " + name);
    auto destination = mount_path(key.name);
    if (!destination)
      return in.fail(
          key.place,
          fmt::format("{} mounts at \"{}\", expected an absolute path such as /data", path, name));
    std::string problem = mount_problem(*destination, data);
    if (!problem.empty())
      return in.fail(key.place, fmt::format("{} mounts at \"{}\", but {}", path, name, problem));
    if (source) data.push_back({*destination, *source});
  };
  in.read_entries(node, path, "a map of mount points such as {/data: ./data}", each);
}

void read_results(SpecReader& in, const YamlNode& node, Path path, std::string& results) {
  in.text("a directory such as ./results", results)(node, path);
  if (is_url(results))
    in.fail(node.place, path + " in a bucket is not supported yet; name a directory");
}

}  // namespace baton
