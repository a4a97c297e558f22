#include "model/commit.h"

#include <gmock/gmock.h>

#include <random>

#include "base/json.h"

namespace baton {
namespace {

using testing::HasSubstr;

Manifest sample() {
  Manifest m;
  m.job = "261122-013422-k3f9q2";
  m.seq = 12;
  m.attempt = 3;
  m.at_ms = 1'700'000'000'123;
  m.metrics_bytes = 77;
  m.seed = 0xfedcba9876543210;
  m.blobs = {{std::string(64, 'a'), 1, 100, 100, false, {1, 2}},
             {std::string(64, 'b'), 3, 5000, 400, true, {UINT64_MAX, 0}}};
  Tree tree;
  tree.root = "checkpoint";
  tree.entries.push_back({TreeEntry::Kind::directory, "dir", 0755, 5, 0, "", {}});
  tree.entries.push_back({TreeEntry::Kind::symlink, "dir/link", 0777, -7, 0, "../\xff\"x", {}});
  tree.entries.push_back({TreeEntry::Kind::file,
                          "dir/\xfe\n.bin",
                          0640,
                          9,
                          5103 + (1ull << 40),
                          "",
                          {{1, 0, 5000}, {Piece::kHole, 0, 1ull << 40}, {0, 97, 3}, {0, 0, 100}}});
  tree.entries.push_back({TreeEntry::Kind::file, "größe", 0, 0, 0, "", {}});
  m.trees = {tree, {"results", {}}};
  return m;
}

TEST(Manifest, ComesBackAsItWasWritten) {
  std::string text = encode_manifest(sample());
  auto back = decode_manifest(text, "commit");
  ASSERT_TRUE(back.ok()) << back.error().text();
  EXPECT_EQ(encode_manifest(*back), text);
  const TreeEntry& file = back->trees[0].entries[2];
  EXPECT_EQ(file.path, "dir/\xfe\n.bin");
  EXPECT_EQ(back->trees[0].entries[1].target, "../\xff\"x");
  EXPECT_EQ(back->trees[0].entries[1].mtime_ns, -7);
  EXPECT_EQ(file.pieces[1].blob, Piece::kHole);
  EXPECT_EQ(back->blobs[1].sum, (Fingerprint{UINT64_MAX, 0}));
  EXPECT_EQ(manifest_bytes(*back), 5103 + (1ull << 40));
}

TEST(Manifest, NamesSortBySequence) {
  EXPECT_EQ(commit_name(12, 3), "00000012-3");
  EXPECT_LT(commit_name(99, 10), commit_name(100, 2));
}

TEST(Manifest, OfALaterFormatAsksForANewerBaton) {
  std::string text = encode_manifest(sample());
  text.replace(text.find("\"format\":1"), 10, "\"format\":9");
  EXPECT_TRUE(decode_manifest(text, "commit").is(Code::too_new));
}

// Each case changes one thing in a good manifest and must be refused for that reason.
struct Hostile {
  const char* name;
  void (*change)(Json&);
  const char* why;
};

Json& entry(Json& m, int i) { return m["trees"][0]["entries"][i]; }

const Hostile kHostile[] = {
    {"parent", [](Json& m) { entry(m, 0)["path"] = ".."; }, "not allowed"},
    {"climbing", [](Json& m) { entry(m, 1)["path"] = "dir/../../etc"; }, "not allowed"},
    {"absolute", [](Json& m) { entry(m, 0)["path"] = "/etc"; }, "not allowed"},
    {"dot", [](Json& m) { entry(m, 1)["path"] = "dir/./x"; }, "not allowed"},
    {"trailing_slash", [](Json& m) { entry(m, 0)["path"] = "dir/"; }, "not allowed"},
    {"empty_path", [](Json& m) { entry(m, 0)["path"] = ""; }, "not allowed"},
    {"nul", [](Json& m) { entry(m, 0)["path"] = std::string("a\0b", 3); }, "not allowed"},
    {"long_part", [](Json& m) { entry(m, 0)["path"] = std::string(256, 'x'); }, "not allowed"},
    {"hex_path_climbs", [](Json& m) { entry(m, 1)["path_hex"] = "2e2e2f78"; }, "not allowed"},
    {"hex_is_not_hex", [](Json& m) { entry(m, 1)["path_hex"] = "2x"; }, "hexadecimal"},
    {"hex_is_number", [](Json& m) { entry(m, 1)["path_hex"] = 7; }, "not allowed"},
    {"path_is_number", [](Json& m) { entry(m, 0)["path"] = 3; }, "not text"},
    {"duplicate", [](Json& m) { entry(m, 3)["path"] = "dir/link"; }, "out of order"},
    {"unsorted", [](Json& m) { entry(m, 3)["path"] = "a"; }, "out of order"},
    {"orphan", [](Json& m) { entry(m, 3)["path"] = "no/where"; }, "no directory"},
    {"below_symlink",
     [](Json& m) { entry(m, 2).erase("path_hex"), entry(m, 2)["path"] = "dir/link/x"; },
     "no directory"},
    {"below_file",
     [](Json& m) {
       entry(m, 0)["kind"] = "file", entry(m, 0)["size"] = 0, entry(m, 0)["pieces"] = Json::array();
     },
     "no directory"},
    {"kind", [](Json& m) { entry(m, 0)["kind"] = "device"; }, "neither"},
    {"set_uid", [](Json& m) { entry(m, 3)["mode"] = "4755"; }, "mode"},
    {"mode_text", [](Json& m) { entry(m, 3)["mode"] = "07x5"; }, "mode"},
    {"mtime", [](Json& m) { entry(m, 3)["mtime_ns"] = UINT64_MAX; }, "mtime_ns"},
    {"target_nul", [](Json& m) { entry(m, 1)["target_hex"] = "00"; }, "target"},
    {"target_empty", [](Json& m) { entry(m, 1)["target_hex"] = ""; }, "target"},
    {"size_more", [](Json& m) { entry(m, 3)["size"] = 1; }, "less"},
    {"size_less", [](Json& m) { entry(m, 2)["size"] = 5; }, "more"},
    {"size_negative", [](Json& m) { entry(m, 3)["size"] = -1; }, "size"},
    {"size_overflow", [](Json& m) { entry(m, 3)["size"] = 1ull << 63; }, "size"},
    {"size_fraction", [](Json& m) { entry(m, 3)["size"] = 0.5; }, "size"},
    {"sum_overflow",
     [](Json& m) {
       entry(m, 3)["size"] = INT64_MAX, entry(m, 3)["pieces"] = {{-1, 0, INT64_MAX}};
     },
     "any disk"},
    {"piece_blob", [](Json& m) { entry(m, 2)["pieces"][0][0] = 2; }, "blob"},
    {"piece_negative", [](Json& m) { entry(m, 2)["pieces"][0][0] = -2; }, "hole"},
    {"piece_beyond",
     [](Json& m) {
       entry(m, 2)["pieces"][2] = {0, 99, 2};
     },
     "piece"},
    {"piece_wraps",
     [](Json& m) {
       entry(m, 2)["pieces"][2] = {0, UINT64_MAX, 3};
     },
     "piece"},
    {"piece_empty", [](Json& m) { entry(m, 2)["pieces"][2][2] = 0; }, "piece"},
    {"piece_shape", [](Json& m) { entry(m, 2)["pieces"][2] = Json::object(); }, "piece"},
    {"hole_offset", [](Json& m) { entry(m, 2)["pieces"][1][1] = 1; }, "piece"},
    {"hash", [](Json& m) { m["blobs"][0][0] = std::string(64, 'A'); }, "SHA-256"},
    {"hash_path", [](Json& m) { m["blobs"][0][0] = "../../../../etc/passwd"; }, "SHA-256"},
    {"blob_twice", [](Json& m) { m["blobs"][1][0] = m["blobs"][0][0]; }, "twice"},
    {"blob_attempt", [](Json& m) { m["blobs"][0][1] = 4; }, "attempt"},
    {"blob_attempt_zero", [](Json& m) { m["blobs"][0][1] = 0; }, "attempt"},
    {"blob_huge", [](Json& m) { m["blobs"][1][2] = 1ull << 32; }, "size"},
    {"blob_empty", [](Json& m) { m["blobs"][0][2] = 0; }, "size"},
    {"blob_raw_stored", [](Json& m) { m["blobs"][0][3] = 99; }, "encoding"},
    {"blob_zstd_grows", [](Json& m) { m["blobs"][1][3] = 5000; }, "encoding"},
    {"blob_encoding", [](Json& m) { m["blobs"][0][4] = "gzip"; }, "raw nor zstd"},
    {"blob_sum", [](Json& m) { m["blobs"][0][5] = "12"; }, "sum"},
    {"blob_shape", [](Json& m) { m["blobs"][0] = "x"; }, "six"},
    {"root", [](Json& m) { m["trees"][0]["root"] = "../x"; }, "root"},
    {"root_twice", [](Json& m) { m["trees"][1]["root"] = "checkpoint"; }, "twice"},
    {"trees", [](Json& m) { m["trees"] = 1; }, "list"},
    {"entries", [](Json& m) { m["trees"][0].erase("entries"); }, "missing"},
    {"job", [](Json& m) { m["job"] = "../x"; }, "job"},
    {"seq", [](Json& m) { m["seq"] = 0; }, "seq"},
    {"attempt", [](Json& m) { m["attempt"] = 1ull << 31; }, "attempt"},
    {"seed", [](Json& m) { m["seed"] = "xyz"; }, "seed"},
    {"format", [](Json& m) { m["format"] = 0; }, "format"},
};

TEST(Manifest, HostileOnesAreRefusedForTheRightReason) {
  const Json good = *parse_json(encode_manifest(sample()), "sample");
  for (const Hostile& hostile : kHostile) {
    Json bad = good;
    hostile.change(bad);
    auto result = decode_manifest(dump_json(bad), "commit 12");
    ASSERT_TRUE(result.is(Code::corrupt)) << hostile.name;
    EXPECT_THAT(result.error().message, HasSubstr(hostile.why)) << hostile.name;
    EXPECT_THAT(result.error().message, HasSubstr("commit 12")) << hostile.name;
  }
}

TEST(Manifest, AnyDamageIsRefusedOrGivesAValidManifest) {
  const std::string good = encode_manifest(sample());
  std::mt19937 random(7);
  for (int i = 0; i < 3000; ++i) {
    std::string bad = good;
    for (unsigned k = 0; k <= random() % 3; ++k)
      bad[random() % bad.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bad.resize(random() % bad.size());
    auto result = decode_manifest(bad, "commit");
    if (!result.ok()) continue;
    std::string again = encode_manifest(*result);
    auto twice = decode_manifest(again, "commit");
    ASSERT_TRUE(twice.ok()) << twice.error().text() << "\n" << again;
    EXPECT_EQ(encode_manifest(*twice), again);
  }
}

TEST(TreePath, Rules) {
  EXPECT_TRUE(valid_tree_path("a"));
  EXPECT_TRUE(valid_tree_path("..."));
  EXPECT_TRUE(valid_tree_path("a/b c/\xff"));
  EXPECT_FALSE(valid_tree_path("a//b"));
  EXPECT_FALSE(valid_tree_path("a/"));
  EXPECT_FALSE(valid_tree_path(std::string(4096, 'a')));
  std::string deep = "d";
  for (int i = 1; i < 200; ++i) deep += "/d";
  EXPECT_TRUE(valid_tree_path(deep));
  EXPECT_FALSE(valid_tree_path(deep + "/d"));
}

}  // namespace
}  // namespace baton
