// Configurations from outside: ModelPack's, an image's that a modelcar is made on, docker's with its credentials.
// Nothing crashes, no helper of anybody's is run, and what is made of an image's is read back.
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <unistd.h>

#include "registry/docker_config.h"
#include "registry/modelcar.h"
#include "registry/oci.h"
#include "registry/query.h"

using namespace mlctl;
using namespace mlctl::registry;
using nlohmann::ordered_json;

static void require(bool holds) {
  if (!holds) std::abort();
}

// Blobs in memory, and nothing else.
struct Blobs : Store {
  std::map<Digest, std::string> blobs;
  Descriptor add(std::string bytes, const char* type) {
    const Descriptor made{type, digest_of(bytes), bytes.size(), "", {}};
    blobs[made.digest] = std::move(bytes);
    return made;
  }
  [[nodiscard]] std::string name() const override { return "memory"; }
  Result<std::vector<ModelName>> models() override { return std::vector<ModelName>(); }
  Result<bool> has_blob(const ModelName&, const Digest&, std::uint64_t) override { return false; }
  Result<std::unique_ptr<BlobWriter>> new_blob(const ModelName&, const BlobHint&) override { return none(); }
  Result<std::unique_ptr<ByteSource>> open_blob(const ModelName&, const Digest& digest, std::uint64_t) override {
    const auto found = blobs.find(digest);
    if (found == blobs.end()) return none();
    return bytes_source(found->second);
  }
  Result<std::string> read_blob(const ModelName& model, const Digest& digest, std::uint64_t limit) override {
    auto source = open_blob(model, digest, 0);
    if (!source) return source.error();
    return read_all(**source, limit);
  }
  Status put_blob(const ModelName&, std::string_view) override { return none(); }
  Result<std::string> read_manifest(const ModelName& model, const Digest& digest) override {
    return read_blob(model, digest, manifest_limit);
  }
  Result<Published> publish(const ModelName&, const Publication&, const PublicationTexts&) override { return none(); }
  Result<std::optional<Publication>> find(const ModelName&, const Version&) override {
    return std::optional<Publication>();
  }
  Result<std::vector<Publication>> publications(const ModelName&) override { return std::vector<Publication>(); }
  Status put_referrer(const ModelName&, const Digest&, const Descriptor&, std::string_view) override { return none(); }
  Result<std::vector<Descriptor>> referrers(const ModelName&, const Digest&) override {
    return std::vector<Descriptor>();
  }
  static Error none() { return {Error::Kind::not_found, "none", ""}; }
};

static const char* const model_layer = "application/vnd.cncf.model.weight.v1.raw";

// Another tool's model: its configuration must name what its layer holds.
static void check_model(std::string_view text) {
  Blobs store;
  auto layer = store.add("weights", model_layer);
  layer.annotations[oci::file_path] = "w.bin";
  const ordered_json manifest{{"artifactType", oci::model_type},
                              {"config", oci::to_json(store.add(std::string(text), oci::model_config_type))},
                              {"layers", {oci::to_json(layer)}}};
  const auto top = store.add(manifest.dump(), oci::manifest_type);
  const auto report = verify(store, {"", "m"}, top.digest);
  require(report && report->layers == 1);
  const bool named = text.find(layer.digest.hex()) != std::string_view::npos ||
                     text.find('\\') != std::string_view::npos;  // perhaps in escapes
  require(named || !report->problems.empty());
}

static const PackedModel& packed() {
  static const PackedModel made = [] {
    const ModelFile file{"a/b.bin", Role::weights, Format::unknown, 1, false, "", [] {
                           return Result<std::unique_ptr<ByteSource>>(bytes_source("x"));
                         }};
    return *pack_digest({file});
  }();
  return made;
}

// A base image: its manifest, or the configuration that one names.
static void check_base(std::string_view text) {
  Blobs store;
  const auto read = [&](const Descriptor& top) {
    BaseImage base{"base", top.digest, {}, {}};
    base.manifest = [&](const Digest& digest) { return store.read_manifest({}, digest); };
    base.blob = [&](const Digest& digest) { return store.open_blob({}, digest, 0); };
    const auto platforms = read_base(base);
    if (!platforms) return;
    const auto modelcar = plan_modelcar(top.digest, *platforms, packed());
    if (!modelcar) return;
    for (const auto& image : modelcar->images) {
      const auto config = ordered_json::parse(image.config);
      require(config["rootfs"]["diff_ids"].size() == ordered_json::parse(image.manifest)["layers"].size());
    }
  };
  read(store.add(std::string(text), oci::manifest_type));
  const auto config = oci::to_json(store.add(std::string(text), oci::image_config_type));
  for (const std::size_t layers : {0U, 1U, 2U}) {
    ordered_json manifest{{"config", config}, {"layers", ordered_json::array()}};
    for (std::size_t i = 0; i < layers; ++i)
      manifest["layers"].push_back(oci::to_json({oci::image_layer_type, digest_of("x"), 1, "", {}}));
    read(store.add(manifest.dump(), oci::manifest_type));
  }
}

static void check_docker(std::string_view text) {
  // A helper is a program: what is tried here is the file. `credsStore` and `credHelpers` lead out of it.
  if (text.find("cred") != std::string_view::npos || text.find('\\') != std::string_view::npos) return;
  const int fd = ::memfd_create("config", MFD_CLOEXEC);
  require(fd >= 0 && ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  for (const char* host : {"registry.example", "docker.io"}) {
    const auto found = find_credentials(path, host);
    if (found && !found->username.empty()) require(found->username.size() <= text.size());
  }
  ::close(fd);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_model(text);
  check_base(text);
  check_docker(text);
  return 0;
}
