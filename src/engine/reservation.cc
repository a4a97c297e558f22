#include "engine/reservation.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "os/file_lock.h"
#include "os/files.h"

namespace baton {
namespace {

std::string lock_path(const std::string& directory, std::string device) {
  std::replace(device.begin(), device.end(), '/', '_');
  return join_path(directory, device + ".lock");
}

// One device's lock, with the holder's name in it for others to read.
Result<Fd> reserve(const ContainerSpec& spec, const std::string& device, LockMode mode) {
  std::string path = lock_path(spec.reservations, device);
  BATON_ASSIGN(Fd fd, try_lock_file(path, mode, true));
  if (ftruncate(fd.get(), 0) != 0) return errno_error(errno, "write " + path);
  BATON_TRY(write_all(fd.get(), spec.id, path));
  return fd;
}

std::string holder(const ContainerSpec& spec, const std::string& device) {
  auto text = read_file(lock_path(spec.reservations, device), 256);
  return text.ok() && !text->empty() ? printable(*text) : "another job";
}

Error none_free(const ContainerSpec& spec, const std::vector<std::string>& taken, size_t all) {
  std::string holders;
  for (const auto& device : taken)
    holders += fmt::format("{}{} by {}", holders.empty() ? "" : ", ", device, holder(spec, device));
  return Error{Code::transient,
               fmt::format("{} GPU(s) are wanted, but of {} here only {} are free: {}", spec.gpus,
                           all, all - taken.size(), holders),
               "wait for those jobs, or name devices to share them: resources.devices"};
}

}  // namespace

Result<Reservation> reserve_devices(const CdiRegistry& registry, const ContainerSpec& spec) {
  Reservation reservation;
  reservation.names = spec.cdi_devices;
  bool reserving = !spec.reservations.empty();
  for (const auto& device : spec.cdi_devices) {
    if (!reserving) break;
    // Taken already: shared, as its name in the spec says.
    if (auto lock = reserve(spec, device, LockMode::shared); lock.ok())
      reservation.locks.push_back(std::move(lock).value());
  }
  if (spec.gpus <= 0) return reservation;
  size_t wanted = static_cast<size_t>(spec.gpus);
  std::optional<Error> error;
  for (const auto& devices : registry.gpus()) {
    if (devices.size() < wanted) continue;
    std::vector<std::string> names, taken;
    std::vector<Fd> locks;
    for (const auto& device : devices) {
      if (names.size() == wanted) break;
      if (reserving) {
        auto lock = reserve(spec, device, LockMode::exclusive);
        if (!lock.ok() && !lock.is(Code::exists)) return lock.error();
        if (!lock.ok()) {
          taken.push_back(device);
          continue;
        }
        locks.push_back(std::move(lock).value());
      }
      names.push_back(device);
    }
    if (names.size() < wanted) {
      error = none_free(spec, taken, devices.size());
      continue;
    }
    reservation.names.insert(reservation.names.end(), names.begin(), names.end());
    for (auto& lock : locks) reservation.locks.push_back(std::move(lock));
    return reservation;
  }
  return error ? *error : registry.too_few_gpus(spec.gpus);
}

}  // namespace baton
