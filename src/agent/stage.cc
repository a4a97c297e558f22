#include "agent/stage.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/attempt.h"
#include "agent/cached_tree.h"
#include "base/hash.h"
#include "model/spec_rules.h"
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

// The code snapshot; overlays keep it unchanged.
Status stage_code(Attempt& attempt) {
  const std::string& hash = attempt.job().code_tree;
  if (hash.empty()) {
    attempt.code_dir = attempt.paths.dir + "/app";
    return make_dirs(attempt.code_dir);
  }
  auto unpack = [&](const std::string& tree) {
    return restore_code(attempt.parts.ledger.store(), attempt.history.summary().code_object, hash,
                        tree);
  };
  BATON_ASSIGN(attempt.code_dir, cached_tree(attempt.parts.home, "code", hash, unpack));
  return {};
}

// A new file; the attempt's directories are nobody else's yet.
Status write_small(const std::string& path, std::string_view bytes, mode_t mode) {
  BATON_ASSIGN(Fd fd, open_file(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode));
  return write_all(fd.get(), bytes, path);
}

// The Python helper, which is the same for every job of this baton.
Status stage_helper(Attempt& attempt) {
  const auto& files = attempt.parts.python_helper;
  if (files.empty()) return {};
  Sha256 hash;
  for (const auto& [name, content] : files)
    hash.update(fmt::format("{} {}\n{}", name, content.size(), content));
  auto write = [&](const std::string& tree) -> Status {
    for (const auto& [name, content] : files) {
      BATON_TRY(make_dirs(parent_path(tree + "/" + name), 0755));
      BATON_TRY(write_small(tree + "/" + name, content, 0644));
    }
    return {};
  };
  BATON_ASSIGN(attempt.helper_dir,
               cached_tree(attempt.parts.home, "python", hash.finish_hex(), write));
  return {};
}

// Results in a bucket; what an earlier attempt could not deliver any more goes there now.
Status stage_results(Attempt& attempt) {
  const std::string& url = attempt.spec().results;
  if (!is_url(url)) return {};
  if (!attempt.parts.open_data)
    return Error{Code::unsupported, "results in a bucket cannot be delivered from here", ""};
  BATON_ASSIGN(std::shared_ptr<Bucket> bucket, attempt.parts.open_data(url));
  attempt.courier = std::make_unique<Courier>(std::move(bucket), attempt.parts, attempt.job().id,
                                              attempt.paths.results);
  if (!attempt.kept.empty()) attempt.courier->post(attempt.kept.back());
  return {};
}

Status stage_baton_dir(Attempt& attempt) {
  const std::string& dir = attempt.paths.baton;
  BATON_TRY(write_small(dir + "/params.json", params_json(attempt.job()), 0644));
  for (const char* name : {"/bin", "/metrics", "/python"}) BATON_TRY(make_dirs(dir + name, 0755));
  // Engines mount this binary over the empty file.
  BATON_TRY(write_small(dir + "/bin/baton", "", 0755));
  if (symlink("metrics/metrics.jsonl", (dir + "/metrics.jsonl").c_str()) != 0 && errno != EEXIST)
    return errno_error(errno, "create " + dir + "/metrics.jsonl");
  return stage_helper(attempt);
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
  if (job.trial) {
    set(env, "BATON_SWEEP", job.sweep);
    set(env, "BATON_TRIAL", std::to_string(job.trial));
  }
  set(env, "BATON_CHECKPOINT_DIR", "/checkpoint");
  set(env, "BATON_RESULTS_DIR", "/results");
  set(env, "BATON_PREEMPT_FILE", "/baton/preempt");
  set(env, "BATON_METRICS_FILE", "/baton/metrics/metrics.jsonl");
  set(env, "BATON_PARAMS_FILE", "/baton/params.json");
  set(env, "BATON_SOCKET", "/baton/agent.sock");
  return env;
}

Status stage_attempt(Attempt& attempt) {
  BATON_TRY(stage_data(attempt));
  BATON_ASSIGN(attempt.image, attempt.parts.images.from_record(attempt.job().image,
                                                               attempt.parts.view.progress()));
  BATON_ASSIGN(attempt.image_use, ImageUse::hold(attempt.image));
  BATON_TRY(stage_code(attempt));
  BATON_TRY(stage_results(attempt));
  return stage_baton_dir(attempt);
}

}  // namespace baton
