#include "store/s3_bucket.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>

#include "base/crc32c.h"
#include "base/encoding.h"
#include "base/hash.h"
#include "base/text.h"
#include "base/xml.h"
#include "store/bucket_reply.h"
#include "store/content_sum.h"
#include "store/s3_errors.h"

namespace baton {
namespace {

constexpr uint64_t kMaxReply = 16 << 20;  // of what is not an object: a page of 1000 keys
constexpr int64_t kDoubtMs = 60'000;      // between two doubts of the credentials
constexpr char kEmptySha[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr char kMetaCrc[] = "x-amz-meta-baton-crc32c";

// Of the whole object. The checksum of an upload in parts may be one of the parts' checksums
// ("AAAAAA==-3"), which says nothing about the bytes in a row.
std::optional<uint32_t> crc_of(const HttpResponse& reply) {
  bool composite = reply.header("x-amz-checksum-type") == "COMPOSITE";
  auto crc = composite ? std::nullopt : parse_crc32c(reply.header("x-amz-checksum-crc32c"));
  return crc ? crc : parse_crc32c(reply.header(kMetaCrc));
}

// S3's ETag is the MD5 of what was uploaded in one request, unless it was encrypted with a key that
// is not S3's own, or lies in a directory bucket.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
std::string sum_of(const HttpResponse& reply, const S3Place& place) {
  auto told = [&](const char* header, auto& read, bool of_parts) -> std::string {
    std::string sum = read(reply.header(header));
    return (parts_of(sum) > 0) == of_parts ? sum : "";
  };
  std::string sha = told("x-amz-checksum-sha256", told_sha256, false);
  if (!sha.empty()) return sha;
  std::string encryption = reply.header("x-amz-server-side-encryption");
  bool plain = (encryption.empty() || encryption == "AES256") &&
               reply.header("x-amz-server-side-encryption-customer-algorithm").empty();
  const bool is_md5 = plain && !ends_with(place.bucket, "--x-s3");
  std::string etag = is_md5 ? etag_sum(reply.header("ETag"), place.endpoint.empty()) : "";
  // Always of the whole object, also where that came in parts.
  std::string crc = told_crc64(reply.header("x-amz-checksum-crc64nvme"));
  if (names_content(etag)) return etag;
  if (!crc.empty()) return crc;
  for (bool of_parts : {false, true}) {
    for (const std::string& sum : {told("x-amz-checksum-sha256", told_sha256, of_parts),
                                   told("x-amz-checksum-sha1", told_sha1, of_parts),
                                   told("x-amz-checksum-crc32c", told_crc32c, of_parts),
                                   told("x-amz-checksum-crc32", told_crc32, of_parts)})
      if (!sum.empty()) return sum;
  }
  return etag;
}

// A key or a prefix in a listing, as it stands there: white space at its ends is its own. Where it
// is encoded, a space is a plus, as in a form.
std::string listed_key(const Xml& entry, std::string_view element, bool encoded) {
  const Xml* found = entry.child(element);
  std::string key = found ? found->text : "";
  if (!encoded) return key;
  std::replace(key.begin(), key.end(), '+', ' ');
  return percent_decode(key);
}

// One request, before it is signed.
struct Call {
  std::string method;
  std::string key;    // "": the bucket itself
  std::string query;  // already encoded, without '?'
  Headers headers;
  std::string_view body;
  std::string doing;    // for errors
  uint64_t expect = 0;  // bytes that come back, for the time-out
  std::function<Status(std::string_view)> on_body;
  bool gone_on_conflict = false;  // 409: what was sent so far is of no further use
};

class S3Bucket : public Bucket {
 public:
  S3Bucket(const S3Place& place, std::shared_ptr<HttpClient> http,
           std::shared_ptr<AwsCredentialSource> credentials, Clock& clock)
      : place_(place),
        region_(place.region.empty() ? "us-east-1" : place.region),
        http_(std::move(http)),
        credentials_(std::move(credentials)),
        server_clock_(clock),
        hold_(clock) {}

  Result<std::string> put(const std::string& key, std::string_view bytes, uint32_t crc,
                          Write mode) override {
    Call call{"PUT", key, "", {}, bytes, "writing " + key, 0, nullptr};
    call.headers.emplace_back("Content-Type", "application/octet-stream");
    call.headers.emplace_back("x-amz-checksum-crc32c", crc32c_text(crc));
    call.headers.emplace_back(kMetaCrc, crc32c_text(crc));
    add_condition(call.headers, mode);
    BATON_ASSIGN(HttpResponse reply, send(call));
    return reply.header("ETag");
  }

  Result<BucketObject> get(const std::string& key, const std::optional<BucketRange>& range,
                           const std::string& expected,
                           const std::function<Status(std::string_view)>& sink) override {
    Call call{"GET", key, "", {}, {}, "reading " + key, most_read(range), sink};
    call.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
    if (range) call.headers.emplace_back("Range", range_header(*range));
    if (!expected.empty()) call.headers.emplace_back("If-Match", expected);
    auto reply = send(call);
    if (reply.is(Code::exists))
      return Error{Code::transient, call.doing + ": it was replaced meanwhile", ""};
    if (!reply.ok()) return reply.error();
    if (reply->status == 416) return behind_the_end(key, *reply);
    BucketObject object{0, crc_of(*reply), reply->header("ETag"), sum_of(*reply, place_)};
    BATON_ASSIGN(object.size, told_size(*reply, range, name(), call.doing));
    return object;
  }

  Result<BucketObject> head(const std::string& key) override {
    Call call{"HEAD", key, "", {}, {}, "looking at " + key, 0, nullptr};
    call.headers.emplace_back("x-amz-checksum-mode", "ENABLED");
    auto reply = send(call);
    if (!reply.ok()) return reply.error();
    BATON_ASSIGN(uint64_t size, told_size(*reply, std::nullopt, name(), call.doing));
    return BucketObject{size, crc_of(*reply), reply->header("ETag"), sum_of(*reply, place_)};
  }

  // Of an object that was uploaded in one piece, its size. Services that do not know part numbers
  // tell the size of the whole object, which fits no number of parts but 1.
  Result<uint64_t> part_size(const std::string& key) override {
    auto reply = send({"HEAD", key, "partNumber=1", {}, {}, "looking at " + key, 0, nullptr});
    if (!reply.ok()) return reply.error();
    return parse_decimal(reply->header("Content-Length")).value_or(0);
  }

  Status remove(const std::string& key) override { return remove_version(key, ""); }

  Status remove_version(const std::string& key, const std::string& version) override {
    Call call{"DELETE", key, "", {}, {}, "removing " + key, 0, nullptr};
    add_condition(call.headers, Write::if_version(version));
    auto reply = send(call);
    if (!reply.ok() && !reply.is(Code::not_found)) return reply.error();
    return {};
  }

  Result<BucketPage> list(const std::string& prefix, const std::string& after,
                          const std::string& token, bool fold, size_t limit) override {
    std::string query = "encoding-type=url&list-type=2&max-keys=" + std::to_string(limit) +
                        "&prefix=" + percent_encode(full(prefix));
    if (fold) query += "&delimiter=%2F";
    if (!token.empty()) {
      query += "&continuation-token=" + percent_encode(token);
    } else if (!after.empty()) {
      query += "&start-after=" + percent_encode(full(after));
    }
    std::string doing = "listing " + (prefix.empty() ? "it" : prefix);
    BATON_ASSIGN(HttpResponse reply, send({"GET", "", query, {}, {}, doing, 0, nullptr}));
    BATON_ASSIGN(Xml xml, parse_xml(reply.body, name() + ": the listing"));
    if (xml.name != "ListBucketResult")
      return Error{Code::transient, name() + ": " + doing + " gave something else", ""};
    return page_of(xml);
  }

  Result<std::string> begin_upload(const std::string& key, std::optional<uint32_t> crc) override {
    Call call{"POST", key, "uploads=", {}, {}, "beginning to write " + key, 0, nullptr};
    call.headers.emplace_back("Content-Type", "application/octet-stream");
    call.headers.emplace_back("x-amz-checksum-algorithm", "CRC32C");
    call.headers.emplace_back("x-amz-checksum-type", "FULL_OBJECT");
    if (crc) call.headers.emplace_back(kMetaCrc, crc32c_text(*crc));
    BATON_ASSIGN(HttpResponse reply, send(call));
    BATON_ASSIGN(Xml xml, parse_xml(reply.body, name() + ": the reply"));
    std::string id = xml.at("UploadId");
    if (id.empty()) return Error{Code::transient, call.doing + ": the reply has no UploadId", ""};
    return id;
  }

  Result<BucketPart> upload_part(const std::string& key, const std::string& upload, int number,
                                 std::string_view bytes, uint32_t crc) override {
    std::string query =
        "partNumber=" + std::to_string(number) + "&uploadId=" + percent_encode(upload);
    Call call{"PUT", key, query, {}, bytes, "writing a part of " + key, 0, nullptr};
    call.headers.emplace_back("x-amz-checksum-crc32c", crc32c_text(crc));
    BATON_ASSIGN(HttpResponse reply, send(call));
    std::string tag = reply.header("ETag");
    if (tag.empty()) return Error{Code::transient, call.doing + ": the reply has no ETag", ""};
    return BucketPart{tag, crc};
  }

  Result<std::string> finish_upload(const std::string& key, const std::string& upload,
                                    const std::vector<BucketPart>& parts, uint32_t crc,
                                    Write mode) override {
    std::string body =
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    for (size_t i = 0; i < parts.size(); ++i)
      body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" +
              xml_escape(parts[i].tag) + "</ETag><ChecksumCRC32C>" + crc32c_text(parts[i].crc32c) +
              "</ChecksumCRC32C></Part>";
    body += "</CompleteMultipartUpload>";
    Call call{"POST",       key,    "uploadId=" + percent_encode(upload),
              {},           body,   "completing " + key,
              512ull << 20, nullptr};
    call.gone_on_conflict = true;
    call.headers.emplace_back("Content-Type", "application/xml");
    call.headers.emplace_back("x-amz-checksum-crc32c", crc32c_text(crc));
    call.headers.emplace_back("x-amz-checksum-type", "FULL_OBJECT");
    add_condition(call.headers, mode);
    BATON_ASSIGN(HttpResponse reply, send(call));
    // The status is sent before the work is done; an error then stands in the body.
    if (is_s3_error_body(reply.body)) {
      reply.status = 500;
      return classify_s3(reply, what(call)).error;
    }
    BATON_ASSIGN(Xml done, parse_xml(reply.body, name() + ": the reply"));
    return quoted_etag(done.at("ETag"));
  }

  Status abort_upload(const std::string& key, const std::string& upload) override {
    auto reply = send({"DELETE",
                       key,
                       "uploadId=" + percent_encode(upload),
                       {},
                       {},
                       "giving up " + key,
                       0,
                       nullptr});
    if (!reply.ok() && !reply.is(Code::not_found)) return reply.error();
    return {};
  }

  std::string name() const override {
    return "s3://" + place_.bucket + (place_.prefix.empty() ? "" : "/" + place_.prefix);
  }
  std::string identity() const override { return name() + " at " + place_.endpoint; }

  Result<std::string> credentials() override {
    BATON_ASSIGN(AwsCredentials found, credentials_->get());
    return found.source;
  }

  int64_t hold_ms() const override { return hold_.left_ms(); }

 private:
  std::string full(const std::string& key) const {
    return place_.prefix.empty() ? key : place_.prefix + "/" + key;
  }
  std::string what(const Call& call) const { return name() + ": " + call.doing; }

  std::string region() const {
    std::lock_guard lock(region_mutex_);
    return region_;
  }

  std::string url_of(const Call& call) const {
    std::string base = place_.endpoint;
    if (base.empty()) base = "https://s3." + region() + ".amazonaws.com";
    std::string path = "/";
    if (place_.path_style) {
      path += percent_encode(place_.bucket) + "/";
    } else {
      size_t host = base.find("://") + 3;
      base.insert(host, place_.bucket + ".");
    }
    if (!call.key.empty()) path += percent_encode(full(call.key), true);
    return base + path + (call.query.empty() ? "" : "?" + call.query);
  }

  // A reply of 2xx (or 416), or why there is none.
  Result<HttpResponse> send(const Call& call) {
    for (int attempt = 0;; ++attempt) {
      BATON_ASSIGN(AwsCredentials credentials, credentials_->get());
      int64_t signed_at = server_clock_.wall_ms();
      BATON_ASSIGN(HttpRequest request, signed_request(call, credentials, signed_at));
      auto reply = http_->send(request, cancel());
      if (!reply.ok()) return reply.error().within(what(call));
      if (reply->status / 100 == 2 || reply->status == 416) return reply;
      hold_.note(*reply);
      S3Failure failure = classify_s3(*reply, what(call));
      if (call.gone_on_conflict && reply->status == 409) failure.error.code = Code::not_found;
      bool again = apply(failure.remedy, *reply, credentials, signed_at);
      if (again && attempt < 2) continue;
      return failure.error;
    }
  }

  Result<HttpRequest> signed_request(const Call& call, const AwsCredentials& credentials,
                                     int64_t wall_ms) const {
    HttpRequest request;
    request.method = call.method;
    request.url = url_of(call);
    request.headers = call.headers;
    request.body_view = call.body;
    request.on_body = call.on_body;
    request.max_body = kMaxReply;
    request.timeout_ms = try_timeout_ms(call.body.size() + call.expect);
    if (call.on_body) request.stall_ms = kStallMs;
    BATON_TRY(sign_v4(request, credentials, {region(), "s3"}, payload_hash(request), wall_ms));
    return request;
  }

  // TLS protects the body already, and its CRC is signed; without TLS the whole body is.
  std::string payload_hash(const HttpRequest& request) const {
    if (request.body_view.empty()) return kEmptySha;
    auto url = parse_url(request.url);
    if (url.ok() && is_private(*url)) return kUnsignedPayload;
    return sha256_hex(request.body_view);
  }

  // True when another try is worth it.
  bool apply(S3Remedy remedy, const HttpResponse& reply, const AwsCredentials& used,
             int64_t signed_at) {
    if (remedy == S3Remedy::new_credentials) {
      credentials_->refuse(used);
      return true;
    }
    if (remedy == S3Remedy::set_clock) return server_clock_.correct(reply, signed_at);
    if (remedy == S3Remedy::set_region) return learn_region(reply);
    return remedy == S3Remedy::no_reason &&
           (learn_region(reply) || server_clock_.correct(reply, signed_at) ||
            doubt(used, signed_at));
  }

  // False when the reply names none, or this one.
  bool learn_region(const HttpResponse& reply) {
    std::string told = reply.header("x-amz-bucket-region");
    if (told.empty()) {
      auto body = parse_xml(reply.body, "the reply");
      if (body.ok()) told = body->at("Region");
    }
    if (told.empty() ||
        told.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
      return false;
    std::lock_guard lock(region_mutex_);
    if (told == region_) return false;
    region_ = told;
    return true;
  }

  // Refused without a reason: perhaps they have expired. Where something else is the matter, they
  // are not fetched anew with every request.
  bool doubt(const AwsCredentials& used, int64_t now) {
    int64_t last = doubted_at_.load();
    if (now - last < kDoubtMs || !doubted_at_.compare_exchange_strong(last, now)) return false;
    credentials_->doubt(used);
    return true;
  }

  // A range behind the end: the reply tells the size, or a HEAD does.
  Result<BucketObject> behind_the_end(const std::string& key, const HttpResponse& reply) {
    std::string total = reply.header("Content-Range");
    total.erase(0, total.find('/') + 1);
    auto size = parse_decimal(total);
    if (size) return BucketObject{*size, std::nullopt, reply.header("ETag")};
    return head(key);
  }

  Result<BucketPage> page_of(const Xml& xml) const {
    BucketPage page;
    bool encoded = xml.at("EncodingType") == "url";
    std::string strip = full("");
    auto add = [&](const std::string& key, uint64_t size, const std::string& version) {
      if (starts_with(key, strip))
        page.objects.push_back({key.substr(strip.size()), size, version});
    };
    for (const Xml& entry : xml.children) {
      if (entry.name == "Contents")
        add(listed_key(entry, "Key", encoded), parse_decimal(entry.at("Size")).value_or(0),
            entry.at("ETag"));
      if (entry.name == "CommonPrefixes") add(listed_key(entry, "Prefix", encoded), 0, "");
    }
    sort_by_key(page);
    if (xml.at("IsTruncated") == "true") {
      page.next = xml.at("NextContinuationToken");
      if (page.next.empty())
        return Error{Code::transient, name() + ": the listing breaks off without a way on", ""};
    }
    return page;
  }

  const S3Place place_;
  mutable std::mutex region_mutex_;
  std::string region_;
  const std::shared_ptr<HttpClient> http_;
  const std::shared_ptr<AwsCredentialSource> credentials_;
  ServerClock server_clock_;
  Hold hold_;
  std::atomic<int64_t> doubted_at_{0};
};

}  // namespace

std::unique_ptr<Bucket> make_s3_bucket(const S3Place& place, std::shared_ptr<HttpClient> http,
                                       std::shared_ptr<AwsCredentialSource> credentials,
                                       Clock& clock) {
  return std::make_unique<S3Bucket>(place, std::move(http), std::move(credentials), clock);
}

}  // namespace baton
