#include "store/azure_bucket.h"

#include <algorithm>

#include "base/crc32c.h"
#include "base/encoding.h"
#include "base/hash.h"
#include "base/ids.h"
#include "base/text.h"
#include "base/xml.h"
#include "net/http_date.h"
#include "store/azure_errors.h"
#include "store/bucket_reply.h"
#include "store/content_sum.h"
#include "store/page_starts.h"

namespace baton {
namespace {

constexpr char kVersion[] = "2023-11-03";
constexpr uint64_t kMaxReply = 32 << 20;  // of what is not an object: a page of 5000 names
constexpr size_t kLongestPage = 5000;     // List Blobs gives no more at once
constexpr char kMetaCrc[] = "x-ms-meta-baton_crc32c";  // such names are C# identifiers: no '-'

// All ids of the blocks of one blob have the same length.
std::string block_id(const std::string& upload, int number) {
  std::string digits = std::to_string(number);
  return base64(upload + "-" + std::string(6 - std::min<size_t>(6, digits.size()), '0') + digits);
}

// One request, before it is authorized.
struct Call {
  std::string method;
  std::string key;    // "": the container itself
  std::string query;  // already encoded, without '?'
  Headers headers;
  std::string_view body;
  std::string doing;    // for errors
  uint64_t expect = 0;  // bytes that come back, for the time-out
  std::function<Status(std::string_view)> on_body;
};

class AzureBucket : public Bucket {
 public:
  AzureBucket(const AzurePlace& place, std::shared_ptr<HttpClient> http,
              std::shared_ptr<AzureCredentialSource> credentials, Clock& clock)
      : place_(place),
        http_(std::move(http)),
        credentials_(std::move(credentials)),
        server_clock_(clock),
        hold_(clock) {}

  Result<std::string> put(const std::string& key, std::string_view bytes, uint32_t crc,
                          Write mode) override {
    Call call{"PUT", key, "", {}, bytes, "writing " + key, 0, nullptr};
    call.headers.emplace_back("Content-Type", "application/octet-stream");
    call.headers.emplace_back("Content-MD5", base64(md5(bytes)));
    call.headers.emplace_back("x-ms-blob-type", "BlockBlob");
    call.headers.emplace_back(kMetaCrc, crc32c_text(crc));
    add_condition(call.headers, mode);
    BATON_ASSIGN(HttpResponse reply, send(call));
    return reply.header("ETag");
  }

  Result<BucketObject> get(const std::string& key, const std::optional<BucketRange>& range,
                           const std::string& expected,
                           const std::function<Status(std::string_view)>& sink) override {
    Call call{"GET", key, "", {}, {}, "reading " + key, most_read(range), sink};
    if (range) call.headers.emplace_back("Range", range_header(*range));
    if (!expected.empty()) call.headers.emplace_back("If-Match", expected);
    auto reply = send(call);
    if (reply.is(Code::exists))
      return Error{Code::transient, call.doing + ": it was replaced meanwhile", ""};
    if (!reply.ok()) return reply.error();
    if (reply->status == 416) return head(key);  // a range behind the end
    return object_of(*reply, range, call);
  }

  Result<BucketObject> head(const std::string& key) override {
    Call call{"HEAD", key, "", {}, {}, "looking at " + key, 0, nullptr};
    auto reply = send(call);
    if (!reply.ok()) return reply.error();
    return object_of(*reply, std::nullopt, call);
  }

  Status remove(const std::string& key) override { return remove_version(key, ""); }

  Status remove_version(const std::string& key, const std::string& version) override {
    Call call{"DELETE", key, "", {}, {}, "removing " + key, 0, nullptr};
    add_condition(call.headers, Write::if_version(version));
    auto reply = send(call);
    if (!reply.ok() && !reply.is(Code::not_found)) return reply.error();
    return {};
  }

