#include "agent/program_socket.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <string>

#include "os/files.h"

namespace baton {
namespace {

class Socket : public testing::Test {
 protected:
  Fd connect_to() {
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::string path = dir_->path() + "/s";
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  // Reads until `count` requests have come or poll says that nothing is left.
  std::vector<ProgramSocket::Request> read(size_t count) {
    std::vector<ProgramSocket::Request> all;
    while (all.size() < count) {
      std::vector<pollfd> fds;
      server_->add_to(fds);
      if (poll(fds.data(), fds.size(), 2'000) == 0) break;
      for (auto& request : server_->read()) all.push_back(request);
    }
    return all;
  }
  Result<TempDir> dir_ = TempDir::create("socket");
  Result<ProgramSocket> server_ = ProgramSocket::listen(dir_->path() + "/s");
};

TEST_F(Socket, LinesComeInOrderAndAreAnswered) {
  Fd client = connect_to();
  ASSERT_EQ(send(client.get(), "one\ntw", 6, 0), 6);
  auto first = read(1);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].line, "one");
  ASSERT_EQ(send(client.get(), "o\n", 2, 0), 2);
  auto second = read(1);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].line, "two");
  server_->answer(second[0].client, "done");
  char buffer[16];
  EXPECT_EQ(recv(client.get(), buffer, sizeof buffer, 0), 5);
}

TEST_F(Socket, AnEndlessLineIsCutOff) {
  Fd client = connect_to();
  std::string flood(100'000, 'x');
  send(client.get(), flood.data(), flood.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  EXPECT_TRUE(read(1).empty());
  std::vector<pollfd> fds;
  server_->add_to(fds);
  EXPECT_EQ(fds.size(), 1u);  // only the listener is left
}

TEST_F(Socket, AnswersToClientsThatLeftAreDropped) {
  Fd client = connect_to();
  ASSERT_EQ(send(client.get(), "x\n", 2, 0), 2);
  auto requests = read(1);
  ASSERT_EQ(requests.size(), 1u);
  client.reset();
  server_->answer(requests[0].client, "late");
  server_->answer(12345, "nobody");
}

TEST_F(Socket, ANewClientOnAnOldDescriptorIsSomebodyElse) {
  Fd first = connect_to();
  ASSERT_EQ(send(first.get(), "x\n", 2, 0), 2);
  auto asked = read(1);
  ASSERT_EQ(asked.size(), 1u);
  first.reset();
  EXPECT_TRUE(server_->read().empty());
  EXPECT_FALSE(server_->knows(asked[0].client));
  Fd second = connect_to();
  ASSERT_EQ(send(second.get(), "y\n", 2, 0), 2);
  auto next = read(1);
  ASSERT_EQ(next.size(), 1u);
  server_->answer(asked[0].client, "for the first");
  server_->answer(next[0].client, "for the second");
  char buffer[64];
  ssize_t n = recv(second.get(), buffer, sizeof buffer, 0);
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(std::max<ssize_t>(n, 0))), "for the second\n");
}

TEST_F(Socket, AClientThatHasAskedAllStillGetsItsAnswers) {
  Fd client = connect_to();
  ASSERT_EQ(send(client.get(), "a\nb\n", 4, 0), 4);
  ASSERT_EQ(shutdown(client.get(), SHUT_WR), 0);
  auto asked = read(2);
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_TRUE(server_->read().empty());
  std::vector<pollfd> fds;
  server_->add_to(fds);
  EXPECT_EQ(poll(fds.data(), fds.size(), 0), 0) << "waiting for its answers costs nothing";
  server_->answer(asked[0].client, "1");
  server_->answer(asked[1].client, "2");
  EXPECT_FALSE(server_->knows(asked[1].client));
  char buffer[64];
  ASSERT_EQ(recv(client.get(), buffer, sizeof buffer, MSG_WAITALL), 4);
  EXPECT_EQ(std::string(buffer, 4), "1\n2\n");
}

TEST(SocketPath, MayBeDeeperThanSunPath) {
  auto dir = TempDir::create("socket");
  std::string deep = dir->path() + "/" + std::string(100, 'd') + "/" + std::string(100, 'e');
  ASSERT_TRUE(make_dirs(deep).ok());
  auto server = ProgramSocket::listen(deep + "/agent.sock");
  EXPECT_TRUE(server.ok()) << server.error().text();
}

}  // namespace
}  // namespace baton
