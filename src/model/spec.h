// Spec: what the user writes in baton.yaml, checked and with defaults filled in.
//
// docs/spec.md describes every key. Parsing never reads anything but the given text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/sweep_spec.h"

namespace baton {

struct ImageSpec {
  enum class Form { debian, host };  // the forms this version can make; others are refused by name
  Form form = Form::host;
  std::string suite;                  // debian: "trixie"
  std::vector<std::string> packages;  // debian: sorted, unique; "name" or "name=version"
  bool operator==(const ImageSpec&) const = default;
};

struct DataMount {
  std::string destination;  // absolute path in the container
  std::string source;       // as written: a path, relative to the spec's directory, or a URL
  std::string sha256 = {};  // of the one file at an http(s):// URL; "": not given
  // mode: mount (buckets only): read as the program asks for it, instead of fetched beforehand.
  bool mounted = false;
  bool operator==(const DataMount&) const = default;
};

struct Spec {
  std::string name = "job";  // [a-z0-9][a-z0-9._-]{0,62}
  ImageSpec image;
  std::optional<std::string> code;  // directory, relative to the spec's; none: no /app content
  std::vector<DataMount> data;
  std::string command;  // before ${param} substitution; run by /bin/sh -c when a string
  std::vector<std::string> command_list;  // when written as a list: run without a shell
  // In the order written: strings, booleans, numbers, and {"value": 0.1, "text": "0.10"} for a
  // number whose written form JSON would change. Read them through param_text and params_json.
  std::vector<std::pair<std::string, Json>> params;
  std::vector<std::pair<std::string, std::string>> env;
  std::vector<std::string> secrets;   // names only
  std::string results = "./results";  // a directory, or a bucket's URL
  int64_t checkpoint_every_ms = 60'000;
  int checkpoint_keep = 3;  // >= 1
  int64_t grace_ms = 30'000;
  std::string signal = "SIGTERM";
  std::optional<int> max_preemptions;  // none: unlimited
  double cpus = 0;                     // 0: no limit
  uint64_t memory = 0;                 // bytes, 0: no limit
  int gpus = 0;
  std::vector<std::string> devices;  // CDI names, resources.devices
  uint64_t shm = 64ull << 20;
  bool network = true;
  int retries = 0;
  std::optional<int64_t> timeout_ms;  // of one attempt's program, counted over all attempts
  std::optional<SweepSpec> sweep;     // never in a job's own spec
  bool operator==(const Spec&) const = default;
};

struct Override {
  std::string path;         // "params.lr"
  std::string value;        // YAML scalar or flow text: "0.1", "[a, b]"
  std::string option = "";  // the one that gave the value, as "--trials"; "": --set
};

// Parses and checks. `file` names the text in errors: "baton.yaml:3:5: …". Every error is one
// sentence with file:line:column, what was found, what was expected, and the nearest known key;
// several errors are joined by newlines (at most 10). Overrides are named as they
// were given: "--set params.lr=…", "--trials 0".
Result<Spec> parse_spec(const std::string& text, const std::string& file,
                        const std::vector<Override>& overrides);

// "FILE:3:5", where the key that `path` leads to stands in a spec's text; `file` alone where it
// does not stand there.
std::string place_in_spec(const std::string& text, const std::string& file,
                          const std::vector<std::string>& path);

// "key=value" → Override.
Result<Override> parse_override(const std::string& text);

// The spec as JSON in the shape of the YAML, every default filled in;
// spec_from_json(spec_to_json(s)) == s.
Json spec_to_json(const Spec& spec);
// Checks like parse_spec; Code::corrupt for what is not a spec.
Result<Spec> spec_from_json(const Json& json);

// Replaces ${name} with the parameter's value and $${ with ${; an unknown name is an error with
// did-you-mean. `quote`: the text is a shell command, and every value stays one piece of text in
// it, whether ${name} stands bare or in quotes. In here-documents and backquotes, where no quoting
// keeps every value whole, it is refused.
Result<std::string> substitute(const std::string& text,
                               const std::vector<std::pair<std::string, Json>>& params, bool quote);

// A parameter's value as text: strings bare, numbers as written, true/false.
std::string param_text(const Json& value);
// The parameters as one JSON object of plain strings, booleans and numbers: what params.json holds.
Json params_json(const std::vector<std::pair<std::string, Json>>& params);
// "learning-rate" → "BATON_PARAM_LEARNING_RATE".
std::string param_variable(const std::string& name);

}  // namespace baton
