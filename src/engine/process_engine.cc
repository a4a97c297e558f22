// The program as a plain child process, for where baton already is in somebody's container. No
// isolation is claimed: mounts become symbolic links where their place is free, and the environment
// names the real places.
#include <fcntl.h>
#include <fmt/format.h>

#include "engine/oci_mounts.h"
#include "engine/process_places.h"
#include "engine/supervised.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr int64_t kStartTimeoutMs = 30'000;

class ProcessContainer : public Supervised {
 public:
  ProcessContainer(Control control, const ContainerSpec& spec)
      : Supervised(std::move(control)), id_(spec.id), work_dir_(spec.work_dir) {}
  ~ProcessContainer() override {
    end();
    Status ignored = clean_up_container(id_, work_dir_);  // found again by the next clean-up
    (void)ignored;
  }
  bool launch(Child child) { return watch(std::move(child), kStartTimeoutMs); }
  std::vector<std::string> warnings() const override { return said; }
  std::vector<std::string> said;

 private:
  std::string id_, work_dir_;
};

class ProcessEngine : public Engine {
 public:
  std::string name() const override { return "process"; }
  Status check() override { return {}; }
  Status ready(const ContainerSpec&) override { return {}; }
  Json describe() override {
    return {{"engine", "process"},
            {"isolation", "none: the program sees what baton sees"},
            {"limits", Json::object()}};
  }
  Result<std::unique_ptr<Container>> start(const ContainerSpec& spec) override;
};

std::vector<std::string> unmet(const ContainerSpec& spec) {
  std::vector<std::string> said;
  if (spec.cpus > 0 || spec.memory > 0 || spec.pids > 0)
    said.emplace_back("the engine \"process\" enforces no limits on cpus, memory and processes");
  if (!spec.network) said.emplace_back("the engine \"process\" cannot cut off the network");
  if (spec.gpus > 0 || !spec.cdi_devices.empty())
    said.emplace_back(
        "the engine \"process\" adds no devices: the program sees those that baton sees");
  return said;
}

Result<std::unique_ptr<Container>> ProcessEngine::start(const ContainerSpec& spec) {
  if (spec.argv.empty()) return Error{Code::invalid, "there is no command to run", ""};
  if (!spec.root.host)
    return Error{Code::unsupported, "the engine \"process\" cannot change the root filesystem",
                 "use image: host, or an engine that makes containers"};
  if (exists(oci_dir(spec.work_dir))) BATON_TRY(clean_up_container(spec.id, spec.work_dir));
  BATON_ASSIGN(auto line, Control::open());
  auto container = std::make_unique<ProcessContainer>(std::move(line.first), spec);
  container->said = unmet(spec);
  BATON_ASSIGN(ProcessPlaces places, make_places(spec));
  BATON_ASSIGN(Fd null, open_file("/dev/null", O_RDWR));
  SpawnOptions options;
  options.argv = {spec.init_path, "pid1", "--process", "--cwd", places.inside(spec.cwd), "--"};
  options.argv.insert(options.argv.end(), spec.argv.begin(), spec.argv.end());
  options.env = places.environment(spec.env);
  options.stdin_fd = options.stdout_fd = options.stderr_fd = null.get();
  options.keep = {{line.second.get(), kControlFd},
                  {spec.stdout_fd >= 0 ? spec.stdout_fd : 1, kProgramOut},
                  {spec.stderr_fd >= 0 ? spec.stderr_fd : 2, kProgramErr}};
  options.new_session = true;
  BATON_ASSIGN(Child child, spawn(options));
  line.second.reset();
  if (!container->launch(std::move(child)))
    return Error{Code::permanent, fmt::format("{} did not start the program", spec.init_path), ""};
  return std::unique_ptr<Container>(std::move(container));
}

}  // namespace

std::unique_ptr<Engine> make_process_engine() { return std::make_unique<ProcessEngine>(); }

}  // namespace baton
