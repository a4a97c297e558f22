#include "model/job.h"

#include <fmt/format.h>

#include <limits>

#include "base/hash.h"
#include "base/ids.h"
#include "base/text.h"
#include "model/fields.h"
#include "model/spec_rules.h"

namespace baton {
namespace {

constexpr size_t kMaxArguments = 10'000;
constexpr size_t kMaxText = 1 << 20;
constexpr uint64_t kMaxTrialNumber = 99'999'999;

Error corrupt(const std::string& what, const std::string& why) {
  return {Code::corrupt, what + ": " + why, ""};
}

Result<std::vector<std::string>> read_argv(const Json& json, const std::string& what) {
  auto it = json.find("argv");
  if (it == json.end() || !it->is_array() || it->empty() || it->size() > kMaxArguments)
    return corrupt(what, "\"argv\" is not a command");
  std::vector<std::string> argv;
  for (const Json& word : *it) {
    if (!word.is_string()) return corrupt(what, "\"argv\" holds something that is not text");
    argv.push_back(word.get<std::string>());
    if (argv.back().find('\0') != std::string::npos)
      return corrupt(what, "\"argv\" holds a NUL character");
  }
  return argv;
}

Status check_format(const Json& json, const std::string& what) {
  Fields fields(json, what);
  int64_t format = fields.integer("format", 1, std::numeric_limits<int64_t>::max());
  BATON_TRY(fields.status());
  if (format == 0) return corrupt(what, "\"format\" is missing");
  if (format > kFormatVersion)
    return Error{Code::too_new,
                 fmt::format("{} has format {}, and this baton knows formats up to {}", what,
                             format, kFormatVersion),
                 "use the newer baton that wrote it"};
  return {};
}

Json pins_json(const std::vector<DataPin>& pins) {
  Json json = Json::object();
  for (const DataPin& pin : pins)
    json[pin.destination] = {{"digest", pin.digest}, {"files", pin.files}, {"bytes", pin.bytes}};
  return json;
}

Result<std::vector<DataPin>> read_pins(const Json& json, const std::string& what) {
  std::vector<DataPin> pins;
  auto found = json.find("data");
  if (found == json.end()) return pins;
  if (!found->is_object()) return corrupt(what, "\"data\" is no object");
  for (const auto& [destination, pin] : found->items()) {
    if (!pin.is_object()) return corrupt(what, "\"data\" holds something that is no object");
    Fields fields(pin, what);
    DataPin out{destination, fields.text("digest", 64), fields.unsigned_integer("files"),
                fields.unsigned_integer("bytes")};
    if (!is_sha256_hex(out.digest)) fields.fail("\"data\" holds something that is no SHA-256");
    BATON_TRY(fields.status());
    pins.push_back(std::move(out));
  }
  return pins;
}

Json member(const Json& json, const char* key) {
  auto it = json.find(key);
  return it == json.end() ? Json() : *it;
}

}  // namespace

std::string listed_name(const Job& job) {
  return job.trial ? fmt::format("{}+{}", job.spec.name, job.trial) : job.spec.name;
}

bool is_trial_name(std::string_view name) {
  size_t plus = name.rfind('+');
  if (plus == std::string_view::npos || !is_job_name(name.substr(0, plus))) return false;
  std::string_view number = name.substr(plus + 1);
  return !number.empty() && number.size() <= 8 && number[0] != '0' &&
         number.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_listed_name(std::string_view name) { return is_job_name(name) || is_trial_name(name); }

Result<std::vector<std::string>> resolve_command(const Spec& spec) {
  std::vector<std::string> argv;
  if (spec.command_list.empty()) {
    BATON_ASSIGN(std::string command, substitute(spec.command, spec.params, true));
    return std::vector<std::string>{"/bin/sh", "-c", command};
  }
  for (const auto& word : spec.command_list) {
    BATON_ASSIGN(std::string text, substitute(word, spec.params, false));
    argv.push_back(text);
  }
  return argv;
}

std::string encode_job(const Job& job) {
  Json json;
  json["format"] = kFormatVersion;
  json["id"] = job.id;
  json["created_ms"] = job.created_ms;
  json["spec"] = spec_to_json(job.spec);
  json["argv"] = job.argv;
  json["image"] = job.image;
  json["code_tree"] = job.code_tree;
  json["spec_file"] = job.spec_file;
  json["submitter"] = job.submitter;
  json["provenance"] = job.provenance;
  if (!job.data.empty()) json["data"] = pins_json(job.data);
  json["nonce"] = job.nonce;
  if (!job.sweep.empty()) {
    json["sweep"] = job.sweep;
    json["trial"] = job.trial;
    if (job.starts) json["starts"] = true;
  }
  return pretty_json(json);
}

Result<Job> decode_job(std::string_view text, const std::string& what) {
  BATON_ASSIGN(Json json, parse_json(text, what));
  BATON_TRY(check_format(json, what));
  Fields fields(json, what);
  Job job;
  job.id = fields.text("id", 64);
  job.created_ms = fields.integer("created_ms", std::numeric_limits<int64_t>::min(),
                                  std::numeric_limits<int64_t>::max());
  job.code_tree = fields.text("code_tree", 64);
  job.spec_file = fields.text("spec_file", kMaxText);
  job.submitter = fields.text("submitter", kMaxText);
  job.nonce = fields.text("nonce", 64);
  job.sweep = fields.text("sweep", 64);
  job.trial = fields.unsigned_integer("trial", kMaxTrialNumber);
  job.starts = get_bool(json, "starts");
  if (job.sweep.empty() != (job.trial == 0) || (!job.sweep.empty() && !is_job_id(job.sweep)))
    fields.fail("\"sweep\" and \"trial\" do not name a trial");
  if (!is_job_id(job.id)) fields.fail("\"id\" is not a job's id");
  if (!job.code_tree.empty() && !is_sha256_hex(job.code_tree))
    fields.fail("\"code_tree\" is not a SHA-256");
  if (job.nonce.empty()) fields.fail("\"nonce\" is missing");
  BATON_TRY(fields.status());
  BATON_ASSIGN(job.argv, read_argv(json, what));
  BATON_ASSIGN(job.data, read_pins(json, what));
  auto spec = spec_from_json(member(json, "spec"));
  if (!spec.ok()) return corrupt(what, "\"spec\": " + spec.error().message);
  job.spec = std::move(*spec);
  job.image = member(json, "image");
  job.provenance = member(json, "provenance");
  return job;
}

}  // namespace baton
