#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "model/spec_rules.h"
#include "model/spec_tree.h"

namespace baton {
namespace {

void read_suite(SpecReader& in, const YamlNode& node, Path path, ImageSpec& image) {
  image.form = ImageSpec::Form::debian;
  if (!node.is_scalar() || !is_debian_suite(node.text))
    return in.expected(node, path, "a Debian suite such as trixie or bookworm");
  image.suite = node.text;
}

void read_packages(SpecReader& in, const YamlNode& node, Path path, ImageSpec& image) {
  auto& packages = image.packages;
  in.read_items(node, path, "a list of Debian packages such as [python3-torch]",
                [&](const YamlNode& item, Path shown) {
                  if (!is_debian_package(item.text))
                    in.expected(item, shown, "a Debian package, \"name\" or \"name=version\"");
                  packages.push_back(item.text);
                });
  std::sort(packages.begin(), packages.end());
  packages.erase(std::unique(packages.begin(), packages.end()), packages.end());
  auto name = [](const std::string& package) { return package.substr(0, package.find('=')); };
  // Not only neighbours: "a", "a+b", "a=1" is sorted.
  std::vector<std::string> names;
  names.reserve(packages.size());
  for (const auto& package : packages) names.push_back(name(package));
  std::sort(names.begin(), names.end());
  auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    in.fail(node.place,
            fmt::format("{} has two versions of {}; keep one", path, printable(*twice)));
}

}  // namespace

void read_image(SpecReader& in, const YamlNode& node, Path path, ImageSpec& image) {
  if (node.is_scalar() && node.text == "host") return;
  if (node.is_scalar() && !node.text.empty())
    return in.fail(
        node.place,
        fmt::format("{} is {}, but images from a registry or an archive are not supported "
                    "yet; use host or {{debian: trixie, packages: […]}}",
                    path, describe(node)));
  if (!node.is_map())
    return in.expected(node, path, "host or a map such as {debian: trixie, packages: [python3]}");
  size_t errors = in.errors();
  in.read_map(node, path,
              {{"debian", in.part(read_suite, image)},
               {"packages", in.part(read_packages, image)},
               {"from", in.unsupported()},
               {"dockerfile", in.unsupported()},
               {"pip", in.unsupported()},
               {"run", in.unsupported()}});
  if (!node.find("debian") && in.errors() == errors)
    in.fail(node.place, path + " does not say what to start from, expected debian: SUITE in it");
}

}  // namespace baton
