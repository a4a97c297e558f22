// Command: what one command of baton is called, takes and does. The parser, the help and the shell
// completion all read these descriptions, so they cannot disagree.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace baton {

struct Context;

// What a value names, so that the shell can complete it.
enum class Names { text, file, directory, job, sweep, image, shell };

struct Option {
  std::string name;        // "--store"
  std::string short_name;  // "-f", or ""
  std::string value;       // what the help calls its value: "DIR"; "": a flag
  std::string help;        // one line
  Names names = Names::text;
  bool repeatable = false;
  bool hidden = false;
};

struct Positional {
  std::string name;  // "JOB"
  std::string help;
  Names names = Names::text;
  bool required = true;
  bool repeatable = false;
};

// The words of one command line, taken apart.
class Arguments {
 public:
  // True when the option was given.
  bool has(const std::string& option) const { return values_.count(option) != 0; }
  // The last value of an option or positional, or `fallback`.
  std::string text(const std::string& name, const std::string& fallback = "") const;
  // Every value, in the order given.
  std::vector<std::string> all(const std::string& name) const;
  void add(const std::string& name, const std::string& value) { values_[name].push_back(value); }

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

struct Command {
  std::string name;     // "run", "store check"
  std::string summary;  // one line, no final period
  std::string details;  // paragraphs for its help, "" for none
  std::string examples;
  std::vector<Positional> positionals;
  std::vector<Option> options;
  std::vector<std::string> one_of;  // options of which at most one may be given
  // Returns the exit status; an error is printed and becomes kExitError.
  Result<int> (*run)(Context&) = nullptr;
  bool hidden = false;
};

constexpr int kExitError = 1;         // baton itself could not do it
constexpr int kExitUsage = 2;         // the command line or the spec is wrong; nothing was done
constexpr int kExitInterrupted = 75;  // the job is not finished and can be resumed (EX_TEMPFAIL)

// Every command there is, in the order of the help.
std::vector<Command> all_commands();

// Options that many commands share.
Option store_option();
Option json_option();
Option quiet_option();
Option verbose_option();

}  // namespace baton
