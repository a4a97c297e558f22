#include "control/scaffold.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>

#include "base/text.h"
#include "model/spec.h"
#include "os/files.h"

namespace baton {
namespace {

ScaffoldFacts facts_of(const std::vector<std::pair<std::string, std::string>>& contents,
                       const std::string& directory = "project") {
  ScaffoldFacts facts;
  facts.directory = directory;
  facts.contents = contents;
  for (const auto& [path, text] : contents) {
    size_t slash = path.find('/');
    if (slash == std::string::npos)
      facts.files.push_back(path);
    else
      facts.directories.push_back(path.substr(0, slash));
  }
  return facts;
}

Spec spec_of(const ScaffoldFacts& facts) {
  auto text = scaffold_spec(facts);
  EXPECT_TRUE(text.ok());
  if (!text.ok()) return {};
  auto spec = parse_spec(*text, "baton.yaml", {});
  EXPECT_TRUE(spec.ok()) << spec.error().text() << "\n" << *text;
  return spec.ok() ? *spec : Spec();
}

using Packages = std::vector<std::string>;

TEST(Scaffold, PythonImportsBecomeDebianPackages) {
  Spec spec =
      spec_of(facts_of({{"train.py",
                         "import os, sys\nimport numpy as np\nimport torch.nn as nn\n"
                         "from torchvision import datasets\nfrom model import Net\n"
                         "from . import helper\nimport baton\n    import cv2\n# import pandas\n"
                         "if x: pass\nimport yaml; import unlisted\n"},
                        {"model.py", "from sklearn.svm import SVC\nimport PIL.Image\n"},
                        {"util/io.py", "import h5py\nimport util\n"}},
                       "Fashion CNN"));
  EXPECT_EQ(spec.name, "fashion-cnn");
  EXPECT_EQ(spec.image.suite, "trixie");
  EXPECT_EQ(spec.image.packages,
            (Packages{"python3-h5py", "python3-numpy", "python3-opencv", "python3-pil",
                      "python3-sklearn", "python3-torch", "python3-torchvision", "python3-yaml"}));
  EXPECT_EQ(spec.command, "python3 train.py");
  EXPECT_EQ(spec.code, ".");
}

TEST(Scaffold, NamesWhatDebianDoesNotHave) {
  auto facts =
      facts_of({{"main.py", "import wandb\nimport transformers\nimport torch\nx = torch.cuda\n"},
                {"requirements.txt",
                 "# comment\ntorch>=2\nscikit-learn==1.0\nPyYAML\n-r other.txt\nmy_lib~=1\n"}});
  auto text = scaffold_spec(facts);
  ASSERT_TRUE(text.ok());
  EXPECT_NE(text->find("the program would miss them: my_lib, transformers, wandb\n"),
            std::string::npos)
      << *text;
  EXPECT_NE(text->find("computes on the CPU"), std::string::npos);
  EXPECT_EQ(spec_of(facts).image.packages,
            (Packages{"python3-sklearn", "python3-torch", "python3-yaml"}));
}

TEST(Scaffold, PythonWithoutImportsStillNeedsPython) {
  EXPECT_EQ(spec_of(facts_of({{"main.py", "print(1)\n"}})).image.packages, (Packages{"python3"}));
}

TEST(Scaffold, NumericOptionsBecomeParameters) {
  Spec spec =
      spec_of(facts_of({{"train.py",
                         "p.add_argument('--lr', type=float, default=1e-3, help='rate')\n"
                         "p.add_argument(\n    \"--batch-size\", \"-b\",\n    default=64,\n)\n"
                         "p.add_argument('--name', default='x')\n"
                         "p.add_argument('--out')\n"
                         "p.add_argument('file', default=3)\n"
                         "p.add_argument('--lr', default=5)\n"
                         "p.add_argument('--n', default=N)\n"}}));
  ASSERT_EQ(spec.params.size(), 2u);
  EXPECT_EQ(*substitute(spec.command, spec.params, true),
            "python3 train.py --lr 1e-3 --batch-size 64");
}

TEST(Scaffold, ChoosesTheProgram) {
  auto command = [](const std::vector<std::pair<std::string, std::string>>& files) {
    return spec_of(facts_of(files)).command;
  };
  EXPECT_EQ(command({{"model.py", ""}, {"main.py", ""}, {"train.py", ""}}), "python3 train.py");
  EXPECT_EQ(command({{"a.py", ""}, {"b.py", "if __name__ == '__main__':\n"}}), "python3 b.py");
  EXPECT_EQ(command({{"only.py", ""}, {"setup.py", ""}, {"test_only.py", ""}}), "python3 only.py");
  EXPECT_EQ(command({{"fit.R", ""}}), "Rscript fit.R");
  EXPECT_EQ(command({{"train.m", ""}, {"cost.m", ""}}), "octave-cli train.m");
  EXPECT_EQ(command({{"run.sh", "#!/usr/bin/env bash\n"}}), "bash run.sh");
  EXPECT_EQ(command({{"run.sh", "#!/bin/sh\n"}}), "sh run.sh");
  EXPECT_NE(command({{"notes.txt", ""}}).find("say in baton.yaml what to run"), std::string::npos);
}

TEST(Scaffold, OctaveAndR) {
  EXPECT_EQ(
      spec_of(facts_of({{"train.m",
                         "pkg load statistics;\n  pkg load linear-algebra\npkg load nonsense\n"}}))
          .image.packages,
      (Packages{"octave", "octave-linear-algebra", "octave-statistics"}));
  EXPECT_EQ(
      spec_of(
          facts_of(
              {{"train.R",
                "library(data.table)\nlibrary(\"randomForest\")\nrequire(stats)\nlibrary(own)\n"}}))
          .image.packages,
      (Packages{"r-base-core", "r-cran-data.table", "r-cran-randomforest"}));
}

TEST(Scaffold, MountsADataDirectory) {
  auto facts = facts_of({{"train.py", ""}});
  EXPECT_TRUE(spec_of(facts).data.empty());
  facts.directories = {"data", "src"};
  EXPECT_EQ(spec_of(facts).data, (std::vector<DataMount>{{"/data", "./data"}}));
}

TEST(Scaffold, LeavesASpecAlone) {
  EXPECT_TRUE(scaffold_spec(facts_of({{"train.py", ""}, {"baton.yaml", ""}})).is(Code::exists));
}

TEST(Scaffold, SurvivesAnyNames) {
  for (const char* name : {"my file.py", "it's.py", "-rf.py", "$(id).py", "${lr}.py", "a: b.py",
                           "#x.py", "{x}.py", "é.py", "\"q\".py", "new\nline.py", " .py", "a  b.py",
                           "null.py", "$$.py", "\\.py", "%a.py"}) {
    auto facts = facts_of({{name, "p.add_argument('--lr', default=1)\n"}}, name);
    Spec spec = spec_of(facts);
    std::string file = std::string(name[0] == '-' ? "./" : "") + name;
    EXPECT_EQ(*substitute(spec.command, spec.params, true),
              "python3 " + shell_quote(file) + " --lr 1");
  }
}

TEST(Scaffold, SurvivesAnyContents) {
  const char* pieces[] = {
      "import ",  "from ", "add_argument(", "'--", "\"", "default=", "1e5", ",", "\n", "pkg load ",
      "library(", "torch", "\xff",          ".",   "a",  "--",       ")",   ";", " ",  "#",
      "="};
  const char* names[] = {"train.py", "main.m", "main.R", "requirements.txt", "src/x.py"};
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    std::mt19937 random(seed);
    std::string text;
    for (uint32_t i = random() % 60; i > 0; --i) text += pieces[random() % 21];
    Spec spec = spec_of(facts_of({{names[random() % 5], text}}));
    ASSERT_FALSE(spec.command.empty()) << "seed " << seed << "\n" << text;
  }
}

TEST(LookAt, ReadsWhatMatters) {
  auto dir = TempDir::create("scaffold");
  ASSERT_TRUE(dir.ok());
  std::string root = dir->path() + "/My Job";
  ASSERT_TRUE(make_dirs(root + "/src").ok());
  auto put = [&](const std::string& name, const std::string& text) {
    ASSERT_TRUE(replace_file(root + "/" + name, text, false).ok());
  };
  put("train.py", "import torch\n" + std::string(200'000, '#'));
  put("src/model.py", "import numpy\n");
  put("weights.bin", "x");
  put("bad\xff.py", "import scipy\n");
  ASSERT_EQ(mkfifo((root + "/pipe.py").c_str(), 0600), 0);
  ASSERT_EQ(symlink("/", (root + "/loop").c_str()), 0);
  ASSERT_EQ(symlink("missing", (root + "/dangling.py").c_str()), 0);
  auto facts = look_at(root);
  ASSERT_TRUE(facts.ok()) << facts.error().text();
  EXPECT_EQ(facts->directory, "My Job");
  EXPECT_EQ(facts->files, (std::vector<std::string>{"train.py", "weights.bin"}));
  EXPECT_EQ(facts->directories, (std::vector<std::string>{"src"}));
  ASSERT_EQ(facts->contents.size(), 2u);
  EXPECT_EQ(facts->contents[0].second.size(), 64u << 10);
  Spec spec = spec_of(*facts);
  EXPECT_EQ(spec.name, "my-job");
  EXPECT_EQ(spec.image.packages, (Packages{"python3-numpy", "python3-torch"}));
  EXPECT_FALSE(look_at(root + "/missing").ok());
}

}  // namespace
}  // namespace baton
