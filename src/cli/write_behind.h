// WriteBehind: what is on its way to readers who may be slow, or who do not read at all.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <thread>

namespace baton {

// A thread of its own writes what is put in, in that order across both streams. Thread-safe but
// for its destruction.
class WriteBehind {
 public:
  // None where no thread can be had.
  static std::unique_ptr<WriteBehind> start(int out_fd, int err_fd);
  // What is left is written as far as the readers take it at once.
  ~WriteBehind();
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;

  void put(bool is_stderr, std::string_view bytes);
  // Bytes not written yet.
  size_t waiting() const;
  // errno of the stream's last failure, or 0. What waited for the stream then was dropped.
  int failed(bool is_stderr) const;
  // Waits until all is written, however long that takes. Once `hurried` says true, a stream that
  // has taken nothing for a short while is given up.
  void drain(const std::function<bool()>& hurried);
  // What was to be written to the stream is lost, because nobody read it in time.
  bool gave_up(bool is_stderr) const;

 private:
  struct State;
  explicit WriteBehind(std::shared_ptr<State> state);
  static void work(State& state);

  const std::shared_ptr<State> state_;  // the thread's too: it may be left in a write
  std::thread thread_;
};

}  // namespace baton
