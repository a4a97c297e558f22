#include "s3/service.h"

#include <algorithm>
#include <ctime>

#include "base/encoding.h"
#include "base/hash.h"
#include "base/text.h"
#include "base/xml.h"

namespace baton::bench {
namespace {

// "x-amz-meta-…", checksums and the type come back as they were given.
std::string kept_headers(const Request& request) {
  std::string out;
  for (const auto& [name, value] : request.headers)
    if (name.starts_with("x-amz-meta-") || name == "content-type" ||
        (name.starts_with("x-amz-checksum-") && name != "x-amz-checksum-algorithm"))
      out += name + ": " + value + "\r\n";
  return out;
}

// The MD5 that the client told, as S3's own ETag would be; else a tag that tells nothing.
std::string digest_of(const Request& request, uint64_t number) {
  auto told = base64_decode(request.header("content-md5"));
  if (told && told->size() == 16) return hex(*told);
  std::string digits = hex(std::string_view(reinterpret_cast<const char*>(&number), 8));
  return digits + digits + "-0";
}

std::string quoted(const std::string& text) { return '"' + text + '"'; }

std::string element(const std::string& name, const std::string& text) {
  return "<" + name + ">" + text + "</" + name + ">";
}

constexpr char kXml[] = "Content-Type: application/xml\r\n";
constexpr char kModified[] = "Last-Modified: Sun, 22 Nov 2026 12:00:00 GMT\r\n";
constexpr char kModifiedIso[] = "2026-11-22T12:00:00.000Z";

std::string object_headers(const Object& object) {
  return object.headers + "ETag: " + object.etag + "\r\nAccept-Ranges: bytes\r\n" + kModified;
}

}  // namespace

bool Service::answer(Connection& client, const Request& request) {
  auto body = client.read_body(request);
  if (!body) return false;
  auto has = [&](const char* name) { return request.query.contains(name); };
  const std::string& method = request.method;
  if (request.path.find('/') == std::string::npos || request.path.back() == '/')
    return bucket_call(client, request);
  if (method == "GET" || method == "HEAD") return read(client, request);
  if (method == "PUT")
    return has("uploadId") ? put_part(client, request, body) : put(client, request, body);
  if (method == "POST" && has("uploads")) return begin(client, request);
  if (method == "POST" && has("uploadId")) return finish(client, request, body);
  if (method == "DELETE" && has("uploadId")) {
    std::lock_guard lock(mutex_);
    uploads_.erase(request.query.at("uploadId"));
    return client.reply(204, "", "");
  }
  if (method == "DELETE") {
    objects_.remove(request.path);
    return client.reply(204, "", "");
  }
  return fail(client, 501, "NotImplemented");
}

bool Service::fail(Connection& client, int status, const std::string& code) {
  return client.reply(status, kXml,
                      element("Error", element("Code", code) + element("Message", code)));
}

bool Service::bucket_call(Connection& client, const Request& request) {
  if (request.method == "HEAD") return client.reply(200, "", "", true);
  if (request.method == "GET" && !request.query.contains("location")) return list(client, request);
  if (request.method == "GET") return client.reply(200, kXml, "<LocationConstraint/>");
  return request.method == "PUT" ? client.reply(200, "", "") : fail(client, 501, "NotImplemented");
}

bool Service::read(Connection& client, const Request& request) {
  auto object = objects_.get(request.path);
  bool head = request.method == "HEAD";
  if (!object) return head ? client.reply(404, "", "", true) : fail(client, 404, "NoSuchKey");
  std::string wanted = request.header("if-match");
  if (!wanted.empty() && wanted != object->etag) return fail(client, 412, "PreconditionFailed");
  std::string headers = object_headers(*object);
  if (head)
    return client.reply(200, headers + "Content-Length: " + std::to_string(object->size) + "\r\n",
                        "", true);
  std::string range = request.header("range");
  if (!range.starts_with("bytes=")) return client.reply(200, headers, *object, 0, object->size);
  auto ends = split(std::string_view(range).substr(6), '-');
  auto first = parse_decimal(ends[0]);
  auto last = ends.size() == 2 ? parse_decimal(ends[1]) : std::nullopt;
  if (!first || *first >= object->size) return fail(client, 416, "InvalidRange");
  uint64_t end = std::min(last.value_or(object->size - 1), object->size - 1);
  headers += "Content-Range: bytes " + std::to_string(*first) + "-" + std::to_string(end) + "/" +
             std::to_string(object->size) + "\r\n";
  return client.reply(206, headers, *object, *first, end + 1 - *first);
}

bool Service::store(Connection& client, const Request& request, Object object,
                    const std::string& reply_body) {
  std::string tag = "ETag: " + object.etag + "\r\n";
  bool if_absent = request.header("if-none-match") == "*";
  if (!objects_.put(request.path, std::make_shared<Object>(std::move(object)), if_absent))
    return fail(client, 412, "PreconditionFailed");
  return client.reply(200, tag + (reply_body.empty() ? "" : kXml), reply_body);
}

bool Service::put(Connection& client, const Request& request, std::shared_ptr<const Bytes> body) {
  Object object{body->size, quoted(digest_of(request, ++count_)), kept_headers(request), {body}};
  return store(client, request, std::move(object), "");
}

bool Service::begin(Connection& client, const Request& request) {
  std::string id = std::to_string(++count_);
  {
    std::lock_guard lock(mutex_);
    uploads_[id] = {request.path, kept_headers(request), {}};
  }
  return client.reply(200, kXml,
                      element("InitiateMultipartUploadResult",
                              element("Key", xml_escape(request.path)) + element("UploadId", id)));
}

bool Service::put_part(Connection& client, const Request& request,
                       std::shared_ptr<const Bytes> body) {
  auto number = parse_decimal(request.query.at("partNumber"));
  std::string tag = digest_of(request, ++count_);
  {
    std::lock_guard lock(mutex_);
    auto upload = uploads_.find(request.query.at("uploadId"));
    if (!number || upload == uploads_.end()) return fail(client, 404, "NoSuchUpload");
    upload->second.parts[static_cast<int>(*number)] = {std::move(body), tag};
  }
  return client.reply(200, "ETag: " + quoted(tag) + "\r\n", "");
}

// All parts that came, in their order: the list in the request is not compared.
bool Service::finish(Connection& client, const Request& request,
                     const std::shared_ptr<const Bytes>&) {
  Upload upload;
  {
    std::lock_guard lock(mutex_);
    auto found = uploads_.find(request.query.at("uploadId"));
    if (found == uploads_.end()) return fail(client, 404, "NoSuchUpload");
    upload = std::move(found->second);
    uploads_.erase(found);
  }
  Object object{0, "", upload.headers + kept_headers(request), {}};
  std::string digests;
  for (auto& [number, part] : upload.parts) {
    object.size += part.bytes->size;
    object.parts.push_back(std::move(part.bytes));
    digests += part.etag;
  }
  object.etag = quoted(hex(md5(digests)) + "-" + std::to_string(object.parts.size()));
  std::string body =
      element("CompleteMultipartUploadResult",
              element("Key", xml_escape(request.path)) + element("ETag", object.etag));
  return store(client, request, std::move(object), body);
}

bool Service::list(Connection& client, const Request& request) {
  auto word = [&](const char* name) {
    auto found = request.query.find(name);
    return found == request.query.end() ? std::string() : found->second;
  };
  std::string bucket = request.path.substr(0, request.path.find('/')) + "/";
  std::string token = percent_decode(word("continuation-token"));
  bool second = word("list-type") == "2";
  std::string from = second ? (token.empty() ? word("start-after") : token) : word("marker");
  size_t limit = std::min<uint64_t>(parse_decimal(word("max-keys")).value_or(1000), 1000);
  auto entries =
      objects_.list(bucket + word("prefix"), bucket + from, word("delimiter"), limit + 1);
  bool more = entries.size() > limit;
  if (more) entries.pop_back();
  bool encode = word("encoding-type") == "url";
  auto shown = [&](const std::string& name) {
    std::string key = name.substr(bucket.size());
    return encode ? percent_encode(key, true) : xml_escape(key);
  };
  std::string body = element("Name", bucket.substr(0, bucket.size() - 1)) +
                     element("KeyCount", std::to_string(entries.size())) +
                     element("IsTruncated", more ? "true" : "false");
  if (encode) body += element("EncodingType", "url");
  if (more && second)
    body +=
        element("NextContinuationToken", percent_encode(entries.back().name.substr(bucket.size())));
  if (more && !second) body += element("NextMarker", shown(entries.back().name));
  for (const auto& [name, object] : entries)
    body += object ? element("Contents", element("Key", shown(name)) +
                                             element("LastModified", kModifiedIso) +
                                             element("ETag", object->etag) +
                                             element("Size", std::to_string(object->size)) +
                                             element("StorageClass", "STANDARD"))
                   : element("CommonPrefixes", element("Prefix", shown(name)));
  return client.reply(200, kXml, element("ListBucketResult", body));
}

}  // namespace baton::bench
