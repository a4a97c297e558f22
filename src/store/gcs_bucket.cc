#include "store/gcs_bucket.h"

#include <strings.h>

#include <algorithm>
#include <mutex>

#include "base/crc32c.h"
#include "base/encoding.h"
#include "base/ids.h"
#include "base/json.h"
#include "base/text.h"
#include "os/crew.h"
#include "store/bucket_reply.h"
#include "store/content_sum.h"
#include "store/gcs_errors.h"

namespace baton {
namespace {

constexpr uint64_t kMaxReply = 16 << 20;  // of what is not an object: a page of 1000 keys
constexpr size_t kMostSources = 32;       // of one compose request
constexpr int kWorkers = 8;               // that compose and remove the parts of one upload
constexpr int kSweeps = 3;
// The parts of uploads under way: no key of a store begins with "tmp".
constexpr char kUploads[] = "tmp/baton-upload-";
// Behind every key, as BucketStore asks for what comes after all of "a/".
constexpr std::string_view kLastCharacter = "\xF4\x8F\xBF\xBF";

// "x-goog-hash: crc32c=AAAAAA==,md5=…", or one such header for each.
std::string hash_of(const HttpResponse& reply, const std::string& kind) {
  for (const auto& [name, value] : reply.headers) {
    if (strcasecmp(name.c_str(), "x-goog-hash") != 0) continue;
    for (const std::string& hash : split(value, ','))
      if (starts_with(trim(hash), kind + "="))
        return std::string(trim(hash).substr(kind.size() + 1));
  }
  return "";
}

// One request, before it has its token. The body is head, bytes and tail in a row.
struct Call {
  std::string method;
  std::string path;   // encoded, behind the endpoint
  std::string query;  // encoded, without '?'
  std::string doing;  // for errors
  Headers headers{};
  std::string head{}, tail{};
  std::string_view bytes{};
  uint64_t expect = 0;  // bytes that come back, for the time-out
  std::function<Status(std::string_view)> on_body{};
};

class GcsBucket : public Bucket {
 public:
  GcsBucket(const GcsPlace& place, std::shared_ptr<HttpClient> http,
            std::shared_ptr<TokenSource> credentials, Clock& clock)
      : place_(place), http_(std::move(http)), credentials_(std::move(credentials)), hold_(clock) {}

  // The service compares the checksum in the object's metadata before it keeps anything.
  Result<std::string> put(const std::string& key, std::string_view bytes, uint32_t crc,
                          Write mode) override {
    const std::string boundary = "baton-" + new_nonce();
    Json metadata{{"name", full(key)}, {"crc32c", crc32c_text(crc)}};
    Call call{"POST", "/upload/storage/v1/b/" + percent_encode(place_.bucket) + "/o",
              "uploadType=multipart&fields=generation" + condition(mode), "writing " + key};
    call.headers.emplace_back("Content-Type", "multipart/related; boundary=" + boundary);
    call.head = "--" + boundary + "\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n" +
                dump_json(metadata) + "\r\n--" + boundary +
                "\r\nContent-Type: application/octet-stream\r\n\r\n";
    call.bytes = bytes;
    call.tail = "\r\n--" + boundary + "--\r\n";
    BATON_ASSIGN(HttpResponse reply, send(call));
    auto made = read_json(reply, call.doing);  // it is written, whatever has become of the reply
    return made.ok() ? get_string(*made, "generation") : std::string();
  }

  Result<BucketObject> get(const std::string& key, const std::optional<BucketRange>& range,
                           const std::string& expected,
                           const std::function<Status(std::string_view)>& sink) override {
    Call call{"GET", object_path(key), "alt=media", "reading " + key};
    // What is stored compressed comes so: its size and checksum are those of the stored bytes.
    call.headers.emplace_back("Accept-Encoding", "gzip");
    call.on_body = sink;
    call.expect = most_read(range);
    if (range) call.headers.emplace_back("Range", range_header(*range));
    if (!expected.empty()) call.query += "&ifGenerationMatch=" + percent_encode(expected);
    auto reply = send(call);
    if (reply.is(Code::exists))
      return Error{Code::transient, what(call) + ": it was replaced meanwhile", ""};
    if (!reply.ok()) return reply.error();
    if (reply->status == 416) return head(key);  // the range begins behind the end
    BATON_ASSIGN(uint64_t size, told_size(*reply, range, name(), call.doing));
    return BucketObject{size, parse_crc32c(hash_of(*reply, "crc32c")),
                        reply->header("x-goog-generation"), told_md5(hash_of(*reply, "md5"))};
  }

