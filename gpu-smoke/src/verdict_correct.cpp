// Did it compute, store and move what it should? Nothing here is ever retried, and being shared excuses nothing.
#include "verdict.h"
#include "verdict_codes.h"

namespace gpu_smoke {
namespace {

constexpr double kMinimumMemoryShare = 0.9;  // of what was free

std::string hex(std::uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof(text), "0x%016llx", static_cast<unsigned long long>(value));
  return text;
}

// True when the run did not end well: `check` then says how.
bool did_not_run(const Evidence& evidence, const std::string& name, const Outcome& outcome, Check& check) {
  if (evidence.reference_computed && !evidence.reference_verified) {
    check = could_not(name, "reference-error", "the CPU's own reference did not verify: suspect the host");
    return true;
  }
  if (!outcome.skipped.empty()) {
    check = skipped(name, "not-supported", outcome.skipped);
    return true;
  }
  if (outcome.code == cuda::kSuccess) return false;
  check = from_cuda_code(evidence, name, outcome.code, outcome.step.empty() ? name : outcome.step);
  return true;
}

Check judge_product(const Subject& subject, const std::string& name, const GemmRun& run) {
  Check check;
  if (did_not_run(subject.evidence, name, run, check)) return check;
  std::string size = std::to_string(run.rows) + "x" + std::to_string(run.columns) + "x" + std::to_string(run.depth);
  if (run.copies > 1) size = std::to_string(run.copies) + " times " + size;
  if (run.mismatches > 0) {
    return fail(name, "wrong-result",
                std::to_string(run.mismatches) + " elements of " + size + " wrong; first at row " +
                    std::to_string(run.first_row) + ", column " + std::to_string(run.first_column) + ": expected " +
                    short_number(run.expected) + ", got " + short_number(run.actual));
  }
  check = pass(name, std::string(info(run.type).name) + ", " + size + ", every element right");
  if (run.sms_covered > 0 && run.sms_covered < subject.cuda->sm_count) {
    check.warnings.push_back("only " + std::to_string(run.sms_covered) + " of " +
                             std::to_string(subject.cuda->sm_count) + " SMs had a part");
  }
  return check;
}

Check judge_context(const Subject& subject) {
  const FirstKernel& run = subject.cuda->context;
  // Written and verified on the GPU: no reference of the CPU's is in it.
  if (run.wrong_words > 0) {
    return fail("context", "wrong-result", std::to_string(run.wrong_words) + " wrong words after the first kernel");
  }
  Check check;
  if (did_not_run(subject.evidence, "context", run, check)) return check;
  return pass("context", "created, and a first kernel answered");
}

Check judge_memory(const Subject& subject) {
  const MemoryRun& run = subject.cuda->memory;
  if (run.wrong_words > 0) {  // seen, however the run ended
    return fail("memory", "memory-fault",
                std::to_string(run.wrong_words) + " wrong words; first at byte " + std::to_string(run.first_offset) +
                    ": expected " + hex(run.expected) + ", got " + hex(run.actual) + "; bits " + hex(run.flipped_bits));
  }
  Check check;
  if (did_not_run(subject.evidence, "memory", run, check)) return check;
  const double share =
      run.free_bytes > 0 ? static_cast<double>(run.tested_bytes) / static_cast<double>(run.free_bytes) : 0;
  const std::string text = short_number(static_cast<double>(run.tested_bytes) / 1e9) + " GB, " +
                           short_number(100 * share) + " % of the free memory, " + std::to_string(run.passes) +
                           " patterns in " + short_number(run.seconds) + " s";
  if (run.passes == 0 || share < kMinimumMemoryShare) return could_not("memory", "out-of-memory", "only " + text);
  return pass("memory", text);
}

Check judge_sustained(const Subject& subject) {
  const SustainedRun& run = subject.cuda->sustained;
  if (run.mismatches > 0 || run.wrong_iterations > 0) {
    return fail("sustained", "wrong-result",
                std::to_string(run.wrong_iterations) + " of " + std::to_string(run.iterations) + " iterations wrong, " +
                    std::to_string(run.mismatches) + " elements; digest " + hex(run.expected_digest) +
                    " expected, first wrong one " + hex(run.wrong_digest));
  }
  Check check;
  if (did_not_run(subject.evidence, "sustained", run, check)) return check;
  if (run.iterations == 0) return could_not("sustained", "cuda-error", "no iteration was finished");
  return pass("sustained", std::to_string(run.iterations) + " products in " + info(run.type).name + " in " +
                               short_number(run.seconds) + " s, every digest right, " + short_number(run.tflops) +
                               " TFLOPS (" + run.engine + ", checks included)");
}

Check judge_peer_links(const Subject& subject) {
  constexpr const char* name = "peer-to-peer";
  double fastest = 0;
  for (const auto& run : subject.evidence.cuda.peers) fastest = std::max(fastest, best(run.attempts_gb_s));
  int direct = 0;
  int asked = 0;
  Check check = pass(name, "");
  for (const auto& run : subject.evidence.cuda.peers) {
    if (run.from != subject.cuda->ordinal) continue;
    ++asked;
    const std::string to = "to GPU " + std::to_string(run.to);
    if (run.wrong_bytes > 0) return fail(name, "wrong-result", std::to_string(run.wrong_bytes) + " bytes wrong " + to);
    if (!run.skipped.empty()) continue;
    Check bad;
    if (did_not_run(subject.evidence, name, run, bad)) return bad;
    direct += run.access;
    const double speed = best(run.attempts_gb_s);
    if (speed >= 0.75 * fastest) continue;
    check.warnings.push_back(short_number(speed) + " GB/s " + to + ", the node's best pair has " +
                             short_number(fastest));
  }
  if (asked == 0) return from_cuda_code(subject.evidence, name, cuda::kNotAsked, name);
  if (direct == 0) return skipped(name, "not-supported", "the driver allows no direct access to another GPU");
  check.reason = std::to_string(direct) + " of " + std::to_string(asked) + " links direct, every byte right, up to " +
                 short_number(fastest) + " GB/s on this node";
  return check;
}

}  // namespace

std::vector<Check> judge_correctness(const Subject& subject) {
  const Evidence& evidence = subject.evidence;
  if (subject.cuda == nullptr) {
    const Check node = judge_node(evidence, {})[1];
    if (node.verdict != Verdict::pass) return {could_not("exact-gemm", node.cause, node.reason)};
    return {could_not("exact-gemm", "cuda-error", "CUDA does not see this GPU")};
  }
  const CudaGpu& gpu = *subject.cuda;
  std::vector<Check> checks = {judge_context(subject), judge_product(subject, "exact-gemm", gpu.gemm)};
  if (evidence.level == Level::quick) return checks;
  checks.push_back(judge_memory(subject));
  for (const auto& type : kDataTypes) {
    if (!supports(gpu.major, gpu.minor, type.type)) continue;  // the chip has no such units
    const GemmRun* found = nullptr;
    for (const auto& run : gpu.exact) {
      if (run.type == type.type) found = &run;
    }
    checks.push_back(judge_product(subject, std::string("exact-") + type.name, found != nullptr ? *found : GemmRun{}));
  }
  if (evidence.cuda.gpus.size() > 1) checks.push_back(judge_peer_links(subject));
  checks.push_back(judge_sustained(subject));
  return checks;
}

}  // namespace gpu_smoke
