#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "base/document.h"
#include "base/text.h"

// The only file that knows yaml-cpp. Its event interface is used, not its tree: an alias arrives as an event and is
// counted by what it would expand to before anything is copied, and so is an anchor.
namespace mlctl {
namespace {

constexpr int depth_limit = 64;
constexpr std::size_t node_limit = 100'000;
constexpr std::size_t expanded_bytes_limit = 4 * document_limit;  // an alias to a long text is a bomb too

struct Refused {
  YAML::Mark mark;
  std::string message;
  std::string hint;
};

struct Weight {
  std::size_t nodes = 1;
  std::size_t bytes = 0;
  int depth = 1;
};

Weight weigh(const Node& node) {
  Weight total{1, node.text.size(), 1};
  const auto add = [&](const Node& child) {
    const Weight weight = weigh(child);
    total.nodes += weight.nodes;
    total.bytes += weight.bytes;
    total.depth = std::max(total.depth, weight.depth + 1);
  };
  for (const auto& item : node.items) add(item);
  for (const auto& entry : node.entries) {
    add(entry.value);
    total.bytes += entry.key.size();
  }
  return total;
}

// Marks count bytes in a line; people count characters.
class Positions {
 public:
  Positions(std::string_view text, const std::string& file) : file_(std::make_shared<const std::string>(file)) {
    std::size_t start = 0;
    for (;;) {
      const auto end = text.find('\n', start);
      lines_.push_back(text.substr(start, end == std::string_view::npos ? end : end - start));
      if (end == std::string_view::npos) break;
      start = end + 1;
    }
  }
  // The first tab in the indentation of the marked line, which yaml-cpp reports as anything but a tab.
  [[nodiscard]] std::optional<Position> indenting_tab(const YAML::Mark& mark) const {
    const auto line = static_cast<std::size_t>(mark.line);
    if (mark.is_null() || line >= lines_.size()) return std::nullopt;
    const auto indentation = lines_[line].substr(0, lines_[line].find_first_not_of(" \t"));
    const auto tab = indentation.find('\t');
    if (tab == std::string_view::npos) return std::nullopt;
    return Position{file_, mark.line + 1, static_cast<int>(tab) + 1};
  }
  [[nodiscard]] Position at(const YAML::Mark& mark) const {
    if (mark.is_null()) return {file_, 1, 1};
    const auto line = static_cast<std::size_t>(mark.line);
    if (line >= lines_.size()) return {file_, mark.line + 1, mark.column + 1};
    return {file_, mark.line + 1, column(line, std::min(static_cast<std::size_t>(mark.column), lines_[line].size()))};
  }

 private:
  // Counts on from the last place asked for: the events of a line arrive from left to right, and a line may be long.
  [[nodiscard]] int column(std::size_t line, std::size_t byte) const {
    if (line != last_line_ || byte < last_byte_) last_line_ = line, last_byte_ = 0, last_column_ = 1;
    last_column_ += line_column(lines_[line].substr(last_byte_), byte - last_byte_).column - 1;
    last_byte_ = byte;
    return last_column_;
  }

