// Configuration files: protobuf text format with ${VARIABLE} and include. Every fault is found before anything starts,
// all at once, each at its file:line:column.
#pragma once
#include <google/protobuf/message.h>

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quartet::config {

struct Error {
  std::string file;
  int line = 0;    // from 1; 0: the file as a whole
  int column = 0;  // from 1
  std::string text;
  friend bool operator==(const Error&, const Error&) = default;
};

/// "file:line:column: text", or "file: text".
std::string to_string(const Error& error);

/// Where each field of a loaded message was written, for checks that go beyond the schema.
class Positions {
 public:
  virtual ~Positions() = default;
  /// `field`: a name in `message`, which is the loaded message or one within it; `index` of a repeated one, else -1.
  /// The position of the message itself if the field was not written.
  virtual Error at(const google::protobuf::Message& message, std::string_view field, int index,
                   std::string text) const = 0;
};

struct Loaded {
  std::unique_ptr<Positions> positions;
};

/// What is to be read: a file, or a text in its place that includes others relative to it.
struct Input {
  Input(std::string file) : path(std::move(file)) {}
  Input(const char* file) : path(file) {}
  Input(std::string file, std::string in_its_place) : path(std::move(file)), text(std::move(in_its_place)) {}

  std::string path;
  std::optional<std::string> text;
};

/// Reads `input` into `message`. In the text, ${NAME} is the environment's NAME (an error if unset) and
/// ${NAME:-default} has a default; a line `include: "other"` stands for that file's text, its path relative to the
/// including file. Unknown fields, bad values and repeated single fields are errors.
std::expected<Loaded, std::vector<Error>> load_into(const Input& input, google::protobuf::Message& message);

template <typename Message>
std::expected<Message, std::vector<Error>> load(const Input& input) {
  Message message;
  auto loaded = load_into(input, message);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  return message;
}

/// The same from memory; `name` stands for the file in errors. For tests and the fuzzer.
std::expected<Loaded, std::vector<Error>> parse_into(std::string_view text, const std::string& name,
                                                     google::protobuf::Message& message);

}  // namespace quartet::config
