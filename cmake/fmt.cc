// fmt's definitions, compiled once. Debian's libfmt-dev 9.1 has no static library, and fmt's own
// header-only mode would compile them anew in every file, which doubles the time of the whole
// build.
#include <fmt/format-inl.h>

namespace fmt::detail {
template auto dragonbox::to_decimal(float) noexcept -> dragonbox::decimal_fp<float>;
template auto dragonbox::to_decimal(double) noexcept -> dragonbox::decimal_fp<double>;
template auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template auto decimal_point_impl(locale_ref) -> char;
template void buffer<char>::append(const char*, const char*);
template void vformat_to(buffer<char>&, string_view, basic_format_args<buffer_context<char>>,
                         locale_ref);
template auto locale_ref::get<std::locale>() const -> std::locale;
}  // namespace fmt::detail
