// Names that nobody else picks: job ids, nonces.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace baton {

// `count` random characters of Crockford's base32, lower case (5 bits each), from getrandom(2).
std::string random_base32(int count);

// 26 characters, 130 random bits: distinguishes one's own write from anybody else's.
std::string new_nonce();

// A job id: UTC time to the millisecond (of which two of the last six characters tell), so that ids
// sort by age, and 20 random bits: "261122-013422-k3f9q2". Precondition: unix_ms >= 0.
std::string new_job_id(int64_t unix_ms);

// True for text of the form new_job_id() makes.
bool is_job_id(std::string_view text);

}  // namespace baton
