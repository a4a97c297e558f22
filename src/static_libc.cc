// Stands in, in the static binary, for what glibc can only do with shared libraries that the
// machine may not have. libcrypto mentions these functions and baton never gets there: it resolves
// names itself (src/net/resolver.h), and loads no engines. Without these definitions the linker
// warns of each.
#include <netdb.h>

extern "C" {

void* dlopen(const char*, int) noexcept { return nullptr; }

int getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**) { return EAI_FAIL; }

hostent* gethostbyname(const char*) { return nullptr; }
}
