#include "control/plan.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/ids.h"
#include "base/text.h"
#include "control/provenance.h"
#include "model/spec_rules.h"
#include "os/files.h"
#include "store/data_source.h"
#include "store/rclone_mount.h"

namespace baton {
namespace {

constexpr uint64_t kMaxSpec = 1 << 20;

Result<std::string> find_spec(const std::string& path) {
  if (!exists(path))
    return Error{Code::not_found, "there is no spec " + printable(path), "`baton init` writes one"};
  if (!is_directory(path)) return path;
  std::string file = path == "." ? "baton.yaml" : join_path(path, "baton.yaml");
  if (exists(file)) return file;
  return Error{Code::not_found,
               "there is no baton.yaml in " +
                   (path == "." ? "this directory" : printable(absolute_path(path))),
               "`baton init` writes one, or name a spec: baton run SPEC"};
}

std::string against(const std::string& directory, const std::string& path) {
  if (is_url(path)) return path;
  return absolute_path(starts_with(path, "/") ? path : join_path(directory, path));
}

// "there is no /a/b", for the first part of `path` that is missing, and what stands beside it.
std::string missing_part(const std::string& path) {
  std::string missing = path;
  while (missing != "/" && !exists(parent_path(missing))) missing = parent_path(missing);
  std::string text = missing == path ? "" : "there is no " + printable(missing);
  auto siblings = list_dir(parent_path(missing));
  if (!siblings) return text;
  if (auto near = did_you_mean(base_name(missing), *siblings))
    text += (text.empty() ? "did you mean " : "; did you mean ") +
            printable(join_path(parent_path(missing), *near)) + "?";
  return text;
}

Status check_data(const DataMount& mount, const Environment& environment, Clock& clock) {
  std::string what = "data " + printable(mount.destination) + ": " + printable(mount.source);
  if (is_url(mount.source)) {
    auto opened = open_data(mount.source, {environment, clock, ""});
    Status usable = opened.ok() ? Status() : Status(opened.error());
    if (usable.ok() && mount.mounted) usable = can_mount(mount.source, environment);
    if (usable.ok()) return {};
    return usable.error().within("data " + printable(mount.destination));
  }
  if (!exists(mount.source)) {
    std::string why = missing_part(mount.source);
    return Error{Code::not_found, what + " does not exist",
                 why.empty() ? "paths in a spec count from the spec's directory" : why};
  }
  if (access(mount.source.c_str(), R_OK) != 0) return errno_error(errno, "read " + what);
  return {};
}

Status check_code(const std::string& code) {
  if (!exists(code))
    return Error{Code::not_found, "code: " + printable(code) + " does not exist",
                 missing_part(code)};
  if (!is_directory(code))
    return Error{Code::invalid, "code: " + printable(code) + " is not a directory",
                 "name the directory that holds the program"};
  return {};
}

Status check_results(const std::string& results, const Environment& environment, Clock& clock) {
  if (is_url(results)) {
    auto opened = open_bucket(results, {environment, clock, ""});
    return opened.ok() ? Status() : Status(opened.error().within("results"));
  }
  std::string place = results;
  while (place != "/" && !exists(place)) place = parent_path(place);
  std::string hint = "set `results:` to a directory that you may write to";
  if (!is_directory(place))
    return Error{Code::invalid, "results: " + printable(place) + " is not a directory", hint};
  if (access(place.c_str(), W_OK | X_OK) == 0) return {};
  Error error = errno_error(errno, "write to " + printable(place)).within("results");
  error.hint = hint;
  return error;
}

std::string this_host() {
  utsname names{};
  return uname(&names) == 0 ? names.nodename : "";
}

// From /etc/passwd alone: getpwuid(3) loads libraries at run time, which a static binary cannot.
std::string user_name(uid_t uid) {
  auto users = read_file("/etc/passwd");
  for (const auto& line : split(users.ok() ? *users : "", '\n')) {
    auto fields = split(line, ':');
    if (fields.size() > 2 && fields[2] == std::to_string(uid)) return fields[0];
  }
  return "uid " + std::to_string(uid);
}

std::string submitter(const Environment& environment) {
  auto user = environment("USER");
  if (!user) user = environment("LOGNAME");
  return user.value_or(user_name(geteuid())) + "@" + this_host();
}

// The spec with its paths resolved, whatever its kind.
Result<Job> read_any(const PlanRequest& request) {
  Job job;
  BATON_ASSIGN(std::string file, find_spec(request.spec));
  BATON_ASSIGN(std::string text, read_file(file, kMaxSpec));
  std::vector<Override> overrides = request.overrides;
  if (!request.name.empty()) overrides.push_back({"name", dump_json(Json(request.name)), "--name"});
  BATON_ASSIGN(job.spec, parse_spec(text, file, overrides));
  job.spec_file = absolute_path(file);
  std::string directory = parent_path(job.spec_file);
  if (job.spec.code) job.spec.code = against(directory, *job.spec.code);
  for (auto& mount : job.spec.data) mount.source = against(directory, mount.source);
  job.spec.results = against(directory, job.spec.results);
  return job;
}

// A spec with a sweep can be run as one job when every swept parameter has a value in `params`.
Status leave_sweep(Job& job) {
  std::string missing;
  for (const auto& dimension : job.spec.sweep->space.dimensions) {
    bool there = std::any_of(job.spec.params.begin(), job.spec.params.end(),
                             [&](const auto& param) { return param.first == dimension.name; });
    if (!there) missing += (missing.empty() ? "" : ", ") + dimension.name;
  }
  job.spec.sweep.reset();
  if (missing.empty()) return {};
  std::string first = missing.substr(0, missing.find(','));
  return Error{
      Code::invalid, "the spec is a sweep over " + missing + " and gives no single value",
      "`baton sweep` runs the sweep; --set params." + first + "=… (and so on) runs one job"};
}

}  // namespace

Result<Job> read_spec(const PlanRequest& request) {
  BATON_ASSIGN(Job job, read_any(request));
  if (job.spec.sweep) BATON_TRY(leave_sweep(job));
  BATON_ASSIGN(job.argv, resolve_command(job.spec));
  return job;
}

Result<Job> read_sweep_spec(const PlanRequest& request) {
  BATON_ASSIGN(Job job, read_any(request));
  if (!job.spec.sweep)
    return Error{Code::invalid, "the spec " + printable(request.spec) + " has no sweep",
                 "add `sweep:` with parameters (docs/sweeps.md), or run one job: baton run " +
                     shell_quote(request.spec)};
  // Not substituted: every trial has its own values.
  job.argv = job.spec.command_list;
  if (job.argv.empty()) job.argv = {"/bin/sh", "-c", job.spec.command};
  return job;
}

Status check_inputs(const Job& job, const Environment& environment, Clock& clock) {
  if (job.spec.code) BATON_TRY(check_code(*job.spec.code));
  return check_resumed_inputs(job, environment, clock);
}

Status check_resumed_inputs(const Job& job, const Environment& environment, Clock& clock) {
  for (const auto& mount : job.spec.data) BATON_TRY(check_data(mount, environment, clock));
  BATON_TRY(check_results(job.spec.results, environment, clock));
  for (const auto& name : job.spec.secrets)
    if (!environment(name))
      return Error{Code::invalid, "secret " + name + " is not set in this environment",
                   "export " + name + "=… and try again; its value is stored nowhere"};
  return {};
}

Result<Job> freeze(Job job, const Environment& environment, const std::string& version,
                   Clock& clock) {
  job.created_ms = clock.wall_ms();
  job.id = new_job_id(job.created_ms);
  job.nonce = new_nonce();
  job.submitter = submitter(environment);
  job.provenance = Json{{"baton", version}};
  if (job.spec.code) {
    Json git = git_state(*job.spec.code);
    if (!git.is_null()) job.provenance["git"] = git;
  }
  return job;
}

}  // namespace baton
