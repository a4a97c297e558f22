# Everything comes from Debian 12's packages and is linked statically into the one binary.
set(Boost_USE_STATIC_LIBS ON)
set(OPENSSL_USE_STATIC_LIBS ON)
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Boost 1.74 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_library(YAML_CPP_LIBRARY NAMES libyaml-cpp.a REQUIRED)
find_library(ZSTD_LIBRARY NAMES libzstd.a REQUIRED)
find_library(XXHASH_LIBRARY NAMES libxxhash.a REQUIRED)

add_library(baton_fmt STATIC cmake/fmt.cc)
target_include_directories(baton_fmt SYSTEM PUBLIC $<TARGET_PROPERTY:fmt::fmt-header-only,INTERFACE_INCLUDE_DIRECTORIES>)

add_library(baton_deps INTERFACE)
target_link_libraries(baton_deps INTERFACE baton_fmt nlohmann_json::nlohmann_json
                      ${ZSTD_LIBRARY} ${XXHASH_LIBRARY} OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
target_include_directories(baton_deps SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
# Asio without Boost.System's library and without deprecated names.
target_compile_definitions(baton_deps INTERFACE BOOST_ERROR_CODE_HEADER_ONLY BOOST_ASIO_NO_DEPRECATED)
# Eigen: linear algebra of tune/ only.
add_library(baton_eigen INTERFACE)
get_target_property(eigen_include Eigen3::Eigen INTERFACE_INCLUDE_DIRECTORIES)
target_include_directories(baton_eigen SYSTEM INTERFACE ${eigen_include})
target_compile_definitions(baton_eigen INTERFACE EIGEN_MPL2_ONLY EIGEN_DONT_PARALLELIZE)
