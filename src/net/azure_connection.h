// Connection strings of Azure Storage.
// https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string
#pragma once

#include <string>
#include <string_view>

namespace baton {

struct AzureConnection {
  std::string account;
  std::string key;       // base64; "": none
  std::string sas;       // without '?'; "": none
  std::string endpoint;  // of the blobs, where the string names one or another suffix than Azure's
};

// Parts that mean nothing here are passed over; what is missing stays empty.
AzureConnection parse_azure_connection(std::string_view text);

}  // namespace baton
