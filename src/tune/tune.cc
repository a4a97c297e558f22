#include "tune/tune.h"

#include "tune/methods.h"
#include "tune/options.h"

namespace baton {
namespace {

TunerPtr make_method(const Space& space, const TuneOptions& options) {
  if (options.method == "tpe") return make_tpe(space, options);
  if (options.method == "sobol") return make_sobol(space, options);
  if (options.method == "grid") return make_grid(space, options);
  if (options.method == "random") return make_random(space, options);
  if (options.method == "asha") return make_asha(space, options);
  if (options.method == "hyperband") return make_hyperband(space, options);
  if (options.method == "pbt") return make_pbt(space, options);
  return make_bayes(space, options);
}

Status check(const Space& space, const TuneOptions& options) {
  BATON_TRY(check_space(space));
  if (space.dimensions.empty()) {
    return Error{Code::invalid, "there is no parameter to search over", "name at least one"};
  }
  return check_options(space, options);
}

}  // namespace

Result<std::unique_ptr<Tuner>> make_tuner(const Space& space, const TuneOptions& options) {
  BATON_TRY(check(space, options));
  return std::unique_ptr<Tuner>(make_method(space, options));
}

Result<std::unique_ptr<Tuner>> load_tuner(const Json& saved) {
  const int64_t version = get_int(saved, "version");
  if (version < 1 || !saved.contains("space") || !saved.contains("options")) {
    return Error{Code::invalid, "this is not a saved tuner", "load exactly what save wrote"};
  }
  if (version > kSavedVersion) {
    return Error{Code::too_new, "this tuner was saved by a newer baton", "update baton"};
  }
  BATON_ASSIGN(const Space space, space_from_json(saved["space"]));
  BATON_ASSIGN(const TuneOptions options, options_from_json(saved["options"]));
  BATON_TRY(check(space, options));
  TunerPtr tuner = make_method(space, options);
  BATON_TRY(tuner->restore(saved));
  return std::unique_ptr<Tuner>(std::move(tuner));
}

}  // namespace baton
