// What the tests of all engines share: a small root filesystem, pipes for the streams, places for
// mounts.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "os/fd.h"
#include "os/files.h"

namespace baton {

// A pipe whose read end is drained to the end once the write ends are closed.
class Collected {
 public:
  Collected();
  int write_fd() const { return write_.get(); }
  // Closes our own write end and reads to the end.
  std::string text();
  // Reads until what has come holds `word`. Fails the test when the stream ends before or after
  // half a minute.
  void wait_for(const std::string& word);

 private:
  bool read_some(int timeout_ms);
  Fd read_, write_;
  std::string all_;
};

// A root filesystem of busybox alone; "" where Debian's busybox-static is not installed.
std::string busybox_root(const std::string& directory);

// True once `condition` holds; false after half a minute without.
bool eventually(const std::function<bool()>& condition);

// A container's spec with directories of its own under one temporary directory.
class TestContainer {
 public:
  TestContainer();
  // A mount of a new directory on `destination`; its path here is returned.
  std::string mount(const std::string& destination, bool writable, bool throw_away = false);
  void shell(const std::string& script) { spec.argv = {"/bin/sh", "-c", script}; }
  // Runs to the end. Fails the test when the engine gives an error.
  ContainerExit run(Engine& engine);
  Collected& out_stream() { return out_; }
  std::string out() { return out_.text(); }
  std::string err() { return err_.text(); }
  const std::string& dir() const { return dir_.path(); }

  ContainerSpec spec;

 private:
  TempDir dir_;
  Collected out_, err_;
};

}  // namespace baton
