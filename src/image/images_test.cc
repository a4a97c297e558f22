// Images of Debian packages, with real apt on a tiny archive and a stand-in for mmdebstrap.
#include "image/image.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <future>

#include "image/fake_images.h"
#include "image/oldest_files.h"
#include "image/tiny_archive.h"

namespace baton {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class ImagesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!find_program("apt-get") || !find_program("dpkg-deb"))
      GTEST_SKIP() << "apt and dpkg-deb are not installed here";
    auto dir = TempDir::create("tiny");
    ASSERT_TRUE(dir.ok());
    dir_.emplace(std::move(dir).value());
    archive_.emplace(dir_->path());
    archive_->add("base", "1.0", "Essential: yes\n");
    archive_->add("tool", "1:2.0-1", "Depends: tool-lib (>= 1)\nRecommends: extra\n");
    archive_->add("tool-lib", "1.5");
    archive_->add("extra", "9");
    archive_->add("python3-torch", "2.6.0");
    archive_->add("mailer-a", "1", "Provides: mailer\n");
    archive_->add("mailer-b", "1", "Provides: mailer\nConflicts: mailer-a\n");
    archive_->publish();
    images_ = make_images(archive_->options());
  }

  Result<Image> ensure(std::vector<std::string> packages, const std::string& suite = "tiny") {
    return images_->ensure({ImageSpec::Form::debian, suite, std::move(packages)}, progress_);
  }
  Error error_of(std::vector<std::string> packages) {
    auto image = ensure(std::move(packages));
    return image.ok() ? Error{Code::permanent, "no error", ""} : image.error();
  }
  // Nothing half-made is left, whatever went wrong.
  void expect_tidy() {
    auto left = list_dir(archive_->home() + "/images/.building");
    EXPECT_TRUE(!left.ok() || left->empty()) << testing::PrintToString(*left);
  }

  std::optional<TempDir> dir_;
  std::optional<TinyArchive> archive_;
  std::unique_ptr<Images> images_;
  RecordedProgress progress_;
};

TEST_F(ImagesTest, InstallsWhatIsNeededAndRecordsEveryVersion) {
  auto image = ensure({"tool"});
  ASSERT_TRUE(image.ok()) << image.error().text();
  EXPECT_EQ(dump_json(image->record["packages"]),
            R"({"base":"1.0","tool":"1:2.0-1","tool-lib":"1.5"})");
  EXPECT_EQ(dump_json(image->record["requested"]), R"(["tool"])");
  EXPECT_EQ(get_string(image->record, "suite"), "tiny");
  EXPECT_EQ(*read_file(image->layers.at(0) + "/usr/share/tool"), "1:2.0-1");
  EXPECT_FALSE(image->host);
  EXPECT_THAT(progress_.text(), AllOf(HasSubstr("fetching the package lists of Debian tiny"),
                                      HasSubstr("downloading 3 packages"),
                                      HasSubstr("installing packages 3/3 packages"),
                                      HasSubstr("image " + image->id.substr(0, 12) + " made")));
  expect_tidy();
}

TEST_F(ImagesTest, TheSecondTimeNothingIsRun) {
  auto first = ensure({"tool"});
  ASSERT_TRUE(first.ok()) << first.error().text();
  for (const char* name : {"apt-get", "apt-cache", "apt-config", "mmdebstrap", "unshare"})
    archive_->script(name, "exit 99\n");
  ASSERT_TRUE(remove_tree(archive_->mirror()).ok());
  auto second = ensure({"tool"});
  ASSERT_TRUE(second.ok()) << second.error().text();
  EXPECT_EQ(second->id, first->id);
  EXPECT_EQ(dump_json(second->record), dump_json(first->record));
  auto recorded = images_->from_record(first->record, progress_);
  ASSERT_TRUE(recorded.ok());
  EXPECT_EQ(recorded->layers, first->layers);
  EXPECT_EQ(archive_->runs(), 1u);
}

TEST_F(ImagesTest, AKeptRequestDoesNotChangeWhenDebianDoes) {
  auto first = ensure({"tool"});
  ASSERT_TRUE(first.ok()) << first.error().text();
  archive_->add("tool", "1:3.0");
  archive_->publish();
  EXPECT_EQ(ensure({"tool"})->id, first->id);
  ASSERT_TRUE(images_->remove(first->id).ok());
  auto newer = ensure({"tool"});
  ASSERT_TRUE(newer.ok()) << newer.error().text();
  EXPECT_EQ(get_string(newer->record["packages"], "tool"), "1:3.0");
}

