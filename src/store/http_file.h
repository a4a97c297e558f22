// One file at a web address, as a Bucket that holds one object and cannot be written.
#pragma once

#include <memory>
#include <string>

#include "net/http.h"
#include "os/clock.h"
#include "store/bucket.h"

namespace baton {

// `url`: http:// or https://. The object's key is the last part of the path ("file" where there is
// none); its version is the reply's ETag, or else its Last-Modified, or else "". Up to five
// redirects are followed, but none from https:// to http://, and where they lead is remembered
// until it fails. Ranges are asked for only of a server that has shown that it honours them; of
// others get() takes the whole file or nothing (Code::unsupported). A server that does not tell the
// file's size is Code::unsupported. `clock` must outlive it.
std::unique_ptr<Bucket> make_http_file(const std::string& url, std::shared_ptr<HttpClient> http,
                                       Clock& clock);

}  // namespace baton
