// `baton selftest-net URL`: shows that names are looked up and TLS works where the binary runs, say
// in an image made FROM scratch.
#pragma once

namespace baton {

// argv[1] is the URL. Prints one JSON object: addresses, status and the body's size, or the error.
// Returns 0 when there was a reply, 1 when not, 2 for wrong usage.
int run_selftest_net(int argc, char** argv);

}  // namespace baton
