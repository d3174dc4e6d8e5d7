#include "base/result.h"

namespace mlctl {

Error Error::context(const std::string& what) const {
  return {kind, what + ": " + message, hint};
}

int exit_code(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::denied:
    case Error::Kind::conflict:
    case Error::Kind::corrupt:
      return 1;
    case Error::Kind::usage:
    case Error::Kind::not_found:
      return 2;
    case Error::Kind::unavailable:
    case Error::Kind::timeout:
      return 3;
    case Error::Kind::credentials:
      return 4;
    case Error::Kind::inconclusive:
      return 5;
    case Error::Kind::interrupted:
      return 130;
  }
  return 3;
}

const char* to_string(Error::Kind kind) {
  switch (kind) {
    case Error::Kind::denied:
      return "denied";
    case Error::Kind::conflict:
      return "conflict";
    case Error::Kind::usage:
      return "usage";
    case Error::Kind::not_found:
      return "not-found";
    case Error::Kind::corrupt:
      return "corrupt";
    case Error::Kind::unavailable:
      return "unavailable";
    case Error::Kind::timeout:
      return "timeout";
    case Error::Kind::credentials:
      return "credentials";
    case Error::Kind::inconclusive:
      return "inconclusive";
    case Error::Kind::interrupted:
      return "interrupted";
  }
  return "unavailable";
}

}  // namespace mlctl
