#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/attempt.h"
#include "base/text.h"
#include "model/spec_rules.h"
#include "os/files.h"

namespace baton {
namespace {

// Fetching may take hours: whoever wants the job or the machine need not wait for it.
Status heard(Attempt& attempt) {
  signalfd_siginfo info{};
  int fd = attempt.parts.signal_fd;
  if (fd < 0 || ::read(fd, &info, sizeof info) != sizeof info) return {};
  attempt.machine_going = info.ssi_signo == SIGTERM;
  return Error{Code::cancelled, "interrupted while data was fetched; what came is kept",
               "`baton resume " + attempt.job().id + "` goes on from there"};
}

FetchOptions fetch_options(Attempt& attempt, const std::string& what) {
  FetchOptions options;
  options.poll = [&attempt] { return heard(attempt); };
  options.progress = [&attempt, what](uint64_t done, uint64_t total) {
    attempt.parts.view.progress().update("fetching " + what, done, total, "bytes");
  };
  return options;
}

const DataPin* pin_of(const Job& job, const DataMount& mount) {
  for (const DataPin& pin : job.data)
    if (pin.destination == mount.destination) return &pin;
  return nullptr;
}

Status check_pin(const Attempt& attempt, const DataPin& pin, const DataSource& source) {
  if (data_digest(source.files) == pin.digest) return {};
  return Error{
      Code::permanent,
      fmt::format("{} is not what it was when the job was submitted: {} files with {} then, {} "
                  "files with {} now",
                  source.bucket->name(), pin.files, human_size(pin.bytes), source.files.size(),
                  human_size(source.bytes())),
      "put the data back as it was and run `baton resume " + attempt.job().id +
          "`, or submit the job again to use it as it is now"};
}

Result<StagedData> fetch(Attempt& attempt, const DataMount& mount) {
  AgentParts& parts = attempt.parts;
  if (!parts.open_data) return Error{Code::unsupported, "data from a URL cannot be had here", ""};
  BATON_ASSIGN(auto bucket, parts.open_data(mount.source));
  DataCache cache(parts.home + "/cache/data", parts.data_cache_bytes, parts.clock);
  const DataPin* pin = pin_of(attempt.job(), mount);
  if (pin) {
    BATON_ASSIGN(auto found, cache.find(data_id(bucket->identity(), pin->digest, mount.sha256)));
    if (found) return std::move(*found);
  }
  FetchOptions options = fetch_options(attempt, mount.destination);
  BATON_ASSIGN(DataSource source, list_data(mount.source, parts.open_data, parts.clock,
                                            [&](uint64_t) { return options.poll(); }));
  if (pin) BATON_TRY(check_pin(attempt, *pin, source));
  int64_t begin = parts.clock.mono_ms();
  auto staged = cache.stage(
      data_id(source.identity, data_digest(source.files), mount.sha256), source, mount.sha256,
      options, [&] { parts.view.tell("waiting for another job that fetches the same data"); });
  parts.view.progress().finish("");
  if (staged.ok())
    parts.view.tell(fmt::format("data {}: {} files, {} in {}", mount.destination,
                                source.files.size(), human_size(source.bytes()),
                                human_duration_ms(parts.clock.mono_ms() - begin)));
  return staged;
}

// Read by the program as it asks for it; unmounted after the container's end.
Result<StagedData> mount_one(Attempt& attempt, const DataMount& mount) {
  if (!attempt.parts.mount_data)
    return Error{Code::unsupported, "a bucket cannot be mounted here", ""};
  std::string directory = fmt::format("{}/mount-{}", attempt.paths.dir, attempt.mounts.size());
  BATON_ASSIGN(auto mounted, attempt.parts.mount_data(mount.source, directory));
  attempt.mounts.push_back(std::move(mounted));
  return StagedData{directory, Fd()};
}

Result<StagedData> stage_one(Attempt& attempt, const DataMount& mount) {
  if (is_url(mount.source)) {
    auto staged = mount.mounted ? mount_one(attempt, mount) : fetch(attempt, mount);
    if (!staged.ok()) return staged.error().within("data " + mount.destination);
    return staged;
  }
  if (exists(mount.source)) return StagedData{mount.source, Fd()};
  return Error{
      Code::not_found,
      fmt::format("data {} for {} is not on this machine", mount.source, mount.destination),
      "put it there and run `baton resume " + attempt.job().id + "`"};
}

}  // namespace

Status stage_data(Attempt& attempt) {
  for (const DataMount& mount : attempt.spec().data) {
    BATON_ASSIGN(StagedData staged, stage_one(attempt, mount));
    attempt.data.push_back(std::move(staged));
  }
  return {};
}

}  // namespace baton
