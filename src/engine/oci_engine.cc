#include "engine/oci_engine.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/ids.h"
#include "base/text.h"
#include "engine/cdi.h"
#include "engine/cgroup.h"
#include "engine/id_map.h"
#include "engine/machine.h"
#include "engine/oci_config.h"
#include "engine/oci_mounts.h"
#include "engine/plan.h"
#include "engine/reservation.h"
#include "engine/supervised.h"
#include "engine/user_namespace.h"
#include "os/files.h"

namespace baton {
namespace {

// Long enough for device hooks on a slow disk; a start takes milliseconds.
constexpr int64_t kStartTimeoutMs = 120'000;

bool is_crun(const std::string& runtime) { return base_name(runtime) == "crun"; }

std::string machine() {
  utsname name{};
  uname(&name);
  return name.machine;
}

// Reads what the runtime wrote to its stderr, one line of it at least.
std::string last_words(int fd) {
  std::string text(8192, '\0');
  ssize_t n = pread(fd, text.data(), text.size(), 0);
  text.resize(n > 0 ? static_cast<size_t>(n) : 0);
  std::string line(trim(text));
  return line.empty() ? "it gave no reason" : printable(line);
}

class OciContainer : public Supervised {
 public:
  OciContainer(Control control, const ContainerSpec& spec)
      : Supervised(std::move(control)), id_(spec.id), work_dir_(spec.work_dir) {}
  ~OciContainer() override {
    end();
    Status ignored = cgroup.remove();  // clean_up_container() finds what stays behind
    if (ignored.ok()) ignored = remove_tree_as_root(oci_dir(work_dir_));
  }
  bool launch(Child child) { return watch(std::move(child), kStartTimeoutMs); }
  std::vector<std::string> warnings() const override { return cgroup.warnings(); }

  Cgroup cgroup;
  Reservation gpus;  // given back when the container is gone

 private:
  void measure(ContainerExit& exit) override {
    exit.oom_killed = cgroup.oom_killed();
    exit.peak_memory = cgroup.peak_memory();
  }
  std::string id_, work_dir_;
};

class OciEngine : public Engine {
 public:
  explicit OciEngine(OciOptions options) : options_(std::move(options)) {
    for (const char* name : {"crun", "runc"})
      if (options_.runtime.empty()) options_.runtime = find_program(name).value_or("");
    if (const char* dirs = std::getenv("BATON_CDI_DIRS"); dirs && options_.cdi_directories.empty())
      options_.cdi_directories = split(dirs, ':');
    if (options_.cdi_directories.empty()) options_.cdi_directories = {"/etc/cdi", "/var/run/cdi"};
  }

  std::string name() const override { return "oci"; }
  Status check() override;
  Status ready(const ContainerSpec& spec) override;
  Json describe() override;
  Result<std::unique_ptr<Container>> start(const ContainerSpec& spec) override;

