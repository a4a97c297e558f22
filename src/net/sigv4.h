// AWS Signature Version 4.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "net/http.h"

namespace baton {

struct AwsCredentials {
  std::string key_id;
  std::string secret;
  std::string token;       // of temporary credentials; "": none
  int64_t expires_ms = 0;  // wall clock; 0: never
  std::string source;      // where they were found, for people ("profile \"ml\" in ~/.aws/config")
  bool operator==(const AwsCredentials&) const = default;
};

struct SigningScope {
  std::string region;   // "eu-central-1"
  std::string service;  // "s3": paths are signed as they are sent; others: encoded once more
};

// Instead of the payload's SHA-256: the body is not part of the signature. Only over TLS, or to
// this machine itself.
inline constexpr char kUnsignedPayload[] = "UNSIGNED-PAYLOAD";

// Adds Host, X-Amz-Date, X-Amz-Security-Token where there is one, for S3 X-Amz-Content-Sha256, and
// Authorization. All headers that the request has already are signed; none may be added later but
// by the HTTP client itself. `payload` is the body's SHA-256 in hex or kUnsignedPayload; `wall_ms`
// the server's present time. Code::invalid for a bad URL.
Status sign_v4(HttpRequest& request, const AwsCredentials& credentials, const SigningScope& scope,
               const std::string& payload, int64_t wall_ms);

}  // namespace baton
