#pragma once
#include <stdexcept>
#include <string>

namespace mdlab {

// The one exception native code throws to users. `code` and the message cross into JavaScript as
// MdlabError's. Message form: "subject: rule, received value; remedy".
class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message)
      : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

// An argument or state breaks a rule (EINVALID), a number is not finite (ENUMERIC).
[[noreturn]] inline void invalid(const std::string& message) { throw Error("EINVALID", message); }
[[noreturn]] inline void numeric(const std::string& message) { throw Error("ENUMERIC", message); }

}  // namespace mdlab
