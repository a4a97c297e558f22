// Columns of text.
#pragma once

#include <string>
#include <vector>

#include "cli/terminal.h"

namespace baton {

// Rows under a heading, in columns; cells are made safe to print. The last column is not padded.
class Table {
 public:
  explicit Table(std::vector<std::string> heading) : heading_(std::move(heading)) {}
  void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  // Paints every cell of `column` by what it says.
  void paint(size_t column, Colour (*colour)(const std::string& cell)) {
    painted_ = column;
    colour_ = colour;
  }
  std::string text(const Terminal& terminal) const;

 private:
  std::vector<std::string> heading_;
  std::vector<std::vector<std::string>> rows_;
  size_t painted_ = 0;
  Colour (*colour_)(const std::string&) = nullptr;
};

// The colour of a job's state.
Colour state_colour(const std::string& state);

// "3s ago", "5m ago", "2d ago" or, beyond a month, the date.
std::string age(int64_t unix_ms, int64_t now_ms);

// Columns that a text takes on a terminal, counting code points.
size_t display_width(std::string_view text);

}  // namespace baton
