#include "base/text.h"
#include "cli/commands.h"
#include "cli/drive_sweep.h"
#include "control/sweep_plot.h"
#include "control/sweep_report.h"
#include "os/files.h"

namespace baton {
namespace {

Result<int> run(Context& context) {
  BATON_ASSIGN(Session session, open_session(context));
  BATON_ASSIGN(SweepHistory history, open_sweep(session, context.arguments.text("SWEEP")));
  BATON_ASSIGN(auto importance, sweep_importance(history.sweep(), history.state()));
  std::string page = sweep_plot(history.sweep(), history.state(), importance);
  std::string file = context.arguments.text(
      "--to", history.sweep().base.spec.name + "-" + history.sweep().base.id + ".html");
  if (file == "-") {
    context.terminal.print(page);
    return 0;
  }
  BATON_TRY(replace_file(file, page, false));
  context.terminal.print(file + "\n");
  return 0;
}

}  // namespace

Command sweep_plot_command() {
  Command command;
  command.name = "sweep plot";
  command.summary = "write one HTML page: value over time, parallel coordinates, slices";
  command.examples =
      "  baton sweep plot latest\n"
      "  baton sweep plot cnn --to cnn.html\n";
  command.positionals = {{"SWEEP", "the sweep", Names::sweep}};
  command.options = {
      {"--to", "", "FILE", "where to, instead of NAME-ID.html here; -: stdout", Names::file},
      store_option()};
  command.run = run;
  return command;
}

}  // namespace baton