  // Version 2023-11-03 cannot begin behind a name: what lies before it is read and dropped here, or
  // skipped by the token of a page that is known already.
  Result<BucketPage> list(const std::string& prefix, const std::string& after,
                          const std::string& token, bool fold, size_t limit) override {
    const std::string listing = prefix + (fold ? "*" : "**");
    const size_t most = after.empty() ? limit : kLongestPage;
    const std::string known = token.empty() ? starts_.before(listing, after) : "";
    auto page = page_at(prefix, token.empty() ? known : token, fold, most);
    if (page.is(Code::permanent) && !known.empty()) {  // it may be too old
      starts_.forget(listing);
      page = page_at(prefix, "", fold, most);
    }
    if (!page.ok()) return page;
    if (!token.empty() && !page->objects.empty())
      starts_.note(listing, page->objects.front().key, token);
    auto is_before = [&](const ObjectInfo& object) { return object.key <= after; };
    auto kept = std::remove_if(page->objects.begin(), page->objects.end(), is_before);
    page->objects.erase(kept, page->objects.end());
    return page;
  }

  // Blocks belong to a blob's name, and are told apart by their ids alone.
  Result<std::string> begin_upload(const std::string&, std::optional<uint32_t>) override {
    return new_nonce();
  }

  Result<BucketPart> upload_part(const std::string& key, const std::string& upload, int number,
                                 std::string_view bytes, uint32_t crc) override {
    std::string id = block_id(upload, number);
    Call call{"PUT", key,    "comp=block&blockid=" + percent_encode(id),
              {},    bytes,  "writing a part of " + key,
              0,     nullptr};
    call.headers.emplace_back("Content-MD5", base64(md5(bytes)));
    auto reply = send(call);
    if (!reply.ok()) return reply.error();
    return BucketPart{id, crc};
  }

  Result<std::string> finish_upload(const std::string& key, const std::string&,
                                    const std::vector<BucketPart>& parts, uint32_t crc,
                                    Write mode) override {
    std::string body = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>";
    for (const BucketPart& part : parts) body += "<Latest>" + part.tag + "</Latest>";
    body += "</BlockList>";
    Call call{"PUT", key, "comp=blocklist", {}, body, "completing " + key, 512ull << 20, nullptr};
    call.headers.emplace_back("Content-Type", "application/xml");
    call.headers.emplace_back("x-ms-blob-content-type", "application/octet-stream");
    call.headers.emplace_back(kMetaCrc, crc32c_text(crc));
    add_condition(call.headers, mode);
    BATON_ASSIGN(HttpResponse reply, send(call));
    return reply.header("ETag");
  }

  // No request removes blocks. Completing any other upload of that blob does, and else Azure after
  // a week.
  Status abort_upload(const std::string&, const std::string&) override { return {}; }

  std::string name() const override { return "az://" + place_.account + "/" + full_container(); }
  std::string identity() const override { return name() + " at " + place_.endpoint; }

  Result<std::string> credentials() override {
    BATON_ASSIGN(AzureCredentials found, credentials_->get());
    return found.source;
  }

  int64_t hold_ms() const override { return hold_.left_ms(); }

 private:
  std::string full(const std::string& key) const {
    return place_.prefix.empty() ? key : place_.prefix + "/" + key;
  }
  std::string full_container() const {
    return place_.container + (place_.prefix.empty() ? "" : "/" + place_.prefix);
  }
  std::string what(const Call& call) const { return name() + ": " + call.doing; }

  Result<BucketObject> object_of(const HttpResponse& reply, const std::optional<BucketRange>& range,
                                 const Call& call) const {
    BATON_ASSIGN(uint64_t size, told_size(reply, range, name(), call.doing));
    // Beside a range, Content-MD5 would be the range's.
    std::string sum = reply.header("x-ms-blob-content-md5");
    if (sum.empty() && reply.status == 200) sum = reply.header("Content-MD5");
    return BucketObject{size, parse_crc32c(reply.header(kMetaCrc)), reply.header("ETag"),
                        told_md5(sum)};
  }

  Result<BucketPage> page_at(const std::string& prefix, const std::string& token, bool fold,
                             size_t most) {
    std::string query = "restype=container&comp=list&maxresults=" + std::to_string(most);
    std::string whole = full(prefix);
    if (!whole.empty()) query += "&prefix=" + percent_encode(whole);
    if (fold) query += "&delimiter=%2F";
    if (!token.empty()) query += "&marker=" + percent_encode(token);
    std::string doing = "listing " + (prefix.empty() ? "it" : prefix);
    BATON_ASSIGN(HttpResponse reply, send({"GET", "", query, {}, {}, doing, 0, nullptr}));
    BATON_ASSIGN(Xml xml, parse_xml(reply.body, name() + ": the listing"));
    if (xml.name != "EnumerationResults")
      return Error{Code::transient, name() + ": " + doing + " gave something else", ""};
    return page_of(xml);
  }

