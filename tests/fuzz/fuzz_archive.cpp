// A registry in one file, as `mlctl copy` writes it: nothing crashes, memory stays bounded, nothing outside the file is
// read, and what its index names can be asked for.
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

#include "registry/bundle.h"
#include "registry/copy.h"
#include "registry/query.h"

using namespace mlctl;
using namespace mlctl::registry;

static void require(bool holds) {
  if (!holds) std::abort();
}

static void read_version(Store& store, const ModelName& model, const Publication& one) {
  auto set = copy_set(store, model, one);
  if (set)
    for (const auto& referrer : set->referrers)
      require(static_cast<bool>(store.read_manifest(model, referrer.manifest.digest)));
  static_cast<void>(describe(store, model, one.model.digest));
  static_cast<void>(verify(store, model, one.model.digest));
  if (auto bytes = store.read_blob(model, one.model.digest, manifest_limit))
    require(digest_of(*bytes) == one.model.digest);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int fd = ::memfd_create("bundle", MFD_CLOEXEC);
  require(fd >= 0 && ::write(fd, data, size) == static_cast<ssize_t>(size));
  auto store = open_bundle("/proc/self/fd/" + std::to_string(fd));
  ::close(fd);
  if (!store) return 0;
  auto models = (*store)->models();
  require(models && !models->empty());
  for (const auto& model : *models) {
    auto all = (*store)->publications(model);
    if (!all) continue;
    for (const auto& one : *all) read_version(**store, model, one);
  }
  return 0;
}
