#include "net/jwt.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <memory>

#include "base/encoding.h"

namespace baton {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<&EVP_PKEY_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freed<&EVP_MD_CTX_free>>;
using Memory = std::unique_ptr<BIO, Freed<&BIO_free>>;

// A key with a pass phrase is refused instead of asked for on the terminal.
int no_pass_phrase(char*, int, int, void*) { return -1; }

Result<std::string> sign_rs256(const std::string& text, const std::string& pem) {
  Memory memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Key key(PEM_read_bio_PrivateKey(memory.get(), nullptr, &no_pass_phrase, nullptr));
  Digest digest(EVP_MD_CTX_new());
  std::string signature;
  bool good = key && digest && EVP_PKEY_base_id(key.get()) == EVP_PKEY_RSA;
  if (good) {
    size_t size = static_cast<size_t>(EVP_PKEY_size(key.get()));
    signature.resize(size);
    good = EVP_DigestSignInit(digest.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
           EVP_DigestSign(digest.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                          reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1;
    signature.resize(good ? size : 0);
  }
  ERR_clear_error();
  if (good) return signature;
  return Error{Code::invalid, "its private key is no RSA key in PEM form", ""};
}

}  // namespace

std::string base64url(std::string_view bytes) {
  std::string text = base64(bytes);
  text.erase(std::min(text.find('='), text.size()));
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return text;
}

Result<std::string> sign_jwt(const Json& header, const Json& claims, const std::string& key) {
  std::string text = base64url(dump_json(header)) + "." + base64url(dump_json(claims));
  BATON_ASSIGN(std::string signature, sign_rs256(text, key));
  return text + "." + base64url(signature);
}

}  // namespace baton
