#include "release/gate_data.h"

#include <algorithm>
#include <vector>

#include "base/filesystem.h"
#include "registry/files.h"
#include "release/files.h"

namespace mlctl::release {
namespace {

constexpr std::uint64_t gate_data_limit = 256U << 20U;  // bytes of one file

}  // namespace

Result<std::map<std::string, Digest>> gate_data(const Project& project, const registry::Git& git,
                                                const ModelEntry& model, const std::string& commit,
                                                const validate::GateConfig& gate, const std::filesystem::path& folder) {
  std::vector<std::string> wanted;
  if (gate.parity) wanted.push_back(gate.parity->cases);
  if (gate.accuracy) wanted.push_back(gate.accuracy->data);
  std::map<std::string, Digest> digests;
  if (auto made = make_folders(folder); !made) return made.error();
  if (wanted.empty()) return digests;
  auto entries = git.list_tree(commit, folder_in_git(project, git, model));
  if (!entries) return entries.error();
  for (const auto& path : wanted) {
    const auto found = std::find_if(entries->begin(), entries->end(), [&](const auto& e) { return e.path == path; });
    if (found == entries->end())
      return Error{Error::Kind::usage, "the gate's data " + path + " is not in commit " + commit.substr(0, 12),
                   "commit it beside model.yaml"};
    auto bytes = git.read_blob(found->id, gate_data_limit);
    if (!bytes) return bytes.error().context(path);
    if (auto path_is_inside = registry::check_path(path); !path_is_inside) return path_is_inside.error();
    if (auto written = write_file(folder / path, *bytes); !written) return written.error();
    digests[path] = digest_of(*bytes);
  }
  return digests;
}

}  // namespace mlctl::release
