// Bucket for Amazon S3 and services that speak its protocol.
// https://docs.aws.amazon.com/AmazonS3/latest/API/
#pragma once

#include <memory>
#include <string>

#include "net/aws_credentials.h"
#include "net/http.h"
#include "os/clock.h"
#include "store/bucket.h"

namespace baton {

struct S3Place {
  std::string bucket;
  std::string prefix;       // "" or "a/b", without slashes at its ends
  std::string endpoint;     // "https://host[:port]"; "": Amazon's for the region
  std::string region;       // "": us-east-1, corrected when the service names another one
  bool path_style = false;  // https://endpoint/bucket/key instead of https://bucket.endpoint/key
};

// `clock` must outlive it; its wall time may be wrong by any amount.
std::unique_ptr<Bucket> make_s3_bucket(const S3Place& place, std::shared_ptr<HttpClient> http,
                                       std::shared_ptr<AwsCredentialSource> credentials,
                                       Clock& clock);

}  // namespace baton
