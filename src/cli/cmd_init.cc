#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "control/scaffold.h"
#include "os/files.h"

namespace baton {
namespace {

// Creates the file; one that is there already is left alone, whoever was faster.
Status write_new(const std::string& path, const std::string& text) {
  auto file = open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
  if (file.is(Code::exists))
    return Error{Code::exists, printable(path) + " is there already and was not changed",
                 "`baton run` runs it"};
  if (!file) return file.error();
  Status written = write_all(file->get(), text, path);
  if (!written) unlink(path.c_str());  // ours, and not whole
  return written;
}

Result<int> run(Context& context) {
  set_talk(context);
  std::string directory = absolute_path(context.arguments.text("DIR", "."));
  std::string path = join_path(directory, "baton.yaml");
  BATON_ASSIGN(ScaffoldFacts facts, look_at(directory));
  BATON_ASSIGN(std::string text, scaffold_spec(facts));
  BATON_TRY(write_new(path, text));
  context.terminal.say("wrote " + printable(path) + "; look it over, then `baton run`");
  return 0;
}

}  // namespace

Command init_command() {
  Command command;
  command.name = "init";
  command.summary = "write a baton.yaml for the code in this directory";
  command.details =
      "Looks at the programs and requirements to find the command and the packages that they "
      "need.\n"
      "A baton.yaml that is there already is left alone.";
  command.examples =
      "  baton init\n"
      "  baton init ~/experiments/cnn\n";
  command.positionals = {
      {"DIR", "the code's directory (default: this one)", Names::directory, false}};
  command.options = {quiet_option()};
  command.run = run;
  return command;
}

}  // namespace baton