  Result<BucketObject> head(const std::string& key) override {
    auto reply = send(
        {"GET", object_path(key), "fields=size,crc32c,md5Hash,generation", "looking at " + key});
    if (!reply.ok()) return reply.error();
    return read_object(*reply, key);
  }

  Status remove(const std::string& key) override { return remove_version(key, ""); }

  Status remove_version(const std::string& key, const std::string& version) override {
    std::string query = version.empty() ? "" : "ifGenerationMatch=" + percent_encode(version);
    auto reply = send({"DELETE", object_path(key), query, "removing " + key});
    if (!reply.ok() && !reply.is(Code::not_found)) return reply.error();
    return {};
  }

  Result<BucketPage> list(const std::string& prefix, const std::string& after,
                          const std::string& token, bool fold, size_t limit) override {
    std::string query =
        "fields=nextPageToken,prefixes,items(name,size,generation,md5Hash)&maxResults=" +
        std::to_string(limit) + "&prefix=" + percent_encode(full(prefix));
    if (fold) query += "&delimiter=%2F";
    if (!after.empty()) query += "&startOffset=" + percent_encode(full(first_behind(after)));
    if (!token.empty()) query += "&pageToken=" + percent_encode(token);
    std::string doing = "listing " + (prefix.empty() ? "it" : prefix);
    BATON_ASSIGN(HttpResponse reply, send({"GET", bucket_path(), query, doing}));
    BATON_ASSIGN(Json json, read_json(reply, doing));
    return page_of(json);
  }

  // An upload is a name for its parts: nothing is asked for yet.
  Result<std::string> begin_upload(const std::string&, std::optional<uint32_t>) override {
    return new_nonce();
  }

  Result<BucketPart> upload_part(const std::string&, const std::string& upload, int number,
                                 std::string_view bytes, uint32_t crc) override {
    std::string name = part_name(upload, "p", static_cast<size_t>(number));
    BATON_TRY(put(name, bytes, crc, Write::replace));
    return BucketPart{name, crc};
  }

  Result<std::string> finish_upload(const std::string& key, const std::string& upload,
                                    const std::vector<BucketPart>& parts, uint32_t crc,
                                    Write mode) override {
    std::vector<std::string> pieces;
    for (const BucketPart& part : parts) pieces.push_back(part.tag);
    for (char level = 'q'; pieces.size() > kMostSources; ++level) {
      BATON_ASSIGN(pieces, compose_groups(upload, std::string(1, level), pieces));
    }
    BATON_ASSIGN(std::string generation, compose(key, pieces, mode, crc));
    Status ignored = sweep(upload);  // what stays is invisible, and a lifecycle rule's to remove
    (void)ignored;
    return generation;
  }

  Status abort_upload(const std::string&, const std::string& upload) override {
    return sweep(upload);
  }

  std::string name() const override {
    return "gs://" + place_.bucket + (place_.prefix.empty() ? "" : "/" + place_.prefix);
  }
  std::string identity() const override { return name() + " at " + place_.endpoint; }

  Result<std::string> credentials() override {
    if (!credentials_) return std::string("nobody (requests are anonymous)");
    BATON_ASSIGN(BearerToken found, credentials_->get());
    return found.source;
  }

  int64_t hold_ms() const override { return hold_.left_ms(); }