 private:
  Status need_runtime() const;
  // The devices' edits; the reservation of GPUs goes to `gpus`.
  Result<CdiEdits> devices(const ContainerSpec& spec, Reservation& gpus) const;
  std::vector<std::string> runtime_argv(const std::string& runtime, const std::string& dir,
                                        const std::string& id) const;
  OciOptions options_;
};

Status check_id(const std::string& id) {
  bool good = !id.empty() && id.size() <= 200 && id[0] != '.' &&
              std::all_of(id.begin(), id.end(), [](unsigned char c) {
                return isalnum(c) || c == '-' || c == '_' || c == '.';
              });
  if (good) return {};
  return Error{Code::invalid, fmt::format("\"{}\" cannot be a container's id", printable(id)),
               "use letters, digits, - and _"};
}

Status OciEngine::need_runtime() const {
  if (!options_.runtime.empty()) return {};
  return Error{Code::unsupported,
               "no container can be started on this machine: neither crun nor runc is installed",
               "apt-get install crun"};
}

Result<CdiEdits> OciEngine::devices(const ContainerSpec& spec, Reservation& gpus) const {
  if (spec.cdi_devices.empty() && spec.gpus <= 0) return CdiEdits{};
  CdiRegistry registry = CdiRegistry::load(options_.cdi_directories);
  BATON_ASSIGN(gpus, reserve_devices(registry, spec));
  return registry.resolve(gpus.names);
}

Status OciEngine::ready(const ContainerSpec& spec) {
  BATON_TRY(need_runtime());
  Reservation given_back;
  auto found = devices(spec, given_back);
  if (!found.ok()) return found.error();
  return {};
}

// crun and runc copy themselves and start again, lest a container overwrite them through /proc
// (CVE-2019-5736), unless they lie on something read-only already: a view of them is quicker than a
// copy.
std::string read_only_runtime(const std::string& runtime, const std::string& dir, Plan& plan) {
  std::string view = dir + "/" + base_name(runtime);
  plan.make_file(view, "", 0755);
  plan.bind_tree(runtime, view, true);
  plan.attach_binds();
  return view;
}

std::vector<std::string> OciEngine::runtime_argv(const std::string& runtime, const std::string& dir,
                                                 const std::string& id) const {
  std::vector<std::string> argv{runtime, "--root", dir + "/state"};
  argv.emplace_back(is_crun(runtime) ? "--cgroup-manager=disabled" : "--rootless=true");
  argv.insert(argv.end(), {"run", "--no-new-keyring", "--preserve-fds=3", "--bundle=" + dir, id});
  return argv;
}

Result<std::unique_ptr<Container>> OciEngine::start(const ContainerSpec& spec) {
  BATON_TRY(check_id(spec.id));
  BATON_TRY(need_runtime());
  if (spec.argv.empty())
    return Error{Code::invalid, "there is no command to run in the container", ""};
  std::string dir = oci_dir(spec.work_dir);
  if (exists(dir)) BATON_TRY(clean_up_container(spec.id, spec.work_dir));
  Reservation gpus;
  BATON_ASSIGN(CdiEdits edits, devices(spec, gpus));
  BATON_ASSIGN(auto line, Control::open());
  auto container = std::make_unique<OciContainer>(std::move(line.first), spec);
  container->gpus = std::move(gpus);
  if (mkdir(dir.c_str(), 0755) != 0) return errno_error(errno, "create directory " + dir);

  PlannedChild child;
  child.ids = choose_id_map();
  CgroupLimits limits{spec.cpus, spec.memory, spec.pids};
  BATON_ASSIGN(container->cgroup,
               Cgroup::create(this_process_cgroups(), spec.id, limits, dir + "/cgroups"));
  Plan plan;
  for (const auto& file : container->cgroup.join_files()) plan.write_file(file, "0");
  BATON_ASSIGN(OciLayout layout, lay_out(spec, container->cgroup, plan));
  OciInput input{layout.root, layout.binds, edits, child.ids.single(), machine()};
  plan.make_file(dir + "/config.json", dump_json(oci_config(spec, input)), 0600);

  Fd words(memfd_create("runtime", MFD_CLOEXEC));
  if (!words.valid()) return errno_error(errno, "make a file in memory");
  BATON_ASSIGN(Fd null, open_file("/dev/null", O_RDWR));
  Fd group;
  if (std::string joined = container->cgroup.join_directory(); !joined.empty()) {
    BATON_ASSIGN(group, open_file(joined, O_PATH | O_DIRECTORY));
  }
  child.plan = &plan;
  child.argv = runtime_argv(read_only_runtime(options_.runtime, dir, plan), dir, spec.id);
  child.env = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
               "XDG_RUNTIME_DIR=" + dir};
  child.in_fd = null.get();
  child.out_fd = child.err_fd = words.get();
  child.keep = {{line.second.get(), kControlFd},
                {spec.stdout_fd >= 0 ? spec.stdout_fd : 1, kProgramOut},
                {spec.stderr_fd >= 0 ? spec.stderr_fd : 2, kProgramErr}};
  child.cgroup_fd = group.get();
  BATON_ASSIGN(Child runner, start_planned(child));
  line.second.reset();
  if (!container->launch(std::move(runner)))
    return Error{Code::permanent,
                 fmt::format("{} could not start the container: {}", base_name(options_.runtime),
                             last_words(words.get())),
                 "baton doctor says what this machine allows"};
  return std::unique_ptr<Container>(std::move(container));
}

// The truth is a container that runs: here one of the machine's own root, with nothing to do.
Status OciEngine::check() {
  BATON_TRY(need_runtime());
  BATON_ASSIGN(TempDir dir, TempDir::create("baton-check"));
  BATON_ASSIGN(Fd null, open_file("/dev/null", O_RDWR));
  ContainerSpec spec;
  spec.id = "check-" + random_base32(8);
  spec.work_dir = dir.path();
  spec.root.host = true;
  // The runtime mounts it, and would take /proc/self/exe for itself.
  BATON_ASSIGN(spec.init_path, self_path());
  spec.argv = {"/baton/bin/baton", "pid1", "--nothing"};
  spec.cwd = "/";
  spec.stdout_fd = spec.stderr_fd = null.get();
  auto container = start(spec);
  Error error;
  if (container.ok()) {
    auto exit = (*container)->wait(10'000);
    if (exit && exit->status.success()) return {};
    error.message = "a container could be started, but its program could not";
  } else {
    error = container.error();
  }
  error.code = Code::unsupported;
  if (std::string obstacle = user_namespace_obstacle(); !obstacle.empty())
    error.hint = obstacle;
  else
    error.hint = "where baton is in a container itself, use the engine \"process\"";
  return error;
}

Json OciEngine::describe() {
  Json json{{"engine", "oci"}, {"runtime", options_.runtime}};
  if (!options_.runtime.empty()) {
    SpawnOptions version;
    version.argv = {options_.runtime, "--version"};
    auto output = run_command(version, 10'000);
    if (output.ok()) json["version"] = printable(split(output->out, '\n').front());
  }
  Json machine = describe_machine();
  for (auto& [key, value] : machine.items()) json[key] = value;
  CdiRegistry registry = CdiRegistry::load(options_.cdi_directories);
  json["cdi_devices"] = registry.names();
  if (!registry.problems().empty()) json["cdi_problems"] = registry.problems();
  return json;
}

}  // namespace

std::unique_ptr<Engine> make_oci_engine(OciOptions options) {
  return std::make_unique<OciEngine>(std::move(options));
}

std::unique_ptr<Engine> make_oci_engine() { return make_oci_engine(OciOptions{}); }

}  // namespace baton
