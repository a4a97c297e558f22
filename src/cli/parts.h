// Parts: what the commands are made of. main.cc fills them with the real things, tests with fakes,
// and each is made only by the command that needs it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/command.h"
#include "cli/terminal.h"
#include "engine/engine.h"
#include "image/image.h"
#include "launch/launch.h"
#include "ledger/ledger.h"
#include "notice/notice.h"
#include "os/clock.h"
#include "store/store.h"

namespace baton {

struct Parts {
  // A variable of this process's environment.
  std::function<std::optional<std::string>(const std::string& name)> environment;
  // Opens (and makes, when absent) the store at a path or URL; `cache_dir` keeps what is known of
  // buckets.
  std::function<Result<std::unique_ptr<ObjectStore>>(const std::string& place,
                                                     const std::string& cache_dir)>
      open_store;
  std::function<std::unique_ptr<Images>(const std::string& home)> make_images;
  std::function<std::unique_ptr<Engine>()> make_engine;
  std::function<std::unique_ptr<Launcher>(const std::string& self_path)> make_launcher;
  std::function<std::unique_ptr<HttpClient>()> make_http;
  // The notice sources of one attempt; `file` is its notice file.
  std::function<std::vector<std::unique_ptr<NoticeSource>>(HttpClient&, Clock&, Log&,
                                                           const std::string& file)>
      make_notices;
  // Blocks the signals that end a run and gives a descriptor that reads them.
  std::function<Result<Fd>()> open_signals;
  Clock& clock;
  Terminal& terminal;
  std::string self_path;                             // this binary
  std::string version;                               // "0.1.0"
  std::map<std::string, std::string> python_helper;  // path below python/ → content
};

// What a command works with.
struct Context {
  Parts& parts;
  Terminal& terminal;
  const Arguments& arguments;
};

// For a command line or a spec that is wrong: says so, and gives the exit status.
inline int refuse_usage(Context& context, const Error& error) {
  context.terminal.fail(error);
  return kExitUsage;
}

// Runs the command line (without the program's name) and returns the exit status.
int run_cli(Parts& parts, const std::vector<std::string>& words);

}  // namespace baton
