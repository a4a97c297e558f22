#include "store/http_file.h"

#include <atomic>
#include <cctype>
#include <mutex>
#include <string_view>

#include "base/text.h"
#include "net/http_date.h"
#include "store/bucket_reply.h"

namespace baton {
namespace {

constexpr int kMostRedirects = 5;
constexpr uint64_t kMaxReply = 1 << 20;

// "https://host/a/b?x" → "b".
std::string key_of(const std::string& url) {
  std::string path = url.substr(url.find("://") + 3);
  path = path.substr(0, path.find_first_of("?#"));
  size_t slash = path.rfind('/');
  std::string name = slash == std::string::npos ? "" : path.substr(slash + 1);
  return name.empty() ? "file" : name;
}

// "https:" of "https://host/", in lower case; "" where the text begins with no scheme.
std::string scheme_of(const std::string& text) {
  std::string scheme;
  for (char c : text) {
    if (c == ':') return scheme.empty() ? "" : scheme + c;
    const bool letter = std::isalpha(static_cast<unsigned char>(c));
    const bool other = std::string_view("0123456789+-.").find(c) != std::string_view::npos;
    if (!letter && (!other || scheme.empty())) return "";
    scheme += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return "";
}

// A path that begins with '/', without "." and ".." (RFC 3986, 5.2.4).
std::string without_dots(const std::string& path) {
  std::string out;
  for (size_t at = 0; at < path.size();) {
    const size_t next = std::min(path.find('/', at + 1), path.size());
    const std::string segment = path.substr(at, next - at);  // with its '/'
    at = next;
    const bool up = segment == "/..";
    if (up) out.erase(std::min(out.rfind('/'), out.size()));
    if (!up && segment != "/.")
      out += segment;
    else if (at == path.size())
      out += '/';
  }
  return out;
}

// `location`, which is not empty, as it is meant at `base` (RFC 3986, 5.2).
std::string resolve(std::string base, const std::string& location) {
  const std::string scheme = scheme_of(location);
  if (!scheme.empty()) return scheme + location.substr(scheme.size());
  const size_t host = base.find("://") + 3;
  if (starts_with(location, "//")) return base.substr(0, host - 2) + location;
  base.erase(std::min(base.find('#', host), base.size()));
  if (location[0] == '#') return base + location;
  const size_t path = std::min(base.find_first_of("/?", host), base.size());
  const std::string origin = base.substr(0, path);
  std::string own = base.substr(path, base.find('?', path) - path);
  if (own.empty()) own = "/";
  if (location[0] == '?') return origin + own + location;
  const size_t end = std::min(location.find_first_of("?#"), location.size());
  if (location[0] == '/') own.clear();
  own.erase(own.rfind('/') + 1);
  return origin + without_dots(own + location.substr(0, end)) + location.substr(end);
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

class HttpFile : public Bucket {
 public:
  HttpFile(const std::string& url, std::shared_ptr<HttpClient> http, Clock& clock)
      : url_(url), key_(key_of(url)), http_(std::move(http)), clock_(clock) {}

  Result<BucketObject> get(const std::string& key, const std::optional<BucketRange>& range,
                           const std::string& expected,
                           const std::function<Status(std::string_view)>& sink) override {
    BATON_TRY(known(key));
    HttpRequest request;
    if (range) request.headers.emplace_back("Range", range_header(*range));
    request.timeout_ms = try_timeout_ms(range ? range->size : uint64_t{8} << 30);
    request.stall_ms = kStallMs;
    request.on_body = sink;
    BATON_ASSIGN(HttpResponse reply, send(request));
    if (range && reply.status == 200 && range->offset > 0)
      return Error{Code::unsupported, name() + " is on a server that does not honour ranges", ""};
    if (reply.status == 206 && !is_range(reply, range)) return other_range();
    BATON_ASSIGN(BucketObject object, object_of(reply));
    if (!expected.empty() && object.version != expected)
      return Error{Code::transient, name() + " was replaced meanwhile", ""};
    return object;
  }

  Result<BucketObject> head(const std::string& key) override {
    BATON_TRY(known(key));
    HttpRequest request;
    request.method = "HEAD";
    auto reply = send(request);
    if (reply.ok() && parse_decimal(reply->header("Content-Length"))) {
      ranges_ = reply->header("Accept-Ranges") == "bytes";
      return object_of(*reply);
    }
    // Addresses that were signed for GET, and some servers, know no HEAD: the first byte tells too.
    if (!reply.ok() && reply.error().code != Code::denied && reply.error().code != Code::permanent)
      return reply.error();
    HttpRequest first;
    first.headers.emplace_back("Range", range_header({0, 1}));
    uint64_t got = 0;
    first.on_body = [&got](std::string_view bytes) -> Status {
      got += bytes.size();
      if (got > kMaxReply) return Error{Code::cancelled, "that is more than one byte", ""};
      return {};
    };
    auto one = send(first);
    if (one.is(Code::cancelled) || (one.ok() && one->status != 206))
      return Error{Code::unsupported,
                   name() + " is on a server that tells neither size nor version beforehand",
                   "download it and name the file, or put it into a bucket"};
    if (!one.ok()) return one.error();
    if (!is_range(*one, BucketRange{0, 1})) return other_range();
    ranges_ = true;
    return object_of(*one);
  }

  Result<BucketPage> list(const std::string&, const std::string&, const std::string&, bool,
                          size_t) override {
    BATON_ASSIGN(BucketObject object, head(key_));
    BucketPage page;
    page.objects.push_back({key_, object.size, object.version});
    return page;
  }

  Result<std::string> put(const std::string&, std::string_view, uint32_t, Write) override {
    return read_only().error();
  }
  Status remove(const std::string&) override { return read_only(); }
  Status remove_version(const std::string&, const std::string&) override { return read_only(); }
  Result<std::string> begin_upload(const std::string&, std::optional<uint32_t>) override {
    return read_only().error();
  }
  Result<BucketPart> upload_part(const std::string&, const std::string&, int, std::string_view,
                                 uint32_t) override {
    return read_only().error();
  }
  Result<std::string> finish_upload(const std::string&, const std::string&,
                                    const std::vector<BucketPart>&, uint32_t, Write) override {
    return read_only().error();
  }
  Status abort_upload(const std::string&, const std::string&) override { return read_only(); }

  std::string name() const override { return url_.substr(0, url_.find_first_of("?#")); }
  std::string identity() const override { return url_; }
  Result<std::string> credentials() override { return std::string("nobody"); }
  int64_t hold_ms() const override {
    return std::max<int64_t>(0, hold_until_.load() - clock_.mono_ms());
  }
  bool honours_ranges() const override { return ranges_; }

 private:
  Status read_only() const {
    return Error{Code::unsupported, name() + " is a file on the web and cannot be written", ""};
  }
  Status known(const std::string& key) const {
    if (key == key_) return {};
    return Error{Code::not_found, "there is no " + printable(key) + " at " + name(), ""};
  }
  // Perhaps of one server among several: the next try begins with the address that was given.
  Error other_range() {
    set_target("");
    return {Code::transient, name() + " came from a server that gave another range than asked for",
            "download it and name the file, if that server does not learn better"};
  }

  std::string target() const {
    std::lock_guard lock(mutex_);
    return target_.empty() ? url_ : target_;
  }
  void set_target(const std::string& url) {
    std::lock_guard lock(mutex_);
    target_ = url;
  }

  // A reply of 2xx. Where redirects led is tried first; when that has lapsed, from the start again:
  // at once if it was refused there, and else with the caller's next try.
  Result<HttpResponse> send(HttpRequest request) {
    bool begun = false;
    if (request.on_body)
      request.on_body = [&begun, sink = std::move(request.on_body)](std::string_view piece) {
        begun = true;
        return sink(piece);
      };
    const std::string first = target();
    auto reply = follow(request, first);
    if (first == url_ || reply.ok() || reply.is(Code::cancelled)) return reply;
    set_target("");
    return begun || reply.is(Code::transient) ? reply : follow(request, url_);
  }

  Result<HttpResponse> follow(HttpRequest request, const std::string& from) {
    std::string url = from;
    request.max_body = kMaxReply;
    for (int i = 0; i <= kMostRedirects; ++i) {
      request.url = url;
      auto reply = http_->send(request, cancel());
      if (!reply.ok()) return reply.error().within("reading " + name());
      if (reply->status / 100 == 2) {
        if (url != url_) set_target(url);
        return reply;
      }
      if (!is_redirect(reply->status)) return failure(*reply);
      const std::string location = reply->header("Location");
      if (location.empty())
        return Error{Code::permanent, name() + " redirects without saying where",
                     "ask whoever runs the server, or name another address"};
      std::string next = resolve(url, location);
      if (starts_with(url, "https://") && !starts_with(next, "https://"))
        return Error{Code::denied, name() + " leads from https:// to an address without protection",
                     "name that address with the file's sha256 if you trust it"};
      url = next;
    }
    return Error{Code::permanent, name() + " redirects in a circle", ""};
  }

  Error failure(const HttpResponse& reply) {
    int64_t wait = retry_after_ms(reply, clock_.wall_ms());
    if (wait > 0) hold_until_ = clock_.mono_ms() + wait;
    std::string what = name() + ": the server answered with status " + std::to_string(reply.status);
    switch (reply.status) {
      case 404:
      case 410:
        return {Code::not_found, name() + " does not exist", "check the address in the spec"};
      case 401:
      case 403:
        return {Code::denied, what + ": it may not be read without logging in",
                "only public files can be read from the web; put it into a bucket"};
      case 408:
      case 425:
      case 429:
        return {Code::transient, what, ""};
      default:
        return {reply.status >= 500 && reply.status != 501 ? Code::transient : Code::permanent,
                what, ""};
    }
  }

  Result<BucketObject> object_of(const HttpResponse& reply) const {
    BucketObject object;
    object.version = reply.header("ETag");
    if (object.version.empty()) object.version = reply.header("Last-Modified");
    std::string size = reply.header("Content-Length");
    if (reply.status == 206) {
      size = reply.header("Content-Range");
      size.erase(0, size.find('/') + 1);
    }
    auto number = parse_decimal(size);
    if (!number)
      return Error{Code::unsupported, name() + " is on a server that does not tell its size",
                   "download it and name the file, or put it into a bucket"};
    object.size = *number;
    return object;
  }

  const std::string url_, key_;
  const std::shared_ptr<HttpClient> http_;
  Clock& clock_;
  mutable std::mutex mutex_;
  std::string target_;  // where redirects led; may hold a signature, so it is told nobody
  std::atomic<bool> ranges_{false};
  std::atomic<int64_t> hold_until_{0};
};

}  // namespace

std::unique_ptr<Bucket> make_http_file(const std::string& url, std::shared_ptr<HttpClient> http,
                                       Clock& clock) {
  return std::make_unique<HttpFile>(url, std::move(http), clock);
}

}  // namespace baton
