// Whether every node of an ONNX graph is given values that something before it made. The names of a graph are known in
// the order of its fields only: initializers may follow the nodes that take them. So names are kept as hashes of 64
// bits and looked up when the graph ends; two names of one hash can hide a dangling input, never invent one. They are
// in a tree: a hostile model could fill one bucket of a hash table.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mlctl::validate {

// One graph, the outermost: what graphs inside of nodes take may come from anywhere around them.
class OnnxNames {
 public:
  static constexpr std::size_t limit = 1U << 20U;  // names of values, and of inputs; beyond, nothing is judged

  void provide(std::string_view name);  // an input of the graph or an initializer
  void take(std::string_view name);     // an input of the node that is being read; "" is one that is left out
  void make(std::string_view name);     // an output of it
  void end_of_node() { ++node_; }
  // The first input, in the order of the nodes, that nothing before its node made.
  [[nodiscard]] std::optional<std::string> dangling() const;

 private:
  struct Taken {
    std::uint64_t hash = 0;
    std::uint64_t node = 0;
    std::uint32_t text = 0;  // its place in texts_, if it was not known when it was taken
  };
  void know(std::string_view name, std::uint64_t node);

  std::uint64_t node_ = 1;                       // 0: there before any node
  std::map<std::uint64_t, std::uint64_t> made_;  // by hash: the first node that makes it
  std::vector<Taken> open_;                      // was not known when it was taken
  std::vector<std::string> texts_;               // of the first of them, for the message
  bool full_ = false;
};

}  // namespace mlctl::validate
