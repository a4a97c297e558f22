// The single places where credentials for Azure Storage come from. Each gives credentials, none
// when this place does not apply here, or an error when it applies and fails.
#pragma once

#include <optional>
#include <string>

#include "net/azure_credentials.h"

namespace baton {

using MaybeAzureCredentials = Result<std::optional<AzureCredentials>>;

struct AzureLookup {
  const AzureSettings& settings;
  HttpClient& http;
  Clock& clock;
  bool had_identity = false;  // this machine's was found before
};

// AZURE_STORAGE_CONNECTION_STRING, AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN; with
// AZURE_STORAGE_ACCOUNT, where it is set, naming the account that the latter two are for.
MaybeAzureCredentials azure_storage_variables(const AzureLookup& look);
// A service principal, AZURE_TENANT_ID and AZURE_CLIENT_ID with AZURE_CLIENT_SECRET, or a workload
// identity, with AZURE_FEDERATED_TOKEN_FILE, which is read anew each time.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
MaybeAzureCredentials azure_principal(const AzureLookup& look);
// The managed identity of an App Service, a function or a container: IDENTITY_ENDPOINT and
// IDENTITY_HEADER. https://learn.microsoft.com/azure/app-service/overview-managed-identity
MaybeAzureCredentials azure_service_identity(const AzureLookup& look);
// The managed identity of this virtual machine, or the one chosen by AZURE_CLIENT_ID. No answer is
// Code::transient where there must be one.
// https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token
MaybeAzureCredentials azure_machine_identity(const AzureLookup& look);
// Whoever has signed on with the Azure CLI: `az account get-access-token`.
MaybeAzureCredentials azure_cli(const AzureLookup& look);

}  // namespace baton
