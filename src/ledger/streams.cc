// Heartbeats, logs and metrics: docs/store-format.md, sections 3 and 5.
#include <fmt/format.h>

#include <algorithm>

#include "base/ids.h"
#include "base/text.h"
#include "ledger/keys.h"
#include "ledger/ledger.h"

namespace baton {
namespace {

constexpr uint64_t kMaxChunk = 8 << 20;
constexpr uint64_t kMaxBeat = 64 << 10;

Status check_stream(const std::string& stream, uint64_t offset, uint64_t size) {
  if (stream != "logs" && stream != "metrics")
    return Error{Code::invalid, "there is no stream " + printable(stream), ""};
  if (size > kMaxStreamOffset || offset > kMaxStreamOffset - size)
    return Error{Code::invalid,
                 fmt::format("the {} have reached the limit of {} bytes", stream, kMaxStreamOffset),
                 ""};
  return {};
}

}  // namespace

Status Ledger::beat(const std::string& job_id, int attempt, const Json& content) {
  Json json = content.is_object() ? content : Json::object();
  json["beat"] = random_base32(8);
  return store_.put(beat_key(job_id, attempt), dump_json(json) + "\n");
}

Result<std::string> Ledger::read_beat(const std::string& job_id, int attempt) {
  auto bytes = store_.get(beat_key(job_id, attempt), kMaxBeat);
  if (bytes.is(Code::not_found)) return std::string();
  return bytes;
}

Status Ledger::append_stream(const std::string& job_id, const std::string& stream, int attempt,
                             uint64_t offset, std::string_view bytes) {
  BATON_TRY(check_stream(stream, offset, bytes.size()));
  while (!bytes.empty()) {
    std::string_view chunk = bytes.substr(0, kMaxChunk);
    const std::string key = stream_key(job_id, stream, attempt, offset);
    Status created = store_.create(key, chunk);
    if (created.is(Code::exists)) {
      BATON_ASSIGN(std::string there, store_.get(key, kMaxChunk));
      if (there.empty() || !starts_with(bytes, there))
        return Error{Code::fenced,
                     fmt::format("{} holds something else: somebody else writes as attempt {} too",
                                 key, attempt),
                     ""};
      chunk = bytes.substr(0, there.size());
    } else if (!created.ok()) {
      return created;
    }
    offset += chunk.size();
    bytes.remove_prefix(chunk.size());
  }
  return {};
}

Result<std::string> Ledger::read_stream(const std::string& job_id, const std::string& stream,
                                        int attempt, uint64_t offset, uint64_t limit) {
  BATON_TRY(check_stream(stream, offset, 0));
  std::string bytes;
  while (bytes.size() < limit && offset + bytes.size() <= kMaxStreamOffset) {
    auto chunk = store_.get(stream_key(job_id, stream, attempt, offset + bytes.size()), kMaxChunk);
    if (chunk.is(Code::not_found)) return bytes;
    if (!chunk.ok()) return chunk.error();
    if (chunk->empty()) return bytes;  // never written by baton; it would be read for ever
    bytes += *chunk;
  }
  return bytes;
}

}  // namespace baton
