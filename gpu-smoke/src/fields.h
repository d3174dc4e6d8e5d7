// The members of the evidence by name and unit, once: archive.h writes them into the report and reads them
// back from a trace, so that every report can be judged again with --fake.
// A name here is part of the report's contract (schema.json): it is never changed, only added.
#pragma once

#include <concepts>
#include <type_traits>

#include "evidence.h"

namespace gpu_smoke {

template <class T, class U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

template <class Archive>
void fields(Archive& archive, Is<Health> auto& h) {
  archive("migEnabled", h.mig_enabled);
  archive("eccEnabled", h.ecc_enabled);
  archive("eccUncorrectedVolatileCount", h.ecc_uncorrected);
  archive.part("remappedRowsCorrectableCount", h.remapped_rows, h.remapped_rows.value.correctable);
  archive.part("remappedRowsUncorrectableCount", h.remapped_rows, h.remapped_rows.value.uncorrectable);
  archive.part("rowRemapPending", h.remapped_rows, h.remapped_rows.value.pending);
  archive.part("rowRemapFailure", h.remapped_rows, h.remapped_rows.value.failure);
  archive.part("retiredPagesMultipleSingleBitCount", h.retired_pages, h.retired_pages.value.multiple_single_bit);
  archive.part("retiredPagesDoubleBitCount", h.retired_pages, h.retired_pages.value.double_bit);
  archive.part("pageRetirementPending", h.retired_pages, h.retired_pages.value.pending);
  archive("recoveryActionCode", h.recovery_action);
  archive("temperatureCelsius", h.temperature_celsius);
  archive("slowdownTemperatureCelsius", h.slowdown_celsius);
  archive("shutdownTemperatureCelsius", h.shutdown_celsius);
  archive("clocksEventReasonsBitmask", h.clocks_event_reasons);
  archive("eccCorrectedVolatileCount", h.ecc_corrected);
  archive("sramThresholdExceeded", h.sram_threshold_exceeded);
  archive("pcieReplaysCount", h.pcie_replays);
  archive("powerMilliwatts", h.power_mw);
  archive("computeProcessesCount", h.compute_processes);
}

template <class Archive>
void fields(Archive& archive, Is<NvmlFacts> auto& f) {
  archive("inforomValid", f.inforom_valid);
  archive("pcieMaxGeneration", f.pcie_max_generation);
  archive("pcieMaxLanesCount", f.pcie_max_width);
  archive("powerLimitMilliwatts", f.power_limit_mw);
  archive("powerDefaultLimitMilliwatts", f.power_default_limit_mw);
  archive("smMaxMegahertz", f.sm_max_mhz);
}

template <class Archive>
void fields(Archive& archive, Is<Spread> auto& s) {
  archive("low", s.low);
  archive("mean", s.mean);
  archive("high", s.high);
}

template <class Archive>
void fields(Archive& archive, Is<Samples> auto& s) {
  archive("samplesCount", s.count);
  archive("hwThermalSamplesCount", s.hw_thermal_count);
  archive("powerBrakeSamplesCount", s.power_brake_count);
  archive("powerCapSamplesCount", s.power_cap_count);
  archive("powerWatts", s.power_watts);
  archive("temperatureCelsius", s.temperature_celsius);
  archive("smMegahertz", s.sm_mhz);
  archive("hwThermalNanoseconds", s.hw_thermal_ns);
  archive("powerBrakeNanoseconds", s.power_brake_ns);
  archive("windowNanoseconds", s.window_ns);
  archive("pcieGeneration", s.pcie_generation);
  archive("pcieLanesCount", s.pcie_width);
}

template <class Archive>
void fields(Archive& archive, Is<Outcome> auto& o) {
  archive("cudaErrorCode", o.code);
  archive("cudaCall", o.step);
  archive("skippedReason", o.skipped);
}

template <class Archive>
void outcome(Archive& archive, auto& run) {
  if constexpr (std::is_const_v<std::remove_reference_t<decltype(run)>>) {
    fields(archive, static_cast<const Outcome&>(run));
  } else {
    fields(archive, static_cast<Outcome&>(run));
  }
}

template <class Archive>
void fields(Archive& archive, Is<FirstKernel> auto& k) {
  outcome(archive, k);
  archive("wrongWordsCount", k.wrong_words);
}

template <class Archive>
void fields(Archive& archive, Is<GemmRun> auto& g) {
  archive("inputType", g.type);
  archive.constant("outputType", g.type == DataType::int8 ? "int32" : g.type == DataType::fp64 ? "fp64" : "fp32");
  archive("rowsCount", g.rows);
  archive("columnsCount", g.columns);
  archive("depthCount", g.depth);
  archive("copiesCount", g.copies);
  archive("seedNumber", g.seed);
  outcome(archive, g);
  archive.when(g.code == cuda::kSuccess, "mismatchesCount", g.mismatches);
  archive.when(g.code == cuda::kSuccess, "kernelMilliseconds", g.kernel_ms);
  archive("firstWrongRowIndex", g.first_row);
  archive("firstWrongColumnIndex", g.first_column);
  archive("expectedValue", g.expected);
  archive("actualValue", g.actual);
  archive("smsCoveredCount", g.sms_covered);
}

template <class Archive>
void fields(Archive& archive, Is<MemoryRun> auto& m) {
  outcome(archive, m);
  archive("freeBytes", m.free_bytes);
  archive("testedBytes", m.tested_bytes);
  archive("passesCount", m.passes);
  archive("seconds", m.seconds);
  archive("wrongWordsCount", m.wrong_words);
  archive("firstWrongOffsetBytes", m.first_offset);
  archive("expectedBits", m.expected);
  archive("actualBits", m.actual);
  archive("flippedBits", m.flipped_bits);
}

template <class Archive>
void fields(Archive& archive, Is<BandwidthRun> auto& b) {
  outcome(archive, b);
  archive("bytesPerTransfer", b.bytes);
  archive("attemptsGigabytesPerSecond", b.attempts_gb_s);
  archive("wrongBytesCount", b.wrong_bytes);
}

template <class Archive>
void fields(Archive& archive, Is<PeerRun> auto& p) {
  archive("fromOrdinal", p.from);
  archive("toOrdinal", p.to);
  archive("directAccess", p.access);
  if constexpr (std::is_const_v<std::remove_reference_t<decltype(p)>>) {
    fields(archive, static_cast<const BandwidthRun&>(p));
  } else {
    fields(archive, static_cast<BandwidthRun&>(p));
  }
}

template <class Archive>
void fields(Archive& archive, Is<SpeedRun> auto& s) {
  archive("inputType", s.type);
  archive("engine", s.engine);
  outcome(archive, s);
  archive("rowsCount", s.rows);
  archive("columnsCount", s.columns);
  archive("depthCount", s.depth);
  archive("attemptsTeraflopsPerSecond", s.attempts_tflops);
}

template <class Archive>
void fields(Archive& archive, Is<SustainedRun> auto& s) {
  archive("inputType", s.type);
  archive("engine", s.engine);
  outcome(archive, s);
  archive("seconds", s.seconds);
  archive("iterationsCount", s.iterations);
  archive("wrongIterationsCount", s.wrong_iterations);
  archive("mismatchesCount", s.mismatches);
  archive("expectedDigest", s.expected_digest);
  archive("firstWrongDigest", s.wrong_digest);
  archive("teraflopsPerSecond", s.tflops);
}

template <class Archive>
void fields(Archive& archive, Is<Xid> auto& x) {
  archive("pciBusId", x.pci_bus_id);
  archive("xid", x.code);
  archive("duringTest", x.during_test);
  archive("beforeDriverReload", x.before_reload);
}

template <class Archive>
void fields(Archive& archive, Is<KernelLog> auto& k) {
  archive("readable", k.readable);
  archive("error", k.error);
  archive("xids", k.xids);
}

template <class Archive>
void fields(Archive& archive, Is<PastRun> auto& p) {
  archive("uuid", p.uuid);
  archive("startedAt", p.started_at);
  archive("names", p.names);
  archive("values", p.values);
}

// What the report's older fields do not tell, and judging again needs.
template <class Archive>
void status_fields(Archive& archive, Is<Evidence> auto& e) {
  archive("nvmlLoadError", e.nvml.load_error);
  archive("nvmlInitCode", e.nvml.init_code);
  archive("nvmlCountCode", e.nvml.count_code);
  archive("cudaBuilt", e.cuda.built);
  archive("cudaErrorCode", e.cuda.code);
  archive("cudaDriverVersionNumber", e.cuda.driver_version);
  archive("cudaRuntimeVersionNumber", e.cuda.runtime_version);
  archive("visibleDevicesSet", e.visible_devices_set);
  archive("referenceComputed", e.reference_computed);
  archive("referenceVerified", e.reference_verified);
  archive("timedOut", e.timed_out);
  archive("coolDownSeconds", e.cool_down_s);
  archive("coolStartSeconds", e.cool_start_s);
}

// Of one GPU, beside healthBefore, healthAfter and gemm.
template <class Archive>
void nvml_fields(Archive& archive, Is<NvmlGpu> auto& g) {
  archive("nvmlIndex", g.index);
  archive("nvmlHandleCode", g.handle_code);
  archive("facts", g.facts);
  archive("transferSamples", g.transfer_samples);
  archive("sustainedSamples", g.sustained_samples);
}

template <class Archive>
void cuda_fields(Archive& archive, Is<CudaGpu> auto& g) {
  archive("cudaOrdinal", g.ordinal);
  archive("clockMegahertz", g.clock_mhz);
  archive("memoryClockMegahertz", g.memory_clock_mhz);
  archive("memoryBusBits", g.memory_bus_bits);
  archive("context", g.context);
  archive("memory", g.memory);
  archive("exactGemms", g.exact);
  archive("hostToDevice", g.host_to_device);
  archive("deviceToHost", g.device_to_host);
  archive("deviceCopy", g.copy);
  archive("gemmSpeeds", g.speeds);
  archive("sustained", g.sustained);
}

}  // namespace gpu_smoke
