// What is delivered of the metrics beside the results: metrics.jsonl, and metrics.svg, a picture of
// them. Nothing where the program reported nothing, or put something that is no file in its place.
#pragma once

#include <string>
#include <vector>

#include "ledger/bucket_delivery.h"

namespace baton {

// Metrics larger than this have no picture, and do not go to a bucket.
constexpr uint64_t kMostDrawnMetrics = 64 << 20;

struct MetricsFiles {
  std::vector<ExtraFile> files;
  std::string left_out;  // "" or a line for people: what is not there, and why
};

// For a bucket. `path`: of the metrics file, in a directory that belongs to the program; `title`:
// of the picture.
MetricsFiles metrics_files(const std::string& path, const std::string& title);

// Writes them into the directory of the results; the program's own files of these names win. Gives
// what is left out, as above.
std::string add_metrics_files(const std::string& path, const std::string& title,
                              const std::string& results);

}  // namespace baton
