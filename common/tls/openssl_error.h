// The text of OpenSSL's last error on this thread; not for other folders.
#pragma once
#include <string>

namespace quartet::tls {

/// Empties the thread's error queue and returns the text of its first entry.
std::string take_openssl_error();

}  // namespace quartet::tls
