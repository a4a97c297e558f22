#include "control/inspect.h"

#include <algorithm>
#include <limits>
#include <set>

#include "base/text.h"
#include "model/metrics.h"

namespace baton {
namespace {

// `baton metrics` reads at most so much: far beyond what anybody reports, far below what hurts.
constexpr uint64_t kMaxMetrics = 256ull << 20;
constexpr uint64_t kReadAtOnce = 8 << 20;

void add_end(Json& json, const Event& ended) {
  json["outcome"] = outcome_name(ended.outcome);
  json["reason"] = ended.reason;
  json["exit_code"] = ended.exit_code;
  json["exit_signal"] = ended.exit_signal;
  json["ran_ms"] = ended.ran_ms;
  json["peak_memory"] = ended.peak_memory;
  json["ended_at"] = iso_time_ms(ended.at_ms);
}

}  // namespace

bool is_abandoned(const Summary& summary) {
  return summary.state == State::running && !summary.attempts.empty() &&
         owner_is_gone(summary.attempts.back().claimed);
}

Json describe_commit(const Event& committed) {
  return Json{{"commit", committed.commit},
              {"attempt", committed.attempt},
              {"at", iso_time_ms(committed.at_ms)},
              {"bytes", committed.commit_bytes},
              {"new_bytes", committed.commit_new_bytes},
              {"took_ms", committed.commit_ms}};
}

Json describe_attempt(const AttemptSummary& attempt, bool current) {
  Json json{{"attempt", attempt.attempt},
            {"host", attempt.claimed.host},
            {"pid", attempt.claimed.pid},
            {"claimed_at", iso_time_ms(attempt.claimed.at_ms)},
            {"commits", attempt.commits}};
  if (attempt.started) json["started_at"] = iso_time_ms(attempt.started->at_ms);
  if (attempt.noticed)
    json["notice"] = Json{{"source", attempt.noticed->source},
                          {"reason", attempt.noticed->reason},
                          {"deadline_in_ms", attempt.noticed->deadline_in_ms},
                          {"at", iso_time_ms(attempt.noticed->at_ms)}};
  // An attempt that was taken over has no end of its own.
  json["outcome"] = current ? Json(nullptr) : Json(outcome_name(Outcome::lost));
  if (attempt.ended) add_end(json, *attempt.ended);
  return json;
}

Json describe_job(const History& history) {
  const Job& job = history.job();
  const Summary& summary = history.summary();
  Json json{{"id", job.id},
            {"name", summary.name},
            {"state", state_name(summary.state)},
            {"abandoned", is_abandoned(summary)},
            {"stop_requested", summary.stop_requested},
            {"preempt_requested", summary.preempt_requested},
            {"created_at", iso_time_ms(summary.created_ms)},
            {"changed_at", iso_time_ms(summary.changed_ms)},
            {"ran_ms", summary.ran_ms},
            {"preemptions", summary.preemptions},
            {"failures", summary.failures}};
  json["outcome"] = summary.outcome ? Json(outcome_name(*summary.outcome)) : Json(nullptr);
  json["reason"] = summary.reason;
  json["exit_code"] = summary.exit_code;
  json["exit_signal"] = summary.exit_signal;
  json["attempts"] = Json::array();
  for (const auto& attempt : summary.attempts) {
    bool current = summary.state == State::running && attempt.attempt == summary.attempt;
    json["attempts"].push_back(describe_attempt(attempt, current));
  }
  json["commits"] = Json::array();
  for (const auto& commit : summary.commits) json["commits"].push_back(describe_commit(commit));
  json["spec"] = spec_to_json(job.spec);
  json["spec_file"] = job.spec_file;
  json["argv"] = job.argv;
  json["image"] = job.image;
  json["code_tree"] = job.code_tree;
  json["submitter"] = job.submitter;
  json["provenance"] = job.provenance;
  return json;
}

Result<std::vector<Listed>> list_jobs(Ledger& ledger, size_t newest, bool trials) {
  BATON_ASSIGN(auto lines, ledger.list(newest, trials));
  std::vector<Listed> jobs;
  for (auto& line : lines) {
    Listed listed{std::move(line), false};
    if (listed.line.state == State::running && listed.line.problem.empty()) {
      auto history = ledger.open(listed.line.id);
      listed.abandoned = history && is_abandoned(history->summary());
    }
    jobs.push_back(std::move(listed));
  }
  return jobs;
}

Result<std::vector<Json>> images_in_need(Ledger& ledger) {
  BATON_ASSIGN(auto lines, ledger.list(std::numeric_limits<size_t>::max()));
  std::vector<Json> records;
  for (const auto& line : lines) {
    if (line.problem.empty() && (line.state == State::succeeded || line.state == State::failed))
      continue;
    BATON_ASSIGN(History history, ledger.open(line.id));
    records.push_back(history.job().image);
  }
  return records;
}

Status MetricsReader::read_on(Ledger& ledger, const History& history) {
  const auto& attempts = history.summary().attempts;
  while (true) {
    for (bool more = attempts_ > 0; more && lines_.size() < kMaxMetrics;) {
      BATON_ASSIGN(std::string bytes,
                   ledger.read_stream(history.job().id, "metrics", attempts[attempts_ - 1].attempt,
                                      offset_, kReadAtOnce));
      more = bytes.size() >= kReadAtOnce;  // else that was all
      offset_ += bytes.size();
      lines_ += bytes;
    }
    if (attempts_ == attempts.size()) return {};
    offset_ = attempts[attempts_++].claimed.metrics_from;
    if (lines_.size() > offset_) {
      lines_.resize(offset_);
      ++cuts_;
    }
    // Chunks are for watching and may lack what a commit holds: then a line is cut in the middle.
    if (lines_.size() < offset_ && !lines_.empty() && lines_.back() != '\n') lines_ += '\n';
  }
}

Result<std::string> read_metrics(Ledger& ledger, const History& history) {
  MetricsReader reader;
  BATON_TRY(reader.read_on(ledger, history));
  return reader.lines();
}

Metrics parse_metrics(const std::string& lines) {
  Metrics metrics;
  std::set<std::string> known;
  for (const auto& line : split(lines, '\n')) {
    if (trim(line).empty()) continue;
    auto row = metrics_row(line);
    if (!row.ok()) {
      ++metrics.bad_lines;
      continue;
    }
    for (const auto& item : row->items())
      if (known.insert(item.key()).second) metrics.names.push_back(item.key());
    metrics.rows.push_back(std::move(*row));
  }
  return metrics;
}

}  // namespace baton
