#include "deploy/cluster/list.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/parallel.h"
#include "base/terminal.h"
#include "deploy/cluster/owners_cut.h"

namespace mlctl::deploy {
namespace {

using Json = nlohmann::ordered_json;

constexpr int restarts_limit = 2;

// As nlohmann's own builder, but an object is made when all of it is known: a vector of pairs with const keys copies
// what it holds, whole trees, whenever it grows.
class Builder : public nlohmann::json_sax<Json> {
 public:
  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(false); }
  bool start_array(std::size_t) override { return open(true); }
  bool key(string_t& value) override {
    auto& entries = open_.back().entries;
    std::erase_if(entries, [&](const auto& entry) { return entry.first == value; });  // the last one counts
    entries.emplace_back(std::move(value), nullptr);
    return true;
  }
  bool end_array() override {
    Json list = Json::array();
    list.get_ref<Json::array_t&>() = std::move(open_.back().items);
    return close(std::move(list));
  }
  bool end_object() override {
    Json made = Json::object();
    auto& object = made.get_ref<Json::object_t&>();
    object.reserve(open_.back().entries.size() + (open_.size() == item_depth ? added_keys : 0));
    for (auto& [name, value] : open_.back().entries) object.emplace_back(std::move(name), std::move(value));
    return close(std::move(made));
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception&) override { return false; }

  Json root;

 private:
  static constexpr std::size_t item_depth = 3, added_keys = 2;  // an item gets apiVersion and kind
  struct Open {
    bool is_list = false;
    Json::array_t items;
    std::vector<std::pair<std::string, Json>> entries;
  };

  bool open(bool is_list) {
    open_.push_back({is_list, {}, {}});
    return true;
  }
  bool close(Json value) {
    open_.pop_back();
    return put(std::move(value));
  }
  bool put(Json value) {
    if (open_.empty())
      root = std::move(value);
    else if (open_.back().is_list)
      open_.back().items.push_back(std::move(value));
    else
      open_.back().entries.back().second = std::move(value);
    return true;
  }

  std::vector<Open> open_;
};

struct Walk {
  std::size_t index = 0;  // of the query
  std::string next;       // the continuation; "": the first page
  int restarts = 0;
};

ApiRequest page_of(const ListQuery& query, const Walk& walk) {
  ApiRequest request{.path = path_of(query.resource, query.name_space),
                     .accept = query.accept,
                     .about = "list of " + query.resource.plural};
  request.query.emplace_back("limit", std::to_string(page_size));
  if (!query.label_selector.empty()) request.query.emplace_back("labelSelector", query.label_selector);
  if (!query.field_selector.empty()) request.query.emplace_back("fieldSelector", query.field_selector);
  if (!walk.next.empty()) request.query.emplace_back("continue", walk.next);
  return request;
}

// Adds a page; the continuation, or "". Not parse_json: a list is deeper and larger than what people write, and
// nlohmann's own parser neither recurses nor believes sizes.
Result<std::string> add_page(const ListQuery& query, const std::string& body, Listing& listing) {
  const Error broken{Error::Kind::unavailable, "list of " + query.resource.plural + ": not a list of objects", ""};
  Builder builder;
  if (!Json::sax_parse(query.with_owners ? body : without_owners(body), &builder)) return broken;
  Json& page = builder.root;
  if (!page.is_object()) return broken;
  const auto items = page.find("items"), metadata = page.find("metadata");
  if (items == page.end() || metadata == page.end() || !metadata->is_object()) return broken;
  if (!items->is_array() && !items->is_null()) return broken;
  for (auto& item : *items) {
    if (!item.is_object()) return broken;
    item["apiVersion"] = query.resource.api_version;
    item["kind"] = query.resource.kind;
    if (!query.with_spec) item.erase("spec");
    listing.items.push_back(std::move(item));
  }
  if (listing.items.size() > listed_limit)
    return Error{Error::Kind::unavailable,
                 "more than " + std::to_string(listed_limit) + " " + query.resource.plural + " in the cluster", ""};
  const auto text = [&](const char* key) {
    const auto found = metadata->find(key);
    return found != metadata->end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  listing.resource_version = text("resourceVersion");
  return text("continue");
}

}  // namespace

Result<std::vector<Listing>> list_all(Cluster& cluster, const std::vector<ListQuery>& queries) {
  std::vector<Listing> out(queries.size());
  std::vector<Walk> open;
  for (std::size_t i = 0; i < queries.size(); ++i) open.push_back({.index = i});
  while (!open.empty()) {
    std::vector<ApiRequest> requests;
    for (const auto& walk : open) requests.push_back(page_of(queries[walk.index], walk));
    auto answers = cluster.send(requests, {});
    std::vector<std::optional<Result<std::string>>> pages(open.size());
    const auto parsed = in_parallel(open.size(), processors(), [&](std::size_t i) {
      if (answers[i] && is_fine(*answers[i]))
        pages[i] = add_page(queries[open[i].index], answers[i]->body, out[open[i].index]);
      return ok();
    });
    if (!parsed) return parsed.error();
    std::vector<Walk> left;
    for (std::size_t i = 0; i < open.size(); ++i) {
      Walk walk = open[i];
      const auto& answer = answers[i];
      if (!answer) return answer.error();
      if (answer->status == 410 && ++walk.restarts <= restarts_limit) {
        out[walk.index] = {};
        walk.next.clear();
        left.push_back(walk);
        continue;
      }
      if (!pages[i]) return error_of(cluster, requests[i], *answer);
      if (!*pages[i]) return pages[i]->error();
      walk.next = std::move(**pages[i]);
      if (!walk.next.empty()) left.push_back(walk);
    }
    open = std::move(left);
  }
  return out;
}

}  // namespace mlctl::deploy
