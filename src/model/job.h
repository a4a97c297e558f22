// Job: one spec, fully resolved and frozen. job.json is written once and never changes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "model/spec.h"

namespace baton {

constexpr int kFormatVersion = 1;
constexpr uint64_t kMaxJobBytes = 4 << 20;

// What data from a URL was when the job was submitted. docs/spec.md, "Data", tells what the digest
// is of.
struct DataPin {
  std::string destination;  // of the spec's data
  std::string digest;       // sha256 of the listing: names, sizes, versions
  uint64_t files = 0, bytes = 0;
  bool operator==(const DataPin&) const = default;
};

struct Job {
  std::string id;
  int64_t created_ms = 0;         // wall clock of the submitter, for display
  Spec spec;                      // paths absolute
  std::vector<std::string> argv;  // command after substitution
  Json image;                     // the image's record
  std::string code_tree;          // sha256 of the code snapshot's manifest; "" without code
  std::string spec_file;          // where it came from, for display
  std::string submitter;          // "user@host", for display
  Json provenance;                // git commit and dirtiness of the code, baton version
  std::string nonce;
  std::vector<DataPin> data;  // one for each of the spec's data that comes from a URL
  std::string sweep;          // a trial's sweep, else ""
  uint64_t trial = 0;         // its number there, else 0
  bool starts = false;        // its first attempt begins from jobs/<job>/start/
};

// What listings call the job: its name, and of a trial its number too: "cnn+17".
std::string listed_name(const Job& job);
// Whether `name` is what listed_name() gives, and whether it is that of a trial.
bool is_listed_name(std::string_view name);
bool is_trial_name(std::string_view name);

// The command after substitution of parameters. Code::invalid for ${x} without parameter.
Result<std::vector<std::string>> resolve_command(const Spec& spec);

std::string encode_job(const Job& job);
// Code::too_new for a later format version, Code::corrupt for anything else that is not a job.
Result<Job> decode_job(std::string_view text, const std::string& what);

}  // namespace baton
