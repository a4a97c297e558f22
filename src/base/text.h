// Small text helpers: sizes, durations, times, did-you-mean, safe display.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace baton {

std::vector<std::string> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);
bool starts_with(std::string_view text, std::string_view prefix);
bool ends_with(std::string_view text, std::string_view suffix);

// Decimal digits alone, 18 at most, so that nothing overflows.
std::optional<uint64_t> parse_decimal(std::string_view text);
// "4G", "512M", "1.5Gi", "100" → bytes. K, M, G, T are powers of 1024, as Docker and Slurm read
// them.
std::optional<uint64_t> parse_size(std::string_view text);
// "30s", "500ms", "5m", "12h", "2d", "1h30m" → milliseconds. A bare number is not a duration.
std::optional<int64_t> parse_duration_ms(std::string_view text);
// "1.5 GiB", "312 B".
std::string human_size(uint64_t bytes);
// "0.8s", "12s", "3m12s", "2h05m".
std::string human_duration_ms(int64_t milliseconds);
// UTC, ISO 8601 with milliseconds: "2026-11-22T01:34:22.123Z".
std::string iso_time_ms(int64_t unix_ms);

// The candidate nearest to `word` by Damerau–Levenshtein distance, if near enough to be a slip.
std::optional<std::string> did_you_mean(std::string_view word,
                                        const std::vector<std::string>& candidates);

// "1 trial", "2 trials": of a noun whose plural has an s.
std::string counted(uint64_t count, const std::string& noun);

// Makes text from outside safe to print: invalid UTF-8, control and escape bytes become \xNN.
std::string printable(std::string_view text);
// The same, cut after 60 bytes: what somebody else wrote must not hide the sentence around it.
std::string shortened(std::string_view text);
bool is_utf8(std::string_view text);

// POSIX shell quoting, only where needed.
std::string shell_quote(std::string_view word);

}  // namespace baton