  std::shared_ptr<const std::string> file_;
  std::vector<std::string_view> lines_;
  mutable std::size_t last_line_ = 0;
  mutable std::size_t last_byte_ = 0;
  mutable int last_column_ = 1;
};

class Builder : public YAML::EventHandler {
 public:
  explicit Builder(const Positions& positions) : positions_(positions) {}
  [[nodiscard]] Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.position = positions_.at(mark);
    put(mark, std::move(node), anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end()) throw Refused{mark, "an alias to something that contains it", ""};
    const Weight weight = weigh(found->second);
    if (weight.depth + depth() > depth_limit) too_deep(mark);
    count(mark, weight.nodes - 1, weight.bytes);
    put(mark, Node(found->second), 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const bool plain = tag == "?" || tag.empty();
    if (!plain && tag != "!" && tag != "tag:yaml.org,2002:str") unknown_tag(mark, tag);
    // yaml-cpp makes bytes that are no character of the escapes \N and \_.
    if (valid_utf8(value) < value.size())
      throw Refused{mark, "an escape that gives no character", "write the character itself"};
    if (value.find('\0') != std::string::npos) throw Refused{mark, "a zero byte in a text", ""};
    Node node;
    node.kind = Node::Kind::scalar;
    node.text = value;
    node.quoted = !plain;
    node.position = positions_.at(mark);
    count(mark, 0, value.size());
    put(mark, std::move(node), anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, Node::Kind::list, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, Node::Kind::map, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Node node;
    YAML::Mark mark;
    YAML::anchor_t anchor = 0;
    std::set<std::string> keys;
    bool has_key = false;  // of a map: the entry at the back waits for its value
  };

  [[nodiscard]] int depth() const { return static_cast<int>(open_.size()); }
  [[noreturn]] static void too_deep(const YAML::Mark& mark) {
    throw Refused{mark, "nested deeper than " + std::to_string(depth_limit) + " levels", ""};
  }
  [[noreturn]] static void unknown_tag(const YAML::Mark& mark, const std::string& tag) {
    throw Refused{mark, "a YAML tag that mlctl does not know: " + tag.substr(0, 60), "remove the tag"};
  }
  void count(const YAML::Mark& mark, std::size_t nodes, std::size_t bytes) {
    nodes_ += nodes;
    bytes_ += bytes;
    if (nodes_ > node_limit)
      throw Refused{mark, "more than 100,000 values, anchors and aliases counted by what they hold", ""};
    if (bytes_ > expanded_bytes_limit) throw Refused{mark, "anchors and aliases expand to more than 4 MiB of text", ""};
  }

  // For its aliases a value is kept a second time, and once more for every anchored one around it: that counts.
  void keep(const YAML::Mark& mark, const Node& node, YAML::anchor_t anchor) {
    const Weight weight = weigh(node);
    count(mark, weight.nodes, weight.bytes);
    anchored_[anchor] = node;
  }

  void open(const YAML::Mark& mark, const std::string& tag, Node::Kind kind, YAML::anchor_t anchor) {
    const bool known = tag.empty() || tag == "?" || tag == "!" ||
                       tag == (kind == Node::Kind::map ? "tag:yaml.org,2002:map" : "tag:yaml.org,2002:seq");
    if (!known) unknown_tag(mark, tag);
    if (depth() >= depth_limit) too_deep(mark);
    if (expects_key()) throw Refused{mark, "a key must be text, not a list or a map", ""};
    Frame frame;
    frame.node.kind = kind;
    frame.node.position = positions_.at(mark);
    frame.mark = mark;
    frame.anchor = anchor;
    open_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(open_.back());
    open_.pop_back();
    put(frame.mark, std::move(frame.node), frame.anchor);
  }

  [[nodiscard]] bool expects_key() const {
    return !open_.empty() && open_.back().node.kind == Node::Kind::map && !open_.back().has_key;
  }

  void put_key(const YAML::Mark& mark, const Node& node) {
    Frame& frame = open_.back();
    if (node.kind != Node::Kind::scalar) throw Refused{mark, "a key must be text", ""};
    if (node.text == "<<" && !node.quoted) {
      throw Refused{mark, "merge keys (<<) are not supported", "write the keys out, or use the levels of defaults"};
    }
    if (!frame.keys.insert(node.text).second) {
      const auto first = std::find_if(frame.node.entries.begin(), frame.node.entries.end(),
                                      [&](const Node::Entry& entry) { return entry.key == node.text; });
      throw Refused{mark,
                    "the key '" + node.text.substr(0, 60) + "' is here twice, first in line " +
                        std::to_string(first->position.line),
                    ""};
    }
    frame.node.entries.push_back({node.text, node.position, Node{}});
    frame.has_key = true;
  }

  void put(const YAML::Mark& mark, Node node, YAML::anchor_t anchor) {
    count(mark, 1, 0);
    if (anchor != 0) keep(mark, node, anchor);
    if (open_.empty()) {
      root_ = std::move(node);
    } else if (open_.back().node.kind == Node::Kind::list) {
      open_.back().node.items.push_back(std::move(node));
    } else if (expects_key()) {
      put_key(mark, node);
    } else {
      auto& entry = open_.back().node.entries.back();
      if (node.kind == Node::Kind::null) node.position = entry.position;  // nothing stands at the key
      entry.value = std::move(node);
      open_.back().has_key = false;
    }
  }

  const Positions& positions_;
  Node root_;
  std::vector<Frame> open_;
  std::map<YAML::anchor_t, Node> anchored_;
  std::size_t nodes_ = 0;
  std::size_t bytes_ = 0;
};

Error refusal(const Position& position, const std::string& message, const std::string& hint) {
  return {Error::Kind::usage, to_string(position) + ": " + message, hint};
}

// What yaml-cpp would read wrongly or slowly is refused before it sees it.
std::optional<Error> check_bytes(std::string_view text, const std::string& file) {
  const auto name = std::make_shared<const std::string>(file);
  if (text.size() > document_limit) return refusal({name}, "larger than 1 MiB", "is this the right file?");
  const auto place = [&](std::size_t offset) {
    const auto at = line_column(text, offset);
    return Position{name, at.line, at.column};
  };
  if (const auto valid = valid_utf8(text); valid < text.size()) return refusal(place(valid), "not UTF-8", "");
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool control = (c < 0x20U && c != '\t' && c != '\n' && c != '\r') || c == 0x7FU;
    if (control) return refusal(place(i), "a control character", "configuration files are plain text");
  }
  return std::nullopt;
}

Error syntax_error(const Positions& positions, const YAML::Exception& exception) {
  if (const auto tab = positions.indenting_tab(exception.mark)) {
    return refusal(*tab, "a tab in the indentation", "YAML is indented with spaces");
  }
  const bool quote = exception.msg == "illegal document indicator in scalar";
  return refusal(positions.at(exception.mark), quote ? "a quote that is never closed" : exception.msg, "");
}

// yaml-cpp takes a quote that never ends for one that ends with the file; in front of a document's end it does not.
std::string with_end_mark(std::string_view text) {
  std::string whole(text);
  if (whole.empty() || whole.back() != '\n') whole += '\n';
  return whole + "...\n";
}

}  // namespace

Result<Node> parse_yaml(std::string_view text, const std::string& file) {
  if (auto error = check_bytes(text, file)) return *error;
  const Positions positions(text, file);
  try {
    std::istringstream stream(with_end_mark(text));
    YAML::Parser parser(stream);
    Builder builder(positions);
    if (!parser.HandleNextDocument(builder)) {
      Node empty;
      empty.position = positions.at(YAML::Mark());
      return empty;
    }
    Node root = builder.take();
    if (root.kind == Node::Kind::null) root.position = positions.at(YAML::Mark());
    Builder rest(positions);
    if (parser.HandleNextDocument(rest)) return refusal(rest.take().position, "more than one YAML document", "");
    return root;
  } catch (const Refused& refused) {
    return refusal(positions.at(refused.mark), refused.message, refused.hint);
  } catch (const YAML::Exception& exception) {
    return syntax_error(positions, exception);
  } catch (const std::exception& exception) {
    return refusal(positions.at(YAML::Mark()), exception.what(), "");
  }
}

}  // namespace mlctl
