// The steps between a YAML tree and a Spec; internal to the spec's family of files.
#pragma once

#include "model/spec.h"
#include "model/spec_reader.h"
#include "model/spec_yaml.h"

namespace baton {

// Checks the tree and fills in defaults. Meaningful only if `in` has no errors afterwards.
Spec read_spec(const YamlNode& root, SpecReader& in);

// A parameter as written: a number where JSON would call it one (".5", "5." and "+5" included),
// true/false, or text; none for what JSON cannot hold (1e999).
std::optional<Json> param_from_scalar(const std::string& text, bool quoted);

// Sets override.path in the tree, creating maps on the way; reports what cannot be set. `index` is
// its place's.
void apply_override(YamlNode& root, const Override& override, int index, SpecReader& in);

// "params.lr=0.1".
std::string override_name(const Override& override);

}  // namespace baton
