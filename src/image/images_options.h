// What Images takes from the machine; tests point it elsewhere.
#pragma once

#include <memory>
#include <string>

#include "image/image.h"

namespace baton {

struct ImagesOptions {
  std::string home;
  std::string etc_apt = "/etc/apt";
  std::string os_release = "/etc/os-release";
  std::string mirror;  // as $BATON_DEBIAN_MIRROR
};

std::unique_ptr<Images> make_images(const ImagesOptions& options);

}  // namespace baton
