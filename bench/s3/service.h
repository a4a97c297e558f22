// The calls of S3's protocol that the benchmarks' clients make.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "s3/connection.h"
#include "s3/objects.h"

namespace baton::bench {

// Path-style; every bucket is there. Neither signatures nor checksums are verified: what is
// measured is the client. Thread-safe.
class Service {
 public:
  // False when the connection cannot go on.
  bool answer(Connection& client, const Request& request);

 private:
  bool bucket_call(Connection& client, const Request& request);
  bool list(Connection& client, const Request& request);
  bool read(Connection& client, const Request& request);
  bool put(Connection& client, const Request& request, std::shared_ptr<const Bytes> body);
  bool begin(Connection& client, const Request& request);
  bool put_part(Connection& client, const Request& request, std::shared_ptr<const Bytes> body);
  bool finish(Connection& client, const Request& request, const std::shared_ptr<const Bytes>& body);
  bool store(Connection& client, const Request& request, Object object,
             const std::string& reply_body);
  bool fail(Connection& client, int status, const std::string& code);

  Objects objects_;
  std::mutex mutex_;
  std::map<std::string, Upload> uploads_;
  std::atomic<uint64_t> count_{0};
};

}  // namespace baton::bench
