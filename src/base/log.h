// Diagnostics for the person at the terminal; the program's own output never goes through here.
#pragma once

#include <cstdint>
#include <string>

namespace baton {

enum class Level { debug, info, warn, error };

// Receives what the code has to say. Thread-safe in every implementation.
class Log {
 public:
  virtual ~Log() = default;
  virtual void write(Level level, const std::string& message) = 0;
  void debug(const std::string& message) { write(Level::debug, message); }
  void info(const std::string& message) { write(Level::info, message); }
  void warn(const std::string& message) { write(Level::warn, message); }
  void error(const std::string& message) { write(Level::error, message); }
};

// Drops everything.
class NullLog : public Log {
 public:
  void write(Level, const std::string&) override {}
};

// Reports the advance of something long: an image being built, a commit being written.
// `done` and `total` are in the units of `unit` ("bytes" is shown as sizes); total 0: unknown.
class Progress {
 public:
  virtual ~Progress() = default;
  virtual void update(const std::string& what, uint64_t done, uint64_t total,
                      const std::string& unit) = 0;
  // One line of detail from a tool below (say, what apt is unpacking).
  virtual void detail(const std::string& line) = 0;
  virtual void finish(const std::string& summary) = 0;
};

class NullProgress : public Progress {
 public:
  void update(const std::string&, uint64_t, uint64_t, const std::string&) override {}
  void detail(const std::string&) override {}
  void finish(const std::string&) override {}
};

}  // namespace baton