TEST_F(ImagesTest, AVersionCanBeAskedFor) {
  archive_->add("tool", "1:3.0");
  archive_->publish();
  auto image = ensure({"tool=1:2.0-1"});
  ASSERT_TRUE(image.ok()) << image.error().text();
  EXPECT_EQ(*read_file(image->layers.at(0) + "/usr/share/tool"), "1:2.0-1");
}

TEST_F(ImagesTest, WhatWasAskedForIsPartOfTheRecord) {
  auto one = ensure({"tool"});
  auto two = ensure({"tool", "tool-lib"});
  ASSERT_TRUE(one.ok() && two.ok());
  EXPECT_EQ(dump_json(one->record["packages"]), dump_json(two->record["packages"]));
  EXPECT_NE(one->id, two->id);
  EXPECT_EQ(ensure({"tool"})->id, one->id);
}

TEST_F(ImagesTest, AMissingPackageIsNamedWithWhatMayBeMeant) {
  Error error = error_of({"python3-troch"});
  EXPECT_EQ(error.code, Code::invalid);
  EXPECT_EQ(error.message,
            "image.packages: there is no package \"python3-troch\" in Debian tiny; did you mean "
            "\"python3-torch\"?");
  EXPECT_THAT(error_of({"torch"}).message, HasSubstr("did you mean \"python3-torch\"?"));
  EXPECT_THAT(error_of({"qqqqqqqqqqqq"}).message, Not(HasSubstr("did you mean")));
  EXPECT_EQ(archive_->runs(), 0u);
  EXPECT_THAT(*images_->list(), IsEmpty());
}

TEST_F(ImagesTest, WordsThatAptWouldTakeForSomethingElseAreNoPackages) {
  for (const char* word : {"tool-", "tool+", "--simulate", "?essential", "^tool$", "tool/tiny",
                           "to*", "-oDir=/", "", "tool:amd64", "task^", "TOOL"}) {
    Error error = error_of({word});
    EXPECT_EQ(error.code, Code::invalid) << word;
    EXPECT_THAT(error.message, HasSubstr("there is no package")) << word;
  }
}

TEST_F(ImagesTest, AVirtualPackageGivesTheChoice) {
  Error error = error_of({"mailer"});
  EXPECT_EQ(error.code, Code::invalid);
  EXPECT_THAT(error.message, HasSubstr("virtual package"));
  EXPECT_THAT(error.hint, HasSubstr("mailer-a, mailer-b"));
}

TEST_F(ImagesTest, AMissingVersionIsNamedWithTheOnesThereAre) {
  Error error = error_of({"tool=7"});
  EXPECT_EQ(error.code, Code::invalid);
  EXPECT_THAT(error.message, AllOf(HasSubstr("version 7 of tool"), HasSubstr("1:2.0-1")));
}

TEST_F(ImagesTest, PackagesThatExcludeEachOtherAreRefused) {
  Error error = error_of({"mailer-a", "mailer-b"});
  EXPECT_EQ(error.code, Code::invalid);
  EXPECT_THAT(error.message, HasSubstr("cannot be installed together"));
  EXPECT_THAT(error.hint, HasSubstr("mailer-b"));
}

TEST_F(ImagesTest, AMissingSuiteIsRefused) {
  auto image = ensure({}, "bookwurm");
  ASSERT_TRUE(image.is(Code::invalid)) << (image.ok() ? "made" : image.error().text());
  EXPECT_THAT(image.error().message,
              HasSubstr("no suite \"bookwurm\"; did you mean \"bookworm\"?"));
  EXPECT_TRUE(ensure({}, "../etc").is(Code::invalid));
}

