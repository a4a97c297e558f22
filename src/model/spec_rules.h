// What names in a spec may look like. Pure predicates.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace baton {

bool is_job_name(std::string_view text);  // [a-z0-9][a-z0-9._-]{0,62}
// "My Job" → "my-job": a name that can be a job's, near to `text`.
std::string near_job_name(std::string_view text);
bool is_env_name(std::string_view text);      // [A-Za-z_][A-Za-z0-9_]*, at most 255
bool is_param_name(std::string_view text);    // [A-Za-z_][A-Za-z0-9_.-]*, at most 64
bool is_debian_suite(std::string_view text);  // a lower-case word: "trixie", "bookworm-backports"
// "name" or "name=version" (Debian policy 5.6.1, 5.6.12). Never starts with '-': it becomes an
// argument of apt.
bool is_debian_package(std::string_view text);
// "nvidia.com/gpu=all": a qualified device name of the Container Device Interface 0.6.
bool is_cdi_device(std::string_view text);
// "s3://bucket", "https://…": a scheme and two slashes.
bool is_url(std::string_view text);
// Of a URL: "s3".
std::string url_scheme(std::string_view url);
// s3, gs, az: what stores, data and results may be in.
bool is_bucket_scheme(std::string_view scheme);
// Whether a URL has "user@" or "user:password@" before its host.
bool names_user(std::string_view url);
// The parameter in a web address that lets anybody in who knows it ("X-Amz-Signature"); or none.
std::optional<std::string> secret_in_query(std::string_view url);
// Whether a URL has either, so that it must not be repeated anywhere.
bool may_hold_secret(std::string_view url);

// "TERM", "SIGTERM", "sigterm" → "SIGTERM"; none for a signal that does not exist or that a program
// cannot catch.
std::optional<std::string> signal_name(std::string_view text);

// An absolute path without a trailing slash; none if it is relative, is "/" or has an empty, "." or
// ".." part.
std::optional<std::string> mount_path(std::string_view text);
// The mount point of baton's or of the system that `path` (from mount_path) collides with:
// "/checkpoint".
std::optional<std::string> reserved_mount(const std::string& path);
// Whether `inner` is `outer` or lies inside it.
bool lies_in(const std::string& inner, const std::string& outer);

}  // namespace baton
