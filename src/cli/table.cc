#include "cli/table.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace baton {

size_t display_width(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

std::string Table::text(const Terminal& terminal) const {
  std::vector<size_t> widths;
  for (const auto& cell : heading_) widths.push_back(display_width(printable(cell)));
  for (const auto& row : rows_)
    for (size_t i = 0; i < row.size(); ++i)
      widths[i] = std::max(widths[i], display_width(printable(row[i])));
  auto line = [&](const std::vector<std::string>& cells, auto&& painted) {
    std::string out;
    for (size_t i = 0; i < cells.size(); ++i) {
      std::string cell = printable(cells[i]);
      size_t padding = i + 1 < cells.size() ? widths[i] - display_width(cell) + 2 : 0;
      out += painted(i, cell) + std::string(padding, ' ');
    }
    return out + "\n";
  };
  std::string out = line(heading_, [&](size_t, const std::string& cell) {
    return terminal.paint(Colour::bold, cell);
  });
  for (const auto& row : rows_)
    out += line(row, [&](size_t i, const std::string& cell) {
      return colour_ && i == painted_ ? terminal.paint(colour_(cell), cell) : cell;
    });
  return out;
}

Colour state_colour(const std::string& state) {
  if (state == "succeeded") return Colour::green;
  if (state == "failed") return Colour::red;
  if (state == "running") return Colour::bold;
  return Colour::yellow;
}

std::string age(int64_t unix_ms, int64_t now_ms) {
  constexpr int64_t kMinute = 60'000, kHour = 60 * kMinute, kDay = 24 * kHour;
  int64_t passed = std::max<int64_t>(0, now_ms - unix_ms);
  if (passed < kMinute) return fmt::format("{}s ago", passed / 1000);
  if (passed < kHour) return fmt::format("{}m ago", passed / kMinute);
  if (passed < 2 * kDay) return fmt::format("{}h ago", passed / kHour);
  if (passed < 31 * kDay) return fmt::format("{}d ago", passed / kDay);
  return iso_time_ms(unix_ms).substr(0, 10);
}

}  // namespace baton
