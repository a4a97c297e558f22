// Result<T>: a value or one clear sentence about why there is none.
//
// Errors are classified where they arise (a system call, a reply from a server); upper code acts on
// the class and never sees an errno or an HTTP status.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace baton {

enum class Code {
  invalid,      // the caller's or the user's input is wrong; trying again cannot help
  not_found,    // the named thing does not exist
  exists,       // create-if-absent found the name taken
  fenced,       // somebody else owns the job now: stop, do not retry
  transient,    // may succeed when tried again
  permanent,    // will not succeed when tried again
  no_space,     // a disk or quota is full
  denied,       // missing permission
  unsupported,  // this version or this machine cannot do it
  corrupt,      // stored bytes are not what was written
  too_new,      // written by a newer baton
  cancelled,    // the caller asked to stop
};

// The class's name as it appears in JSON output, e.g. "not_found".
const char* code_name(Code code);

// What went wrong, for a person. `message` is one sentence without a final period, naming the thing
// concerned; `hint` (may be empty) says what to do about it.
struct Error {
  Code code = Code::permanent;
  std::string message;
  std::string hint;

  // "message" or "message\n  hint".
  std::string text() const;
  // The same error with "context: " before its message.
  Error within(const std::string& context) const;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}      // NOLINT: conversion is the point
  Result(Error error) : state_(std::move(error)) {}  // NOLINT
  bool ok() const { return std::holds_alternative<T>(state_); }
  explicit operator bool() const { return ok(); }
  T& value() & { return std::get<T>(state_); }
  const T& value() const& { return std::get<T>(state_); }
  T&& value() && { return std::get<T>(std::move(state_)); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  const Error& error() const { return std::get<Error>(state_); }
  bool is(Code code) const { return !ok() && error().code == code; }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT
  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return *error_; }
  bool is(Code code) const { return !ok() && error().code == code; }

 private:
  std::optional<Error> error_;
};

using Status = Result<void>;

// BATON_TRY(expression): returns the error of a Status (or Result) from the enclosing function.
#define BATON_TRY(expression)                              \
  do {                                                     \
    auto baton_status_ = (expression);                     \
    if (!baton_status_.ok()) return baton_status_.error(); \
  } while (0)

// BATON_ASSIGN(auto x, expression): declares or assigns x, or returns the error.
#define BATON_CONCAT_INNER(a, b) a##b
#define BATON_CONCAT(a, b) BATON_CONCAT_INNER(a, b)
#define BATON_ASSIGN(target, expression) \
  BATON_ASSIGN_IMPL(BATON_CONCAT(baton_result_, __LINE__), target, expression)
#define BATON_ASSIGN_IMPL(name, target, expression) \
  auto name = (expression);                         \
  if (!name.ok()) return name.error();              \
  target = std::move(name).value()

}  // namespace baton
