// What an error reply of S3 means.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
#pragma once

#include <string>

#include "base/result.h"
#include "net/http.h"

namespace baton {

// What the caller may do at once, before the error counts.
enum class S3Remedy {
  none,
  new_credentials,  // these have expired
  set_clock,        // the request was signed with a wrong time
  set_region,       // x-amz-bucket-region names another region
  no_reason,        // HEAD's replies give none: any of these, or nothing helps
};

struct S3Failure {
  Error error;
  S3Remedy remedy = S3Remedy::none;
};

// For any reply that is not 2xx. `doing` begins the message ("writing x to s3://b/p"). A HEAD
// request's reply has no body, so that the status must do.
S3Failure classify_s3(const HttpResponse& reply, const std::string& doing);

// An error element in a reply of status 200, as CompleteMultipartUpload and CopyObject have them.
bool is_s3_error_body(const std::string& body);

}  // namespace baton
