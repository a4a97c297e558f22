// Comma-separated values.
#pragma once

#include <string>
#include <string_view>

namespace baton {

// A field of a CSV file as RFC 4180 has it, quoted where needed. Text that a spreadsheet would take
// for a formula (it begins with = + - @, a tab or a carriage return, and is no number) gets a ' in
// front, as https://owasp.org/www-community/attacks/CSV_Injection advises.
std::string csv_field(std::string_view text);

}  // namespace baton
