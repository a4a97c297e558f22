#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "net/test_server.h"

namespace baton {
namespace {

template <class Write>
std::string to_pem(Write write) {
  std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  write(bio.get());
  char* data = nullptr;
  long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<size_t>(size)};
}

void add_extension(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

TestCertificate make_test_certificate(const std::string& name, int64_t valid_from_days,
                                      int64_t valid_to_days) {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  X509* x = certificate.get();
  constexpr int64_t kDay = 86'400;
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
  X509_gmtime_adj(X509_getm_notBefore(x), valid_from_days * kDay);
  X509_gmtime_adj(X509_getm_notAfter(x), valid_to_days * kDay);
  X509_set_pubkey(x, key.get());
  X509_NAME* subject = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("baton test"), -1, -1, 0);
  X509_set_issuer_name(x, subject);
  in6_addr address;
  bool numeric = inet_pton(AF_INET, name.c_str(), &address) == 1 ||
                 inet_pton(AF_INET6, name.c_str(), &address) == 1;
  add_extension(x, NID_subject_alt_name, (numeric ? "IP:" : "DNS:") + name);
  add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
  X509_sign(x, key.get(), EVP_sha256());
  TestCertificate out;
  out.key_pem = to_pem([&](BIO* bio) {
    PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
  out.certificate_pem = to_pem([&](BIO* bio) { PEM_write_bio_X509(bio, x); });
  return out;
}

}  // namespace baton
