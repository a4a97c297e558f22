// The drawing area of a plot on a terminal. Internal to plot.
#pragma once

#include <string>
#include <vector>

#include "model/plot.h"

namespace baton {

// A grid of characters, each of 2 × 4 dots in braille and of one in ASCII. Dots count from the top
// left.
class Canvas {
 public:
  Canvas(int columns, int rows, const TerminalStyle& style);

  int dots_wide() const { return columns_ * across_; }
  int dots_high() const { return rows_ * down_; }
  int row_of_dot(int y) const { return y / down_; }

  // Both leave out what lies outside. Where lines cross in one character, the later one gives mark
  // and colour.
  void dot(int x, int y, int line);
  void stroke(int x0, int y0, int x1, int y1, int line);

  // The characters of one row, from the top.
  std::string row(int number) const;
  // `text` in the colour of a line.
  std::string paint(const std::string& text, int line) const;
  // What stands for a line's dots in ASCII.
  static char mark(int line);

 private:
  struct Cell {
    unsigned bits = 0;
    int line = 0;
  };

  size_t index(int x, int row) const;

  int columns_, rows_;
  int across_, down_;  // dots of a character
  bool utf8_, color_;
  std::vector<Cell> cells_;
};

}  // namespace baton
