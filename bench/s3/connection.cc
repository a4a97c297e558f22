#include "s3/connection.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/encoding.h"
#include "base/text.h"

namespace baton::bench {
namespace {

constexpr uint64_t kSmall = 64 << 10;  // below it, bytes are kept as text

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

void parse_target(std::string_view target, Request& request) {
  size_t mark = std::min(target.find('?'), target.size());
  request.path = percent_decode(target.substr(std::min<size_t>(1, mark), mark - 1));
  request.query.clear();
  if (mark >= target.size()) return;
  for (const std::string& item : split(target.substr(mark + 1), '&')) {
    size_t equals = std::min(item.find('='), item.size());
    std::string value = equals < item.size() ? item.substr(equals + 1) : "";
    std::replace(value.begin(), value.end(), '+', ' ');
    request.query[percent_decode(item.substr(0, equals))] = percent_decode(value);
  }
}

}  // namespace

std::string Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers)
    if (key == name) return value;
  return "";
}

bool Connection::fill() {
  if (begin_ == end_) begin_ = end_ = 0;
  if (end_ == buffer_.size()) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  ssize_t n = 0;
  do n = recv(fd_.get(), buffer_.data() + end_, buffer_.size() - end_, 0);
  while (n < 0 && errno == EINTR);
  if (n <= 0) return false;
  end_ += static_cast<size_t>(n);
  return true;
}

bool Connection::take_line(std::string& line) {
  for (size_t seen = 0;;) {
    std::string_view unused(buffer_.data() + begin_, end_ - begin_);
    size_t found = unused.find("\r\n", seen);
    if (found != std::string_view::npos) {
      line = unused.substr(0, found);
      begin_ += found + 2;
      return true;
    }
    seen = unused.empty() ? 0 : unused.size() - 1;
    if (unused.size() == buffer_.size() || !fill()) return false;
  }
}

bool Connection::read_request(Request& request) {
  std::string line;
  if (!take_line(line)) return false;
  auto words = split(line, ' ');
  if (words.size() != 3) return false;
  request.method = words[0];
  parse_target(words[1], request);
  request.headers.clear();
  while (take_line(line)) {
    if (line.empty()) return true;
    size_t colon = line.find(':');
    if (colon == std::string::npos) return false;
    request.headers.emplace_back(lower(std::string_view(line).substr(0, colon)),
                                 trim(std::string_view(line).substr(colon + 1)));
  }
  return false;
}

bool Connection::take(Bytes& to, uint64_t size) {
  while (size > 0) {
    if (begin_ == end_ && !fill()) return false;
    size_t n = std::min<uint64_t>(size, end_ - begin_);
    if (!to.file.valid())
      to.text.append(buffer_.data() + begin_, n);
    else if (write(to.file.get(), buffer_.data() + begin_, n) != static_cast<ssize_t>(n))
      return false;
    begin_ += n;
    to.size += n;
    size -= n;
  }
  return true;
}

std::shared_ptr<const Bytes> Connection::read_body(const Request& request) {
  if (request.header("expect") == "100-continue" && !send_all("HTTP/1.1 100 Continue\r\n\r\n", 0))
    return nullptr;
  auto length = parse_decimal(request.header("content-length"));
  bool chunked = request.header("x-amz-content-sha256").starts_with("STREAMING-");
  bool unsized = request.header("transfer-encoding") == "chunked";
  if (unsized && chunked) return nullptr;
  auto bytes = std::make_shared<Bytes>();
  if (length.value_or(0) >= kSmall) {
    bytes->file = Fd(open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!bytes->file.valid()) return nullptr;
  }
  if (!chunked) return take(*bytes, length.value_or(0)) ? bytes : nullptr;
  for (std::string line;;) {  // "SIZE[;chunk-signature=…]", the bytes, and an empty line
    if (!take_line(line)) return nullptr;
    uint64_t size = 0;
    auto parsed = std::from_chars(line.data(), line.data() + line.size(), size, 16);
    if (parsed.ec != std::errc()) return nullptr;
    if (size > 0 && (!take(*bytes, size) || !take_line(line))) return nullptr;
    if (size > 0) continue;
    while (take_line(line))  // the trailer
      if (line.empty()) return bytes;
    return nullptr;
  }
}

bool Connection::send_all(std::string_view bytes, int flags) {
  while (!bytes.empty()) {
    ssize_t n = send(fd_.get(), bytes.data(), bytes.size(), flags | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool Connection::send_file(int file, uint64_t offset, uint64_t size) {
  auto at = static_cast<off_t>(offset);
  while (size > 0) {
    ssize_t n = sendfile(fd_.get(), file, &at, std::min<uint64_t>(size, 1 << 20));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    size -= static_cast<uint64_t>(n);
  }
  return true;
}

bool Connection::reply(int status, const std::string& headers, std::string_view body,
                       bool head_only) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " -\r\n" + headers;
  if (!head_only && status != 204)
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  text += "\r\n";
  if (!head_only) text += body;
  return send_all(text, 0);
}

bool Connection::reply(int status, const std::string& headers, const Object& object,
                       uint64_t offset, uint64_t size) {
  std::string text = "HTTP/1.1 " + std::to_string(status) + " -\r\n" + headers +
                     "Content-Length: " + std::to_string(size) + "\r\n\r\n";
  for (const auto& part : object.parts) {
    if (offset >= part->size) {
      offset -= part->size;
      continue;
    }
    uint64_t n = std::min(size, part->size - offset);
    if (part->file.valid()) {
      if (!send_all(text, MSG_MORE) || !send_file(part->file.get(), offset, n)) return false;
      text.clear();
    } else {
      text.append(part->text, offset, n);
    }
    offset = 0;
    size -= n;
    if (size == 0) break;
  }
  return send_all(text, 0);
}

}  // namespace baton::bench
