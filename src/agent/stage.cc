#include "agent/stage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/attempt.h"
#include "base/hash.h"
#include "os/files.h"

namespace baton {
namespace {

using Env = std::vector<std::pair<std::string, std::string>>;

void set(Env& env, const std::string& name, const std::string& value) {
  for (auto& [key, old] : env)
    if (key == name) {
      old = value;
      return;
    }
  env.emplace_back(name, value);
}

// The code snapshot, unpacked once per content and shared by all attempts on this machine; overlays
// keep it unchanged.
Status stage_code(Attempt& attempt) {
  const std::string& hash = attempt.job().code_tree;
  if (hash.empty()) {
    attempt.code_dir = attempt.paths.dir + "/empty";
    return make_dirs(attempt.code_dir);
  }
  std::string cache = attempt.parts.home + "/cache/code";
  attempt.code_dir = cache + "/" + hash;
  if (is_directory(attempt.code_dir)) return {};
  BATON_TRY(make_dirs(cache, 0755));
  BATON_ASSIGN(TempDir temporary, TempDir::create("unpacking", cache));
  std::string tree = temporary.path() + "/tree";
  BATON_TRY(restore_code(attempt.parts.ledger.store(), attempt.history.summary().code_object, hash,
                         tree));
  if (rename(tree.c_str(), attempt.code_dir.c_str()) != 0 && !is_directory(attempt.code_dir))
    return errno_error(errno, "unpack the code into " + attempt.code_dir);
  return {};
}

Status check_data(const Attempt& attempt) {
  for (const DataMount& mount : attempt.spec().data)
    if (!exists(mount.source))
      return Error{
          Code::not_found,
          fmt::format("data {} for {} is not on this machine", mount.source, mount.destination),
          "put it there and run `baton resume " + attempt.job().id + "`"};
  return {};
}

Status stage_baton_dir(Attempt& attempt) {
  const AttemptPaths& paths = attempt.paths;
  BATON_TRY(replace_file(paths.baton + "/params.json", params_json(attempt.job()), false, 0644));
  for (const auto& [name, content] : attempt.parts.python_helper) {
    std::string file = paths.baton + "/python/" + name;
    BATON_TRY(make_dirs(parent_path(file), 0755));
    BATON_TRY(replace_file(file, content, false, 0644));
  }
  // Engines mount this binary over the empty file.
  BATON_TRY(make_dirs(paths.baton + "/bin", 0755));
  BATON_TRY(replace_file(paths.baton + "/bin/baton", "", false, 0755));
  if (symlink("metrics/metrics.jsonl", (paths.baton + "/metrics.jsonl").c_str()) != 0 &&
      errno != EEXIST)
    return errno_error(errno, "create " + paths.baton + "/metrics.jsonl");
  return make_dirs(paths.baton + "/metrics", 0755);
}

}  // namespace

std::string params_json(const Job& job) { return pretty_json(params_json(job.spec.params)); }

Result<Env> program_env(
    const Job& job, int attempt,
    const std::function<std::optional<std::string>(const std::string&)>& secret) {
  Env env = {{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/baton/bin"},
             {"HOME", "/root"},
             {"LANG", "C.UTF-8"},
             {"PYTHONUNBUFFERED", "1"},  // so that output is seen as it is printed
             {"PYTHONPATH", "/baton/python"}};
  for (const auto& [name, value] : job.spec.env)
    set(env, name, name == "PYTHONPATH" ? value + ":/baton/python" : value);
  for (const std::string& name : job.spec.secrets) {
    auto value = secret ? secret(name) : std::nullopt;
    if (!value)
      return Error{Code::invalid, fmt::format("secret {} is not set in the environment", name),
                   fmt::format("export {}=… and run `baton resume {}`", name, job.id)};
    set(env, name, *value);
  }
  for (const auto& [name, value] : job.spec.params)
    set(env, param_variable(name), param_text(value));
  set(env, "BATON_JOB", job.id);
  set(env, "BATON_ATTEMPT", std::to_string(attempt));
  set(env, "BATON_CHECKPOINT_DIR", "/checkpoint");
  set(env, "BATON_RESULTS_DIR", "/results");
  set(env, "BATON_PREEMPT_FILE", "/baton/preempt");
  set(env, "BATON_METRICS_FILE", "/baton/metrics/metrics.jsonl");
  set(env, "BATON_PARAMS_FILE", "/baton/params.json");
  set(env, "BATON_SOCKET", "/baton/agent.sock");
  return env;
}

Status stage_attempt(Attempt& attempt) {
  BATON_TRY(check_data(attempt));
  BATON_ASSIGN(attempt.image, attempt.parts.images.from_record(attempt.job().image,
                                                               attempt.parts.view.progress()));
  BATON_ASSIGN(attempt.image_use, ImageUse::hold(attempt.image));
  BATON_TRY(stage_code(attempt));
  return stage_baton_dir(attempt);
}

}  // namespace baton