 private:
  std::string full(const std::string& key) const {
    return place_.prefix.empty() ? key : place_.prefix + "/" + key;
  }
  std::string what(const Call& call) const { return name() + ": " + call.doing; }
  std::string bucket_path() const {
    return "/storage/v1/b/" + percent_encode(place_.bucket) + "/o";
  }
  std::string object_path(const std::string& key) const {
    return bucket_path() + "/" + percent_encode(full(key));
  }
  static std::string condition(const Write& mode) {
    if (mode == Write::if_absent) return "&ifGenerationMatch=0";
    return mode.version().empty() ? "" : "&ifGenerationMatch=" + percent_encode(mode.version());
  }
  static std::string part_name(const std::string& upload, const std::string& level, size_t number) {
    std::string digits = std::to_string(number);
    return kUploads + upload + "/" + level +
           std::string(6 - std::min<size_t>(6, digits.size()), '0') + digits;
  }
  // startOffset is the first key that may come: for what is behind all of "a/", that is "a0".
  static std::string first_behind(std::string after) {
    if (!ends_with(after, "/" + std::string(kLastCharacter))) return after;
    after.resize(after.size() - kLastCharacter.size());
    after.back() = '/' + 1;
    return after;
  }

  // A reply of 2xx (or 416), or why there is none.
  Result<HttpResponse> send(const Call& call) {
    for (int attempt = 0;; ++attempt) {
      BearerToken token;
      if (credentials_) {
        BATON_ASSIGN(token, credentials_->get());
      }
      auto reply = http_->send(request_for(call, token), cancel());
      if (!reply.ok()) return reply.error().within(what(call));
      if (reply->status / 100 == 2 || reply->status == 416) return reply;
      hold_.note(*reply);
      GcsFailure failure = classify_gcs(*reply, what(call));
      if (!failure.new_credentials || !credentials_ || attempt > 0) return failure.error;
      credentials_->refuse(token);
    }
  }

  HttpRequest request_for(const Call& call, const BearerToken& token) const {
    HttpRequest request;
    request.method = call.method;
    request.url = place_.endpoint + call.path + (call.query.empty() ? "" : "?" + call.query);
    request.headers = call.headers;
    if (!token.token.empty())
      request.headers.emplace_back("Authorization", "Bearer " + token.token);
    if (!place_.user_project.empty())
      request.headers.emplace_back("x-goog-user-project", place_.user_project);
    request.body = call.head;
    request.body_view = call.bytes;
    request.body_tail = call.tail;
    request.on_body = call.on_body;
    request.max_body = kMaxReply;
    request.timeout_ms = try_timeout_ms(request.body_size() + call.expect);
    if (call.on_body) request.stall_ms = kStallMs;
    return request;
  }

  Result<Json> read_json(const HttpResponse& reply, const std::string& doing) const {
    auto json = parse_json(reply.body, "the reply");
    if (json.ok() && json->is_object()) return json;
    return Error{Code::transient, name() + ": " + doing + " gave something else than JSON", ""};
  }

  Result<BucketObject> read_object(const HttpResponse& reply, const std::string& key) const {
    BATON_ASSIGN(Json json, read_json(reply, "looking at " + key));
    auto size = parse_decimal(get_string(json, "size"));
    std::string generation = get_string(json, "generation");
    if (!size || generation.empty())
      return Error{Code::transient, name() + ": the reply does not tell the size of " + key, ""};
    return BucketObject{*size, parse_crc32c(get_string(json, "crc32c")), generation,
                        told_md5(get_string(json, "md5Hash"))};
  }

  Result<BucketPage> page_of(const Json& json) const {
    BucketPage page;
    page.next = get_string(json, "nextPageToken");
    const std::string strip = full("");
    auto add = [&](ObjectInfo object) {
      if (!starts_with(object.key, strip)) return;
      object.key.erase(0, strip.size());
      if (!starts_with(object.key, kUploads)) page.objects.push_back(std::move(object));
    };
    for (const Json& item : json.value("items", Json::array()))
      add({get_string(item, "name"), parse_decimal(get_string(item, "size")).value_or(0),
           get_string(item, "generation"), told_md5(get_string(item, "md5Hash"))});
    for (const Json& prefix : json.value("prefixes", Json::array()))
      if (prefix.is_string()) add({prefix.get<std::string>()});
    sort_by_key(page);
    return page;
  }

