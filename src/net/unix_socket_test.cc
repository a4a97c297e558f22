#include "net/unix_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <thread>

#include "os/files.h"

namespace baton {
namespace {

class UnixSocket : public ::testing::Test {
 protected:
  std::string path(const std::string& name = "s") const { return dir_->path() + "/" + name; }
  static Deadline soon() { return Deadline::in_ms(30'000); }
  static LineConnection accept_one(LineServer& server) {
    EXPECT_EQ(wait_fd(server.fd(), POLLIN, soon(), nullptr), Wait::ready);
    return std::move(server.accept()).value();
  }
  Result<TempDir> dir_ = TempDir::create("socket");
};

TEST_F(UnixSocket, CarriesALineAndAReply) {
  auto server = LineServer::listen(path());
  ASSERT_TRUE(server.ok()) << server.error().text();
  EXPECT_TRUE((*server)->accept().is(Code::transient));  // nobody there: does not block
  auto client = connect_unix(path(), soon());
  ASSERT_TRUE(client.ok()) << client.error().text();
  LineConnection peer = accept_one(**server);
  ASSERT_TRUE(client->write_line("commit now", soon()).ok());
  auto line = peer.read_line(100, soon());
  ASSERT_TRUE(line.ok()) << line.error().text();
  EXPECT_EQ(*line, "commit now");
  EXPECT_EQ(peer.peer_uid(), static_cast<int64_t>(getuid()));
  ASSERT_TRUE(peer.write_line("done", soon()).ok());
  EXPECT_EQ(*client->read_line(100, soon()), "done");
}

TEST_F(UnixSocket, KeepsWhatComesAfterTheFirstLine) {
  auto server = LineServer::listen(path());
  auto client = connect_unix(path(), soon());
  LineConnection peer = accept_one(**server);
  ASSERT_TRUE(client->write_line("a", soon()).ok());
  ASSERT_TRUE(client->write_line("b", soon()).ok());
  EXPECT_EQ(*peer.read_line(10, soon()), "a");
  EXPECT_EQ(*peer.read_line(10, soon()), "b");
}

TEST_F(UnixSocket, ALineHasALimitOfLength) {
  auto server = LineServer::listen(path());
  auto client = connect_unix(path(), soon());
  LineConnection peer = accept_one(**server);
  ASSERT_TRUE(client->write_line(std::string(5000, 'x'), soon()).ok());
  EXPECT_TRUE(peer.read_line(100, soon()).is(Code::invalid));
}

TEST_F(UnixSocket, AnUnfinishedLineIsNotTakenForOne) {
  auto server = LineServer::listen(path());
  auto client = connect_unix(path(), soon());
  LineConnection peer = accept_one(**server);
  ASSERT_EQ(send(client->fd(), "comm", 4, 0), 4);
  shutdown(client->fd(), SHUT_WR);
  EXPECT_TRUE(peer.read_line(100, soon()).is(Code::invalid));
}

TEST_F(UnixSocket, ASilentPeerDoesNotBlock) {
  auto server = LineServer::listen(path());
  auto client = connect_unix(path(), soon());
  LineConnection peer = accept_one(**server);
  EXPECT_TRUE(peer.read_line(100, Deadline::in_ms(10)).is(Code::transient));
  Cancel cancel;
  cancel.set();
  EXPECT_TRUE(peer.read_line(100, soon(), &cancel).is(Code::cancelled));
}

TEST_F(UnixSocket, APeerThatHasGoneIsAnErrorAndNoSignal) {
  auto server = LineServer::listen(path());
  auto client = connect_unix(path(), soon());
  LineConnection peer = accept_one(**server);
  { LineConnection gone = std::move(*client); }
  EXPECT_TRUE(peer.write_line("hello?", soon()).is(Code::transient));
}

TEST_F(UnixSocket, ReplacesAnAbandonedSocketButNothingElse) {
  {
    auto first = LineServer::listen(path());
    EXPECT_TRUE(LineServer::listen(path()).is(Code::exists));
    EXPECT_TRUE(connect_unix(path(), soon()).ok());
  }
  EXPECT_FALSE(exists(path()));
  ASSERT_EQ(mknod(path().c_str(), S_IFSOCK | 0600, 0), 0);
  EXPECT_TRUE(connect_unix(path(), soon()).is(Code::transient));
  EXPECT_TRUE(LineServer::listen(path()).ok());
  ASSERT_TRUE(replace_file(path("file"), "precious", false).ok());
  EXPECT_FALSE(LineServer::listen(path("file")).ok());
  EXPECT_EQ(*read_file(path("file")), "precious");
}

TEST_F(UnixSocket, ThereMayBeALongPath) {
  std::string deep = path(std::string(100, 'd') + "/" + std::string(100, 'e'));
  ASSERT_TRUE(make_dirs(deep).ok());
  auto server = LineServer::listen(deep + "/socket");
  ASSERT_TRUE(server.ok()) << server.error().text();
  EXPECT_TRUE(connect_unix(deep + "/socket", soon()).ok());
}

TEST_F(UnixSocket, AnAbsentSocketIsNotFound) {
  EXPECT_TRUE(connect_unix(path("absent"), soon()).is(Code::not_found));
}

TEST_F(UnixSocket, IsForItsOwnerOnly) {
  auto server = LineServer::listen(path());
  struct stat info {};
  ASSERT_EQ(stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

}  // namespace
}  // namespace baton
