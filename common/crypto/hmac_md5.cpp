#include "common/crypto/hmac_md5.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace quartet::crypto {

std::string hmac_md5(std::string_view key, std::string_view bytes) {
  std::string out(16, '\0');
  unsigned int size = 0;
  HMAC(EVP_md5(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(bytes.data()),
       bytes.size(), reinterpret_cast<unsigned char*>(out.data()), &size);
  return out;
}

}  // namespace quartet::crypto
