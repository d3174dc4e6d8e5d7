// Node rules: are the libraries there and of one mind, and how many GPUs are there.
#include <algorithm>
#include <cctype>

#include "verdict.h"
#include "verdict_codes.h"

namespace gpu_smoke {
namespace {

// "580.65.06"
bool is_driver_version(const std::string& text) {
  const std::size_t dot = text.find('.');
  return dot != std::string::npos && dot >= 3 && text.find_first_not_of("0123456789.") == std::string::npos;
}

// NVML names itself by CUDA's major version and the driver that it came with: "13.580.65.06".
bool is_of_another_driver(const NvmlNode& nvml) {
  const std::size_t dot = nvml.nvml_version.find('.');
  if (dot == std::string::npos) return false;
  const std::string came_with = nvml.nvml_version.substr(dot + 1);
  return is_driver_version(came_with) && is_driver_version(nvml.driver_version) && came_with != nvml.driver_version;
}

Check judge_nvml(const Evidence& evidence) {
  const NvmlNode& nvml = evidence.nvml;
  if (!nvml.load_error.empty()) {
    // Without the library only CUDA can tell a machine without a driver from a container without NVML.
    const bool no_driver =
        evidence.cuda.built && evidence.cuda.code != cuda::kNotAsked && evidence.cuda.driver_version == 0;
    return {"nvml", Verdict::error, no_driver ? "no-driver" : "nvml-absent", nvml.load_error, {}};
  }
  if (nvml.init_code != nvml::kSuccess) return from_nvml_code(evidence, "nvml", nvml.init_code, "nvmlInit");
  if (nvml.count_code != nvml::kSuccess) return from_nvml_code(evidence, "nvml", nvml.count_code, "device count");
  const std::string versions = "driver " + nvml.driver_version + ", NVML " + nvml.nvml_version;
  if (is_of_another_driver(nvml)) {
    return could_not("nvml", "driver-mismatch",
                     versions + ": the library came with another driver than the loaded one");
  }
  return pass("nvml", versions);
}

Check judge_cuda(const Evidence& evidence) {
  const CudaNode& node = evidence.cuda;
  if (!node.built) {
    return {"cuda", Verdict::error, "host-only-build", "this binary was built without CUDA", {}};
  }
  const bool no_gpu = node.code == cuda::kNoDevice || (node.code == cuda::kSuccess && node.gpus.empty());
  if (node.code != cuda::kSuccess && !no_gpu) return from_cuda_code(evidence, "cuda", node.code, "device count");
  if (no_gpu) return {"cuda", Verdict::error, "no-gpu", "the driver works and shows no GPU", {}};
  return {
      "cuda",
      Verdict::pass,
      "",
      "driver supports CUDA " + cuda_version(node.driver_version) + ", runtime " + cuda_version(node.runtime_version),
      {}};
}

std::string count_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " GPU" : " GPUs");
}

bool is_cut_up(const Evidence& evidence) {
  const auto& gpus = evidence.nvml.gpus;
  return std::any_of(gpus.begin(), gpus.end(),
                     [](const NvmlGpu& gpu) { return gpu.before.mig_enabled.ok() && gpu.before.mig_enabled.value; });
}

Check judge_count(const Evidence& evidence, const Policy& policy, const Check& nvml, const Check& cuda) {
  const std::size_t by_cuda = evidence.cuda.gpus.size();
  const std::size_t by_nvml = evidence.nvml.gpus.size();
  const bool cuda_counted = cuda.verdict == Verdict::pass || cuda.cause == "no-gpu";
  if (!cuda_counted) return {"gpu-count", Verdict::error, cuda.cause, "CUDA could not count the GPUs", {}};
  const bool mig = is_cut_up(evidence);
  if (policy.expect_gpus && *policy.expect_gpus != by_cuda && mig && by_cuda > 0) {
    return {"gpu-count",
            Verdict::inconclusive,
            "mig",
            "CUDA sees " + count_text(by_cuda) + ", expected " + std::to_string(*policy.expect_gpus) +
                ": under MIG a process sees one device",
            {}};
  }
  if (policy.expect_gpus && *policy.expect_gpus != by_cuda) {
    return {"gpu-count",
            Verdict::fail,
            "count-mismatch",
            "CUDA sees " + count_text(by_cuda) + ", expected " + std::to_string(*policy.expect_gpus),
            {}};
  }
  if (by_cuda == 0 && by_nvml == 0) return {"gpu-count", Verdict::error, "no-gpu", "there is no GPU to check", {}};
  if (nvml.verdict != Verdict::pass) {
    return {"gpu-count", Verdict::error, nvml.cause, "CUDA sees " + count_text(by_cuda) + ", NVML did not count", {}};
  }
  if (by_cuda == by_nvml) return {"gpu-count", Verdict::pass, "", count_text(by_cuda) + " by CUDA and by NVML", {}};
  const std::string both = "CUDA sees " + count_text(by_cuda) + ", NVML " + std::to_string(by_nvml);
  if (by_nvml < by_cuda) return {"gpu-count", Verdict::error, "nvml-error", both, {}};
  if (evidence.visible_devices_set) {
    if (by_cuda > 0) return {"gpu-count", Verdict::pass, "", both + ": CUDA_VISIBLE_DEVICES hides the rest", {}};
    return {"gpu-count", Verdict::error, "no-gpu", both + ": CUDA_VISIBLE_DEVICES hides all", {}};
  }
  if (mig) return {"gpu-count", Verdict::inconclusive, "mig", both + ": under MIG the two count different things", {}};
  return {"gpu-count", Verdict::fail, "count-mismatch", both, {}};
}

// "A10" is a word of "NVIDIA A10" and not of "NVIDIA A100".
bool has_words(const std::string& name, const std::string& words) {
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  for (std::size_t at = name.find(words); at != std::string::npos; at = name.find(words, at + 1)) {
    const std::size_t end = at + words.size();
    if ((at == 0 || !is_word(name[at - 1])) && (end == name.size() || !is_word(name[end]))) return true;
  }
  return false;
}

Check judge_model(const Evidence& evidence, const Policy& policy, const Check& cuda) {
  if (cuda.verdict != Verdict::pass) return could_not("gpu-model", cuda.cause, "CUDA could not name the GPUs");
  for (const auto& gpu : evidence.cuda.gpus) {
    if (has_words(gpu.name, policy.expect_model)) continue;
    return fail("gpu-model", "model-mismatch",
                "GPU " + std::to_string(gpu.ordinal) + " is a " + gpu.name + ", expected " + policy.expect_model);
  }
  return pass("gpu-model", "every GPU is a " + policy.expect_model);
}

void warn_of_mixed_chips(const Evidence& evidence, Check& count) {
  for (const auto& gpu : evidence.cuda.gpus) {
    if (gpu.name == evidence.cuda.gpus[0].name) continue;
    count.warnings.push_back("different chips: " + evidence.cuda.gpus[0].name + " and " + gpu.name +
                             "; only like ones are compared");
    return;
  }
}

}  // namespace

std::vector<Check> judge_node(const Evidence& evidence, const Policy& policy) {
  Check nvml = judge_nvml(evidence);
  Check cuda = judge_cuda(evidence);
  Check count = judge_count(evidence, policy, nvml, cuda);
  warn_of_mixed_chips(evidence, count);
  std::vector<Check> checks = {nvml, cuda, std::move(count)};
  if (!policy.expect_model.empty()) checks.push_back(judge_model(evidence, policy, cuda));
  return checks;
}

}  // namespace gpu_smoke
