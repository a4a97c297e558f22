// Composition root: the only file that picks real implementations.
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "agent/agent.h"
#include "cli/parts.h"
#include "cli/python_helper.h"
#include "engine/engine.h"
#include "image/image.h"
#include "launch/launch.h"
#include "net/http.h"
#include "net/selftest.h"
#include "os/process.h"
#include "store/fault_store.h"
#include "store/open_store.h"
#include "store/store.h"

namespace baton {
namespace {

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

constexpr int kStoreTries = 4;

// The store, with passing troubles (a shared filesystem's) tried again; a bucket's has tried for
// minutes itself. $BATON_TEST_FAULTS, for crash tests only, puts a store that breaks things in
// front.
Result<std::unique_ptr<ObjectStore>> open_any_store(Clock& clock, const std::string& place,
                                                    const std::string& cache_dir) {
  BATON_ASSIGN(auto store, open_store(place, {environment, clock, cache_dir}));
  BATON_ASSIGN(FaultPlan plan, parse_fault_plan(environment("BATON_TEST_FAULTS").value_or("")));
  if (!plan && is_bucket_url(place)) return store;
  if (plan) store = make_fault_store(std::move(store), std::move(plan));
  return make_retry_store(std::move(store), kStoreTries,
                          [&clock](int64_t ms) { clock.sleep_ms(ms); });
}

int run_baton(int argc, char** argv) {
  open_standard_streams();
  SystemClock clock;
  Terminal terminal(detect_terminal(environment), clock);
  auto self = self_path();
  Parts parts{
      environment,
      [&](const std::string& place, const std::string& cache_dir) {
        return open_any_store(clock, place, cache_dir);
      },
      make_images,
      [] { return make_oci_engine(); },
      make_local_launcher,
      [] { return make_http_client(); },
      make_machine_notices,
      open_signal_fd,
      clock,
      terminal,
      self.ok() ? *self : argv[0],
      BATON_VERSION,
      python_helper(),
  };
  return run_cli(parts, std::vector<std::string>(argv + 1, argv + argc));
}

}  // namespace
}  // namespace baton

int main(int argc, char** argv) {
  // These two run inside of containers, where nothing may be looked for and start-up must cost
  // nothing.
  if (argc > 1 && std::strcmp(argv[1], "pid1") == 0) return baton::run_pid1(argc - 2, argv + 2);
  if (argc > 1 && std::strcmp(argv[1], "selftest-net") == 0)
    return baton::run_selftest_net(argc - 1, argv + 1);
  return baton::run_baton(argc, argv);
}
