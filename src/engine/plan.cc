#include "engine/plan.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace baton {
namespace {

// A mount(2) option string, put together without the heap.
class Options {
 public:
  Options& add(const char* text) {
    size_t n = std::strlen(text);
    if (used_ + n < text_.size()) std::memcpy(text_.data() + used_, text, n);
    used_ += n;
    return *this;
  }
  Options& add(int number) {
    std::array<char, 12> digits{};
    size_t at = digits.size() - 1;
    do digits[--at] = static_cast<char>('0' + number % 10);
    while (number /= 10);
    return add(digits.data() + at);
  }
  // nullptr when the kernel's limit of one page is passed.
  const char* text() {
    if (used_ >= text_.size()) return nullptr;
    text_[used_] = '\0';
    return text_.data();
  }

 private:
  std::array<char, 4096> text_{};
  size_t used_ = 0;
};

}  // namespace

const char* Plan::keep(const std::string& text) { return texts_.emplace_back(text).c_str(); }

void Plan::change_dir(const std::string& path) {
  steps_.push_back({.kind = Kind::change_dir, .target = keep(path)});
}

void Plan::make_dir(const std::string& path, mode_t mode) {
  steps_.push_back({.kind = Kind::make_dir, .target = keep(path), .mode = mode});
}

void Plan::make_file(const std::string& path, const std::string& bytes, mode_t mode) {
  steps_.push_back({.kind = Kind::make_file,
                    .target = keep(path),
                    .data = keep(bytes),
                    .size = bytes.size(),
                    .mode = mode});
}

void Plan::make_link(const std::string& target, const std::string& path) {
  steps_.push_back({.kind = Kind::make_link, .source = keep(target), .target = keep(path)});
}

void Plan::mount(const std::string& source, const std::string& target, const std::string& type,
                 unsigned long flags, const std::string& data) {
  steps_.push_back({.kind = Kind::mount,
                    .source = keep(source),
                    .target = keep(target),
                    .type = type.empty() ? nullptr : keep(type),
                    .data = data.empty() ? nullptr : keep(data),
                    .flags = flags});
}

void Plan::overlay(const std::vector<std::string>& lower, const std::string& upper,
                   const std::string& target, const std::string& fallback) {
  Step step{.kind = Kind::overlay,
            .target = keep(target),
            .upper = keep(upper),
            .fallback = keep(fallback)};
  for (const auto& layer : lower) step.lower.insert(step.lower.begin(), keep(layer));
  steps_.push_back(std::move(step));
}

void Plan::bind_tree(const std::string& source, const std::string& target, bool read_only) {
  unattached_.emplace_back(steps_.size(), keep(target));
  steps_.push_back({.kind = Kind::clone_tree,
                    .source = keep(source),
                    .target = unattached_.back().second,
                    .flags = read_only ? MOUNT_ATTR_RDONLY : 0UL});
}

void Plan::attach_binds() {
  for (const auto& [step, target] : unattached_)
    steps_.push_back({.kind = Kind::attach_tree, .target = target, .source_step = step});
  unattached_.clear();
}

void Plan::write_file(const std::string& path, const std::string& text) {
  steps_.push_back(
      {.kind = Kind::write_file, .target = keep(path), .data = keep(text), .size = text.size()});
}

void Plan::tolerate() { steps_.back().tolerated = true; }

int Plan::run() {
  mode_t mask = umask(0);
  int failed = -1;
  for (size_t i = 0; i < steps_.size() && failed < 0; ++i)
    if (!execute(steps_[i]) && !steps_[i].tolerated) failed = static_cast<int>(i);
  umask(mask);
  return failed;
}

bool Plan::write_data(const Step& step, int fd) {
  if (fd < 0) return false;
  bool done = write(fd, step.data, step.size) == static_cast<ssize_t>(step.size);
  int error = errno;
  close(fd);
  errno = error;
  return done;
}

bool Plan::execute(Step& step) {
  switch (step.kind) {
    case Kind::change_dir:
      return chdir(step.target) == 0;
    case Kind::make_dir:
      return mkdir(step.target, step.mode) == 0 || errno == EEXIST;
    case Kind::mount:
      return ::mount(step.source, step.target, step.type, step.flags, step.data) == 0;
    case Kind::overlay: {
      if (mount_overlay(step, step.upper)) return true;
      if (errno != EINVAL) return false;
      Options work;
      if (!work.add(step.fallback).add(".work").text()) return false;
      if (mkdir(step.fallback, 0755) != 0 || mkdir(work.text(), 0755) != 0) return false;
      return mount_overlay(step, step.fallback);
    }
    case Kind::clone_tree: {
      step.fd =
          open_tree(AT_FDCWD, step.source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
      if (step.fd < 0) return false;
      mount_attr attributes{};
      attributes.attr_set = step.flags | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
      return mount_setattr(step.fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                           sizeof attributes) == 0;
    }
    case Kind::attach_tree: {
      int tree = steps_[step.source_step].fd;
      return move_mount(tree, "", AT_FDCWD, step.target, MOVE_MOUNT_F_EMPTY_PATH) == 0;
    }
    case Kind::write_file:
      return write_data(step, open(step.target, O_WRONLY | O_CLOEXEC));
    case Kind::make_file: {
      constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
      return write_data(step, open(step.target, kFlags, step.mode));
    }
    case Kind::make_link:
      return symlink(step.source, step.target) == 0;
  }
  return false;
}

// Lower layers are named through descriptors: overlayfs splits its option at commas and colons, and
// paths may hold both. `volatile`: nothing in the upper layer outlives us, so nothing is synced.
bool Plan::mount_overlay(const Step& step, const char* upper) {
  Options options;
  options.add("userxattr,volatile,upperdir=").add(upper);
  options.add(",workdir=").add(upper).add(".work");
  const char* separator = ",lowerdir=";
  for (const char* layer : step.lower) {
    int fd = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    options.add(separator).add("/proc/self/fd/").add(fd);
    separator = ":";
  }
  const char* text = options.text();
  if (!text) {
    errno = E2BIG;
    return false;
  }
  return ::mount("overlay", step.target, "overlay", MS_NODEV, text) == 0;
}

std::string Plan::describe(int step) const {
  const Step& s = steps_.at(static_cast<size_t>(step));
  switch (s.kind) {
    case Kind::change_dir:
      return fmt::format("enter {}", s.target);
    case Kind::make_dir:
      return fmt::format("create directory {}", s.target);
    case Kind::make_file:
    case Kind::make_link:
      return fmt::format("create {}", s.target);
    case Kind::mount:
      return fmt::format("mount {} on {}", s.type ? s.type : s.source, s.target);
    case Kind::overlay:
      return fmt::format("mount an overlay of {} on {}", s.lower.back(), s.target);
    case Kind::clone_tree:
      return fmt::format("take a read-only view of {}", s.source);
    case Kind::attach_tree:
      return fmt::format("mount a view on {}", s.target);
    case Kind::write_file:
      return fmt::format("write {}", s.target);
  }
  return "";
}

}  // namespace baton