  // A reply of 2xx (or 416), or why there is none.
  Result<HttpResponse> send(const Call& call) {
    for (int attempt = 0;; ++attempt) {
      BATON_ASSIGN(AzureCredentials credentials, credentials_->get());
      int64_t dated = server_clock_.wall_ms();
      BATON_ASSIGN(HttpRequest request, authorized(call, credentials, dated));
      auto reply = http_->send(request, cancel());
      if (!reply.ok()) return reply.error().within(what(call));
      if (reply->status / 100 == 2 || reply->status == 416) return reply;
      hold_.note(*reply);
      AzureFailure failure = classify_azure(*reply, what(call));
      if (!failure.not_authenticated || attempt == 2) return failure.error;
      if (!server_clock_.correct(*reply, dated)) credentials_->refuse(credentials);
    }
  }

  Result<HttpRequest> authorized(const Call& call, const AzureCredentials& credentials,
                                 int64_t wall_ms) const {
    HttpRequest request;
    request.method = call.method;
    request.url = place_.endpoint + "/" + place_.container;
    if (!call.key.empty()) request.url += "/" + percent_encode(full(call.key), true);
    if (!call.query.empty()) request.url += "?" + call.query;
    request.headers = call.headers;
    request.headers.emplace_back("x-ms-version", kVersion);
    request.headers.emplace_back("x-ms-date", http_date(wall_ms));
    request.body_view = call.body;
    request.on_body = call.on_body;
    request.max_body = kMaxReply;
    request.timeout_ms = try_timeout_ms(call.body.size() + call.expect);
    if (call.on_body) request.stall_ms = kStallMs;
    BATON_TRY(authorize_azure(request, place_.account, credentials));
    return request;
  }

  // Listings have the ETag without its quotation marks.
  static std::string version_of(const Xml& entry) {
    return quoted_etag(entry.at("Properties/Etag"));
  }

  // A blob's name may begin and end with white space; one that XML cannot hold comes encoded.
  static std::string name_of(const Xml& entry) {
    const Xml* name = entry.child("Name");
    if (!name) return "";
    return name->attribute("Encoded") == "true" ? percent_decode(name->text) : name->text;
  }

  Result<BucketPage> page_of(const Xml& xml) const {
    BucketPage page;
    const std::string strip = full("");
    auto add = [&](const std::string& name, const Xml& entry) {
      if (!starts_with(name, strip)) return;
      uint64_t size = parse_decimal(entry.at("Properties/Content-Length")).value_or(0);
      page.objects.push_back({name.substr(strip.size()), size, version_of(entry),
                              told_md5(entry.at("Properties/Content-MD5"))});
    };
    const Xml* blobs = xml.child("Blobs");
    for (const Xml& entry : blobs ? blobs->children : std::vector<Xml>()) {
      if (entry.at("Properties/ResourceType") == "directory")
        return Error{Code::unsupported,
                     this->name() +
                         " is in an account with a hierarchical namespace, which lists "
                         "in another order than a store needs",
                     "use a storage account without one"};
      if (entry.name == "Blob" || entry.name == "BlobPrefix") add(name_of(entry), entry);
    }
    sort_by_key(page);
    page.next = xml.at("NextMarker");
    return page;
  }

  const AzurePlace place_;
  const std::shared_ptr<HttpClient> http_;
  const std::shared_ptr<AzureCredentialSource> credentials_;
  ServerClock server_clock_;
  Hold hold_;
  PageStarts starts_;
};

}  // namespace

std::unique_ptr<Bucket> make_azure_bucket(const AzurePlace& place, std::shared_ptr<HttpClient> http,
                                          std::shared_ptr<AzureCredentialSource> credentials,
                                          Clock& clock) {
  return std::make_unique<AzureBucket>(place, std::move(http), std::move(credentials), clock);
}

}  // namespace baton