  // One object of up to 32 others; returns its generation. `crc` of the result, where it is to be
  // verified: the service does not do that.
  Result<std::string> compose(const std::string& key, const std::vector<std::string>& pieces,
                              const Write& mode, std::optional<uint32_t> crc) {
    Json sources = Json::array();
    for (const std::string& piece : pieces) sources.push_back(Json{{"name", full(piece)}});
    Call call{"POST", object_path(key) + "/compose",
              "fields=size,crc32c,generation" + condition(mode), "completing " + key};
    call.headers.emplace_back("Content-Type", "application/json");
    call.head = dump_json(Json{{"destination", Json{{"contentType", "application/octet-stream"}}},
                               {"sourceObjects", sources}});
    call.expect = 512ull << 20;
    BATON_ASSIGN(HttpResponse reply, send(call));
    if (!crc) return std::string();
    auto made = read_object(reply, key);
    if (made.ok() && made->crc32c == crc) return made->version;
    // The reply or the object is damaged: asking once more tells which. Another version is somebody
    // else's.
    BATON_ASSIGN(BucketObject there, head(key));
    if (there.crc32c == crc) return there.version;
    if (made.ok() && made->version == there.version) BATON_TRY(remove_version(key, there.version));
    return Error{Code::transient, what(call) + ": its checksum is not that of its parts", ""};
  }

  // Every 32 pieces become one.
  Result<std::vector<std::string>> compose_groups(const std::string& upload,
                                                  const std::string& level,
                                                  const std::vector<std::string>& pieces) {
    std::vector<std::string> made((pieces.size() + kMostSources - 1) / kMostSources);
    BATON_TRY(run_crew(
        kWorkers, made.size(),
        [&](int, size_t index) -> Status {
          size_t begin = index * kMostSources;
          size_t end = std::min(pieces.size(), begin + kMostSources);
          made[index] = part_name(upload, level, index);
          std::vector<std::string> group(pieces.begin() + static_cast<long>(begin),
                                         pieces.begin() + static_cast<long>(end));
          auto composed = compose(made[index], group, Write::replace, std::nullopt);
          return composed.ok() ? Status() : composed.error();
        },
        [] { return Status(); }));
    return made;
  }

  // Removes what an upload has left behind.
  Status sweep(const std::string& upload) {
    BATON_ASSIGN(std::vector<std::string> left, parts_of(upload));
    Status last;
    for (int round = 0; round < kSweeps && !left.empty(); ++round) {
      std::mutex mutex;
      std::vector<std::string> failed;
      auto remove_part = [&](int, size_t index) -> Status {
        Status removed = remove(left[index]);
        std::lock_guard lock(mutex);
        if (removed.ok()) return {};
        failed.push_back(left[index]);
        last = removed;
        return {};
      };
      BATON_TRY(run_crew(kWorkers, left.size(), remove_part, [] { return Status(); }));
      left = std::move(failed);
    }
    return left.empty() ? Status() : last;
  }

  Result<std::vector<std::string>> parts_of(const std::string& upload) {
    std::vector<std::string> keys;
    std::string token;
    do {
      std::string query = "fields=nextPageToken,items(name)&prefix=" +
                          percent_encode(full(kUploads + upload + "/"));
      if (!token.empty()) query += "&pageToken=" + percent_encode(token);
      const std::string doing = "listing the parts of an upload";
      BATON_ASSIGN(HttpResponse reply, send({"GET", bucket_path(), query, doing}));
      BATON_ASSIGN(Json json, read_json(reply, doing));
      for (const Json& item : json.value("items", Json::array())) {
        std::string name = get_string(item, "name");
        if (starts_with(name, full(kUploads))) keys.push_back(name.substr(full("").size()));
      }
      token = get_string(json, "nextPageToken");
    } while (!token.empty());
    return keys;
  }

  const GcsPlace place_;
  const std::shared_ptr<HttpClient> http_;
  const std::shared_ptr<TokenSource> credentials_;
  Hold hold_;
};

}  // namespace

std::unique_ptr<Bucket> make_gcs_bucket(const GcsPlace& place, std::shared_ptr<HttpClient> http,
                                        std::shared_ptr<TokenSource> credentials, Clock& clock) {
  return std::make_unique<GcsBucket>(place, std::move(http), std::move(credentials), clock);
}

}  // namespace baton