TEST_F(ImagesTest, WithoutANetworkEarlierListsAndPackagesAreUsed) {
  std::string offline =
      "case \"$*\" in *update*) echo \"E: Failed to fetch http://m/debian  Could not resolve "
      "'m'\"; exit 100;; esac\n"
      "exec " +
      *find_program("apt-get") + " \"$@\"\n";
  auto first = ensure({"tool"});
  ASSERT_TRUE(first.ok()) << first.error().text();
  ASSERT_TRUE(images_->remove(first->id).ok());
  archive_->script("apt-get", offline);
  auto second = ensure({"tool"});
  ASSERT_TRUE(second.ok()) << second.error().text();
  EXPECT_EQ(second->id, first->id);
  EXPECT_THAT(progress_.text(), HasSubstr("could not be refreshed"));

  ASSERT_TRUE(images_->remove(first->id).ok());
  ASSERT_TRUE(remove_tree(archive_->home() + "/cache/apt").ok());
  Error error = error_of({"tool"});
  EXPECT_EQ(error.code, Code::transient);
  EXPECT_THAT(error.message, HasSubstr("could not be looked up"));
  EXPECT_THAT(error.hint, HasSubstr("check the network"));
}

TEST_F(ImagesTest, ARecordIsMadeAgainFromKeptPackages) {
  auto first = ensure({"tool"});
  ASSERT_TRUE(first.ok()) << first.error().text();
  archive_->drop_all();
  archive_->add("base", "2.0", "Essential: yes\n");
  archive_->add("tool", "1:3.0");
  archive_->publish();
  ASSERT_TRUE(ensure({"base"}).ok());  // the lists no longer know the old versions
  ASSERT_TRUE(images_->remove(first->id).ok());
  ASSERT_TRUE(remove_tree(archive_->mirror()).ok());
  auto again = images_->from_record(first->record, progress_);
  ASSERT_TRUE(again.ok()) << again.error().text();
  EXPECT_EQ(again->id, first->id);
  EXPECT_EQ(*read_file(again->layers.at(0) + "/usr/share/tool"), "1:2.0-1");
  EXPECT_EQ(archive_->runs(), 3u);
}

TEST_F(ImagesTest, ARecordIsMadeOnAnotherMachineFromTheMirror) {
  auto first = ensure({"tool"});
  ASSERT_TRUE(first.ok()) << first.error().text();
  archive_->add("tool", "1:3.0");
  archive_->publish();
  ImagesOptions other = archive_->options();
  other.home = dir_->path() + "/other";
  auto again = make_images(other)->from_record(first->record, progress_);
  ASSERT_TRUE(again.ok()) << again.error().text();
  EXPECT_EQ(again->id, first->id);
  EXPECT_EQ(*read_file(again->layers.at(0) + "/usr/share/tool"), "1:2.0-1");
}

TEST_F(ImagesTest, ARecordedVersionThatIsGoneIsNamed) {
  auto first = ensure({"tool"});
  ASSERT_TRUE(first.ok()) << first.error().text();
  ASSERT_TRUE(images_->remove(first->id).ok());
  ASSERT_TRUE(remove_tree(archive_->home() + "/cache/debs").ok());
  archive_->drop_all();
  archive_->add("base", "1.0", "Essential: yes\n");
  archive_->add("tool", "1:3.0");
  archive_->publish();
  auto again = images_->from_record(first->record, progress_);
  ASSERT_TRUE(again.is(Code::not_found));
  EXPECT_THAT(again.error().message,
              AllOf(HasSubstr("tool 1:2.0-1"), HasSubstr("which has 1:3.0")));
  EXPECT_THAT(again.error().hint, HasSubstr("snapshot"));
}

TEST_F(ImagesTest, ADamagedDownloadIsFetchedAgain) {
  auto first = ensure({"tool"});
  ASSERT_TRUE(first.ok()) << first.error().text();
  ASSERT_TRUE(images_->remove(first->id).ok());
  std::string deb = archive_->home() + "/cache/debs/tool_1%3a2.0-1_all.deb";
  std::string bytes = *read_file(deb);
  bytes[bytes.size() / 2] ^= 1;
  ASSERT_TRUE(replace_file(deb, bytes, false).ok());
  auto again = images_->from_record(first->record, progress_);
  ASSERT_TRUE(again.ok()) << again.error().text();
  EXPECT_THAT(progress_.text(), HasSubstr("downloading 1 packages"));
}

struct Failure {
  const char* what;
  const char* body;
  Code code;
  const char* message;
};

class FailingBuildTest : public ImagesTest, public testing::WithParamInterface<Failure> {};

