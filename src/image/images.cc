// Images on this machine: looks in the cache, resolves, builds, publishes.
#include <fmt/format.h>

#include <cstdlib>

#include "base/text.h"
#include "image/apt.h"
#include "image/apt_sources.h"
#include "image/debian_image.h"
#include "image/host_image.h"
#include "image/image_cache.h"
#include "image/images_options.h"
#include "image/oldest_files.h"
#include "image/package_names.h"
#include "os/files.h"

namespace baton {
namespace {

constexpr uint64_t kDebCacheBytes = 4ull << 30;

Json request_json(const ImageSpec& spec) {
  return {{"form", "debian"},
          {"suite", spec.suite},
          {"architecture", debian_architecture()},
          {"packages", spec.packages}};
}

Error no_such_suite(const std::string& suite, const Error& cause) {
  static const std::vector<std::string> kSuites = {"bullseye", "bookworm", "trixie",
                                                   "forky",    "sid",      "oldstable",
                                                   "stable",   "testing",  "unstable"};
  std::string message = fmt::format("image.debian: the mirror has no suite \"{}\"", suite);
  auto meant = did_you_mean(suite, kSuites);
  if (meant && *meant != suite) message += fmt::format("; did you mean \"{}\"?", *meant);
  return {Code::invalid, message, cause.hint};
}

class LocalImages : public Images {
 public:
  explicit LocalImages(ImagesOptions options)
      : options_(std::move(options)), cache_(options_.home) {}

  Result<Image> ensure(const ImageSpec& spec, Progress& progress) override {
    if (spec.form == ImageSpec::Form::host) return host_image(options_.os_release);
    Json request = request_json(spec);
    BATON_ASSIGN(auto known, cache_.find_request(request));
    if (known) return *known;
    if (!is_suite_name(spec.suite))
      return Error{Code::invalid,
                   fmt::format("image.debian: \"{}\" is not the name of a Debian suite",
                               printable(spec.suite)),
                   "for example: trixie"};
    std::string log = cache_.new_log(record_id(request));
    BATON_ASSIGN(Apt apt, make_apt(spec.suite, log));
    BATON_ASSIGN(Fd lock, apt.lock(progress));
    BATON_TRY(configure(apt));
    Status lists = apt.update(progress);
    if (!lists.ok())
      return lists.is(Code::invalid) ? no_such_suite(spec.suite, lists.error()) : lists.error();
    progress.update("choosing package versions", 0, 0, "");
    BATON_TRY(check_package_names(apt, spec.packages));
    BATON_ASSIGN(PackageVersions packages, apt.resolve(spec.packages));
    Json record = debian_record(spec.suite, debian_architecture(), spec.packages, packages);
    BATON_ASSIGN(auto same, cache_.find(record_id(record)));
    if (!same) {
      BATON_ASSIGN(std::vector<Package> described, apt.describe(packages));
      BATON_ASSIGN(same, build(apt, std::move(lock), described, record, log, progress));
    }
    const Image& image = *same;
    BATON_TRY(cache_.remember_request(request, image.id));
    // What is left of it when nothing had to be built; otherwise it stands in the image.
    (void)remove_tree(log);
    return image;
  }

  Result<Image> from_record(const Json& record, Progress& progress) override {
    if (get_string(record, "form") == "host")
      return host_image_from_record(record, options_.os_release);
    std::string id = record_id(record);
    BATON_ASSIGN(auto known, cache_.find(id));
    if (known) return *known;
    BATON_ASSIGN(DebianRecord wanted, parse_debian_record(record));
    std::string log = cache_.new_log(id);
    BATON_ASSIGN(Apt apt, make_apt(wanted.suite, log));
    BATON_ASSIGN(Fd lock, apt.lock(progress));
    BATON_TRY(configure(apt));
    auto described = apt.describe(wanted.packages);
    if (!described.ok() || !apt.has_downloaded(*described)) {
      BATON_TRY(apt.update(progress));
      described = apt.describe(wanted.packages);
    }
    if (!described.ok()) return described.error();
    return build(apt, std::move(lock), *described, record, log, progress);
  }

  Result<std::vector<ImageInfo>> list() override { return cache_.list(); }
  Status remove(const std::string& id) override { return cache_.remove(id); }
  Result<std::vector<std::string>> remove_unused(const std::vector<std::string>& keep) override {
    return cache_.remove_unused(keep);
  }

 private:
  Result<Apt> make_apt(const std::string& suite, const std::string& log) {
    std::string arch = debian_architecture(), cache = options_.home + "/cache";
    return Apt(cache + "/apt/" + suite + "-" + arch, cache + "/debs", suite, arch, log);
  }

  Status configure(Apt& apt) {
    BATON_ASSIGN(auto sources,
                 debian_sources(read_apt_sources(options_.etc_apt),
                                os_release_field(options_.os_release, "VERSION_CODENAME"),
                                apt.suite(), options_.mirror));
    return apt.configure(sources);
  }

  // `lock`: on apt, given up as soon as everything is downloaded.
  Result<Image> build(Apt& apt, Fd lock, const std::vector<Package>& packages, const Json& record,
                      const std::string& log, Progress& progress) {
    std::string id = record_id(record);
    BATON_TRY(apt.download(packages, progress));
    lock.reset();
    BATON_ASSIGN(ImageBuild place, cache_.begin(id, [&] {
      progress.detail("waiting for another baton that is making the same image");
    }));
    BATON_ASSIGN(auto made_meanwhile, cache_.find(id));
    if (made_meanwhile) return *made_meanwhile;
    BATON_TRY(build_debian_root(apt, packages, place.dir(), log, progress));
    progress.update("writing the image to disk", 0, 0, "");
    BATON_ASSIGN(Image image, cache_.publish(std::move(place), record, log));
    remove_oldest_files(options_.home + "/cache/debs", ".deb",
                        [](uint64_t bytes, size_t) { return bytes > kDebCacheBytes; });
    progress.finish(fmt::format("image {} made: {} packages", id.substr(0, 12), packages.size()));
    return image;
  }

  ImagesOptions options_;
  ImageCache cache_;
};

}  // namespace

std::unique_ptr<Images> make_images(const ImagesOptions& options) {
  return std::make_unique<LocalImages>(options);
}

std::unique_ptr<Images> make_images(const std::string& home) {
  ImagesOptions options;
  options.home = absolute_path(home);
  if (const char* mirror = std::getenv("BATON_DEBIAN_MIRROR")) options.mirror = mirror;
  return make_images(options);
}

}  // namespace baton
