#include "model/plot_canvas.h"

#include <fmt/format.h>

#include <cstdlib>

namespace baton {
namespace {

// Unicode 15, Braille Patterns: dots 1-3 and 7 down the left side, 4-6 and 8 down the right.
constexpr unsigned kBits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
constexpr int kColors[] = {36, 33, 32, 35, 34, 31};
constexpr char kMarks[] = {'*', '+', 'o', '#', 'x', '@'};

// U+2800 and the bits, in UTF-8.
std::string braille(unsigned bits) {
  return {static_cast<char>(0xe2), static_cast<char>(0xa0 | (bits >> 6)),
          static_cast<char>(0x80 | (bits & 0x3f))};
}

}  // namespace

Canvas::Canvas(int columns, int rows, const TerminalStyle& style)
    : columns_(columns),
      rows_(rows),
      across_(style.utf8 ? 2 : 1),
      down_(style.utf8 ? 4 : 1),
      utf8_(style.utf8),
      color_(style.color),
      cells_(static_cast<size_t>(columns) * static_cast<size_t>(rows)) {}

size_t Canvas::index(int x, int row) const {
  return static_cast<size_t>(row) * static_cast<size_t>(columns_) + static_cast<size_t>(x);
}

void Canvas::dot(int x, int y, int line) {
  if (x < 0 || y < 0 || x >= dots_wide() || y >= dots_high()) return;
  Cell& cell = cells_[index(x / across_, row_of_dot(y))];
  cell.bits |= utf8_ ? kBits[y % 4][x % 2] : 1;
  cell.line = line;
}

// Bresenham's line.
void Canvas::stroke(int x0, int y0, int x1, int y1, int line) {
  int dx = std::abs(x1 - x0), dy = -std::abs(y1 - y0);
  int sx = x0 < x1 ? 1 : -1, sy = y0 < y1 ? 1 : -1;
  for (int error = dx + dy;;) {
    dot(x0, y0, line);
    if (x0 == x1 && y0 == y1) return;
    int twice = 2 * error;
    if (twice >= dy) error += dy, x0 += sx;
    if (twice <= dx) error += dx, y0 += sy;
  }
}

std::string Canvas::row(int number) const {
  std::string out, run;  // run: neighbours of one colour
  int line = 0;
  for (int x = 0; x <= columns_; ++x) {
    const Cell* cell = x < columns_ ? &cells_[index(x, number)] : nullptr;
    bool same = cell && cell->bits != 0 && cell->line == line;
    if (!same && !run.empty()) {
      out += paint(run, line);
      run.clear();
    }
    if (!cell) break;
    if (cell->bits == 0) {
      out += ' ';
      continue;
    }
    line = cell->line;
    run += utf8_ ? braille(cell->bits) : std::string(1, mark(line));
  }
  return out;
}

std::string Canvas::paint(const std::string& text, int line) const {
  return color_ ? fmt::format("\x1b[{}m{}\x1b[0m", kColors[line % 6], text) : text;
}

char Canvas::mark(int line) { return kMarks[line % 6]; }

}  // namespace baton