TEST_P(FailingBuildTest, IsExplainedAndLeavesNothing) {
  archive_->mmdebstrap(GetParam().body);
  Error error = error_of({"tool"});
  EXPECT_EQ(code_name(error.code), std::string(code_name(GetParam().code))) << error.text();
  EXPECT_THAT(error.text(), HasSubstr(GetParam().message));
  expect_tidy();
  EXPECT_THAT(*images_->list(), IsEmpty());
  archive_->mmdebstrap(TinyArchive::kInstall);
  EXPECT_TRUE(ensure({"tool"}).ok());
}

INSTANTIATE_TEST_SUITE_P(
    , FailingBuildTest,
    testing::Values(
        Failure{"fails",
                "mkdir $root; echo 'E: the cause'; echo 'E: mmdebstrap failed to run'; exit 1",
                Code::permanent, "E: the cause"},
        Failure{"disk",
                "mkdir $root; echo 'dpkg: error: cannot write: No space left on device'; exit 25",
                Code::no_space, "the disk is full"},
        Failure{"killed", "kill -KILL $$", Code::permanent, "killed by signal 9"},
        Failure{"interrupted", "kill -INT $$", Code::cancelled, "interrupted"},
        Failure{"caught", "echo 'I: main() received signal INT: waiting'; exit 1", Code::cancelled,
                "interrupted"},
        Failure{"nothing", "exit 0", Code::permanent, "without having installed anything"},
        Failure{"partial",
                "mkdir -p $root/var/lib/dpkg; head -n 12 $repository/Packages "
                ">$root/var/lib/dpkg/status",
                Code::permanent, "was not installed completely"}),
    [](const auto& test) { return test.param.what; });

TEST_F(ImagesTest, AFailedBuildNamesItsLog) {
  archive_->mmdebstrap("echo 'a line of the log'; echo 'E: the cause'; exit 1");
  Error error = error_of({"tool"});
  size_t start = error.hint.find(archive_->home());
  ASSERT_NE(start, std::string::npos) << error.text();
  auto log = read_file(error.hint.substr(start));
  ASSERT_TRUE(log.ok()) << error.hint.substr(start);
  EXPECT_THAT(*log, HasSubstr("a line of the log"));
}

TEST_F(ImagesTest, WithoutMmdebstrapItIsToldHowToGetIt) {
  for (const char* tool : {"apt-get", "apt-cache", "apt-config", "dpkg-deb", "sh"}) {
    auto program = find_program(tool);
    ASSERT_TRUE(program) << tool;
    ASSERT_EQ(::symlink(program->c_str(), (archive_->bin() + "/" + tool).c_str()), 0);
  }
  ASSERT_EQ(::unlink((archive_->bin() + "/mmdebstrap").c_str()), 0);
  setenv("PATH", archive_->bin().c_str(), 1);
  Error error = error_of({"tool"});
  EXPECT_EQ(error.code, Code::unsupported);
  EXPECT_THAT(error.hint, HasSubstr("apt-get install mmdebstrap"));
}

TEST_F(ImagesTest, WithoutNamespacesItIsToldWhatToDo) {
  archive_->script("unshare",
                   "echo 'unshare: unshare failed: Operation not permitted' >&2; exit 1\n");
  Error error = error_of({"tool"});
  EXPECT_EQ(error.code, Code::unsupported);
  EXPECT_THAT(error.message, HasSubstr("Operation not permitted"));
}

TEST_F(ImagesTest, TwoAtOnceMakeOneImage) {
  auto make = [&] {
    auto images = make_images(archive_->options());
    NullProgress quiet;
    auto image = images->ensure({ImageSpec::Form::debian, "tiny", {"tool"}}, quiet);
    return image.ok() ? image->id : image.error().text();
  };
  auto one = std::async(std::launch::async, make), two = std::async(std::launch::async, make);
  std::string id = one.get();
  EXPECT_EQ(id, two.get());
  EXPECT_EQ(images_->list()->at(0).id, id);
  EXPECT_EQ(archive_->runs(), 1u);
}

