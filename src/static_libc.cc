// Stands in, in the static binary, for what glibc can only do with shared libraries that the
// machine may not have. libcrypto mentions these functions and baton never gets there: it resolves
// names itself (src/net/resolver.h), and loads no engines. The linker is told to take these in
// their place (--wrap), and so has nothing to warn of.
#include <netdb.h>

extern "C" {

void* __wrap_dlopen(const char*, int) { return nullptr; }  // NOLINT: ld's name for it

int __wrap_getaddrinfo(const char*, const char*, const addrinfo*, addrinfo**) {  // NOLINT
  return EAI_FAIL;
}

hostent* __wrap_gethostbyname(const char*) { return nullptr; }  // NOLINT
}
