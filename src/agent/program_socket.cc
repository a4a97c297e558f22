#include "agent/program_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "os/files.h"

namespace baton {
namespace {

constexpr size_t kMaxLine = 4096;
constexpr size_t kMaxClients = 64;

}  // namespace

Result<ProgramSocket> ProgramSocket::listen(const std::string& path) {
  Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return errno_error(errno, "make a socket");
  // sun_path holds 107 bytes, and $BATON_HOME may be deep: bind by way of the directory's
  // descriptor.
  BATON_ASSIGN(Fd dir, open_file(parent_path(path), O_PATH | O_DIRECTORY));
  std::string name = "/proc/self/fd/" + std::to_string(dir.get()) + "/" + base_name(path);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (name.size() >= sizeof address.sun_path)
    return Error{Code::invalid, "socket name " + path + " is too long", ""};
  std::memcpy(address.sun_path, name.c_str(), name.size() + 1);
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return errno_error(errno, "bind " + path);
  chmod(path.c_str(), 0666);
  if (::listen(fd.get(), 16) != 0) return errno_error(errno, "listen on " + path);
  return ProgramSocket(std::move(fd));
}

void ProgramSocket::add_to(std::vector<pollfd>& fds) const {
  fds.push_back({listener_.get(), POLLIN, 0});
  for (const auto& [number, client] : clients_) fds.push_back({number, POLLIN, 0});
}

void ProgramSocket::accept_all() {
  while (true) {
    Fd client(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client.valid()) return;
    int number = client.get();
    if (clients_.size() < kMaxClients) clients_[number] = {std::move(client), ""};
  }
}

std::vector<ProgramSocket::Request> ProgramSocket::read() {
  accept_all();
  std::vector<Request> requests;
  for (auto it = clients_.begin(); it != clients_.end();) {
    auto& [fd, pending] = it->second;
    bool gone = false;
    char buffer[kMaxLine];
    while (true) {
      ssize_t n = recv(fd.get(), buffer, sizeof buffer, 0);
      if (n < 0 && errno == EINTR) continue;
      if (n > 0) pending.append(buffer, static_cast<size_t>(n));
      gone = n == 0 || (n < 0 && errno != EAGAIN);
      if (n <= 0 || pending.size() > kMaxLine) break;
    }
    for (size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1))
      requests.push_back({it->first, pending.substr(0, end)});
    // A client that has shut down its writing side may still read our answer.
    bool asked = !requests.empty() && requests.back().client == it->first;
    if (pending.size() > kMaxLine || (gone && !asked))
      it = clients_.erase(it);
    else
      ++it;
  }
  return requests;
}

void ProgramSocket::answer(int client, const std::string& line) {
  auto it = clients_.find(client);
  if (it == clients_.end()) return;
  std::string text = line + "\n";
  ssize_t n = send(client, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n != static_cast<ssize_t>(text.size())) clients_.erase(it);
}

}  // namespace baton
