#include <fcntl.h>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/attempt.h"
#include "agent/stage.h"
#include "os/files.h"

namespace baton {
namespace {

ContainerSpec container_spec(const Attempt& attempt) {
  const Job& job = attempt.job();
  const Spec& spec = job.spec;
  const AttemptPaths& paths = attempt.paths;
  ContainerSpec c;
  c.id = fmt::format("{}-{}", job.id, attempt.number);
  c.work_dir = paths.engine;
  c.root.layers = attempt.image.layers;
  c.root.host = attempt.image.host;
  c.root.hidden = {attempt.parts.home};
  // Without code there is nothing that an overlay would have to protect.
  c.mounts.push_back({attempt.code_dir, "/app", true, !job.code_tree.empty()});
  c.mounts.push_back({paths.checkpoint, "/checkpoint", true, false});
  c.mounts.push_back({paths.results, "/results", true, false});
  c.mounts.push_back({paths.baton, "/baton", false, false});
  c.mounts.push_back({paths.metrics, "/baton/metrics", true, false});
  if (!attempt.helper_dir.empty())
    c.mounts.push_back({attempt.helper_dir, "/baton/python", false, false});
  for (size_t i = 0; i < spec.data.size(); ++i)
    c.mounts.push_back({attempt.data[i].path, spec.data[i].destination, false, false});
  c.argv = job.argv;
  c.hostname = spec.name;
  c.init_path = attempt.parts.self_path;
  c.network = spec.network;
  c.cpus = spec.cpus;
  c.memory = spec.memory;
  c.gpus = spec.gpus;
  c.reservations = attempt.parts.home + "/run/gpus";
  c.cdi_devices = spec.devices;
  c.shm = spec.shm;
  return c;
}

// Before the program starts: it may use up all the threads that there are.
void listen_for_notices(Attempt& attempt) {
  attempt.inbox = std::make_shared<NoticeInbox>();
  attempt.inbox->event.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  attempt.sources = attempt.parts.make_notices(attempt.paths.notice);
  auto hear = [inbox = attempt.inbox](const Notice& notice) {
    std::lock_guard lock(inbox->mutex);
    inbox->notices.push_back(notice);
    uint64_t one = 1;
    ssize_t ignored = ::write(inbox->event.get(), &one, sizeof one);
    (void)ignored;
  };
  for (auto& source : attempt.sources)
    if (!source->start(hear))
      attempt.parts.view.insist(fmt::format(
          "notices of this machine's end are not heard from {}: no thread can be started for "
          "them\n  end some of this user's processes, or raise the limit (ulimit -u)",
          source->name()));
}

}  // namespace

Status start_program(Attempt& attempt) {
  AgentParts& parts = attempt.parts;
  ContainerSpec spec = container_spec(attempt);
  if (!attempt.spec().devices.empty() || attempt.spec().gpus > 0)
    BATON_TRY(make_dirs(spec.reservations, 0700));
  BATON_ASSIGN(spec.env, program_env(attempt.job(), attempt.number, parts.secret));
  int out[2], err[2];
  if (pipe2(out, O_CLOEXEC) != 0) return errno_error(errno, "make a pipe");
  Fd out_write(out[1]);
  attempt.out.reset(out[0]);
  if (pipe2(err, O_CLOEXEC) != 0) return errno_error(errno, "make a pipe");
  Fd err_write(err[1]);
  attempt.err.reset(err[0]);
  for (int fd : {attempt.out.get(), attempt.err.get()}) fcntl(fd, F_SETFL, O_NONBLOCK);
  spec.stdout_fd = out_write.get();
  spec.stderr_fd = err_write.get();
  const std::string& job = attempt.job().id;
  attempt.log = std::make_unique<StoreStream>(parts.ledger, job, "logs", attempt.number, 0);
  attempt.metrics =
      std::make_unique<MetricsTail>(attempt.paths.metrics + "/metrics.jsonl", parts.ledger, job,
                                    attempt.number, attempt.metrics_from);
  BATON_ASSIGN(attempt.socket, ProgramSocket::listen(attempt.paths.socket));
  listen_for_notices(attempt);
  BATON_ASSIGN(attempt.container, parts.engine.start(spec));
  attempt.started_ms = parts.clock.mono_ms();
  if (attempt.first_here)
    for (const std::string& warning : attempt.container->warnings()) parts.view.insist(warning);
  Event started;
  started.type = EventType::started;
  auto recorded = append_own(attempt, started);
  if (!recorded.ok()) {
    Status ignored = attempt.container->kill();  // its destructor sees to what is left
    (void)ignored;
    return recorded.error();
  }
  return {};
}

}  // namespace baton
