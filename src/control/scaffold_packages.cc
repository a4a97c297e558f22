#include "control/scaffold_packages.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "base/text.h"

namespace baton {
namespace {

// Modules whose Debian package has another name than "python3-<module>".
const std::map<std::string, std::string, std::less<>> kOtherNames = {
    {"PIL", "python3-pil"},
    {"bs4", "python3-bs4"},
    {"cv2", "python3-opencv"},
    {"dateutil", "python3-dateutil"},
    {"ignite", "python3-torch-ignite"},
    {"netCDF4", "python3-netcdf4"},
    {"pywt", "python3-pywt"},
    {"torch_cluster", "python3-torch-cluster"},
    {"torch_scatter", "python3-torch-scatter"},
    {"torch_sparse", "python3-torch-sparse"},
};

// Modules whose package is "python3-<module>" in Debian 13.
constexpr std::string_view kSameNames =
    " astropy click cloudpickle dask deap dill docopt einops emcee fire h5py imageio joblib lmdb"
    " matplotlib networkx nibabel nltk numba numpy omegaconf onnx onnxruntime optuna pandas plotly "
    "psutil"
    " pydantic pydicom requests rich safetensors scipy seaborn sentencepiece shapely skimage "
    "sklearn skorch"
    " soundfile statsmodels sympy tables tabulate tifffile torch torchaudio torchvision tqdm xarray"
    " xgboost yaml zarr ";

// Names in requirements.txt that differ from the module's.
const std::map<std::string, std::string, std::less<>> kModuleOf = {
    {"beautifulsoup4", "bs4"},         {"netcdf4", "netCDF4"},      {"opencv-python", "cv2"},
    {"opencv-python-headless", "cv2"}, {"pillow", "PIL"},           {"python-dateutil", "dateutil"},
    {"pytorch-ignite", "ignite"},      {"pywavelets", "pywt"},      {"pyyaml", "yaml"},
    {"scikit-image", "skimage"},       {"scikit-learn", "sklearn"},
};

// Of Python 3.13, without names that begin with "_"; and what every container of baton's has.
constexpr std::string_view kStandard =
    " __future__ abc argparse array ast asyncio atexit base64 bdb binascii bisect builtins bz2 "
    "calendar cmath cmd"
    " code codecs codeop collections colorsys compileall concurrent configparser contextlib "
    "contextvars copy"
    " copyreg cProfile csv ctypes curses dataclasses datetime dbm decimal difflib dis doctest "
    "email encodings"
    " ensurepip enum errno faulthandler fcntl filecmp fileinput fnmatch fractions ftplib functools "
    "gc getopt"
    " getpass gettext glob graphlib grp gzip hashlib heapq hmac html http imaplib importlib "
    "inspect io"
    " ipaddress itertools json keyword linecache locale logging lzma mailbox marshal math "
    "mimetypes mmap"
    " modulefinder multiprocessing netrc ntpath numbers opcode operator optparse os pathlib pdb "
    "pickle"
    " pickletools pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd "
    "py_compile"
    " pyclbr pydoc queue quopri random re readline reprlib resource rlcompleter runpy sched "
    "secrets select"
    " selectors shelve shlex shutil signal site smtplib socket socketserver sqlite3 ssl stat "
    "statistics string"
    " stringprep struct subprocess symtable sys sysconfig syslog tabnanny tarfile tempfile termios "
    "textwrap"
    " this threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty "
    "turtle types"
    " typing unicodedata unittest urllib uuid venv warnings wave weakref webbrowser wsgiref xml "
    "xmlrpc"
    " zipapp zipfile zipimport zlib zoneinfo baton ";

constexpr std::string_view kOctave =
    " audio communications control dataframe dicom econometrics financial ga general geometry gsl "
    "image interval"
    " io linear-algebra ltfat mapping matgeom miscellaneous nan ncarray netcdf nurbs optim "
    "parallel quaternion"
    " queueing signal splines statistics stk strings struct symbolic tsa video ";

constexpr std::string_view kR =
    " argparse caret data.table doParallel dplyr e1071 foreach forecast ggplot2 glmnet jsonlite "
    "kernlab lme4"
    " magrittr MASS Matrix mgcv nnet optparse purrr randomForest ranger readr rpart rstan stringr "
    "survival"
    " tibble tidyr tidyverse ";
constexpr std::string_view kRStandard =
    " base compiler datasets graphics grDevices grid methods parallel splines stats stats4 tcltk "
    "tools utils ";

bool listed(std::string_view list, const std::string& word) {
  return list.find(" " + word + " ") != std::string_view::npos;
}

bool word_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// The word at the front of text, of letters, digits, "_" and the characters in `more`.
std::string front_word(std::string_view text, std::string_view more = "") {
  size_t n = 0;
  while (n < text.size() &&
         (word_character(text[n]) || more.find(text[n]) != std::string_view::npos))
    ++n;
  return std::string(text.substr(0, n));
}

bool take(std::string_view& text, std::string_view word) {
  if (!starts_with(text, word)) return false;
  text = trim(text.substr(word.size()));
  return true;
}

// "import a, b.c as d" and "from a.b import c"; relative imports need nothing.
void modules_of_line(std::string_view line, std::set<std::string>& modules) {
  if (take(line, "from ")) {
    if (std::string module = front_word(line); !module.empty()) modules.insert(module);
  } else if (take(line, "import ")) {
    for (const auto& part : split(line.substr(0, line.find_first_of("#;")), ','))
      if (std::string module = front_word(trim(part)); !module.empty()) modules.insert(module);
  }
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

void modules_of_requirements(const std::string& text, std::set<std::string>& modules) {
  for (const auto& line : split(text, '\n')) {
    std::string name = lower(front_word(trim(line), ".-"));
    if (name.empty() || name[0] == '-') continue;
    std::replace(name.begin(), name.end(), '_', '-');
    auto found = kModuleOf.find(name);
    std::string module = found == kModuleOf.end() ? name : found->second;
    std::replace(module.begin(), module.end(), '-', '_');
    modules.insert(module);
  }
}

// Modules that the directory itself has, at its top or one level below.
std::set<std::string> own_modules(const ScaffoldFacts& facts) {
  std::set<std::string> own(facts.directories.begin(), facts.directories.end());
  for (const auto& [path, text] : facts.contents) {
    std::string name = path.substr(path.find('/') == std::string::npos ? 0 : path.find('/') + 1);
    if (ends_with(name, ".py")) own.insert(name.substr(0, name.size() - 3));
  }
  return own;
}

void add_module(const std::string& module, Needs& needs) {
  auto other = kOtherNames.find(module);
  if (other != kOtherNames.end())
    needs.packages.insert(other->second);
  else if (listed(kSameNames, module))
    needs.packages.insert("python3-" + module);
  else if (!listed(kStandard, module) && module[0] != '_')
    needs.unknown.insert(module);
}

}  // namespace

Needs python_needs(const ScaffoldFacts& facts) {
  std::set<std::string> modules;
  for (const auto& [path, text] : facts.contents) {
    if (path == "requirements.txt") modules_of_requirements(text, modules);
    if (!ends_with(path, ".py")) continue;
    for (const auto& line : split(text, '\n')) modules_of_line(trim(line), modules);
  }
  std::set<std::string> own = own_modules(facts);
  Needs needs;
  for (const auto& module : modules)
    if (!own.count(module)) add_module(module, needs);
  return needs;
}

Needs octave_needs(const ScaffoldFacts& facts) {
  Needs needs;
  needs.packages.insert("octave");
  for (const auto& [path, text] : facts.contents) {
    if (!ends_with(path, ".m")) continue;
    for (const auto& line : split(text, '\n')) {
      std::string_view rest = trim(line);
      if (!take(rest, "pkg load ")) continue;
      std::string name = front_word(rest, "-");
      if (listed(kOctave, name))
        needs.packages.insert("octave-" + name);
      else if (!name.empty())
        needs.unknown.insert(name);
    }
  }
  return needs;
}

Needs r_needs(const ScaffoldFacts& facts) {
  Needs needs;
  needs.packages.insert("r-base-core");
  for (const auto& [path, text] : facts.contents) {
    if (!ends_with(path, ".R") && !ends_with(path, ".r")) continue;
    for (const auto& line : split(text, '\n')) {
      std::string_view rest = trim(line);
      if (!take(rest, "library(") && !take(rest, "require(")) continue;
      if (!rest.empty() && (rest[0] == '"' || rest[0] == '\'')) rest.remove_prefix(1);
      std::string name = front_word(rest, ".");
      if (listed(kR, name))
        needs.packages.insert("r-cran-" + lower(name));
      else if (!name.empty() && !listed(kRStandard, name))
        needs.unknown.insert(name);
    }
  }
  return needs;
}

}  // namespace baton