TEST_F(ImagesTest, AKilledBuildIsSweptAwayByTheNext) {
  std::string fifo = dir_->path() + "/started";
  ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
  archive_->mmdebstrap("mkdir -p $root/usr; echo $$ >" + fifo + "; exec sleep 1000");
  pid_t child = fork();
  if (child == 0) {
    NullProgress quiet;
    (void)make_images(archive_->options())
        ->ensure({ImageSpec::Form::debian, "tiny", {"tool"}}, quiet);
    _exit(0);
  }
  auto builder = read_file(fifo);  // returns when mmdebstrap runs
  ASSERT_TRUE(builder.ok());
  auto pid = static_cast<pid_t>(std::stol(*builder));
  ASSERT_TRUE(process_start_time(pid));
  ::kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  ASSERT_EQ(list_dir(archive_->home() + "/images/.building")->size(), 2u);
  while (process_start_time(pid)) ::usleep(1000);  // it dies with the process that asked for it
  archive_->mmdebstrap(TinyArchive::kInstall);
  EXPECT_TRUE(ensure({"extra"}).ok());
  expect_tidy();
}

TEST_F(ImagesTest, TheHostNeedsNothing) {
  auto image = images_->ensure({ImageSpec::Form::host, "", {}}, progress_);
  ASSERT_TRUE(image.ok());
  EXPECT_TRUE(image->host);
  EXPECT_EQ(get_string(image->record, "version"), "99");
  auto again = images_->from_record(image->record, progress_);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->id, image->id);
  EXPECT_FALSE(exists(archive_->home()));
}

TEST_F(ImagesTest, AHostileRecordIsRefused) {
  EXPECT_TRUE(images_->from_record(Json(), progress_).is(Code::invalid));
  EXPECT_TRUE(images_->from_record({{"form", "oci"}}, progress_).is(Code::invalid));
  EXPECT_TRUE(images_->from_record({{"form", "host"}, {"os", 3}}, progress_).is(Code::unsupported));
}

TEST(OldestFiles, AreRemovedFirst) {
  auto dir = TempDir::create("debs");
  ASSERT_TRUE(dir.ok());
  for (int i = 0; i < 4; ++i) {
    std::string path = dir->path() + "/p" + std::to_string(i) + ".deb";
    ASSERT_TRUE(replace_file(path, std::string(1000, 'x'), false).ok());
    timespec times[2] = {{1000 + i, 0}, {1000 + i, 0}};
    ASSERT_EQ(utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
  }
  remove_oldest_files(dir->path(), ".deb", [](uint64_t bytes, size_t) { return bytes > 4000; });
  EXPECT_EQ(list_dir(dir->path())->size(), 4u);
  remove_oldest_files(dir->path(), ".deb", [](uint64_t bytes, size_t) { return bytes > 2500; });
  EXPECT_THAT(*list_dir(dir->path()), ElementsAre("p2.deb", "p3.deb"));
  remove_oldest_files(dir->path(), ".log", [](uint64_t, size_t) { return true; });
  remove_oldest_files(dir->path(), ".deb", [](uint64_t, size_t count) { return count > 1; });
  EXPECT_THAT(*list_dir(dir->path()), ElementsAre("p3.deb"));
  remove_oldest_files(dir->path() + "/absent", "", [](uint64_t, size_t) { return true; });
}

TEST(FakeImages, BehaveLikeImages) {
  FakeImages fake("/layer");
  RecordedProgress progress;
  auto image = fake.ensure({ImageSpec::Form::debian, "trixie", {"tool"}}, progress);
  ASSERT_TRUE(image.ok());
  EXPECT_THAT(image->layers, ElementsAre("/layer"));
  EXPECT_EQ(fake.from_record(image->record, progress)->id, image->id);
  fake.in_use = {image->id};
  EXPECT_TRUE(fake.remove(image->id.substr(0, 5)).is(Code::invalid));
  fake.in_use.clear();
  EXPECT_THAT(*fake.remove_unused({image->id}), IsEmpty());
  EXPECT_TRUE(fake.remove(image->id.substr(0, 5)).ok());
  EXPECT_TRUE(fake.remove(image->id).is(Code::not_found));
  EXPECT_TRUE(fake.ensure({}, progress)->host);
  fake.fail = Error{Code::no_space, "full", ""};
  EXPECT_TRUE(fake.ensure({}, progress).is(Code::no_space));
}

}  // namespace
}  // namespace baton
