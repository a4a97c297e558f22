#include <fmt/format.h>

#include "base/hash.h"
#include "base/text.h"
#include "model/spec_rules.h"
#include "model/spec_tree.h"

namespace baton {
namespace {

const char* const kSource = "a path such as ./data or a URL such as s3://bucket/prefix";

void read_mode(SpecReader& in, const YamlNode& node, Path path, bool& mounted) {
  if (!node.is_scalar() || (node.text != "stage" && node.text != "mount"))
    return in.expected(node, path, "stage or mount");
  mounted = node.text == "mount";
}

void read_sha256(SpecReader& in, const YamlNode& node, Path path, std::string& sha256) {
  if (!node.is_scalar() || !is_sha256_hex(node.text))
    return in.expected(node, path, "the 64 lower-case hex digits that sha256sum prints");
  sha256 = node.text;
}

// What is wrong with a URL of data; "" if nothing.
std::string source_problem(const DataMount& mount) {
  if (!is_url(mount.source)) return "";
  std::string scheme = url_scheme(mount.source);
  bool web = scheme == "https" || scheme == "http";
  if (!web && !is_bucket_scheme(scheme))
    return "expected a path, or s3://…, gs://…, az://… or https://…";
  if (names_user(mount.source))
    return "which has a user name or password in it; credentials come from the environment";
  if (auto secret = secret_in_query(mount.source))
    return "whose \"" + *secret +
           "\" is a secret, and specs are kept; name the bucket itself (s3://…, gs://…, az://…)";
  if (scheme == "http" && mount.sha256.empty())
    return "which nothing protects on its way; use https://, or add the file's sha256";
  return "";
}

// What does not go together; reported at the node that is too much.
void check_source(SpecReader& in, const YamlNode& node, Path path, const DataMount& mount) {
  const YamlNode* source = node.is_map() ? node.find("source") : &node;
  if (std::string problem = source_problem(mount); !problem.empty()) {
    // What may be a secret is not repeated.
    std::string shown = may_hold_secret(mount.source) ? "a URL" : describe(*source);
    in.fail(source->place, fmt::format("{} comes from {}, {}", path, shown, problem));
  }
  bool bucket = is_url(mount.source) && is_bucket_scheme(url_scheme(mount.source));
  bool web = is_url(mount.source) && !bucket;
  if (mount.mounted && !bucket)
    in.fail(node.find("mode")->place,
            path + " is no bucket, and only buckets have mode: mount; leave it out");
  if (!mount.sha256.empty() && !web)
    in.fail(node.find("sha256")->place,
            path + " is no file from the web, and only those have a sha256; leave it out");
}

std::optional<DataMount> read_source(SpecReader& in, const YamlNode& node, Path path) {
  DataMount mount;
  size_t before = in.errors();
  if (node.is_map()) {
    in.read_map(node, path,
                {{"source", in.text(kSource, mount.source)},
                 {"mode", in.part(read_mode, mount.mounted)},
                 {"sha256", in.part(read_sha256, mount.sha256)}});
    if (!node.find("source"))
      in.fail(node.place, path + " has no source, expected " + std::string(kSource));
  } else {
    in.text(kSource, mount.source)(node, path);
  }
  if (in.errors() == before) check_source(in, node, path, mount);
  if (in.errors() != before) return std::nullopt;
  return mount;
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
    if (!source) return;
    source->destination = *destination;
    data.push_back(std::move(*source));
  };
  in.read_entries(node, path, "a map of mount points such as {/data: ./data}", each);
}

void read_results(SpecReader& in, const YamlNode& node, Path path, std::string& results) {
  in.text("a directory such as ./results, or a bucket's URL such as s3://bucket/prefix", results)(
      node, path);
  if (!is_url(results)) return;
  // What may be a secret is not repeated.
  if (names_user(results))
    in.fail(node.place, path +
                            " has a user name or password in its URL; credentials come from the "
                            "environment");
  else if (auto secret = secret_in_query(results))
    in.fail(node.place,
            fmt::format("{} has \"{}\" in its URL, which is a secret, and specs are kept; name the "
                        "bucket itself (s3://…, gs://…, az://…)",
                        path, *secret));
  else if (!is_bucket_scheme(url_scheme(results)))
    in.expected(node, path, "a directory, or s3://…, gs://… or az://…");
}

}  // namespace baton
