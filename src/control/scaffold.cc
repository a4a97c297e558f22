#include "control/scaffold.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/json.h"
#include "base/text.h"
#include "control/scaffold_packages.h"
#include "model/spec_rules.h"

namespace baton {
namespace {

constexpr size_t kMostParams = 6;

struct Program {
  std::string file;
  std::string interpreter;  // "python3"
  Needs needs;
  std::vector<std::pair<std::string, std::string>> params;  // option "--lr" → "0.01", as written
};

const std::string* text_of(const ScaffoldFacts& facts, const std::string& path) {
  for (const auto& [name, text] : facts.contents)
    if (name == path) return &text;
  return nullptr;
}

// The file most likely to be the experiment among those that end so: by its name, or for being the
// only one.
std::optional<std::string> main_file(const ScaffoldFacts& facts, const std::string& ending) {
  std::vector<std::string> candidates;
  for (const auto& file : facts.files)
    if (ends_with(file, ending) && !starts_with(file, "test_") && file != "setup.py" &&
        file != "conftest.py")
      candidates.push_back(file);
  for (const char* name : {"train", "main", "run", "experiment", "fit"})
    for (const auto& file : candidates)
      if (file == name + ending) return file;
  for (const auto& file : candidates) {
    const std::string* text = text_of(facts, file);
    if (text && text->find("__main__") != std::string::npos) return file;
  }
  if (candidates.size() == 1) return candidates[0];
  return std::nullopt;
}

bool is_number(const std::string& text) {
  double value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && error == std::errc() && end == text.data() + text.size() &&
         std::isfinite(value);
}

// The option and its numeric default in the arguments of one add_argument call.
std::optional<std::pair<std::string, std::string>> option_of(std::string_view call) {
  size_t dashes = call.find("--");
  size_t given = call.find("default=");
  if (dashes == std::string_view::npos || given == std::string_view::npos || dashes == 0)
    return std::nullopt;
  char quote = call[dashes - 1];
  size_t end = call.find(quote, dashes);
  if ((quote != '"' && quote != '\'') || end == std::string_view::npos) return std::nullopt;
  std::string name(call.substr(dashes + 2, end - dashes - 2));
  std::string_view rest = call.substr(given + 8);
  std::string value(rest.substr(0, rest.find_first_of(",) \n")));
  bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
  if (!plain || name[0] < 'a' || name.size() > 40 || !is_number(value)) return std::nullopt;
  return std::make_pair(name, value);
}

// argparse's options with a number as default: what one wants to vary.
std::vector<std::pair<std::string, std::string>> options_of(const std::string& text) {
  std::vector<std::pair<std::string, std::string>> options;
  static const std::string kCall = "add_argument(";
  for (size_t i = text.find(kCall); i != std::string::npos; i = text.find(kCall, i + 1)) {
    size_t next = text.find(kCall, i + 1);
    size_t end = std::min({text.size(), next, i + 400});
    auto option = option_of(std::string_view(text).substr(i, end - i));
    bool known = option && std::any_of(options.begin(), options.end(), [&](const auto& other) {
                   std::string a = other.first, b = option->first;
                   std::replace(a.begin(), a.end(), '-', '_');
                   std::replace(b.begin(), b.end(), '-', '_');
                   return a == b;
                 });
    if (option && !known && options.size() < kMostParams) options.push_back(*option);
  }
  return options;
}

std::optional<Program> find_program(const ScaffoldFacts& facts) {
  if (auto file = main_file(facts, ".py")) {
    const std::string* text = text_of(facts, *file);
    return Program{*file, "python3", python_needs(facts),
                   text ? options_of(*text) : std::vector<std::pair<std::string, std::string>>()};
  }
  for (const char* ending : {".R", ".r"})
    if (auto file = main_file(facts, ending)) return Program{*file, "Rscript", r_needs(facts), {}};
  if (auto file = main_file(facts, ".m"))
    return Program{*file, "octave-cli", octave_needs(facts), {}};
  if (auto file = main_file(facts, ".sh")) {
    const std::string* text = text_of(facts, *file);
    bool bash = text && starts_with(*text, "#!") &&
                text->substr(0, text->find('\n')).find("bash") != std::string::npos;
    return Program{*file, bash ? "bash" : "sh", {}, {}};
  }
  return std::nullopt;
}

// A YAML scalar: bare where that is the same, else in double quotes as JSON writes them.
std::string scalar(const std::string& text) {
  bool bare =
      !text.empty() &&
      (std::isalnum(static_cast<unsigned char>(text[0])) || text[0] == '.' || text[0] == '/') &&
      std::all_of(text.begin(), text.end(),
                  [](char c) {
                    return std::isalnum(static_cast<unsigned char>(c)) ||
                           std::string_view("-_./+=$ {}").find(c) != std::string_view::npos;
                  }) &&
      text.back() != ' ' && text.find("  ") == std::string::npos;
  return bare ? text : dump_json(Json(text));
}

std::string command_of(const Program& program) {
  std::string file = (program.file[0] == '-' ? "./" : "") + program.file;
  std::string command = program.interpreter + " ";
  for (char c : shell_quote(file)) {
    if (c == '{' && command.back() == '$')
      command += "${";  // "$${": not a parameter
    else
      command += c;
  }
  for (const auto& [name, value] : program.params)
    command += fmt::format(" --{} ${{{}}}", name, name);
  return command;
}

std::string image_part(const Program& program, bool gpu) {
  std::string out =
      "image:\n"
      "  debian: trixie            # Debian's own packages, recorded with their versions\n";
  out += fmt::format("  packages: [{}]\n", fmt::join(program.needs.packages, ", "));
  if (!program.needs.unknown.empty())
    out += fmt::format("# Not known as Debian packages, so the program would miss them: {}\n",
                       fmt::join(program.needs.unknown, ", "));
  if (gpu) out += "# Debian's python3-torch computes on the CPU, not on GPUs.\n";
  return out;
}

std::string params_part(const Program& program) {
  if (program.params.empty())
    return "# params: {lr: 0.01}        # values to vary: ${lr} in the command\n";
  std::string out = "params:                     # to vary: baton run --set params.NAME=VALUE\n";
  for (const auto& [name, value] : program.params) out += fmt::format("  {}: {}\n", name, value);
  return out;
}

std::string data_part(const ScaffoldFacts& facts) {
  for (const auto& name : facts.directories)
    for (const char* known : {"data", "dataset", "datasets"})
      if (name == known)
        return fmt::format(
            "data:                       # read-only; a line \"/{0}\" in .batonignore keeps it out "
            "of the code's copy\n"
            "  /data: ./{0}\n",
            name);
  return "# data: {/data: ./data}      # mount point: source; read-only\n";
}

std::string rest_part() {
  return "results: ./results          # what the program writes to $BATON_RESULTS_DIR ends up "
         "here\n"
         "checkpoint: {every: 60s}    # what it keeps in $BATON_CHECKPOINT_DIR comes back after a "
         "preemption\n"
         "\n"
         "# env: {OMP_NUM_THREADS: \"2\"}\n"
         "# resources: {cpus: 2, memory: 4G, shm: 1G}\n"
         "# network: false\n"
         "# retries: 0                # tries after a failure of the program itself; preemptions "
         "do not count\n"
         "# timeout: 12h\n";
}

}  // namespace

Result<std::string> scaffold_spec(const ScaffoldFacts& facts) {
  if (std::find(facts.files.begin(), facts.files.end(), "baton.yaml") != facts.files.end())
    return Error{Code::exists, "there is a baton.yaml here already, and it is left as it is",
                 "edit it, or remove it and try again"};
  std::string out =
      fmt::format("# What baton runs: baton run\n\nname: {}\n\n", near_job_name(facts.directory));
  auto program = find_program(facts);
  if (!program)
    return out +
           "# No program was recognised here: say what to run, and in which image.\n"
           "image: host                 # this machine's own root, read-only; or {debian: trixie, "
           "packages: [python3]}\n"
           "code: .                     # copied as it is at submission; .batonignore leaves files "
           "out\n"
           "command: echo \"say in baton.yaml what to run\"\n" +
           params_part(Program()) + data_part(facts) + rest_part();
  if (program->needs.packages.empty() && program->interpreter == "python3")
    program->needs.packages.insert("python3");
  if (program->interpreter == "bash") program->needs.packages.insert("bash");
  bool gpu = program->needs.packages.count("python3-torch") &&
             std::any_of(facts.contents.begin(), facts.contents.end(), [](const auto& file) {
               return file.second.find("cuda") != std::string::npos;
             });
  return out + image_part(*program, gpu) +
         "\ncode: .                     # copied as it is at submission; .batonignore leaves files "
         "out\n" +
         fmt::format("command: {}\n", scalar(command_of(*program))) + params_part(*program) + "\n" +
         data_part(facts) + rest_part();
}

}  // namespace baton
