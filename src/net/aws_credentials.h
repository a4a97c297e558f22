// Credentials for AWS and for services that speak its protocols, found as AWS's own tools find them
// and renewed before they expire. docs/buckets.md lists the places in their order.
#pragma once

#include <memory>
#include <string>

#include "net/aws_config.h"
#include "net/http.h"
#include "net/renewed.h"
#include "net/sigv4.h"
#include "os/clock.h"

namespace baton {

using AwsCredentialSource = CredentialSource<AwsCredentials>;

struct AwsSettings {
  std::string profile;  // chosen for this store: goes before keys in the environment; "": none was
  EnvironmentReader environment;
};

// For fixed keys; tests use it.
std::unique_ptr<AwsCredentialSource> make_fixed_credentials(AwsCredentials credentials);

// All places. Looks nowhere before the first get(). `clock` must outlive it.
std::unique_ptr<AwsCredentialSource> make_aws_credentials(const AwsSettings& settings,
                                                          std::shared_ptr<HttpClient> http,
                                                          Clock& clock);

}  // namespace baton
