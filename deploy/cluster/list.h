// Lists of objects, page by page, several lists at once.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "deploy/cluster/api.h"
#include "deploy/cluster/discovery.h"
#include "deploy/objects.h"

namespace mlctl::deploy {

// What PartialObjectMetadata is asked for by: names, labels and annotations alone.
inline constexpr const char* metadata_only =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

struct ListQuery {
  Resource resource;
  std::string name_space;      // "": all
  std::string label_selector;  // "": all
  std::string accept = "application/json";
  bool with_owners = false;         // metadata.managedFields, half of an answer and most of its tree
  bool with_spec = true;            // of thousands of pods nobody wants it
  std::string field_selector = {};  // "": all
};
struct Listing {
  Objects items;  // with apiVersion and kind, which lists leave out
  std::string resource_version;
};

inline constexpr std::size_t page_size = 500;
inline constexpr std::size_t listed_limit = 200'000;  // objects of one list; more is Error{unavailable}

// In the order of the queries. A continuation that has expired (410) begins that list again, twice at most. The first
// error ends all.
[[nodiscard]] Result<std::vector<Listing>> list_all(Cluster& cluster, const std::vector<ListQuery>& queries);

}  // namespace mlctl::deploy
