// A small S3 server for bench/bucket.py: a thread for each connection, nothing durable, so that
// what is measured is the client. (Debian builds its rclone without `serve s3`.)
//
//   s3_server DIRECTORY     on a tmpfs, for large bodies; prints its port, ends with its standard
//                           input
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <thread>

#include "s3/service.h"

namespace {

using namespace baton;

// A loopback socket that listens on a free port, which it prints.
Fd listen_here() {
  Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (!fd.valid() || bind(fd.get(), generic, size) != 0 || listen(fd.get(), 1024) != 0 ||
      getsockname(fd.get(), generic, &size) != 0) {
    std::perror("s3_server");
    std::exit(1);
  }
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

void serve(bench::Service& service, Fd fd, const char* directory) {
  int on = 1;
  setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  bench::Connection client(std::move(fd), directory);
  bench::Request request;
  while (client.read_request(request) && service.answer(client, request)) {
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: s3_server DIRECTORY\n");
    return 2;
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;  // one for each stored part
  setrlimit(RLIMIT_NOFILE, &files);
  static bench::Service service;
  Fd listening = listen_here();
  std::thread([] {
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    _exit(0);
  }).detach();
  while (true) {
    Fd client(accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client.valid()) continue;
    std::thread([fd = std::move(client), argv]() mutable {
      serve(service, std::move(fd), argv[1]);
    }).detach();
  }
}
