// index.json of one model: which versions there are and what refers to them. Pure: text in, text out.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/store.h"

namespace mlctl::registry {

class Index {
 public:
  // Error{corrupt} when it is not an image index, or has a version twice; entries that are not ours are kept.
  static Result<Index> parse(std::string_view text, const std::string& what);
  [[nodiscard]] std::string text() const;

  [[nodiscard]] std::vector<Publication> publications() const;
  [[nodiscard]] std::vector<Descriptor> referrers(const Digest& subject) const;
  [[nodiscard]] const std::vector<Descriptor>& entries() const { return entries_; }
  [[nodiscard]] bool holds(const Digest& manifest) const;

  // Error{conflict} when the version is there with other content; false when it is there with the same. An image that
  // it lost is put back.
  [[nodiscard]] Result<bool> add(const ModelName& model, const Publication& publication);
  // False when it is there.
  bool add_referrer(const Digest& subject, const Descriptor& manifest);

 private:
  void add_image(const Publication& publication);
  bool mend_image(const Publication& publication, const Publication& there);

  std::vector<Descriptor> entries_;
};

}  // namespace mlctl::registry
