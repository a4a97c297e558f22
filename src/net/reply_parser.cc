#include "net/reply_parser.h"

// Beast 1.74 asserts that a last chunk seen so far has 5 bytes; that of an empty body has 3, and
// any server can send them in two pieces. The code around the assertion is right for both. This is
// the only file with Beast in it.
#define BOOST_DISABLE_ASSERTS
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <limits>

#include "base/text.h"

namespace baton {
namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

constexpr uint32_t kMaxHeader = 64 << 10;

}  // namespace

struct ReplyParser::Impl final : public http::basic_parser<false> {
  Impl(bool body_follows, BodySink body_sink) : sink(std::move(body_sink)) {
    eager(true);
    header_limit(kMaxHeader);
    body_limit(std::numeric_limits<uint64_t>::max());  // the sink sets the limit
    skip(!body_follows);
  }

  void on_request_impl(http::verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int code, string_view, int, error_code&) override {
    response.status = code;
  }
  void on_field_impl(http::field, string_view name, string_view value, error_code&) override {
    response.headers.emplace_back(std::string(name), std::string(value));
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>&, error_code&) override {}
  size_t on_body_impl(string_view bytes, error_code& error) override { return give(bytes, error); }
  void on_chunk_header_impl(uint64_t, string_view, error_code&) override {}
  size_t on_chunk_body_impl(uint64_t, string_view bytes, error_code& error) override {
    return give(bytes, error);
  }
  void on_finish_impl(error_code&) override {}

  size_t give(string_view bytes, error_code& error) {
    sink_status = sink(std::string_view(bytes.data(), bytes.size()));
    if (!sink_status.ok()) error = http::error::body_limit;
    return bytes.size();
  }

  BodySink sink;
  Status sink_status;
  HttpResponse response;
};

ReplyParser::ReplyParser(bool body_follows, BodySink sink)
    : impl_(std::make_unique<Impl>(body_follows, std::move(sink))) {}
ReplyParser::~ReplyParser() = default;

Result<size_t> ReplyParser::put(std::string_view bytes) {
  error_code error;
  size_t used = impl_->put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  BATON_TRY(impl_->sink_status);
  if (error && error != http::error::need_more)
    return Error{Code::transient, "the reply is not HTTP/1.1 (" + error.message() + ")", ""};
  return used;
}

Status ReplyParser::end() {
  error_code error;
  if (impl_->got_some()) impl_->put_eof(error);
  if (impl_->is_done()) return {};
  return Error{
      Code::transient,
      impl_->got_some() ? "the reply was cut off" : "the connection was closed before a reply", ""};
}

bool ReplyParser::done() const { return impl_->is_done(); }
bool ReplyParser::keep_alive() const { return impl_->is_done() && impl_->keep_alive(); }
HttpResponse& ReplyParser::response() { return impl_->response; }

}  // namespace baton
