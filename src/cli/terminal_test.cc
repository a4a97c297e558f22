#include "cli/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <thread>

#include "os/fd.h"
#include "os/files.h"

namespace baton {
namespace {

// A terminal whose two streams end in files.
class TerminalTest : public testing::Test {
 protected:
  TerminalTest() : dir_(TempDir::create("terminal").value()) {
    out_ = open_file(dir_.path() + "/out", O_WRONLY | O_CREAT | O_APPEND).value();
    err_ = open_file(dir_.path() + "/err", O_WRONLY | O_CREAT | O_APPEND).value();
    options_.out_fd = out_.get();
    options_.err_fd = err_.get();
  }
  std::string out() { return read_file(dir_.path() + "/out").value(); }
  std::string err() { return read_file(dir_.path() + "/err").value(); }

  TempDir dir_;
  Fd out_, err_;
  TerminalOptions options_;
  ManualClock clock_;
};

TEST_F(TerminalTest, SaysNothingInAPipeUnlessVerbose) {
  Terminal terminal(options_, clock_);
  terminal.say("one");
  EXPECT_EQ(err(), "");
  terminal.set_talk(Talk::verbose);
  terminal.say("two");
  EXPECT_EQ(err(), "baton: two\n");
  terminal.set_talk(Talk::quiet);
  terminal.say("three");
  terminal.fail({Code::invalid, "it broke", "mend it"});
  EXPECT_EQ(err(), "baton: two\nbaton: it broke\n  mend it\n");
}

TEST_F(TerminalTest, PassesBytesUntouchedAndKeepsItsOwnLinesApart) {
  options_.out_is_terminal = options_.err_is_terminal = true;
  Terminal terminal(options_, clock_);
  terminal.pass(false, std::string_view("\x1b[31m\0half", 10));
  terminal.say("mine");
  EXPECT_EQ(out(), std::string("\x1b[31m\0half", 10));
  EXPECT_EQ(err(), "\nbaton: mine\n");
}

TEST_F(TerminalTest, KnowsWhyOutputIsLost) {
  Terminal fine(options_, clock_);
  fine.print("x");
  EXPECT_FALSE(fine.lost_output());
  Fd full = open_file("/dev/full", O_WRONLY).value();
  options_.out_fd = full.get();
  Terminal terminal(options_, clock_);
  terminal.print("x");
  ASSERT_TRUE(terminal.lost_output());
  EXPECT_EQ(terminal.lost_output()->code, Code::no_space);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  Fd reader(ends[0]), writer(ends[1]);
  reader.reset();
  signal(SIGPIPE, SIG_IGN);
  options_.out_fd = writer.get();
  Terminal unread(options_, clock_);
  unread.print("x");
  EXPECT_FALSE(unread.lost_output()) << "whoever reads it has had enough";
}

TEST_F(TerminalTest, WaitsForAStreamThatDoesNotBlock) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  Fd reader(ends[0]), writer(ends[1]);
  options_.out_fd = writer.get();
  Terminal terminal(options_, clock_);
  const std::string text(1 << 20, 'x');
  std::string got;
  std::thread slow([&] {
    char buffer[65536];
    while (got.size() < text.size()) {
      pollfd ready{reader.get(), POLLIN, 0};
      if (poll(&ready, 1, 10'000) != 1) return;
      ssize_t n = ::read(reader.get(), buffer, sizeof buffer);
      if (n > 0) got.append(buffer, static_cast<size_t>(n));
    }
  });
  EXPECT_TRUE(terminal.pass(false, text));
  slow.join();
  EXPECT_TRUE(got == text);
  EXPECT_FALSE(terminal.lost_output());
}

// A pipe that is full and that nobody reads.
class FullPipe {
 public:
  FullPipe() {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    reader_.reset(ends[0]);
    writer_.reset(ends[1]);
    const std::string much(1 << 20, 'x');
    EXPECT_GT(::write(fd(), much.data(), much.size()), 0);
    fcntl(fd(), F_SETFL, 0);
  }
  int fd() const { return writer_.get(); }

 private:
  Fd reader_, writer_;
};

TEST_F(TerminalTest, WritingBehindWaitsForNobody) {
  FullPipe pipe;
  options_.out_fd = pipe.fd();
  Terminal terminal(options_, clock_);
  terminal.write_behind();
  EXPECT_TRUE(terminal.pass(false, "never read"));
  terminal.insist("said");
  EXPECT_FALSE(terminal.behind());
  EXPECT_TRUE(terminal.pass(false, std::string(5 << 20, 'x')));
  EXPECT_TRUE(terminal.behind());
  terminal.catch_up([] { return true; });
  EXPECT_EQ(err(), "baton: said\n");
  ASSERT_TRUE(terminal.lost_output());
  EXPECT_EQ(terminal.lost_output()->message,
            "cannot write all of the output: nobody has read it in time");
  terminal.print("it does not wait now either");
  terminal.fail({Code::invalid, "directly", ""});
  EXPECT_EQ(err(), "baton: said\nbaton: directly\n");
}

TEST_F(TerminalTest, NeitherStreamIsWaitedForOnceItIsGivenUp) {
  FullPipe pipe;
  options_.out_fd = options_.err_fd = pipe.fd();
  Terminal terminal(options_, clock_);
  terminal.write_behind();
  terminal.pass(false, "never read");
  terminal.insist("nor this");
  terminal.catch_up([] { return true; });
  terminal.insist("nor that");
}

TEST_F(TerminalTest, WritingBehindLosesNothingThatIsRead) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  Fd reader(ends[0]), writer(ends[1]);
  options_.out_fd = options_.err_fd = writer.get();
  Terminal terminal(options_, clock_);
  terminal.write_behind();
  std::string expected;
  for (int i = 0; i < 1'000; ++i) {
    const std::string line = std::to_string(i) + std::string(1'000, 'x') + "\n";
    terminal.pass(i % 2 == 0, line);
    expected += line;
  }
  std::string got;
  std::thread slow([&] {
    char buffer[10'000];
    while (got.size() < expected.size()) {
      ssize_t n = ::read(reader.get(), buffer, sizeof buffer);
      if (n <= 0) return;
      got.append(buffer, static_cast<size_t>(n));
    }
  });
  terminal.catch_up([] { return false; });
  slow.join();
  EXPECT_TRUE(got == expected);
  EXPECT_FALSE(terminal.lost_output());
}

TEST_F(TerminalTest, WritingBehindTellsWhenAStreamFails) {
  Fd full = open_file("/dev/full", O_WRONLY).value();
  options_.out_fd = full.get();
  Terminal terminal(options_, clock_);
  terminal.write_behind();
  terminal.pass(false, "x");
  terminal.catch_up([] { return false; });
  ASSERT_TRUE(terminal.lost_output());
  EXPECT_EQ(terminal.lost_output()->code, Code::no_space);
  EXPECT_FALSE(terminal.pass(false, "y"));
}

TEST(ShownLines, SetsInAHintAndShowsControlCharacters) {
  EXPECT_EQ(shown_lines("it broke\n  mend it"), "it broke\n  mend it");
  EXPECT_EQ(shown_lines("a\x1b[2J\nbaton: forged"), "a\\x1b[2J\n  baton: forged");
}

TEST_F(TerminalTest, TellsWhenAStreamIsClosed) {
  Fd nowhere = open_file("/dev/full", O_WRONLY).value();
  options_.out_fd = nowhere.get();
  Terminal terminal(options_, clock_);
  EXPECT_FALSE(terminal.pass(false, "x"));
  EXPECT_FALSE(terminal.pass(false, "x"));
  EXPECT_TRUE(terminal.pass(true, "y"));
}

TEST_F(TerminalTest, DrawsABarWhenSomethingTakesLong) {
  options_.err_is_terminal = true;
  Terminal terminal(options_, clock_);
  TerminalProgress progress(terminal);
  progress.update("commit", 1 << 20, 4 << 20, "bytes");
  EXPECT_EQ(err(), "");
  clock_.advance(600);
  progress.update("commit", 2 << 20, 4 << 20, "bytes");
  EXPECT_NE(err().find("[==========          ] 2.0 MiB of 4.0 MiB"), std::string::npos) << err();
  size_t drawn = err().size();
  progress.update("commit", 3 << 20, 4 << 20, "bytes");
  EXPECT_EQ(err().size(), drawn);  // at most ten times a second
  terminal.pass(true, "output\n");
  EXPECT_NE(err().find("\r\x1b[Koutput\n"), std::string::npos) << err();
  progress.finish("done \x1b[31m");
  EXPECT_NE(err().find("baton: done \\x1b[31m\n"), std::string::npos) << err();
}

TEST_F(TerminalTest, DrawsNoBarInAPipeNorInTheMiddleOfALine) {
  Terminal pipe(options_, clock_);
  TerminalProgress hidden(pipe);
  hidden.update("image", 0, 0, "");
  clock_.advance(10'000);
  hidden.detail("unpacking");
  hidden.finish("made");
  EXPECT_EQ(err(), "");
  options_.err_is_terminal = true;
  Terminal terminal(options_, clock_);
  terminal.pass(true, "half a line");
  terminal.bar("bar");
  EXPECT_EQ(err(), "half a line");
}

TEST_F(TerminalTest, ABlockFitsTheTerminalAsItIsNow) {
  TerminalSize size{20, 4};
  options_.err_is_terminal = true;
  options_.size = [&] { return size; };
  Terminal terminal(options_, clock_);
  terminal.block({"a line that is too long for it", "b", "c", "d"});
  EXPECT_EQ(err(), "a line that is too \nb\nc\n");
  size.width = 10;  // the first line takes two rows now
  terminal.block({"x"});
  EXPECT_EQ(err(), "a line that is too \nb\nc\n\x1b[4A\x1b[Jx\n");
  terminal.say("said");
  EXPECT_TRUE(err().ends_with("\x1b[1A\x1b[Jbaton: said\n")) << err();
}

TEST_F(TerminalTest, NothingIsDrawnWhereTheCursorCannotMove) {
  options_.err_is_terminal = true;
  options_.moves = false;
  Terminal terminal(options_, clock_);
  terminal.block({"a"});
  terminal.bar("b");
  EXPECT_EQ(err(), "");
}

TEST_F(TerminalTest, ColoursOnlyWhereAllowed) {
  options_.colours = true;
  options_.err_is_terminal = true;
  Terminal terminal(options_, clock_);
  EXPECT_EQ(terminal.paint(Colour::red, "x"), "x");
  EXPECT_EQ(terminal.paint(Colour::red, "x", true), "\x1b[31mx\x1b[0m");
}

}  // namespace
}  // namespace baton
