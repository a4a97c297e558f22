// The steps between a YAML tree and a Spec; internal to the spec's family of files.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/spec.h"
#include "model/spec_reader.h"
#include "model/spec_yaml.h"

namespace baton {

// Checks the tree and fills in defaults. Meaningful only if `in` has no errors afterwards.
Spec read_spec(const YamlNode& root, SpecReader& in);

// The readers of single keys (SpecReader::part).
using Params = std::vector<std::pair<std::string, Json>>;
using Variables = std::vector<std::pair<std::string, std::string>>;
using Path = const std::string&;
// spec_image.cc
void read_image(SpecReader& in, const YamlNode& node, Path path, ImageSpec& image);
// spec_program.cc
void read_name(SpecReader& in, const YamlNode& node, Path path, std::string& name);
void read_command(SpecReader& in, const YamlNode& node, Path path, Spec& spec);
void read_params(SpecReader& in, const YamlNode& node, Path path, Params& params);
void read_env(SpecReader& in, const YamlNode& node, Path path, Variables& env);
void read_secrets(SpecReader& in, const YamlNode& node, Path path, std::vector<std::string>& names);
// spec_files.cc
void read_code(SpecReader& in, const YamlNode& node, Path path, std::optional<std::string>& code);
void read_data(SpecReader& in, const YamlNode& node, Path path, std::vector<DataMount>& data);
void read_results(SpecReader& in, const YamlNode& node, Path path, std::string& results);
// spec_limits.cc
void read_checkpoint(SpecReader& in, const YamlNode& node, Path path, Spec& spec);
void read_preemption(SpecReader& in, const YamlNode& node, Path path, Spec& spec);
void read_resources(SpecReader& in, const YamlNode& node, Path path, Spec& spec);
void read_timeout(SpecReader& in, const YamlNode& node, Path path, std::optional<int64_t>& ms);
// spec_sweep.cc
void read_sweep(SpecReader& in, const YamlNode& node, Path path, std::optional<SweepSpec>& sweep);
// What the sweep and the rest of the spec must agree on; `node` is the sweep's.
void check_swept(SpecReader& in, const YamlNode& node, const Spec& spec);
// Adds the names that a sweep searches over, unless they are there, with text as a stand-in.
void add_swept(const Space& space, Params& params);

// A parameter as written: a number where JSON would call it one (".5", "5." and "+5" included),
// true/false, or text; none for what JSON cannot hold (1e999). params.cc
std::optional<Json> param_from_scalar(const std::string& text, bool quoted);

// Sets override.path in the tree, creating maps on the way; reports what cannot be set. `index` is
// its place's. spec_override.cc
void apply_override(YamlNode& root, const Override& override, int index, SpecReader& in);

// "--set params.lr=0.1", "--trials 0".
std::string override_name(const Override& override);

}  // namespace baton
