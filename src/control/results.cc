#include "control/results.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <map>
#include <set>

#include "base/text.h"
#include "ledger/bucket_delivery.h"
#include "ledger/outward_links.h"
#include "os/files.h"

namespace baton {
namespace {

std::set<std::string> drop_outward_links(Manifest& manifest) {
  for (Tree& tree : manifest.trees) {
    if (tree.root != "results") continue;
    std::map<std::string, std::string> links;
    for (const TreeEntry& entry : tree.entries)
      if (entry.kind == TreeEntry::Kind::symlink) links[entry.path] = entry.target;
    auto outward = outward_links(links);
    std::erase_if(tree.entries,
                  [&](const TreeEntry& entry) { return outward.contains(entry.path); });
    return outward;
  }
  return {};
}

}  // namespace

Result<Manifest> last_commit(Ledger& ledger, const History& history) {
  const auto& commits = history.summary().commits;
  if (commits.empty())
    return Error{Code::not_found, "job " + history.job().id + " has no commit yet, so no results",
                 ""};
  return read_manifest(ledger.store(), history.job().id, commits.back());
}

const Tree* results_tree(const Manifest& manifest) {
  for (const auto& tree : manifest.trees)
    if (tree.root == "results") return &tree;
  return nullptr;
}

Result<bool> redeliver_results(Ledger& ledger, const History& history,
                               std::shared_ptr<Bucket> bucket) {
  const Job& job = history.job();
  const Summary& summary = history.summary();
  BucketDelivery delivery(std::move(bucket), ledger.clock(), job.id);
  BATON_ASSIGN(bool complete, delivery.is_complete());
  if (complete) return false;
  BATON_ASSIGN(Manifest manifest, last_commit(ledger, history));
  Json facts{{"job", job.id},
             {"name", job.spec.name},
             {"outcome", state_name(summary.state)},
             {"attempts", summary.attempt},
             {"commit", commit_name(manifest.seq, manifest.attempt)}};
  auto delivered = delivery.complete(ledger.store(), manifest, "", {}, std::move(facts));
  if (!delivered.ok()) return delivered.error();
  return true;
}

Result<std::vector<std::string>> extract_results(Ledger& ledger, const History& history,
                                                 const std::string& directory,
                                                 const CaptureOptions& options) {
  BATON_ASSIGN(Manifest manifest, last_commit(ledger, history));
  const std::set<std::string> left_out = drop_outward_links(manifest);
  auto taken = list_dir(directory);
  if ((taken && !taken->empty()) || (!taken && exists(directory)))
    return Error{Code::exists,
                 printable(directory) + " is there already and nothing is overwritten",
                 "name an absent or empty directory with --to"};
  BATON_TRY(make_dirs(parent_path(directory)));
  BATON_ASSIGN(TempDir place, TempDir::create(".baton-results-", parent_path(directory)));
  std::string inside = join_path(place.path(), "results");
  auto committer = make_committer(ledger.store(), history.job().id, history.summary().attempt + 1);
  BATON_TRY(committer->restore(manifest, {{"results", inside}}, options));
  BATON_TRY(make_dirs(inside));  // a commit without results gives an empty directory
  // rename(2) replaces an empty directory and nothing else.
  if (std::rename(inside.c_str(), directory.c_str()) != 0)
    return errno_error(errno, "put the results at " + directory);
  return std::vector<std::string>(left_out.begin(), left_out.end());
}

}  // namespace baton
