#include <fmt/format.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/parts.h"
#include "control/doctor.h"

namespace baton {
namespace {

std::string mark(const Terminal& terminal, Check::Grade grade) {
  bool unicode = terminal.options().unicode;
  if (grade == Check::Grade::good) return terminal.paint(Colour::green, unicode ? "✓" : "ok");
  if (grade == Check::Grade::lacking) return terminal.paint(Colour::yellow, unicode ? "!" : "! ");
  return terminal.paint(Colour::red, unicode ? "✗" : "NO");
}

std::string text(const Terminal& terminal, const std::vector<Check>& checks) {
  std::string text;
  for (const auto& check : checks) {
    text += fmt::format("{} {:<18} {}\n", mark(terminal, check.grade), check.name,
                        printable(check.found));
    if (!check.fix.empty()) text += fmt::format("  {:<18} fix: {}\n", "", printable(check.fix));
  }
  return text;
}

Result<int> run(Context& context) {
  BATON_ASSIGN(Settings settings,
               load_settings(context.parts.environment, context.arguments.text("--store")));
  auto engine = context.parts.make_engine();
  std::vector<Check> checks = examine(*engine, context.parts.environment, settings);
  bool broken = false;
  Json list = Json::array();
  for (const auto& check : checks) {
    broken = broken || check.grade == Check::Grade::broken;
    list.push_back(Json{{"name", check.name},
                        {"grade", grade_name(check.grade)},
                        {"found", check.found},
                        {"fix", check.fix}});
  }
  if (context.arguments.has("--json"))
    context.terminal.print(pretty_json(Json{{"ok", !broken},
                                            {"home", settings.home},
                                            {"store", settings.store},
                                            {"store_from", settings.store_from},
                                            {"engine", engine->describe()},
                                            {"checks", list}}));
  else
    context.terminal.print(text(context.terminal, checks));
  return broken ? kExitError : 0;
}

}  // namespace

Command doctor_command() {
  Command command;
  command.name = "doctor";
  command.summary = "what this machine can do, and how to fix what it can't";
  command.details =
      "Exits with 1 when no job can run here. Names the directory under which baton keeps "
      "everything.";
  command.examples =
      "  baton doctor\n"
      "  baton doctor --json | jq -r '.checks[] | select(.grade != \"good\") | .fix'\n";
  command.options = {json_option(), store_option()};
  command.run = run;
  return command;
}

}  // namespace baton
